//! `[partners.*]`, and the names that reporters may not have.

use portcullis_revocation_api::partners::Programme;

use super::{CLIENT, TOKEN, bad, good};

const PAT_TYPE: &str = "gitleaks_rule_id_gitpod_personal_access_token";
const GITLAB: &str = "[partners.gitlab]\nkeys_url = \"https://a.example/keys\"\n";

#[test]
fn a_programme_is_there_where_its_section_is() {
    assert!(good("", &[]).partners.all.is_empty());
    let github = good("[partners.github]", &[]).partners.all.remove(0);
    assert_eq!(github.programme, Programme::Github);
    assert_eq!(github.keys_url.as_str(), "https://api.github.com/meta/public_keys/secret_scanning");
    assert_eq!((github.types.len(), github.max_body), (0, 1024 * 1024));
    let both = format!("{GITLAB}max_body = \"2KiB\"\ntypes = {{ theirs = \"{PAT_TYPE}\" }}\n");
    let both = good(&(both + "[partners.github]"), &[]).partners;
    assert_eq!(both.programmes(), Programme::ALL);
    assert_eq!((both.all[1].max_body, both.all[1].types["theirs"].as_str()), (2048, PAT_TYPE));
    let by_environment = [("PORTCULLIS__PARTNERS__GITLAB__KEYS_URL", "http://127.0.0.1:1/keys")];
    assert_eq!(good("", &by_environment).partners.programmes(), [Programme::Gitlab]);
}

#[test]
fn what_is_wrong_with_one_is_told() {
    for (text, key) in [
        ("[partners.gitlab]", "gitlab.keys_url"),
        ("[partners.gitlab]\nkeys_url = \"http://a.example/keys\"", "gitlab.keys_url"),
        ("[partners.github]\nkeys_url = \"http://a.example/keys\"", "github.keys_url"),
        ("[partners.github]\nkeys_url = \"keys.json\"", "github.keys_url"),
        ("[partners.github]\nmax_body = \"1B\"", "github.max_body"),
        ("[partners.github]\nmax_body = \"65MiB\"", "github.max_body"),
        ("[partners.github]\ntypes = [\"a\"]", "github.types"),
        ("[partners.github]\ncolour = \"red\"", "github.colour"),
        ("[partners.bitbucket]", "bitbucket"),
        ("[partners]\ngithub = true", "github"),
    ] {
        assert_eq!(bad(text, &[]), [format!("partners.{key}")], "{text}");
    }
}

#[test]
fn their_types_are_for_our_own_tokens_alone() {
    let gitlab = "[[revocation.providers]]\nkind = \"gitlab\"\nurl = \"https://a.example\"\n";
    let own = "[[revocation.providers]]\nkind = \"portcullis\"\ntypes = [\"ours\"]\n";
    let types = |types: &str| format!("{GITLAB}types = {{ {types} }}\n");
    for (text, problems) in [
        (types(&format!("a = \"{PAT_TYPE}\", \"b c\" = \"{PAT_TYPE}\"")), vec![]),
        (types("a = \"ours\"") + own, vec![]),
        (types(&format!("a = \"{PAT_TYPE}\"")) + own, vec!["partners.gitlab.types.a"]),
        (
            types("a = \"unheard_of\", b = 7"),
            vec!["partners.gitlab.types.a", "partners.gitlab.types.b"],
        ),
        (
            types("a = \"gitleaks_rule_id_gitlab_personal_access_token_routable\"") + gitlab,
            vec!["partners.gitlab.types.a"],
        ),
    ] {
        let mut told = match problems[..] {
            [] => {
                good(&text, &[]);
                vec![]
            }
            _ => bad(&text, &[]),
        };
        told.sort();
        assert_eq!(told, problems, "{text}");
    }
}

#[test]
fn no_client_is_called_as_another_way_in() {
    for name in ["github", "gitlab-partner", "admin", "impersonation"] {
        let text =
            format!("{}token = \"{TOKEN}\"\n", CLIENT.replace("\"a\"", &format!("{name:?}")));
        assert_eq!(bad(&text, &[]), ["revocation_api.clients[0].name"], "{name}");
        let other = text.replace(name, &format!("{name}-2"));
        assert_eq!(good(&other, &[]).revocation_api.clients.len(), 1, "{name}");
    }
}
