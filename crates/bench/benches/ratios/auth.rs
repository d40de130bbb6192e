//! `/auth` over HTTP, against actix-web that does nothing but answer.

use std::time::Duration;

use portcullis_pat::DEFAULT_PREFIX;
use portcullis_test_support::Cluster;

use crate::database::Database;
use crate::load::Load;
use crate::measure::median;
use crate::process::{Gateway, Process, bare_hello};
use crate::row::Row;

const ROUNDS: usize = 7;
const WARM_UP: Duration = Duration::from_millis(500);
const ROUND: Duration = Duration::from_secs(1);

/// One server under one kind of request, measured in turn with the others.
struct Contender<'a> {
    process: &'a Process,
    load: Load,
    rates: Vec<f64>,
    microseconds: Vec<f64>,
}

impl<'a> Contender<'a> {
    fn new(process: &'a Process, load: Load) -> Self {
        Self { process, load, rates: Vec::new(), microseconds: Vec::new() }
    }

    async fn round(&mut self) {
        let before = self.process.used();
        let rate = self.load.run(ROUND).await;
        let used = self.process.used().saturating_sub(before).as_secs_f64();
        self.rates.push(rate);
        self.microseconds.push(used / (rate * ROUND.as_secs_f64()) * 1e6);
    }
}

pub(crate) async fn rows() -> Vec<Row> {
    let (hello, hello_port) = bare_hello();
    let database = Database::sqlite();
    let (gateway, _) = Gateway::start(&database.url(), None).await;
    let (pat, forged) = (gateway.mint().await, forged());
    let auth = |token, status| Load::new(gateway.port, "/auth", Some(token), status);
    let mut contenders = [
        Contender::new(&hello, Load::new(hello_port, "/", None, 200)),
        Contender::new(&gateway.process, auth(&pat, 200)),
        Contender::new(&gateway.process, auth(&forged, 401)),
    ];
    for contender in &contenders {
        contender.load.run(WARM_UP).await;
    }
    for _ in 0..ROUNDS {
        for contender in &mut contenders {
            contender.round().await;
        }
    }
    let [hello, good, forged] = contenders.map(|c| (median(c.rates), median(c.microseconds)));
    let row = |what, ours: (f64, f64), bar| {
        Row::ratio(what, "answers a second", ours.0, hello.0, bar).noting(format!(
            "the server's own processor time: {:.1} µs an answer, the baseline's {:.1} µs",
            ours.1, hello.1
        ))
    };
    vec![
        row("/auth with a PAT, its record cached, against a bare hello", good, 0.70),
        row("/auth with a forged PAT, against a bare hello", forged, 0.85),
        without_a_database().await,
    ]
}

/// A query would be answered 503 here.
async fn without_a_database() -> Row {
    let mut cluster = Cluster::start();
    let (gateway, _) = Gateway::start(&cluster.url("postgres"), None).await;
    cluster.stop();
    let seen = Load::new(gateway.port, "/auth", Some(&forged()), 401).tally(ROUND).await;
    let what = "forged PATs not answered 401 while the database is stopped";
    Row::bound(what, "answers", f64::from(seen.others), 0.0)
        .noting(format!("of {:.0} in a second", seen.rate))
}

/// Of the right form, and signed by nobody.
fn forged() -> String {
    format!("{DEFAULT_PREFIX}{}.{}", "A".repeat(43), "x".repeat(40))
}
