//! How a listener is reached: under which name, and which certificates are believed and shown.

use std::fmt::Display;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use portcullis_base::http::{ClientIdentity, ClientOptions, client};
use url::Url;

use super::place::Listener;
use crate::cli::TlsArgs;
use crate::commands::output::Output;
use crate::config::{Server, files};
use crate::error::StartError;
use crate::tls::call_name;

/// The way to a listener.
pub(super) struct Way {
    /// Its address, maybe with a path before `/v1`.
    pub(super) url: Url,
    /// The certificate that our own configuration names for it, believed as it is.
    own: Option<Vec<u8>>,
    /// Where the host of `url` is, if that is known.
    resolve: Option<(String, SocketAddr)>,
}

impl Way {
    /// To an address that was said.
    pub(super) fn to(url: Url) -> Self {
        Self { url, own: None, resolve: None }
    }

    /// To where the configuration says that it listens. One that speaks TLS is called by a name of its
    /// certificate: a certificate for an address is rare.
    pub(super) fn configured(listener: Listener, server: &Server) -> Result<Self, StartError> {
        let (mut address, key, tls) = listener.of(server);
        if address.port() == 0 {
            let text = format!("{key} leaves the port to the system; say --url");
            return Err(StartError::new("url", text));
        }
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        let parsed =
            |text: String| Url::parse(&text).map_err(|error| StartError::new("url", error));
        let Some(tls) = tls else { return Ok(Self::to(parsed(format!("http://{address}"))?)) };
        let pem = fs::read(&tls.certificate).unwrap_or_default();
        let url = parsed(format!("https://{address}"))?;
        Ok(match call_name(&pem, address.ip()) {
            Some((own, Some(host))) => {
                let url = parsed(format!("https://{host}:{}", address.port()))?;
                Self { url, own: Some(own), resolve: Some((host, address)) }
            }
            Some((own, None)) => Self { url, own: Some(own), resolve: None },
            None => Self::to(url),
        })
    }

    /// How a client goes there that believes `ca_pem` beside the system's CAs.
    pub(super) fn options(&self, ca_pem: Option<Vec<u8>>) -> ClientOptions {
        let believed: Vec<Vec<u8>> = ca_pem.into_iter().chain(self.own.clone()).collect();
        ClientOptions {
            ca_pem: Some(believed.join(&b'\n')).filter(|pem| !pem.is_empty()),
            resolve: self.resolve.clone(),
            ..ClientOptions::default()
        }
    }
}

impl TlsArgs {
    /// The certificate that is shown, where one is said.
    pub(super) fn identity(
        &self,
        output: &mut Output,
    ) -> Result<Option<ClientIdentity>, StartError> {
        let (Some(certificate), Some(key)) = (&self.client_cert, &self.client_key) else {
            return Ok(None);
        };
        let bad = |path: &Path, error| {
            StartError::new("client-cert", format!("{}: {error}", path.display()))
        };
        let read = |path: &Path| files::read_small(path).map_err(|error| bad(path, error));
        let (certificate, private_key) = (read(certificate)?, read(key)?);
        if private_key.exposed {
            output.warnings(&[format!("{}: readable by others; chmod 600 it", key.display())]);
        }
        let identity = ClientIdentity::from_pem(&certificate.bytes, &private_key.bytes);
        let wrong = |error| {
            StartError::new("client-cert", format!("--client-cert and --client-key {error}"))
        };
        identity.map(Some).map_err(wrong)
    }
}

/// The certificates of `--ca-file`.
pub(super) fn ca(path: &Path) -> Result<Vec<u8>, StartError> {
    let bad =
        |error: &dyn Display| StartError::new("ca-file", format!("{}: {error}", path.display()));
    let pem = files::read_small(path).map_err(|error| bad(&error))?.bytes.to_vec();
    let options = ClientOptions { ca_pem: Some(pem.clone()), ..ClientOptions::default() };
    client(&options).map_err(|error| bad(&error))?;
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use portcullis_web::TrustedProxies;
    use std::time::Duration;

    #[test]
    fn listeners_on_every_address_are_called_on_loopback() {
        for (listen, url) in [
            ("0.0.0.0:8081", "http://127.0.0.1:8081/"),
            ("[::]:8081", "http://[::1]:8081/"),
            ("10.0.0.7:9", "http://10.0.0.7:9/"),
        ] {
            let server = Server {
                listen: "127.0.0.1:0".parse().unwrap(),
                admin_listen: listen.parse().unwrap(),
                public_url: None,
                workers: 0,
                drain_delay: Duration::ZERO,
                shutdown_grace: Duration::ZERO,
                tls: None,
                admin_tls: None,
                trusted_proxies: TrustedProxies::default(),
                limits: Limits::default(),
            };
            assert_eq!(Way::configured(Listener::Admin, &server).unwrap().url.as_str(), url);
            assert!(Way::configured(Listener::Public, &server).is_err(), "nobody knows the port");
        }
    }
}
