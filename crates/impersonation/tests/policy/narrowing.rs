//! A caller may ask for less.

use super::*;

fn granted() -> Grant {
    grant(&["api", "read_repository", "write_repository"], 30)
}

#[test]
fn what_is_not_asked_for_is_granted_whole() {
    assert_eq!(granted().narrowed(None, None), Ok(granted()));
    let less = granted().narrowed(Some("write_repository"), None).unwrap();
    assert_eq!(less, grant(&["write_repository"], 30));
    let shorter = granted().narrowed(None, Some("15")).unwrap();
    assert_eq!((shorter.scopes, shorter.lifetime.as_secs()), (granted().scopes, 15));
}

#[test]
fn scopes_are_a_list_in_the_order_of_the_caller() {
    for text in [
        "write_repository,api",
        "write_repository api",
        " write_repository ,, api ",
        "write_repository,api,write_repository",
    ] {
        let scopes = granted().narrowed(Some(text), None).unwrap().scopes;
        assert_eq!(scopes, ["write_repository", "api"], "{text}");
    }
    let long = "a".repeat(65);
    for text in
        ["", " ", ",", "API", "api;sudo", "api\n", "api+sudo", "[\"api\"]", "ap\u{456}", &long]
    {
        let refusal = granted().narrowed(Some(text), None).unwrap_err();
        assert_eq!(refusal, Refusal::InvalidScopes, "{text:?}");
        assert!(refusal.is_bad_request());
    }
}

#[test]
fn a_scope_more_is_refused() {
    for (text, scope) in
        [("sudo", "sudo"), ("api,sudo,admin_mode", "sudo"), ("read_api", "read_api")]
    {
        let refusal = granted().narrowed(Some(text), None).unwrap_err();
        assert_eq!((refusal.code(), refusal.is_bad_request()), ("scope_not_granted", false));
        let said = format!("the scope {scope} is not granted to this job");
        assert!(refusal.to_string().starts_with(&said), "{refusal}");
        assert!(refusal.to_string().ends_with("api, read_repository, write_repository"));
    }
}

#[test]
fn a_lifetime_is_whole_seconds_within_the_granted_ones() {
    for (text, seconds) in [("1", 1), ("30", 30), ("15s", 15), ("015", 15)] {
        let lifetime = granted().narrowed(None, Some(text)).unwrap().lifetime;
        assert_eq!(lifetime.as_secs(), seconds, "{text}");
    }
    for text in ["", "s", "0", "0s", "00", "-1", "+1", "1.5", "1m", "1e1", " 1", "1ss", "\u{661}"] {
        let refusal = granted().narrowed(None, Some(text)).unwrap_err();
        assert_eq!((refusal.code(), refusal.is_bad_request()), ("invalid_ttl", true), "{text:?}");
    }
    for text in ["31", "31s", "18446744073709551616", "99999999999999999999999999"] {
        let refusal = granted().narrowed(None, Some(text)).unwrap_err();
        assert_eq!((refusal.code(), refusal.is_bad_request()), ("ttl_not_granted", false));
        assert!(refusal.to_string().contains("at most 30 seconds"), "{refusal}");
    }
}
