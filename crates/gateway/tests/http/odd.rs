//! Requests to `/auth` that no well-behaved proxy sends.

use reqwest::Method;

use crate::raw::raw;
use crate::support::{Database, TestGateway, send};

/// Answered as any other, whatever stands around the path and the credential.
pub(crate) async fn an_odd_request_is_answered_as_proxies_know_it(database: Database) {
    let gateway = TestGateway::start(&database, "[auth.profiles.none]\nscopes = [\"x\"]\n").await;
    let pat = gateway.mint().await.token;
    let bearer = format!("Authorization: Bearer {pat}");
    let long_path = format!("GET /auth/{} HTTP/1.1", "a/".repeat(20_000));
    let long_query = format!("GET /auth/x?{} HTTP/1.1", "a=b&".repeat(10_000));
    let many_scopes = format!("GET /auth?{} HTTP/1.1", "scope=x&".repeat(5000));
    let huge = format!("X-Huge: {}", "h".repeat(60_000));
    let forged = "X-Auth-Identity: root";
    for (line, header, good) in [
        ("GET /auth HTTP/1.1", huge.as_str(), 200),
        ("GET /auth HTTP/1.1", forged, 200),
        ("GET /auth HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket", 200),
        ("GET /auth HTTP/1.1", "Content-Encoding: gzip", 200),
        ("GET /auth HTTP/1.1", "Cookie: a=\u{e9}", 200),
        ("GET /auth HTTP/1.1", "X-Gerrit-Auth: not configured", 200),
        ("GET /auth? HTTP/1.1", forged, 200),
        ("GET /auth?&&=&%&scope HTTP/1.1", forged, 200),
        ("GET /auth?scope=%zz HTTP/1.1", forged, 403),
        ("GET /auth/../../etc/passwd HTTP/1.1", forged, 200),
        ("GET /auth/as/none/../x HTTP/1.1", forged, 403),
        ("GET /auth/%zz%/%00/%f0%28 HTTP/1.1", forged, 200),
        ("GET /auth//// HTTP/1.1", forged, 200),
        ("GET http://elsewhere.example/auth HTTP/1.1", forged, 200),
        ("PRI /auth HTTP/1.1", forged, 200),
        (&long_path, forged, 200),
        (&long_query, forged, 200),
        (&many_scopes, forged, 403),
    ] {
        let what = format!("{line:.60} {header:.40}");
        let (status, text) = raw(gateway.address(), &[line, header, &bearer], []).await;
        assert_eq!(status, good, "{what}: {text:.200}");
        assert!(!text.contains("root"), "{what}: the client's own header is told");
        let (status, text) = raw(gateway.address(), &[line, header], []).await;
        assert_eq!(status, 401, "{what}: {text:.200}");
    }
    bodies(&gateway, &pat).await;
    too_much(&gateway, &bearer).await;
    gateway.stop().await;
}

/// Sent, or announced and never there: nobody reads it.
async fn bodies(gateway: &TestGateway, pat: &str) {
    let path = "/auth/x";
    for framing in ["Content-Length: 1048576", "Transfer-Encoding: chunked"] {
        for (credential, status) in
            [(format!("Authorization: Bearer {pat}"), 200), (String::new(), 401)]
        {
            let head = ["POST /auth/x HTTP/1.1", framing, credential.as_str()];
            let head: Vec<&str> = head.into_iter().filter(|line| !line.is_empty()).collect();
            let (answered, text) = raw(gateway.address(), &head, []).await;
            assert_eq!(answered, status, "{framing}: {text:.200}");
        }
    }
    for _ in 0..5 {
        let request = gateway.request(Method::PUT, path).body(vec![b'x'; 1 << 20]);
        assert_eq!(send(request.try_clone().unwrap()).await.status, 401);
        assert_eq!(send(request.bearer_auth(pat)).await.status, 200);
    }
}

/// What is no request to the server is none to us: it never passes.
async fn too_much(gateway: &TestGateway, bearer: &str) {
    let many = "X-One: 1\r\n".repeat(200) + "X-Last: 1";
    for (line, header) in [
        ("GET /auth HTTP/1.1", many.as_str()),
        ("GET /auth HTTP/1.1", "X-\u{e9}: 1"),
        ("GET /auth HTTP/1.1", "X-A: a\0b"),
        ("GET /auth/\u{e9} HTTP/1.1", "X-A: 1"),
        ("GET //auth HTTP/1.1", "X-A: 1"),
        ("GET /Auth HTTP/1.1", "X-A: 1"),
        ("GET /authx HTTP/1.1", "X-A: 1"),
    ] {
        let (status, text) = raw(gateway.address(), &[line, header, bearer], []).await;
        assert!((400..500).contains(&status), "{line} {header:.40}: {text:.200}");
        assert!(!text.contains("x-auth-"), "{line} {header:.40}: {text:.200}");
    }
}
