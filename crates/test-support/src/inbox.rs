//! A vendor's address on loopback that keeps what is posted to it, to the byte.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::ecdsa::EcdsaSig;
use openssl::pkey::PKey;
use openssl::sha::sha256;
use serde_json::Value;

use crate::Reply;

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

type Answer = dyn Fn(&Post) -> Option<Reply> + Send + Sync;

/// The vendor; gone when dropped.
pub struct Inbox {
    url: String,
    posts: Arc<Mutex<Vec<Post>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Inbox {
    /// Starts one that answers each request as `answer` says; `None` cuts the connection.
    ///
    /// # Panics
    /// Where loopback gives no port.
    pub fn start(answer: impl Fn(&Post) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (posts, ended) = (Arc::<Mutex<Vec<Post>>>::default(), Arc::new(AtomicBool::new(false)));
        let (kept, over) = (Arc::clone(&posts), Arc::clone(&ended));
        let answer: Arc<Answer> = Arc::new(answer);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                // A client that is gone before the end is no concern of the vendor's.
                std::thread::spawn(move || drop(serve(stream, &kept, answer.as_ref())));
            }
        });
        Self { url: format!("http://{address}"), posts, ended, thread: Some(thread) }
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Everything that came, in order.
    pub fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // The thread waits for a connection: this is one.
        drop(TcpStream::connect(self.url.trim_start_matches("http://")));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(mut stream: TcpStream, kept: &Mutex<Vec<Post>>, answer: &Answer) -> std::io::Result<()> {
    let post = read(&mut BufReader::new(stream.try_clone()?))?;
    kept.lock().unwrap_or_else(PoisonError::into_inner).push(post.clone());
    let Some(reply) = answer(&post) else { return stream.shutdown(Shutdown::Both) };
    std::thread::sleep(reply.delay);
    let mut head = format!(
        "HTTP/1.1 {} x\r\nContent-Length: {}\r\nConnection: close\r\n",
        reply.status,
        reply.body.len()
    );
    for (name, value) in &reply.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&reply.body)?;
    stream.shutdown(Shutdown::Write)
}

fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Post> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let first = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Post { line: first, headers, body })
}
