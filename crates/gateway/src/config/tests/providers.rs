//! `[[revocation.providers]]`: names, types and formats.

use super::*;

#[test]
fn claims_on_types_may_not_collide() {
    let gitlab = |url: &str, rest: &str| {
        format!("[[revocation.providers]]\nkind = \"gitlab\"\nurl = \"{url}\"\n{rest}\n")
    };
    let (a, b) = (gitlab("https://a.example", ""), gitlab("https://b.example/git", ""));
    let names: Vec<String> = good(&format!("{a}{b}"), &[])
        .revocation
        .providers
        .iter()
        .filter_map(|p| if let Provider::Gitlab(g) = p { Some(g.name.clone()) } else { None })
        .collect();
    assert_eq!(names, ["a.example", "b.example/git"]);
    assert_eq!(bad(&format!("{a}{a}"), &[]), ["revocation.providers[1].name"]);
    let own = "types = [\"gitleaks_rule_id_gitpod_personal_access_token\"]";
    let thief = gitlab("https://a.example", own);
    let keys = bad(&thief, &[]);
    assert!(keys.contains(&"revocation.providers[0].types".to_owned()), "{keys:?}");
    let twice = "[[revocation.providers]]\nkind = \"portcullis\"\n".repeat(2);
    let expected = ["revocation.providers[1].kind", "revocation.providers[1].types"];
    assert_eq!(bad(&twice, &[]), expected);
    let made_up = gitlab("https://a.example", "types = [\"portcullis_doctor\"]");
    let keys = bad(&made_up, &[]);
    assert_eq!(
        keys.first().map(String::as_str),
        Some("revocation.providers[0].types[0]"),
        "{keys:?}"
    );
}

#[test]
fn a_claimed_type_needs_a_format() {
    let gitlab = "[[revocation.providers]]\nkind = \"gitlab\"\nurl = \"https://a.example\"\n\
                  types = [\"acme\"]\n[revocation.formats]\n";
    assert_eq!(bad(gitlab, &[]), ["revocation.formats.acme"]);
    assert_eq!(bad(&format!("{gitlab}acme = \"a\""), &[]), ["revocation.formats.acme"]);
    good(&format!("{gitlab}acme = \"^a$\""), &[]);
}

#[test]
fn a_type_that_takes_an_administrator_takes_an_admin_token() {
    let setup = Setup::new();
    let file = setup.0.path().join("admin-token");
    fs::write(&file, "glpat-of-an-administrator-00\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let gitlab = |rest: &str| {
        format!(
            "[[revocation.providers]]\nkind = \"gitlab\"\nurl = \"https://a.example\"\n{rest}\n"
        )
    };
    let deploy = "types = [\"gitleaks_rule_id_gitlab_deploy_token\"]";
    assert_eq!(bad(&gitlab(deploy), &[]), ["revocation.providers[0].admin_token"]);
    let key = "revocation.providers[0].admin_token";
    assert_eq!(bad(&gitlab(&format!("{deploy}\nadmin_token = \"\"")), &[]), [key]);
    for given in [
        format!("admin_token_file = {:?}", file.to_str().unwrap()),
        "admin_token = \"glpat-of-an-administrator-00\"".to_owned(),
    ] {
        let config = good(&gitlab(&format!("{deploy}\n{given}")), &[]);
        let told = format!("{config:?}");
        assert!(!told.contains("glpat-of-an-administrator-00"), "{told}");
        let token = config.revocation.providers.iter().find_map(|p| match p {
            Provider::Gitlab(gitlab) => gitlab.admin_token.as_ref(),
            _ => None,
        });
        assert_eq!(token.unwrap().expose_secret(), "glpat-of-an-administrator-00");
    }
    // Tokens that can revoke themselves need none.
    good(&gitlab(""), &[]);
}
