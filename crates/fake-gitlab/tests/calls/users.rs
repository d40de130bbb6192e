//! Users, and calls in another user's stead.

use crate::support::{ADMIN, PLAIN, get, gitlab, request, send};
use portcullis_fake_gitlab::{TokenKind, TokenSpec, TokenState, UserSpec};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn administrators_see_more_of_a_user() {
    let gitlab = gitlab();
    gitlab.add_user(UserSpec {
        id: 7,
        username: "blocked-one".to_owned(),
        blocked: true,
        ..UserSpec::default()
    });
    let seen = get(&gitlab, "/api/v4/users/2", ADMIN).await;
    assert_eq!(seen.status, 200);
    assert_eq!(seen.body["username"], "sample-user");
    assert_eq!(seen.body["state"], "active");
    assert_eq!(seen.body["is_admin"], false);
    assert_eq!(seen.body["web_url"], format!("{}/sample-user", gitlab.url()));
    assert_eq!(get(&gitlab, "/api/v4/users/1", ADMIN).await.body["is_admin"], true);
    assert_eq!(get(&gitlab, "/api/v4/users/7", ADMIN).await.body["state"], "blocked");

    let seen = get(&gitlab, "/api/v4/users/1", PLAIN).await;
    assert_eq!((seen.status, &seen.body["username"]), (200, &json!("root")));
    assert!(seen.body.get("is_admin").is_none() && seen.body.get("email").is_none());

    let missing = get(&gitlab, "/api/v4/users/99", ADMIN).await;
    assert_eq!((missing.status, missing.body), (404, json!({ "message": "404 User Not Found" })));
    let odd = get(&gitlab, "/api/v4/users/root", ADMIN).await;
    assert_eq!((odd.status, odd.body), (400, json!({ "error": "id is invalid" })));
    let unknown = get(&gitlab, "/api/v4/users/2", "glpat-unknown").await;
    assert_eq!((unknown.status, unknown.body), (401, json!({ "message": "401 Unauthorized" })));
}

#[tokio::test]
async fn each_token_knows_its_own_user() {
    let gitlab = gitlab();
    let mine = get(&gitlab, "/api/v4/user", PLAIN).await;
    assert_eq!((mine.status, &mine.body["id"]), (200, &json!(2)));
    assert_eq!(mine.body["email"], "sample-user@example.com");
    assert!(mine.body.get("is_admin").is_none());
    assert_eq!(get(&gitlab, "/api/v4/user", ADMIN).await.body["is_admin"], true);

    // Whoever has a token is a user.
    gitlab.add_token_with("glpat-9", TokenSpec { user_id: 9, ..TokenSpec::default() });
    assert_eq!(get(&gitlab, "/api/v4/user", "glpat-9").await.body["username"], "user-9");
    // An older word that a token's user is an administrator.
    gitlab.add_token_with("glpat-a", TokenSpec { admin: true, ..TokenSpec::default() });
    assert_eq!(get(&gitlab, "/api/v4/user", "glpat-a").await.body["is_admin"], true);

    let scopes = vec!["read_repository".to_owned()];
    gitlab.add_token_with("glpat-narrow", TokenSpec { scopes, ..TokenSpec::default() });
    let narrow = get(&gitlab, "/api/v4/user", "glpat-narrow").await;
    assert_eq!((narrow.status, &narrow.body["error"]), (403, &json!("insufficient_scope")));
}

#[tokio::test]
async fn a_blocked_users_tokens_are_all_refused() {
    let gitlab = gitlab();
    let user = UserSpec { blocked: true, ..UserSpec::default() };
    gitlab.add_user(user.clone());
    for path in ["/api/v4/user", "/api/v4/personal_access_tokens/self"] {
        let refused = get(&gitlab, path, PLAIN).await;
        assert_eq!(refused.status, 403);
        assert_eq!(
            refused.body,
            json!({ "message": "403 Forbidden - Your account has been blocked." })
        );
    }
    assert_eq!(gitlab.state(PLAIN), Some(TokenState::Active), "the token itself is untouched");
    gitlab.add_user(UserSpec { blocked: false, ..user });
    assert_eq!(get(&gitlab, "/api/v4/user", PLAIN).await.status, 200);
}

#[tokio::test]
async fn sudo_makes_a_call_another_users() {
    let gitlab = gitlab();
    for name in ["2", "sample-user", "Sample-User"] {
        let path = format!("/api/v4/user?sudo={name}");
        assert_eq!(get(&gitlab, &path, ADMIN).await.body["id"], 2, "{name}");
        let call = request(&gitlab, Method::GET, "/api/v4/user", ADMIN).header("Sudo", name);
        let as_other = send(call).await;
        assert_eq!(as_other.body["id"], 2, "{name}");
        assert!(as_other.body.get("is_admin").is_none());
    }
    // Then the administrator's rights are gone.
    let list = "/api/v4/users/2/impersonation_tokens";
    assert_eq!(get(&gitlab, list, ADMIN).await.status, 200);
    let refused = get(&gitlab, &format!("{list}?sudo=2"), ADMIN).await;
    assert_eq!((refused.status, refused.body), (403, json!({ "message": "403 Forbidden" })));
    let body = json!({ "token": PLAIN }).to_string();
    let named = request(&gitlab, Method::POST, "/api/v4/admin/token?sudo=2", ADMIN).body(body);
    assert_eq!(send(named).await.status, 403);
}

#[tokio::test]
async fn sudo_is_refused_as_gitlab_refuses_it() {
    let gitlab = gitlab();
    let (path, itself) = ("/api/v4/user?sudo=nobody", "/api/v4/personal_access_tokens/self?sudo=7");
    let plain = json!({ "message": "403 Forbidden - Must be admin to use sudo" });
    let missing = json!({ "message": "404 User with ID or username 'nobody' Not Found" });
    let heard = get(&gitlab, path, PLAIN).await;
    assert_eq!((heard.status, heard.body), (403, plain.clone()));
    let heard = get(&gitlab, path, ADMIN).await;
    assert_eq!((heard.status, heard.body), (404, missing));
    let heard = get(&gitlab, itself, PLAIN).await;
    assert_eq!((heard.status, heard.body), (403, plain));
    assert_eq!(get(&gitlab, itself, ADMIN).await.status, 404);

    let no_sudo = TokenSpec { user_id: 1, ..TokenSpec::default() };
    gitlab.add_token_with("glpat-no-sudo", no_sudo);
    let heard = get(&gitlab, "/api/v4/user?sudo=2", "glpat-no-sudo").await;
    assert_eq!((heard.status, &heard.body["scope"]), (403, &json!("sudo")));
    assert_eq!(heard.body["error"], "insufficient_scope");

    // That scope alone is enough in another's stead, and for nothing in one's own.
    let scopes = vec!["sudo".to_owned()];
    let kind = TokenKind::Impersonation;
    let only = TokenSpec { user_id: 1, scopes, kind, ..TokenSpec::default() };
    gitlab.add_token_with("glpat-sudo", only);
    assert_eq!(get(&gitlab, "/api/v4/user?sudo=2", "glpat-sudo").await.status, 200);
    for path in ["/api/v4/user?sudo=1", "/api/v4/user"] {
        assert_eq!(get(&gitlab, path, "glpat-sudo").await.status, 403, "{path}");
    }
}
