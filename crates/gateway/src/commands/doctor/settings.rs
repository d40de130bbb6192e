//! What is to be set in GitLab. The token itself is never printed.

use serde_json::{Value, json};

use crate::commands::remote::{REVOKE, Reporter, TYPES};
use crate::commands::terminal::plain;

/// Where the token is to lie on GitLab's machine.
const TOKEN_FILE: &str = "/etc/gitlab/portcullis-token";

fn urls(reporter: &Reporter) -> (String, String) {
    let url = |path: &[&str]| reporter.remote.url(path).to_string();
    (url(&REVOKE), url(&TYPES))
}

/// For a paste into a console of Rails. An address that was parsed has neither quotes nor braces, so it means
/// nothing else in Ruby.
pub(super) fn people(reporter: &Reporter) -> String {
    let (revoke, types) = urls(reporter);
    let from = match &reporter.command {
        Some(command) => format!("from {}: `{command}` prints it", reporter.origin),
        None => format!("from {}", reporter.origin),
    };
    let from = plain(&from);
    format!(
        "\nPut the token ({from})\nalone into {TOKEN_FILE} on GitLab's machine, readable for the user git, and paste into \
         `gitlab-rails console` there:\n\n\
         ApplicationSetting.current.update!(\n  \
         secret_detection_token_revocation_enabled: true,\n  \
         secret_detection_token_revocation_url: \"{revoke}\",\n  \
         secret_detection_token_revocation_token: File.read(\"{TOKEN_FILE}\").strip,\n  \
         secret_detection_revocation_token_types_url: \"{types}\"\n)"
    )
}

/// The same by name, but for the token.
pub(super) fn machines(reporter: &Reporter) -> Value {
    let (revoke, types) = urls(reporter);
    json!({
        "secret_detection_token_revocation_enabled": true,
        "secret_detection_token_revocation_url": revoke,
        "secret_detection_token_revocation_token": Value::Null,
        "secret_detection_revocation_token_types_url": types,
    })
}
