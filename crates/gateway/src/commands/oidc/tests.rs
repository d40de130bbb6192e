use super::*;

fn convert(text: &str) -> Result<(Table, Vec<String>), String> {
    super::convert(&Ini::read(text, "/etc/100%")?)
}

const SITE: &str = "\
# a comment
[DEFAULT]
name = keys

[app:proxy]
use = egg:oidc-token-proxy
upstream_issuer = https://gitlab.internal
upstream_jwks_uri: https://gitlab.internal/oauth/discovery/keys
upstream_timeout = 5
jwks_file = %(here)s/%(name)s.json
signing_key_ids =
    RS256 = one
    # another comment
    ES256 = two=2
clone_upstream_claims =
  sub
  ref ref_type
extra_request_headers =
    user-agent = my-proxy
    x-custom = a = b
issuer =
pyramid.reload_templates = true

[pipeline:main]
pipeline = proxy

[server:main]
use = egg:waitress
listen = localhost:9000 [::1]:9000
";

#[test]
fn everything_is_taken_over() {
    let (table, notes) = convert(SITE).unwrap();
    let wanted = "
        [server]
        listen = \"127.0.0.1:9000\"
        [oidc_proxy]
        upstream_issuer = \"https://gitlab.internal\"
        upstream_jwks_uri = \"https://gitlab.internal/oauth/discovery/keys\"
        upstream_timeout = 5
        jwks_file = \"/etc/100%/keys.json\"
        signing_key_ids = { RS256 = \"one\", ES256 = \"two=2\" }
        default_signing_alg = \"RS256\"
        clone_upstream_claims = [\"sub\", \"ref\", \"ref_type\"]
        extra_request_headers = { user-agent = \"my-proxy\", x-custom = \"a = b\" }
    ";
    assert_eq!(table, wanted.parse::<Table>().unwrap());
    assert_eq!(notes, ["pyramid.reload_templates is not taken over"]);
    assert_eq!(toml::to_string(&table).unwrap().parse::<Table>().unwrap(), table);
}

#[test]
fn a_server_that_the_world_reaches_needs_an_issuer() {
    let open = SITE.replace("listen = localhost:9000 [::1]:9000", "port = 80");
    let (table, notes) = convert(&open).unwrap();
    assert_eq!(table["server"]["listen"].as_str(), Some("0.0.0.0:80"));
    assert!(notes.iter().any(|note| note.starts_with("name the issuer")), "{notes:?}");
    let odd = SITE.replace("localhost:9000 [::1]:9000", "gw.example.com:80");
    let (table, notes) = convert(&odd).unwrap();
    assert!(!table.contains_key("server"));
    assert!(notes.iter().any(|note| note.starts_with("server.listen")), "{notes:?}");
}

#[test]
fn what_is_no_such_file_is_told() {
    let circle = "[app:x]\nuse = egg:oidc_token_proxy\na = %(b)s\nb = %(a)s";
    let growing = "[app:x]\na=%(b)s%(b)s%(b)s%(b)s\nb=%(a)s%(a)s%(a)s%(a)s";
    for (text, error) in [
        ("", "has no section [app:…] that uses oidc-token-proxy"),
        ("[app:x]\nuse = egg:other", "has no section [app:…] that uses oidc-token-proxy"),
        ("a = b", "line 1: stands in no section"),
        ("[app:x\n", "line 1: is no section"),
        ("[app:x]\n  a = b", "line 2: continues nothing"),
        ("[app:x]\nabc", "line 2: is no setting"),
        ("[app:x]\na = 100%", "has a % that begins no %(name)s"),
        ("[app:x]\na = %(b)s", "names %(b)s, which is nowhere"),
        (circle, "has settings that name each other without end: %(b)s"),
        (growing, "has settings that name each other without end: %(b)s"),
        (
            "[app:x]\nuse = egg:oidc-token-proxy\nupstream_timeout = soon",
            "upstream_timeout is no whole number",
        ),
        (
            "[app:x]\nuse = egg:oidc-token-proxy\nsigning_key_ids = RS256",
            "signing_key_ids has a line without \"=\"",
        ),
    ] {
        assert_eq!(convert(text).unwrap_err(), error, "{text}");
    }
}
