//! A vendor's address on loopback that keeps what is posted to it, to the byte.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::ecdsa::EcdsaSig;
use openssl::pkey::PKey;
use openssl::sha::sha256;
use serde_json::Value;

use crate::{Act, Asked, Reply, Vendor};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Post {
    /// The method and the path.
    pub line: String,
    /// By lowercase name.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Post {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The entry of a document of public keys by which this was signed after GitLab's partner protocol, as
    /// a vendor finds it: by its identifier, and only where the signature holds over the very bytes.
    pub fn signer<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        let identifier = self.headers.get("gitlab-public-key-identifier")?;
        let signature = STANDARD.decode(self.headers.get("gitlab-public-key-signature")?).ok()?;
        let mut keys = document["public_keys"].as_array()?.iter();
        let entry = keys.find(|key| key["key_identifier"] == *identifier)?;
        let key = PKey::public_key_from_pem(entry["key"].as_str()?.as_bytes()).ok()?;
        let signature = EcdsaSig::from_der(&signature).ok()?;
        let holds = signature.verify(&sha256(&self.body), &*key.ec_key().ok()?).ok()?;
        holds.then_some(entry)
    }
}

impl From<&Asked> for Post {
    fn from(asked: &Asked) -> Self {
        let line = format!("{} {}", asked.method, asked.target);
        Self { line, headers: asked.headers.iter().cloned().collect(), body: asked.body.clone() }
    }
}

/// The vendor; gone when dropped.
pub struct Inbox(Vendor);

impl Inbox {
    /// Starts one that answers each request as `answer` says; `None` cuts the connection.
    ///
    /// # Panics
    /// Where loopback gives no port.
    pub fn start(answer: impl Fn(&Post) -> Option<Reply> + Send + 'static) -> Self {
        Self(Vendor::start(move |asked| answer(&Post::from(asked)).map_or(Act::Cut, Act::Say)))
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        self.0.url()
    }

    /// Everything that came, in order.
    pub fn posts(&self) -> Vec<Post> {
        self.0.asked().iter().map(Post::from).collect()
    }
}
