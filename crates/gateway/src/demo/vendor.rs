//! A server on loopback for all who are not GitLab: a vendor that revokes, another that is told, a
//! webhook, and GitHub's public keys.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

/// Where one vendor revokes its keys.
pub(super) const REVOKE: &str = "/revoke";
/// Where another is told what leaked.
pub(super) const LEAKS: &str = "/leaks";
/// Where people are told.
pub(super) const HOOK: &str = "/hook";
/// Where GitHub publishes its keys.
pub(super) const KEYS: &str = "/keys";

/// The server; it goes with the demo.
pub(super) struct Vendor {
    url: String,
    desk: Arc<Mutex<Desk>>,
    handle: ServerHandle,
}

#[derive(Default)]
struct Desk {
    alive: HashSet<String>,
    lying: bool,
    published: Value,
    posts: Vec<Post>,
}

/// A request as it came. Its body has secrets in it.
#[derive(Clone)]
pub(super) struct Post {
    path: String,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Vendor {
    /// Starts it. Must be called in a runtime.
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let desk = Arc::<Mutex<Desk>>::default();
        let shared = web::Data::from(Arc::clone(&desk));
        let app = move || App::new().app_data(shared.clone()).default_service(web::to(answer));
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { url, desk, handle })
    }

    /// Its address, without a slash at the end.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Lets the vendor know a key that works.
    pub(super) fn add(&self, key: &SecretString) {
        lock(&self.desk).alive.insert(key.expose_secret().to_owned());
    }

    /// Whether this key works there.
    pub(super) fn knows(&self, key: &SecretString) -> bool {
        lock(&self.desk).alive.contains(key.expose_secret())
    }

    /// Whether it says 200 from now on and does nothing.
    pub(super) fn lie(&self, lying: bool) {
        lock(&self.desk).lying = lying;
    }

    /// What GitHub publishes from now on.
    pub(super) fn publish(&self, keys: Value) {
        lock(&self.desk).published = keys;
    }

    /// What was posted to this path so far.
    pub(super) fn posts(&self, path: &str) -> Vec<Post> {
        lock(&self.desk).posts.iter().filter(|post| post.path == path).cloned().collect()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        // The order to stop is given by the call; what it returns would only wait.
        drop(self.handle.stop(false));
    }
}

impl Post {
    /// What a header says, by its lowercase name; empty where there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        headers.find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }
}

impl Desk {
    fn revoke(&mut self, body: &str) -> HttpResponse {
        if self.lying {
            return HttpResponse::Ok().json(json!({"error": "come back later"}));
        }
        let asked: Value = serde_json::from_str(body).unwrap_or_default();
        if self.alive.remove(asked["key"].as_str().unwrap_or_default()) {
            HttpResponse::Ok().json(json!({"error": null}))
        } else {
            HttpResponse::NotFound().finish()
        }
    }
}

async fn answer(request: HttpRequest, body: String, desk: web::Data<Mutex<Desk>>) -> HttpResponse {
    let mut desk = lock(&desk);
    let answer = match request.path() {
        REVOKE => desk.revoke(&body),
        LEAKS => HttpResponse::Accepted().finish(),
        HOOK => HttpResponse::NoContent().finish(),
        KEYS => HttpResponse::Ok().json(&desk.published),
        _ => HttpResponse::NotFound().finish(),
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    desk.posts.push(Post { path: request.path().to_owned(), headers, body });
    answer
}

/// Each change is whole, so what somebody who panicked left behind is good.
fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}
