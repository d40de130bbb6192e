//! The baseline of `/auth`: actix-web that does nothing but answer. It prints its port and serves
//! until it is killed.

use actix_web::{App, HttpServer, web};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let app = || App::new().route("/", web::get().to(|| async { "hello" }));
    // As many workers as the gateway has where nothing is configured: one per core.
    let server = HttpServer::new(app).bind(("127.0.0.1", 0))?;
    for address in server.addrs() {
        println!("{}", address.port());
    }
    server.run().await
}
