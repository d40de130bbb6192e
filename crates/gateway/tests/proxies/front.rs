//! Behind nginx, a client is who nginx saw.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use portcullis_base::SystemRandomness;
use portcullis_gateway::config::{self, Environment, Sources};
use portcullis_gateway::data_dir::DataDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use crate::proxy::{Kind, Proxy};
use crate::support::{Database, TestGateway};

async fn start(database: &Database, trusted: &str) -> TestGateway {
    let file = database.configuration((0, 0), "");
    let text = fs::read_to_string(&file).unwrap();
    let server = format!("[server]\ntrusted_proxies = {trusted}\n");
    fs::write(&file, text.replacen("[server]\n", &server, 1)).unwrap();
    let data_dir = DataDir::at(database.folder().join("data"));
    let sources = Sources { file: Some(file), data_dir, environment: Environment::default() };
    TestGateway::of(&config::load(&sources, &SystemRandomness).unwrap()).await
}

/// The status of a request with a wrong token, from `127.0.0.<last>`, who says that he is somebody else.
async fn fail(proxy: SocketAddr, last: u8, lie: usize) -> u16 {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
    let mut stream = socket.connect(proxy).await.unwrap();
    let lie = format!("203.0.{}.{}", lie / 200, lie % 200);
    let request = format!(
        "GET /v1/revocable_token_types HTTP/1.1\r\nHost: a\r\nAuthorization: wrong\r\n\
         X-Forwarded-For: {lie}\r\nForwarded: for={lie}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_count_for_the_client_that_nginx_saw() {
    for (trusted, alone) in [("[\"127.0.0.1\"]", true), ("[]", false)] {
        let database = Database::sqlite().await;
        let gateway = start(&database, trusted).await;
        let proxy = Proxy::start(Kind::Front, gateway.address(), gateway.address()).await;
        let mut refused = 0;
        for n in 0..2000 {
            refused += usize::from(fail(proxy.address(), 7, n).await == 429);
            if refused == 5 {
                break;
            }
        }
        assert_eq!(refused, 5, "a client that lies about itself is limited all the same");
        let mut seen = [0; 3];
        for (n, status) in seen.iter_mut().enumerate() {
            *status = fail(proxy.address(), 8, n).await;
        }
        if alone {
            assert_eq!(seen, [401; 3], "another client");
        } else {
            assert!(seen.contains(&429), "all are the proxy, as nobody is trusted: {seen:?}");
        }
        gateway.stop().await;
    }
}
