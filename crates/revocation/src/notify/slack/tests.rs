use super::*;
use crate::notify::plain::plain;

fn notice(state: &str) -> Notice {
    Notice {
        fingerprint: "5bdcc146bf60754e".into(),
        token_type: "type_a".into(),
        provider: "gitlab".into(),
        state: state.into(),
        ..Notice::default()
    }
}

fn told(notices: &[Notice]) -> String {
    message(notices)["text"].as_str().unwrap().to_owned()
}

#[test]
fn one_line_says_all() {
    let one = Notice {
        code: Some("revoked".into()),
        reason: Some("as asked".into()),
        about: Some(json!({ "name": "ci", "user_id": 7, "scopes": ["api"], "expires_at": null })),
        locations: vec!["a.rs:1".into(), "b.rs:2".into(), "c.rs:3".into()],
        ..notice("revoked")
    };
    assert_eq!(
        told(std::slice::from_ref(&one)),
        "*Portcullis:* a leaked secret\n• *revoked*: `type_a` `5bdcc146`; provider `gitlab`, code \
         `revoked` (`as asked`); about `name: ci` `user_id: 7`; seen at `a.rs:1` `b.rs:2` `c.rs:3`"
    );
    let two = told(&[one, notice("revoked")]);
    assert!(two.starts_with("*Portcullis:* 2 leaked secrets\n"));
    assert!(two.contains("seen at `a.rs:1` `b.rs:2` and elsewhere\n"), "{two}");
}

#[test]
fn nothing_of_a_strangers_makes_a_mention_a_link_or_a_line() {
    let evil =
        "<!channel> @here <https://evil.example|click> `*x*` & https://evil.example\n• *revoked*";
    let one = Notice {
        token_type: plain(evil),
        locations: vec![plain(evil), "``".into(), " ".into()],
        about: Some(json!({ evil.replace('\n', " "): evil.replace('\n', " ") })),
        reason: Some(plain(evil)),
        ..notice("noted")
    };
    let text = told(&[one]);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(!text.contains('<') && !text.contains('>'), "{text}");
    assert!(text.contains("&lt;!channel&gt; @here &lt;https://evil.example|click&gt;"));
    // Outside of the code spans nothing of it is left.
    let outside: String = text.split('`').step_by(2).collect();
    assert_eq!(text.matches('`').count() % 2, 0, "{text}");
    for word in ["evil", "@here", "channel", "click"] {
        assert!(!outside.contains(word), "{word}: {outside}");
    }
    assert!(text.contains("`''`") && text.contains("`-`"), "{text}");
}

#[test]
fn slack_is_told_to_make_nothing_of_it_either() {
    let message = message(&[notice("held")]);
    assert_eq!((&message["parse"], &message["link_names"]), (&json!("none"), &json!(false)));
    assert_eq!(
        (&message["unfurl_links"], &message["unfurl_media"]),
        (&json!(false), &json!(false))
    );
}

#[test]
fn twenty_lines_and_the_rest_is_counted() {
    let many: Vec<Notice> = (0..50).map(|_| notice("revoked")).collect();
    let text = told(&many);
    assert!(text.starts_with("*Portcullis:* 50 leaked secrets\n"));
    assert_eq!(text.matches("\n• ").count(), 20);
    assert!(text.ends_with("\nand 30 more"), "{text}");
    assert!(!told(&many[..20]).contains("more"));
}

#[test]
fn long_lines_are_fewer() {
    let long = Notice { locations: vec!["&".repeat(200); 10], ..notice("revoked") };
    let text = told(&vec![long; 50]);
    assert!(text.len() < 16_000, "{}", text.len());
    let lines = text.matches("\n• ").count();
    assert!(text.ends_with(&format!("\nand {} more", 50 - lines)) && lines > 1, "{lines}");
}

#[test]
fn no_state_but_one_is_called_revoked() {
    use portcullis_store::queue::State;
    for state in State::ALL {
        let text = told(&[notice(state.as_str())]);
        assert!(text.contains(&format!("*{}*", state.as_str())));
        assert_eq!(text.contains("revoked"), state == State::Revoked, "{text}");
    }
}
