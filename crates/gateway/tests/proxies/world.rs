//! A gateway, a service and a proxy before both.

use std::time::Duration;

use crate::proxy::{Kind, Proxy};
use crate::raw::raw;
use crate::service::{Request, Service};
use crate::support::{Database, TestGateway};

/// The headers that a 200 of `/auth` has.
pub(crate) const NAMES: [&str; 6] = [
    "X-Auth-Identity",
    "X-Auth-Email",
    "X-Auth-Method",
    "X-Auth-Scopes",
    "X-Auth-Gerrit-Account",
    "X-Auth-Gerrit-Change",
];

/// What an honest value never is.
pub(crate) const FORGED: &str = "root-by-forgery";

pub(crate) struct World {
    pub(crate) gateway: TestGateway,
    pub(crate) service: Service,
    pub(crate) proxy: Proxy,
    /// `Authorization` of `user:ann`, who has no scopes.
    pub(crate) ann: String,
    /// `Authorization` of `user:bob`, who may deploy.
    pub(crate) bob: String,
    // Gone after the gateway.
    _database: Database,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    /// The answer with its head.
    pub(crate) text: String,
    /// What arrived at the service.
    pub(crate) arrived: Vec<Request>,
}

impl Outcome {
    /// The one request that arrived, which the service answered.
    #[track_caller]
    pub(crate) fn served(mut self) -> Request {
        assert!(self.status == 200 && self.text.ends_with("served"), "{self:?}");
        assert_eq!(self.arrived.len(), 1, "{self:?}");
        self.arrived.remove(0)
    }

    /// The status of a request that the service never saw.
    #[track_caller]
    pub(crate) fn refused(&self) -> u16 {
        assert!(self.arrived.is_empty() && !self.text.ends_with("served"), "{self:?}");
        self.status
    }
}

impl World {
    pub(crate) async fn start(kind: Kind) -> Self {
        let database = Database::sqlite().await;
        let profile = "[auth.profiles.deploy]\nscopes = [\"deploy\"]\n";
        let gateway = TestGateway::start(&database, profile).await;
        let service = Service::start("200 OK", "");
        let proxy = Proxy::start(kind, gateway.address(), service.address()).await;
        let hour = Duration::from_hours(1);
        let ann = gateway.mint_for("user:ann", &[], hour).await.token;
        let bob = gateway.mint_for("user:bob", &["deploy", "read"], hour).await.token;
        let [ann, bob] = [ann, bob].map(|token| format!("Authorization: Bearer {token}"));
        Self { gateway, service, proxy, ann, bob, _database: database }
    }

    /// Sends a request line and headers, a line each.
    pub(crate) async fn ask(&self, head: &[&str]) -> Outcome {
        self.send(head, Vec::new()).await
    }

    pub(crate) async fn send(&self, head: &[&str], pieces: Vec<Vec<u8>>) -> Outcome {
        let (status, text) = raw(self.proxy.address(), head, pieces).await;
        Outcome { status, text, arrived: self.service.taken() }
    }

    pub(crate) async fn stop(self) {
        self.gateway.stop().await;
    }
}

/// The six values, empty where the header is absent. Nothing else that could be taken for one of them is
/// there, nor any value of the client's.
#[track_caller]
pub(crate) fn told(request: &Request) -> [String; 6] {
    for (name, value) in request.headers.iter().chain(&request.trailers) {
        assert!(!value.contains(FORGED), "{request:?}");
        let folded = name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let ours = NAMES.iter().any(|ours| name.eq_ignore_ascii_case(ours));
        assert!(ours || !folded.starts_with("x-auth-"), "{request:?}");
    }
    NAMES.map(|name| {
        let values = request.all(name);
        assert!(values.len() <= 1, "{name}: {request:?}");
        values.first().copied().unwrap_or_default().to_owned()
    })
}

/// What is told of `user:ann`.
pub(crate) fn ann() -> [String; 6] {
    ["user:ann", "", "pat", "", "", ""].map(str::to_owned)
}

/// What is told of `user:bob`.
pub(crate) fn bob() -> [String; 6] {
    ["user:bob", "", "pat", "deploy read", "", ""].map(str::to_owned)
}
