//! Our own gateway behind TLS, called by our own commands.

use std::fs;
use std::path::Path;

use portcullis_base::SystemRandomness;
use portcullis_gateway::config::{self, Environment, Sources};
use portcullis_gateway::data_dir::DataDir;
use portcullis_gateway::serve::Gateway;
use portcullis_test_support::{Authority, Issued, Life, free_port, scratch_dir};

use crate::binary::{private_file, run};

fn write_pair(folder: &Path, name: &str, pair: &Issued) {
    fs::write(folder.join(format!("{name}.crt")), &pair.certificate).unwrap();
    private_file(folder, &format!("{name}.key"), std::str::from_utf8(&pair.private_key).unwrap());
}

/// With a certificate for `names`, and the CAs that are believed for all calls. Its configuration is `p.toml`.
async fn gateway(folder: &Path, ca: &Authority, names: &[&str], rest: &str) -> Gateway {
    write_pair(folder, "tls", &ca.issue(names, Life::Days(30)));
    fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    let at = folder.display();
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:{}\"\nadmin_listen = \"127.0.0.1:{}\"\n\
         tls = {{ certificate = \"{at}/tls.crt\", private_key = \"{at}/tls.key\" }}\n{rest}\n",
        free_port(),
        free_port()
    );
    let file = private_file(folder, "p.toml", &text);
    let sources = Sources {
        file: Some(file),
        data_dir: DataDir::at(folder.join("portcullis-data")),
        environment: Environment::default(),
    };
    Gateway::start(&config::load(&sources, &SystemRandomness).unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listener_of_the_configuration_is_called_by_its_own_name() {
    let ca = Authority::new("a CA of these tests");
    for names in [&["gw.invalid", "b.invalid"][..], &["*.gw.invalid"], &["127.0.0.1", "gw.invalid"]]
    {
        let folder = scratch_dir();
        let file = folder.path().join("ca.pem");
        let rest = format!("[http]\nca_file = \"{}\"", file.display());
        fs::write(file, ca.pem()).unwrap();
        let gateway = gateway(folder.path(), &ca, names, &rest).await;
        for command in ["pats", "revocations"] {
            let said = run(folder.path(), &[command, "list", "--config", "p.toml"]);
            assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
        }
        let said = run(folder.path(), &["doctor", "--config", "p.toml"]);
        assert!(said.out.starts_with("ok   address: https://"), "{said:?}");
        gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_ca_and_a_client_certificate_can_be_said() {
    let (ca, clients) = (Authority::new("a CA of these tests"), Authority::new("clients"));
    let folder = scratch_dir();
    fs::write(folder.path().join("clients.pem"), clients.pem()).unwrap();
    write_pair(folder.path(), "ann", &clients.issue(&["ann"], Life::Days(1)));
    write_pair(folder.path(), "bob", &ca.issue(&["bob"], Life::Days(1)));
    let rest = format!("admin_tls = {{ client_ca = \"{}/clients.pem\" }}", folder.path().display());
    let gateway = gateway(folder.path(), &ca, &["localhost"], &rest).await;
    let list = ["revocations", "list", "--config", "p.toml"];
    let try_with = |more: &[&str]| run(folder.path(), &[&list[..], more].concat());
    let ann = ["--client-cert", "ann.crt", "--client-key", "ann.key"];

    let error = try_with(&ann).bad();
    assert!(error.contains("a private CA is named by ca_file of [http]"), "{error}");
    let said = try_with(&[&ann[..], &["--ca-file", "ca.pem"]].concat());
    assert_eq!(said.code, 0, "{said:?}");
    let url = format!("https://localhost:{}", gateway.admin_address().port());
    let said = try_with(&[&ann[..], &["--ca-file", "ca.pem", "--url", &url]].concat());
    assert_eq!(said.code, 0, "{said:?}");

    // What the listener says of it may be lost where the request crosses it on the way.
    let bob = ["--ca-file", "ca.pem", "--client-cert", "bob.crt", "--client-key", "bob.key"];
    for refused in [&bob[..2], &bob] {
        let error = try_with(refused).bad();
        assert!(error.contains("client certificate"), "{error}");
    }
    gateway.stop().await;
}

#[test]
fn what_is_no_client_certificate_is_told_so() {
    let (ca, folder) = (Authority::new("a CA of these tests"), scratch_dir());
    let (one, two) = (ca.issue(&["ann"], Life::Days(1)), ca.issue(&["ann"], Life::Days(1)));
    write_pair(folder.path(), "one", &one);
    write_pair(folder.path(), "two", &two);
    private_file(folder.path(), "token", "a-token-of-22-or-more-characters");
    let list = ["pats", "list", "--url", "https://127.0.0.1:1", "--token-file", "token"];
    for (certificate, key, told) in [
        ("one.crt", "two.key", "client-cert: --client-cert and --client-key must be a certificate"),
        ("token", "one.key", "client-cert: --client-cert and --client-key must be a certificate"),
        ("no", "one.key", "client-cert: no: "),
        ("one.crt", "no", "client-cert: no: "),
        ("one.crt", "one.key", "unreachable: "),
    ] {
        let with = ["--client-cert", certificate, "--client-key", key];
        let error = run(folder.path(), &[&list[..], &with].concat()).bad();
        assert!(error.starts_with(&format!("error: {told}")), "{error}");
    }
    let alone = run(folder.path(), &[&list[..], &["--client-cert", "one.crt"]].concat());
    assert_eq!(alone.code, 2, "{alone:?}");
}
