//! A git server behind GitLab's door: `git http-backend`, which git itself brings, and whoever shows a
//! token of theirs that lets them write comes in.

use std::io::{Seek as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::http::header::WWW_AUTHENTICATE;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use portcullis_base::secret::ExposeSecret as _;
use portcullis_fake_gitlab::{FakeGitlab, TokenState};
use portcullis_web::{Authorization, authorization};

/// The user whose repository it is, by login and number.
pub(crate) const USER: (&str, u64) = ("sample-user", 2);

const LONGEST_PUSH: usize = 16 << 20;

/// The running server; it serves every repository in its folder.
pub(crate) struct GitServer {
    address: SocketAddr,
    handle: ServerHandle,
}

struct Place {
    gitlab: Arc<FakeGitlab>,
    root: PathBuf,
}

impl GitServer {
    pub(crate) fn start(gitlab: Arc<FakeGitlab>, root: &Path) -> Self {
        let place = Data::new(Place { gitlab, root: root.to_owned() });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(place.clone())
                .app_data(web::PayloadConfig::new(LONGEST_PUSH))
                .default_service(web::to(handle))
        });
        let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { address, handle }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn stop(self) {
        self.handle.stop(true).await;
    }
}

async fn handle(request: HttpRequest, body: Bytes, place: Data<Place>) -> HttpResponse {
    if !place.lets_in(&request) {
        let challenge = (WWW_AUTHENTICATE, "Basic realm=\"GitLab\"");
        return HttpResponse::Unauthorized().insert_header(challenge).finish();
    }
    let mut backend = Command::new("git");
    backend
        .arg("http-backend")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_PROJECT_ROOT", &place.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", USER.0)
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("REQUEST_METHOD", request.method().as_str())
        .env("PATH_INFO", request.path())
        .env("QUERY_STRING", request.query_string())
        .env("CONTENT_LENGTH", body.len().to_string());
    for (header, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ] {
        if let Some(value) = request.headers().get(header) {
            backend.env(variable, value.to_str().unwrap());
        }
    }
    let answer = web::block(move || run(backend, &body)).await.unwrap();
    of_cgi(&answer)
}

impl Place {
    /// As GitLab: the password is a token of the user's, which lives and lets them write. What stands
    /// before it does not matter.
    fn lets_in(&self, request: &HttpRequest) -> bool {
        let Authorization::Basic { password, .. } = authorization(request.headers()) else {
            return false;
        };
        let token = password.expose_secret();
        let scopes = self.gitlab.scopes_of(token).unwrap_or_default();
        let theirs = self.gitlab.impersonation_tokens(USER.1);
        theirs.iter().any(|one| one.token == token)
            && self.gitlab.state(token) == Some(TokenState::Active)
            && scopes.iter().any(|scope| scope == "write_repository")
    }
}

/// What it writes. Its body waits in a file, so that neither side waits for the other.
fn run(mut backend: Command, body: &[u8]) -> Vec<u8> {
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(body).unwrap();
    input.rewind().unwrap();
    backend.stdin(input).stderr(Stdio::inherit());
    let output = backend.output().unwrap();
    assert!(output.status.success(), "git http-backend: {}", output.status);
    output.stdout
}

/// The answer that a CGI program writes (RFC 3875, section 6).
fn of_cgi(output: &[u8]) -> HttpResponse {
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let (mut status, mut headers) = (200, Vec::new());
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let (name, value) = line.split_once(": ").unwrap();
        match name {
            "Status" => status = value[..3].parse().unwrap(),
            _ => headers.push((name.to_owned(), value.to_owned())),
        }
    }
    let mut response = HttpResponse::build(status.try_into().unwrap());
    for header in headers {
        response.insert_header(header);
    }
    response.body(output[end + 4..].to_vec())
}
