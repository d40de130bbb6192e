//! The gateway as a client of the revocation API finds it, and that client's token.

use portcullis_base::http::{client, is_safe};
use portcullis_base::secret::SecretString;
use url::Url;

use super::Remote;
use super::place::{self, Listener, Place};
use super::way::Way;
use crate::cli::DoctorArgs;
use crate::commands::output::Output;
use crate::config::{Client, Config, Environment, Provider, Sources};
use crate::data_dir::SecretName;
use crate::error::StartError;

/// What a configuration says that matters to GitLab.
pub(in crate::commands) struct Known {
    /// The GitLabs at which leaked tokens are revoked.
    pub(in crate::commands) gitlabs: Vec<Url>,
    /// That of the broker.
    pub(in crate::commands) lending: Option<Url>,
}

/// Somebody who reports leaks.
pub(in crate::commands) struct Reporter {
    /// The gateway, below its mount.
    pub(in crate::commands) remote: Remote,
    /// Where `/health` may be.
    pub(in crate::commands) health: Vec<Url>,
    pub(in crate::commands) token: SecretString,
    /// Where the token stands, and how to have it printed where a command does that.
    pub(in crate::commands) origin: String,
    pub(in crate::commands) command: Option<String>,
    /// Where a configuration was read.
    pub(in crate::commands) known: Option<Known>,
}

impl Reporter {
    /// Whom the arguments name. Calls nobody yet.
    pub(in crate::commands) fn find(
        args: &DoctorArgs,
        environment: &Environment,
        output: &mut Output,
    ) -> Result<Self, StartError> {
        let sources = args.sources.sources(environment);
        let both = args.url.is_some() && args.token_file.is_some();
        let config = place::unless(both, &sources, output)?;
        let (way, health) = match (&args.url, &config) {
            (Some(url), _) => below(place::said(url, "the client's token goes", output)?),
            (None, Some(config)) => configured(config)?,
            (None, None) => return Err(StartError::new("url", "no address is known")),
        };
        let (token, origin, command) = match &args.token_file {
            Some(path) => {
                let (token, origin) = place::from_file(path, output)?;
                (token, origin, None)
            }
            None => in_force(config.as_ref(), args, &sources, output)?,
        };
        let known = config.as_ref().map(known);
        let (private_ca, ca_pem) = place::private_ca(config);
        let http = client(&way.options(ca_pem));
        let http = http.map_err(|error| StartError::new("http-client", error))?;
        let (listener, of) = (Listener::Public, origin.clone());
        let place = Place { url: way.url, listener, token: token.clone(), origin: of, private_ca };
        Ok(Self { remote: Remote { http, place }, health, token, origin, command, known })
    }

    /// Whether what goes there can be read on its way.
    pub(in crate::commands) fn is_exposed(&self) -> bool {
        let url = &self.remote.place.url;
        !is_safe(url)
    }
}

/// An address that was said is that of the API; `/health` is not moved by a mount.
fn below(url: Url) -> (Way, Vec<Url>) {
    let mut root = url.clone();
    root.set_path("/");
    let mut health = vec![at(&url, "health")];
    if url.path() != "/" {
        health.push(at(&root, "health"));
    }
    (Way::to(url), health)
}

fn configured(config: &Config) -> Result<(Way, Vec<Url>), StartError> {
    let mut way = match &config.server.public_url {
        Some(url) => Way::to(url.clone()),
        None => Way::configured(Listener::Public, &config.server)?,
    };
    way.url.set_query(None);
    way.url.set_fragment(None);
    let health = at(&way.url, "health");
    way.url = at(&way.url, config.revocation_api.mount.trim_matches('/'));
    Ok((way, vec![health]))
}

/// What is at `path`, which may have several segments, below this address.
fn at(url: &Url, path: &str) -> Url {
    let mut url = url.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/').filter(|segment| !segment.is_empty()));
    }
    url
}

fn known(config: &Config) -> Known {
    let gitlab = |provider: &Provider| match provider {
        Provider::Gitlab(gitlab) => Some(gitlab.url.clone()),
        _ => None,
    };
    Known {
        gitlabs: config.revocation.providers.iter().filter_map(gitlab).collect(),
        lending: config.impersonation.as_ref().map(|section| section.gitlab_url.clone()),
    }
}

/// The token of the client `gitlab`, or of the only one; where none is named, that of the data directory.
fn in_force(
    config: Option<&Config>,
    args: &DoctorArgs,
    sources: &Sources,
    output: &mut Output,
) -> Result<(SecretString, String, Option<String>), StartError> {
    let show = || {
        let (name, from) = (SecretName::RevocationApiToken, args.sources.again());
        format!("portcullis secrets show {name}{from}")
    };
    match config.map(|config| config.revocation_api.clients.as_slice()).unwrap_or_default() {
        [] => {}
        [Client { name, token, .. }] => {
            return Ok((
                token.clone(),
                format!("the client {name} of the configuration"),
                Some(show()),
            ));
        }
        several => {
            let gitlab = several.iter().find(|client| client.name == "gitlab");
            let text = "the configuration names several revocation_api.clients, and none is called \
                        gitlab; say --token-file";
            let gitlab = gitlab.ok_or_else(|| StartError::new("ambiguous", text))?;
            let origin = "the client gitlab of the configuration".to_owned();
            return Ok((gitlab.token.clone(), origin, None));
        }
    }
    let (token, origin) =
        place::kept(SecretName::RevocationApiToken, "client's token", sources, output)?;
    Ok((token, origin, Some(show())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_looked_for_beside_a_mount() {
        for (said, api, health) in [
            ("https://a.example", "https://a.example/", &["https://a.example/health"][..]),
            (
                "https://a.example/gw/leaks/",
                "https://a.example/gw/leaks/",
                &["https://a.example/gw/leaks/health", "https://a.example/health"],
            ),
        ] {
            let (way, found) = below(said.parse().unwrap());
            assert_eq!(way.url.as_str(), api);
            assert_eq!(found.iter().map(Url::as_str).collect::<Vec<_>>(), health);
        }
        let root: Url = "https://a.example/gw".parse().unwrap();
        assert_eq!(at(&root, "leaks/in").as_str(), "https://a.example/gw/leaks/in");
        assert_eq!(at(&root, "").as_str(), "https://a.example/gw");
    }
}
