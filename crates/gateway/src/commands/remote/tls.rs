//! TLS that did not come about, in plain words: OpenSSL's own name its source files.

use std::error::Error;

use super::place::{Listener, Place};
use crate::commands::terminal::plain;

/// Which certificates are believed beside the system's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PrivateCa {
    /// Nobody looked: no configuration was read.
    NotSought,
    /// The configuration names none.
    None,
    /// That of the configuration.
    Believed,
    /// No configuration is read, and `--ca-file` names none.
    NotSaid,
    /// That of `--ca-file`.
    Said,
}

impl PrivateCa {
    /// What to do where a certificate of an unknown issuer is shown.
    fn hint(self) -> &'static str {
        match self {
            Self::NotSought => {
                "; with both --url and --token-file no configuration is read, and so no ca_file of \
                 [http]"
            }
            Self::None => "; a private CA is named by ca_file of [http] in the configuration",
            Self::Believed => ", nor is it from the CA that ca_file of [http] names",
            Self::NotSaid => "; a private CA is named by --ca-file",
            Self::Said => ", nor is it from the CA that --ca-file names",
        }
    }
}

/// Why there was no TLS with `at`; `None` where that was not what failed.
pub(super) fn failure(at: &str, error: &(dyn Error + 'static), ca: PrivateCa) -> Option<String> {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    let text = causes.find_map(|cause| cause.downcast_ref::<native_tls::Error>())?.to_string();
    let reason = reason(&text);
    Some(match reason.as_str() {
        "certificate verify failed" => certificate(at, verdict(&text), ca),
        // What came instead of TLS is read as its header.
        "wrong version number" | "http request" | "packet length too long" => {
            format!("what answers at {at} does not speak TLS")
        }
        _ => format!("no TLS connection to {at} came about ({reason})"),
    })
}

/// What the other side did not like about our certificate: in TLS 1.3 it says so when we have sent a request
/// already. `None` where that was not what failed.
pub(super) fn refused(at: &str, error: &(dyn Error + 'static)) -> Option<String> {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.find_map(|cause| refusal(at, &cause.to_string()))
}

/// What to look at where an operators' listener hung up: what it said of our certificate is lost where our
/// request crosses it on the way.
pub(super) fn perhaps_refused(place: &Place) -> &'static str {
    if place.listener == Listener::Admin && place.url.scheme() == "https" {
        "; a listener that asks for client certificates hangs up so on whom it does not take: see --client-cert"
    } else {
        ""
    }
}

fn refusal(at: &str, text: &str) -> Option<String> {
    let alert = text.split(':').find_map(|part| part.split_once(" alert "))?.1.trim();
    match alert {
        "certificate required" => {
            Some(format!("{at} asks for a client certificate: say --client-cert and --client-key"))
        }
        "unknown ca"
        | "bad certificate"
        | "certificate expired"
        | "certificate unknown"
        | "unsupported certificate"
        | "certificate revoked" => {
            Some(format!("{at} does not take the client certificate ({alert})"))
        }
        _ => None,
    }
}

fn certificate(at: &str, verdict: Option<&str>, ca: PrivateCa) -> String {
    let verdict = verdict.unwrap_or("no reason was given");
    // Another CA would not help.
    let other = ["mismatch", "expired", "not yet valid"].iter().any(|word| verdict.contains(word));
    let hint = if other { "" } else { ca.hint() };
    format!("the certificate of {at} is not believed ({}){hint}", plain(verdict))
}

/// The reason alone of `error:<number>:<library>:<function>:<reason>:<file>:<line>:<data>`; another
/// text as it is.
pub(super) fn reason(text: &str) -> String {
    let reason = text.strip_prefix("error:").and_then(|rest| rest.split(':').nth(3));
    plain(reason.unwrap_or(text))
}

/// What was found of the certificate: it stands in brackets at the end.
fn verdict(text: &str) -> Option<&str> {
    Some(text.strip_suffix(')')?.rsplit_once(" (")?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = "error:0A000086:SSL routines:tls_post_process_server_certificate:\
        certificate verify failed:../ssl/statem/statem_clnt.c:1889: (self-signed certificate)";

    #[test]
    fn the_reason_is_told_without_its_source() {
        assert_eq!(reason(REFUSED), "certificate verify failed");
        assert_eq!(verdict(REFUSED), Some("self-signed certificate"));
        for text in ["unexpected EOF", "error: none", "Connection reset by peer (os error 104)"] {
            assert_eq!(reason(text), text);
        }
        assert_eq!(verdict("error:0A000086:a:b:certificate verify failed:c.c:1889:"), None);
    }

    #[test]
    fn alerts_about_our_certificate_are_told() {
        let told = |alert| {
            refusal(
                "https://a",
                &format!("error:0A00:SSL routines:ssl3_read:tlsv13 alert {alert}:a.c:9:"),
            )
        };
        assert!(told("certificate required").unwrap().contains("--client-cert"));
        assert!(told("unknown ca").unwrap().ends_with("(unknown ca)"));
        assert_eq!(told("internal error"), None);
        assert_eq!(refusal("https://a", "Connection reset by peer"), None);
    }

    #[test]
    fn a_ca_is_named_only_where_one_may_help() {
        let told = |verdict, ca| certificate("https://a", Some(verdict), ca);
        let expired = "the certificate of https://a is not believed (certificate has expired)";
        let mismatch = "the certificate of https://a is not believed (hostname mismatch)";
        for ca in [PrivateCa::NotSought, PrivateCa::None, PrivateCa::Believed] {
            assert_eq!(told("certificate has expired", ca), expired);
            assert_eq!(told("hostname mismatch", ca), mismatch);
            assert!(told("self-signed certificate", ca).contains("ca_file of [http]"));
        }
    }
}
