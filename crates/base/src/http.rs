//! The one constructor of HTTP clients.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::x509::X509;
use thiserror::Error;
use url::{Host, Url};
use zeroize::Zeroizing;

/// How an outbound client behaves. Redirects are never followed: where a request with a secret in
/// it goes is decided by configuration alone.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The whole call, from the first byte out to the last byte in.
    pub timeout: Duration,
    /// Name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Certificates of a private CA, PEM, believed beside the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// A proxy for every call, `http://host:port`. The environment's proxy variables are ignored.
    pub proxy: Option<String>,
    /// A certificate that is shown to servers that ask for one.
    pub identity: Option<ClientIdentity>,
    /// A host that is looked for at this address, whatever DNS says.
    pub resolve: Option<(String, SocketAddr)>,
}

/// A client's certificate and what stands between it and a CA, with its private key.
#[derive(Clone)]
pub struct ClientIdentity {
    certificate: Vec<u8>,
    private_key: Zeroizing<Vec<u8>>,
}

impl ClientIdentity {
    /// From PEM: the client's certificate comes first, and the key belongs to it and is not encrypted.
    pub fn from_pem(certificate: &[u8], private_key: &[u8]) -> Result<Self, ClientError> {
        let chain = X509::stack_from_pem(certificate).map_err(|_| ClientError::Identity)?;
        // OpenSSL would ask for a passphrase on the terminal.
        let key = PKey::private_key_from_pem_callback(private_key, |_| Err(ErrorStack::get()));
        let key = key.map_err(|_| ClientError::Identity)?;
        let public = chain.first().map(|own| own.public_key());
        if !public.is_some_and(|public| public.is_ok_and(|public| public.public_eq(&key))) {
            return Err(ClientError::Identity);
        }
        let private_key = key.private_key_to_pem_pkcs8().map_err(|_| ClientError::Identity)?;
        Ok(Self { certificate: certificate.to_vec(), private_key: private_key.into() })
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(..)")
    }
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            ca_pem: None,
            proxy: None,
            identity: None,
            resolve: None,
        }
    }
}

/// Why no client could be made.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The private CA's file holds no certificate, or one that cannot be read.
    #[error("the CA file holds no certificate in PEM")]
    Ca,
    /// The client's certificate and its key do not fit, or cannot be read.
    #[error("must be a certificate in PEM and its private key, in PEM and not encrypted")]
    Identity,
    /// The proxy's address is not one.
    #[error("the proxy's address is not a URL")]
    Proxy,
    /// The TLS library could not be set up.
    #[error("no HTTP client could be made: {0}")]
    Build(#[source] reqwest::Error),
}

/// A client with time-outs, without redirects, without the environment's proxies.
#[expect(clippy::disallowed_methods, reason = "this is the one place that builds clients")]
pub fn client(options: &ClientOptions) -> Result<reqwest::Client, ClientError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        // The environment must not be able to divert a call that carries a secret.
        .no_proxy()
        .timeout(options.timeout)
        .connect_timeout(options.connect_timeout)
        .pool_idle_timeout(Duration::from_mins(1));
    if let Some(pem) = &options.ca_pem {
        let certificates =
            reqwest::Certificate::from_pem_bundle(pem).map_err(|_| ClientError::Ca)?;
        if certificates.is_empty() {
            return Err(ClientError::Ca);
        }
        for certificate in certificates {
            builder = builder.add_root_certificate(certificate);
        }
    }
    if let Some(proxy) = &options.proxy {
        builder =
            builder.proxy(reqwest::Proxy::all(proxy.as_str()).map_err(|_| ClientError::Proxy)?);
    }
    if let Some(ClientIdentity { certificate, private_key }) = &options.identity {
        let identity = reqwest::Identity::from_pkcs8_pem(certificate, private_key);
        builder = builder.identity(identity.map_err(|_| ClientError::Identity)?);
    }
    if let Some((host, address)) = &options.resolve {
        builder = builder.resolve(host, *address);
    }
    builder.build().map_err(ClientError::Build)
}

/// Whether an address is this machine, whatever a name server says: a loopback address, or `localhost`. Names
/// below `localhost` (RFC 6761, section 6.3) are not, since many resolvers ask the network for them.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether what goes there, and what comes from there, is safe from others on the way: https, or http on
/// loopback.
pub fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_is_https_or_this_machine() {
        for (url, safe) in [
            ("https://a.example/keys", true),
            ("http://127.0.0.1:1/keys", true),
            ("http://127.9.9.9/", true),
            ("http://0x7f.1/", true),
            ("http://[::1]/", true),
            ("http://LOCALHOST:8080/", true),
            ("http://a.localhost/", false),
            ("http://localhost./", false),
            ("http://a.example/keys", false),
            ("http://127.0.0.1.example/", false),
            ("http://localhost.example/", false),
            ("http://localhost@a.example/", false),
            ("http://10.0.0.1/", false),
            ("http://[::ffff:127.0.0.1]/", false),
            ("http://0.0.0.0/", false),
            ("ftp://localhost/", false),
            ("file:///etc/keys", false),
            ("data:,", false),
        ] {
            assert_eq!(is_safe(&Url::parse(url).unwrap()), safe, "{url}");
        }
    }

    #[test]
    fn the_defaults_make_a_client() {
        client(&ClientOptions::default()).unwrap();
    }

    #[test]
    fn a_ca_file_without_a_certificate_is_refused() {
        for pem in ["", "not pem at all", "-----BEGIN CERTIFICATE-----\n!!\n"] {
            let options = ClientOptions { ca_pem: Some(pem.into()), ..ClientOptions::default() };
            assert!(matches!(client(&options), Err(ClientError::Ca)), "{pem:?}");
        }
    }

    #[test]
    fn a_proxy_that_is_no_address_is_refused() {
        let options =
            ClientOptions { proxy: Some("::not a url::".into()), ..ClientOptions::default() };
        assert!(matches!(client(&options), Err(ClientError::Proxy)));
    }
}
