use super::*;
use crate::client_address;
use actix_web::test::TestRequest;
use proptest::prelude::*;

const PEER: &str = "10.0.0.1";

fn proxies(header: ProxyHeader) -> TrustedProxies {
    let networks = ["10.0.0.0/8", "2001:db8:1::/48", "::ffff:192.168.0.0/112"];
    TrustedProxies::new(networks.map(|network| network.parse().unwrap()), header)
}

fn asked(header: ProxyHeader, peer: &str, lines: &[&str]) -> IpAddr {
    let name = header.name();
    let peer = std::net::SocketAddr::new(peer.parse().unwrap(), 4711);
    let request = TestRequest::default().peer_addr(peer).app_data(proxies(header));
    let request = lines.iter().fold(request, |r, line| r.append_header((name.clone(), *line)));
    let request = request.to_http_request();
    let address = client_address(&request).unwrap();
    assert_eq!(client_address(&request), Some(address), "the second time");
    address
}

#[track_caller]
fn table(header: ProxyHeader, cases: &[(&[&str], &str)]) {
    for (lines, expected) in cases {
        let expected: IpAddr = expected.parse().unwrap();
        assert_eq!(asked(header, PEER, lines), expected, "{lines:?}");
    }
}

#[test]
fn x_forwarded_for_is_read_from_the_right() {
    table(
        ProxyHeader::XForwardedFor,
        &[
            (&[], PEER),
            (&[""], PEER),
            (&["203.0.113.9"], "203.0.113.9"),
            (&["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
            (&["6.6.6.6,203.0.113.9,10.2.3.4"], "203.0.113.9"),
            (&["6.6.6.6, 203.0.113.9,\t192.168.1.1 , , 10.2.3.4,"], "203.0.113.9"),
            (&["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
            (&["6.6.6.6", "203.0.113.9", "10.1.1.1", ""], "203.0.113.9"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["[2001:db8:9::1]:4711"], "2001:db8:9::1"),
            (&["[2001:db8:9::1]"], "2001:db8:9::1"),
            (&["2001:db8:9::1, 2001:db8:1::7"], "2001:db8:9::1"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&["::ffff:203.0.113.9, ::ffff:10.9.9.9"], "203.0.113.9"),
            // All are ours: the farthest.
            (&["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
            // What cannot be read ends the walk at who was proven before it.
            (&["6.6.6.6, unknown"], PEER),
            (&["6.6.6.6, unknown, 10.0.0.7"], "10.0.0.7"),
            (&["6.6.6.6, 203.0.113.9:99999999"], PEER),
            (&["6.6.6.6, 203.0.113"], PEER),
            (&["6.6.6.6, 0300.0.113.9"], PEER),
            (&["6.6.6.6, fe80::1%eth0"], PEER),
            (&["6.6.6.6, \"203.0.113.9\""], PEER),
            (&["6.6.6.6, for=203.0.113.9"], PEER),
            (&["6.6.6.6", "\u{e9}"], PEER),
        ],
    );
}

#[test]
fn forwarded_is_read_as_rfc_7239_has_it() {
    table(
        ProxyHeader::Forwarded,
        &[
            (&[], PEER),
            (&[""], PEER),
            (&["for=192.0.2.60;proto=http;by=203.0.113.43"], "192.0.2.60"),
            (&["For=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
            (&["for=192.0.2.43, for=198.51.100.17"], "198.51.100.17"),
            (&["for=192.0.2.43", "for=198.51.100.17"], "198.51.100.17"),
            (&["for=192.0.2.43,for=\"[2001:db8:1::17]\";by=\"10.1.1.1:80\""], "192.0.2.43"),
            (&["FOR=\"192.0.2.43:47011\""], "192.0.2.43"),
            (&["for=\"192.0.2.43:_gazonk\""], "192.0.2.43"),
            (&["for=\"\\1\\92.0.2.43\""], "192.0.2.43"),
            (&["proto=https; for=192.0.2.43 ;;, ,"], "192.0.2.43"),
            (&["for=192.0.2.43;host=\"a,b;for=6.6.6.6\""], "192.0.2.43"),
            (&["for=192.0.2.43;host=\"x\\\", for=6.6.6.6, y=\\\"\""], "192.0.2.43"),
            (&["for=\"[::ffff:192.0.2.43]\""], "192.0.2.43"),
            // Who is hidden, or not named at all, is nobody whom one could count.
            (&["for=6.6.6.6, for=unknown"], PEER),
            (&["for=6.6.6.6, for=_hidden, for=10.0.0.7"], "10.0.0.7"),
            (&["for=6.6.6.6, for=\"_SEVKISEK\""], PEER),
            (&["for=6.6.6.6, proto=https"], PEER),
            (&["for=6.6.6.6, for=\"\""], PEER),
            // Not well-formed: nothing of the line is believed.
            (&["for=6.6.6.6, for=2001:db8::1"], PEER),
            (&["for=6.6.6.6, for=\"2001:db8::1\""], PEER),
            (&["for=6.6.6.6, for=192.0.2.43:80"], PEER),
            (&["for=6.6.6.6, for=\"192.0.2.43"], PEER),
            (&["for=6.6.6.6, for="], PEER),
            (&["for=6.6.6.6, for"], PEER),
            (&["for=6.6.6.6, =192.0.2.43"], PEER),
            (&["for=6.6.6.6, for =192.0.2.43"], PEER),
            (&["for=192.0.2.43;for=6.6.6.6"], PEER),
            (&["for=192.0.2.43 for=6.6.6.6"], PEER),
            (&["192.0.2.43"], PEER),
            // A client cannot swallow what the proxy wrote behind it.
            (&["x=\", for=192.0.2.43;host=\"a\""], PEER),
            (&["for=6.6.6.6;x=\", for=192.0.2.43;host=\";y=z,q=w\""], PEER),
            (&["for=6.6.6.6;x=\", for=\"[2001:db8:9::1]\";proto=https"], PEER),
            (&["x=\"", "for=192.0.2.43"], "192.0.2.43"),
        ],
    );
}

#[test]
fn nobody_but_a_trusted_peer_is_believed() {
    for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
        for peer in ["203.0.113.50", "11.0.0.1", "2001:db8:2::1", "::1"] {
            let address = asked(header, peer, &["10.0.0.2", "for=10.0.0.2", "6.6.6.6"]);
            assert_eq!(address, peer.parse::<IpAddr>().unwrap());
        }
    }
    let nobody = TestRequest::default()
        .peer_addr("10.0.0.1:1".parse().unwrap())
        .insert_header((X_FORWARDED_FOR, "6.6.6.6"));
    assert_eq!(client_address(&nobody.to_http_request()), PEER.parse().ok());
    let unconnected = TestRequest::default().insert_header((X_FORWARDED_FOR, "6.6.6.6"));
    assert_eq!(client_address(&unconnected.to_http_request()), None);
}

/// A proxy that writes one of them passes the other on as its client wrote it.
#[test]
fn the_other_header_is_nobodys_word() {
    for (header, other, line) in [
        (ProxyHeader::XForwardedFor, FORWARDED, "for=6.6.6.6"),
        (ProxyHeader::Forwarded, X_FORWARDED_FOR, "6.6.6.6"),
    ] {
        let own = if header == ProxyHeader::Forwarded { "for=192.0.2.43" } else { "192.0.2.43" };
        for (lines, expected) in [(vec![own], "192.0.2.43"), (vec![], PEER)] {
            let request = TestRequest::default()
                .peer_addr("[::ffff:10.0.0.1]:1".parse().unwrap())
                .app_data(proxies(header))
                .insert_header((other.clone(), line));
            let name = header.name();
            let request = lines.iter().fold(request, |r, l| r.append_header((name.clone(), *l)));
            assert_eq!(client_address(&request.to_http_request()), expected.parse().ok());
        }
    }
}

#[test]
fn hops_without_end_are_not_followed() {
    for (header, hop) in
        [(ProxyHeader::XForwardedFor, "10.0.0.3"), (ProxyHeader::Forwarded, "for=10.0.0.3")]
    {
        let ours = vec![hop; 5000].join(",");
        let client = hop.replace("10.0.0.3", "6.6.6.6");
        let many = format!("{client},{ours}");
        assert_eq!(asked(header, PEER, &[&many]).to_string(), "10.0.0.3");
        let lines: Vec<&str> = std::iter::once(client.as_str()).chain([hop; 90]).collect();
        assert_eq!(asked(header, PEER, &lines).to_string(), "10.0.0.3");
        // As many as are looked at, with the client as the last of them.
        let most = format!("{client},{}", vec![hop; MOST_HOPS - 1].join(","));
        assert_eq!(asked(header, PEER, &[&most]).to_string(), "6.6.6.6");
    }
}

#[test]
fn networks_are_compared_as_addresses_are() {
    let proxies = proxies(ProxyHeader::default());
    for (address, trusted) in [
        ("10.255.255.255", true),
        ("::ffff:10.0.0.1", true),
        ("192.168.3.4", true),
        ("2001:db8:1:ffff::1", true),
        ("11.0.0.0", false),
        ("2001:db8:2::", false),
        ("::10.0.0.1", false),
    ] {
        assert_eq!(proxies.trust(address.parse().unwrap()), trusted, "{address}");
    }
    assert!(!TrustedProxies::default().trust(PEER.parse().unwrap()));
}

proptest! {
    /// Whatever a client sends, the proxy's own element at the end says who it was, or nobody is named.
    #[test]
    fn no_prefix_names_another_client(
        sent in prop_oneof![
            "[ -~\t]{0,60}",
            "((for|FOR|by|x)=?(6\\.6\\.6\\.6|\"|\\\\|_x|unknown|\"\\[::6\\]\")?[,; \"\\\\]{0,3}){0,8}",
        ],
        host in "[ -~]{0,12}",
    ) {
        let quoted = host.replace('\\', "\\\\").replace('"', "\\\"");
        let own = format!("for=192.0.2.43;host=\"{quoted}\"");
        for lines in [vec![format!("{sent}, {own}")], vec![sent.clone(), own.clone()]] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let address = asked(ProxyHeader::Forwarded, PEER, &lines).to_string();
            prop_assert!(["192.0.2.43", PEER].contains(&address.as_str()), "{address}: {lines:?}");
        }
        let line = format!("{sent}, 192.0.2.43");
        let address = asked(ProxyHeader::XForwardedFor, PEER, &[&line]).to_string();
        prop_assert_eq!(address, "192.0.2.43");
    }

    /// Bytes of any kind are no panic, and from who is not trusted they change nothing.
    #[test]
    fn bytes_of_any_kind_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
        for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
            for peer in [PEER, "203.0.113.50"] {
                let peer = std::net::SocketAddr::new(peer.parse().unwrap(), 1);
                let request = TestRequest::default()
                    .peer_addr(peer)
                    .app_data(proxies(header))
                    .insert_header((header.name(), value.clone()))
                    .to_http_request();
                let address = client_address(&request).unwrap();
                prop_assert!(peer.ip().to_string() == PEER || address == peer.ip());
            }
        }
    }
}
