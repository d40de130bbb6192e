//! The server and the handle to it.

use std::any::Any;
use std::fmt;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServerHandle};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};

use crate::call::Call;
use crate::fault::{Aim, Fault};
use crate::token::{TokenSpec, TokenState};
use crate::world::{RecordedRequest, World};
use crate::{answer, api};

/// As nginx; a client that pools connections drops them earlier, so none is closed under a request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// A running GitLab on loopback, gone when dropped.
pub struct FakeGitlab {
    url: String,
    pub(crate) world: Arc<World>,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl FakeGitlab {
    /// Starts one at the root of its address.
    ///
    /// # Panics
    /// Where loopback gives no port.
    pub fn start() -> Self {
        Self::start_under("")
    }

    /// Starts one below a path such as `/gitlab` (GitLab's "relative URL root").
    ///
    /// # Panics
    /// Where loopback gives no port.
    #[expect(clippy::expect_used, reason = "a test or a demo cannot go on without")]
    pub fn start_under(root: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback");
        let address = listener.local_addr().expect("a bound listener has an address");
        let url = format!("http://{address}{root}");
        let world = Arc::new(World::at(url.clone()));
        let site = Site { root: root.to_owned(), world: Arc::clone(&world) };
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    App::new()
                        .app_data(web::Data::new(site.clone()))
                        .default_service(web::to(handle))
                })
                .on_connect(keep_connection)
                .keep_alive(KEEP_ALIVE)
                .workers(2)
                .disable_signals()
                .listen(listener)
                .expect("a bound listener can be listened on")
                .run();
                drop(sender.send(server.handle()));
                server.await.expect("the server ends when told to");
            });
        });
        let handle = receiver.recv().expect("the server starts");
        Self { url, world, handle, thread: Some(thread) }
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets it know an active personal access token.
    pub fn add_token(&self, token: &str) {
        self.add_token_with(token, TokenSpec::default());
    }

    /// Lets it know a token. One that it knows already is made anew.
    pub fn add_token_with(&self, token: &str, spec: TokenSpec) {
        self.world.lock().add(std::iter::once(token), spec);
    }

    /// Lets it know many active personal access tokens.
    pub fn add_tokens<'a>(&self, tokens: impl IntoIterator<Item = &'a str>) {
        self.world.lock().add(tokens.into_iter(), TokenSpec::default());
    }

    /// Lets it know many tokens that are alike.
    pub fn add_tokens_with<'a>(&self, tokens: impl IntoIterator<Item = &'a str>, spec: TokenSpec) {
        self.world.lock().add(tokens.into_iter(), spec);
    }

    /// How a token stands; `None` for one that it does not know.
    pub fn state(&self, token: &str) -> Option<TokenState> {
        self.world.lock().state(token)
    }

    /// Changes how a token that it knows stands.
    pub fn set_state(&self, token: &str, state: TokenState) {
        if let Some(token) = self.world.lock().tokens.get_mut(token) {
            token.state = state;
        }
    }

    /// Switches the revocation by administrators on: GitLab's feature flag `api_admin_token_revoke`,
    /// which is off at first.
    pub fn allow_admin_revocation(&self, on: bool) {
        self.world.lock().admin_revocation = on;
    }

    /// Switches the use of impersonation tokens off, or on again as at first.
    pub fn allow_impersonation(&self, on: bool) {
        self.world.lock().impersonation_off = !on;
    }

    /// All requests so far, in the order of their coming.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.world.lock().requests.clone()
    }

    /// How many requests of this method came to this path. The path counts from the root of the
    /// address.
    pub fn count(&self, method: &str, path: &str) -> usize {
        let contents = self.world.lock();
        contents.requests.iter().filter(|r| r.method == method && r.path == path).count()
    }

    /// The next `times` requests go wrong in this way, after those planned before.
    pub fn fault_next(&self, times: usize, fault: Fault) {
        self.world.lock().faults.plan(Aim::default(), times, fault);
    }

    /// As [`Self::fault_next`], for requests of this method only.
    pub fn fault_next_of(&self, method: &str, times: usize, fault: Fault) {
        let aim = Aim { method: Some(method.to_owned()), path: None };
        self.world.lock().faults.plan(aim, times, fault);
    }

    /// As [`Self::fault_next_of`], where the path (counted from the root of the address) also begins
    /// or ends with `path`.
    pub fn fault_next_at(&self, method: &str, path: &str, times: usize, fault: Fault) {
        let aim = Aim { method: Some(method.to_owned()), path: Some(path.to_owned()) };
        self.world.lock().faults.plan(aim, times, fault);
    }

    /// Every request goes wrong in this way, beside those that are planned; `None` ends that.
    pub fn fault_always(&self, fault: Option<Fault>) {
        self.world.lock().faults.always = fault;
    }

    /// Nothing goes wrong any more of what is still planned.
    pub fn forget_faults(&self) {
        self.world.lock().faults.forget();
    }
}

impl Drop for FakeGitlab {
    fn drop(&mut self) {
        // The order to stop is given by the call; what it returns would only wait.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed, and this may be one already.
            drop(thread.join());
        }
    }
}

impl fmt::Debug for FakeGitlab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FakeGitlab({})", self.url)
    }
}

#[derive(Clone)]
struct Site {
    root: String,
    world: Arc<World>,
}

/// A second handle on a connection's socket, by which a request can cut it.
struct Connection(TcpStream);

fn keep_connection(connection: &dyn Any, data: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<rt::net::TcpStream>() else { return };
    if let Ok(socket) = stream.as_fd().try_clone_to_owned() {
        data.insert(Connection(TcpStream::from(socket)));
    }
}

fn cut(request: &HttpRequest) -> HttpResponse {
    if let Some(Connection(socket)) = request.conn_data() {
        drop(socket.shutdown(Shutdown::Both));
    }
    // Written to a closed socket: nobody gets it.
    HttpResponse::InternalServerError().finish()
}

impl Site {
    fn answer(&self, call: Option<&Call>, number: usize) -> HttpResponse {
        let Some(call) = call else { return answer::html(404) };
        let answer = api::answer(&mut self.world.lock(), call);
        answer.into_response(number)
    }

    /// Does it later, whatever becomes of the connection. With the server it is forgotten.
    fn do_later(&self, call: Option<Call>, number: usize, delay: Duration) {
        let site = self.clone();
        rt::spawn(async move {
            rt::time::sleep(delay).await;
            drop(site.answer(call.as_ref(), number));
        });
    }
}

async fn handle(request: HttpRequest, body: web::Bytes, site: web::Data<Site>) -> HttpResponse {
    let token = request.headers().get("PRIVATE-TOKEN").and_then(|value| value.to_str().ok());
    let (number, fault) = site.world.receive(RecordedRequest {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        private_token: token.map(str::to_owned),
        at: Instant::now(),
    });
    let call = request.path().strip_prefix(&site.root).map(|path| Call::of(&request, path, body));
    match fault {
        None => site.answer(call.as_ref(), number),
        Some(Fault::Delay(delay)) => {
            rt::time::sleep(delay).await;
            site.answer(call.as_ref(), number)
        }
        Some(Fault::AnsweredLate(delay)) => {
            let answer = site.answer(call.as_ref(), number);
            rt::time::sleep(delay).await;
            answer
        }
        Some(Fault::Status { status, retry_after }) => answer::failure(status, retry_after, number),
        Some(Fault::DropBefore) => cut(&request),
        Some(Fault::DropAfter) => {
            drop(site.answer(call.as_ref(), number));
            cut(&request)
        }
        Some(Fault::LateAfterCut(delay)) => {
            site.do_later(call, number, delay);
            cut(&request)
        }
        Some(Fault::LateUnanswered(delay)) => {
            site.do_later(call, number, delay);
            std::future::pending().await
        }
        Some(Fault::Html { status }) => answer::html(status),
        Some(Fault::PlainUnauthorized) => answer::plain_unauthorized(),
    }
}
