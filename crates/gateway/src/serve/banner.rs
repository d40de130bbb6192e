//! What a start says to the person in front of it: what is on, where the secrets are, how to call
//! it. Never a secret.

use std::io::Write as _;

use super::Gateway;
use crate::compose::offered;
use crate::config::{DatabaseKind, Loaded, LogFormat, Tls};

/// Prints a few lines to standard output, or logs one where logs are for machines.
pub(super) fn print(loaded: &Loaded, gateway: &Gateway) {
    if loaded.config.log.format == LogFormat::Json {
        let public = gateway.public_address();
        tracing::info!(server.public = %public, server.admin = %gateway.admin_address(), "started");
        return;
    }
    let text = lines(loaded, gateway).join("\n");
    // Nobody reading is no reason not to serve.
    drop(writeln!(std::io::stdout(), "{text}"));
}

fn lines(loaded: &Loaded, gateway: &Gateway) -> Vec<String> {
    let config = &loaded.config;
    let database = match config.database.kind {
        DatabaseKind::Sqlite => "SQLite",
        DatabaseKind::Postgres => "Postgres",
    };
    let scheme = |tls: &Option<Tls>| if tls.is_some() { "https" } else { "http" };
    let (public, admin) = (scheme(&config.server.tls), scheme(&config.server.admin_tls));
    let listening = format!("{public}://{}", gateway.public_address());
    let public = config
        .server
        .public_url
        .as_ref()
        .map_or(listening, |url| url.as_str().trim_end_matches('/').to_owned());
    let mut lines = vec![
        format!("portcullis {} is up, on {database}", env!("CARGO_PKG_VERSION")),
        format!("  public   {public}   /auth  /v1/pats  /v1/revoke_tokens  /health  /ready"),
        format!(
            "  admin    {admin}://{}   /v1/revocations  /v1/audit/head  /metrics  /health  /ready",
            gateway.admin_address()
        ),
    ];
    for (name, types) in offered(config) {
        lines.push(format!("  revokes  {types} type(s) at {name}"));
    }
    for one in &config.notifications {
        lines.push(format!("  tells    {}", one.name));
    }
    if !loaded.secrets_origin.taken.is_empty() {
        let made = if loaded.secrets_origin.made { ", made just now" } else { "" };
        lines.push(format!("  secrets  {}{made}", loaded.secrets_origin.path.display()));
        lines.push(format!(
            "  try      curl -H \"Authorization: $(portcullis secrets show revocation_api_token)\" \
             {public}{}/v1/revocable_token_types",
            config.revocation_api.mount.trim_end_matches('/')
        ));
    }
    lines
}
