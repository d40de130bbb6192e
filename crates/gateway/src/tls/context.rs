//! How TLS is spoken to our listeners.

use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    AlpnError, ClientHelloResponse, SslAcceptor, SslAcceptorBuilder, SslContext, SslMethod,
    SslOptions, SslSessionCacheMode, SslVerifyMode, SslVersion,
};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyFlags;

use super::watched::Watched;

/// Of TLS 1.2: forward secret and authenticated (RFC 9325, section 4.2). Those of 1.3 all are.
const CIPHERS: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
    ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
    ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/// 112 bits: no RSA below 2048, no SHA-1 in a chain, whatever the distribution's default is.
const SECURITY_LEVEL: u32 = 2;

/// What both contexts of a connection say: OpenSSL takes some of it from the one that the connection
/// begins with, and the rest from the one that it is given.
///
/// The groups are OpenSSL's own: newer ones bring post-quantum key exchange by themselves.
fn begin(asks_for_certificates: bool) -> Result<SslAcceptorBuilder, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_cipher_list(CIPHERS)?;
    builder.set_security_level(SECURITY_LEVEL);
    builder.set_options(
        SslOptions::CIPHER_SERVER_PREFERENCE
            | SslOptions::PRIORITIZE_CHACHA
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::NO_COMPRESSION,
    );
    // Nothing is resumed: a ticket's key would have to be shared and replaced, and what resumes shows its
    // client certificate to nobody. Connections live long, so that a handshake each is little.
    builder.set_options(SslOptions::NO_TICKET);
    builder.set_num_tickets(0)?;
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    if asks_for_certificates {
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    }
    Ok(builder)
}

/// What a connection is given: this chain, its first certificate that of the key, and these CAs of clients.
pub(super) fn serving(
    chain: &[X509],
    key: &PKey<Private>,
    client_ca: Option<&[X509]>,
) -> Result<SslContext, ErrorStack> {
    let mut builder = begin(client_ca.is_some())?;
    if let [leaf, between @ ..] = chain {
        builder.set_certificate(leaf)?;
        for one in between {
            builder.add_extra_chain_cert(one.clone())?;
        }
    }
    builder.set_private_key(key)?;
    builder.check_private_key()?;
    if let Some(authorities) = client_ca {
        let mut store = X509StoreBuilder::new()?;
        // A bundle may hold an intermediate CA alone; what it signed is meant, and not more.
        store.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
        for one in authorities {
            store.add_cert(one.clone())?;
            builder.add_client_ca(one)?;
        }
        builder.set_verify_cert_store(store.build())?;
    }
    // Whoever has nothing in common with us hears it (RFC 7301, section 3.2).
    builder.set_alpn_select_callback(|_, offered| protocol(offered).ok_or(AlpnError::ALERT_FATAL));
    Ok(builder.build().into_context())
}

/// HTTP/1.1 where it is among those that our client speaks, `offered` as RFC 7301, section 3.1 has it. HTTP/2
/// is not: of that the server library bounds neither heads nor requests under way.
fn protocol(mut offered: &[u8]) -> Option<&'static [u8]> {
    while let Some((&length, rest)) = offered.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(length))?;
        if name == b"http/1.1" {
            return Some(b"http/1.1");
        }
        offered = rest;
    }
    None
}

/// What the listener is bound with. Each new connection is given what is served at that moment.
pub(crate) fn acceptor(watched: &Arc<Watched>) -> Result<SslAcceptorBuilder, ErrorStack> {
    let mut builder = begin(watched.asks_for_certificates())?;
    let watched = Arc::clone(watched);
    // Before anything is chosen, and whether a name is sent or not.
    builder.set_client_hello_callback(move |ssl, _| {
        ssl.set_ssl_context(&watched.served().context)?;
        Ok(ClientHelloResponse::SUCCESS)
    });
    Ok(builder)
}

#[cfg(test)]
mod tests {
    use super::protocol;

    #[test]
    fn it_is_http_1_1_or_nothing() {
        let ours = Some(&b"http/1.1"[..]);
        for (offered, chosen) in [
            (&b"\x02h2\x08http/1.1"[..], ours),
            (b"\x08http/1.1\x02h2", ours),
            (b"\x03foo\x08http/1.1", ours),
            (b"\x08http/1.1x", ours),
            (b"\x02h2", None),
            (b"\x08http/1.0", None),
            (b"\x09http/1.1", None),
            (b"\xff", None),
            (b"", None),
        ] {
            assert_eq!(protocol(offered), chosen, "{offered:?}");
        }
    }
}
