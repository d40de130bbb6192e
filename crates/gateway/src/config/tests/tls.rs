//! `tls` and `admin_tls` of `[server]`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use portcullis_test_support::{Authority, Life};

use super::{Setup, bad};

/// Files of a good pair, of another, and of a CA.
fn files(at: &Path) {
    let ca = Authority::new("a CA of these tests");
    for (name, life) in [
        ("a", Life::Days(60)),
        ("b", Life::Days(60)),
        ("over", Life::Over),
        ("soon", Life::Days(5)),
    ] {
        let issued = ca.issue(&["gw.example.com"], life);
        fs::write(at.join(format!("{name}.crt")), issued.certificate).unwrap();
        let key = at.join(format!("{name}.key"));
        fs::write(&key, issued.private_key).unwrap();
        fs::set_permissions(key, Permissions::from_mode(0o600)).unwrap();
    }
    fs::write(at.join("ca.pem"), ca.pem()).unwrap();
    fs::write(at.join("empty"), "").unwrap();
}

/// `$` stands for the folder.
fn read(text: &str, variables: &[(&str, &str)]) -> super::Reading {
    let setup = Setup::new();
    files(setup.0.path());
    let at = format!("{}/", setup.0.path().display());
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| (*name, value.replace('$', &at))).collect();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, &**value)).collect();
    setup.read(&format!("[server]\n{}", text.replace('$', &at)), &variables)
}

const GOOD: &str = "tls = { certificate = \"$a.crt\", private_key = \"$a.key\" }\n";

fn problems(text: &str) -> Vec<String> {
    let problems = read(text, &[]).config.unwrap_err();
    let told = |problem: super::Problem| {
        let (_, said) = problem.problem.rsplit_once('/').unwrap_or(("", &problem.problem));
        format!("{}: {said}", problem.key)
    };
    problems.into_iter().map(told).collect()
}

#[test]
fn the_operators_listener_has_that_of_the_public_one_unless_it_has_its_own() {
    let server = |text: &str| read(text, &[]).config.unwrap().server;
    let plain = server("");
    assert!(plain.tls.is_none() && plain.admin_tls.is_none());
    let one = server(GOOD);
    assert!(one.tls.is_some() && one.tls == one.admin_tls);
    let ca = server(&format!("{GOOD}admin_tls = {{ client_ca = \"$ca.pem\" }}"));
    let (tls, admin) = (ca.tls.unwrap(), ca.admin_tls.unwrap());
    assert_eq!((&tls.certificate, &tls.client_ca), (&admin.certificate, &None));
    assert!(admin.client_ca.is_some());
    let own = "admin_tls = { certificate = \"$b.crt\", private_key = \"$b.key\" }";
    let two = server(&format!("{GOOD}{own}"));
    assert_ne!(two.tls, two.admin_tls);
    let alone = server(own);
    assert!(alone.tls.is_none() && alone.admin_tls.is_some());
}

#[test]
fn the_environment_gives_it_whole_or_in_parts() {
    for variables in [
        &[("PORTCULLIS__SERVER__TLS", "{ certificate = \"$a.crt\", private_key = \"$a.key\" }")][..],
        &[
            ("PORTCULLIS__SERVER__TLS__CERTIFICATE", "$a.crt"),
            ("PORTCULLIS__SERVER__TLS__PRIVATE_KEY", "$a.key"),
        ],
    ] {
        assert!(read("", variables).config.unwrap().server.tls.is_some());
    }
}

#[test]
fn every_problem_is_told_at_once_with_its_file() {
    for (text, told) in [
        ("tls = { certificate = \"$a.crt\" }", &["server.tls.private_key: is required"][..]),
        (
            "tls = { }",
            &["server.tls.certificate: is required", "server.tls.private_key: is required"],
        ),
        ("tls = \"a.crt\"", &["server.tls: must be a table"]),
        (
            "admin_tls = { client_ca = \"$ca.pem\" }",
            &[
                "server.admin_tls.certificate: is required",
                "server.admin_tls.private_key: is required",
            ],
        ),
        (
            "tls = { certificate = \"$a.crt\", private_key = \"$b.key\" }",
            &["server.tls.private_key: b.key does not belong to the certificate"],
        ),
        (
            "tls = { certificate = \"$no.crt\", private_key = \"$no.key\" }",
            &[
                "server.tls.certificate: no.crt cannot be read: entity not found",
                "server.tls.private_key: no.key cannot be read: entity not found",
            ],
        ),
        (
            "tls = { certificate = \"$empty\", private_key = \"$a.crt\" }",
            &[
                "server.tls.certificate: empty holds no certificate in PEM",
                "server.tls.private_key: a.crt holds no private key in PEM",
            ],
        ),
    ] {
        assert_eq!(problems(text), told, "{text}");
    }
    for (rest, key) in [
        ("admin_tls = { client_ca = \"$empty\" }", "server.admin_tls.client_ca"),
        ("admin_tls = { client_ca = \"$no.pem\" }", "server.admin_tls.client_ca"),
        ("admin_tls = { certificate = \"$b.crt\" }", "server.admin_tls.private_key"),
        ("admin_tls = { colour = \"red\" }", "server.admin_tls.colour"),
    ] {
        let problems = read(&format!("{GOOD}{rest}"), &[]).config.unwrap_err();
        assert_eq!((problems.len(), &*problems[0].key), (1, key));
    }
    let public = format!("{}, client_ca = \"$ca.pem\" }}", GOOD.trim_end().trim_end_matches(" }"));
    assert_eq!(problems(&public), ["server.tls.client_ca: unknown key"]);
    assert_eq!(bad("[server]\ntls = 1", &[]), ["server.tls"]);
}

#[test]
fn what_clients_or_others_would_make_of_it_is_warned_of() {
    let listening = "listen = \"0.0.0.0:1\"\nadmin_listen = \"0.0.0.0:2\"\n";
    let far = |rest: &str| read(&format!("{listening}{rest}"), &[]).warnings;
    let (tls, operators) = ("without TLS of its own", "server.admin_listen: operators' listener");
    let plain = far("");
    assert_eq!(plain.iter().filter(|warning| warning.ends_with(tls)).count(), 2, "{plain:?}");
    let one = far(GOOD);
    assert!(one.len() == 1 && one[0].starts_with(operators) && !one[0].ends_with(tls), "{one:?}");
    let mutual = far(&format!("{GOOD}admin_tls = {{ client_ca = \"$ca.pem\" }}"));
    assert_eq!(mutual, Vec::<String>::new());

    let http = read(&format!("public_url = \"http://gw.example.com\"\n{GOOD}"), &[]).warnings;
    assert!(http.len() == 1 && http[0].starts_with("server.public_url: "), "{http:?}");
    for (name, told) in [("over", "has expired on 1970-01-02"), ("soon", "expires in ")] {
        let warnings = read(&GOOD.replace("$a", &format!("${name}")), &[]).warnings;
        let start = format!("server.tls.certificate: {told}");
        assert!(warnings.len() == 1 && warnings[0].starts_with(&start), "{warnings:?}");
    }
}

#[test]
fn a_key_that_others_can_read_is_warned_of_once() {
    let setup = Setup::new();
    let at = setup.0.path();
    files(at);
    fs::set_permissions(at.join("a.key"), Permissions::from_mode(0o644)).unwrap();
    let text = format!("[server]\n{GOOD}admin_tls = {{ client_ca = \"$ca.pem\" }}");
    let warnings = setup.read(&text.replace('$', &format!("{}/", at.display())), &[]).warnings;
    let told = "server.tls.private_key: others on this machine can read the file; chmod 600 it";
    assert_eq!(warnings, [told]);
}
