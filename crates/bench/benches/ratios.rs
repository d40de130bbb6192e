//! The table of `make bench`.

#[path = "ratios/auth.rs"]
mod auth;
#[path = "ratios/claims.rs"]
mod claims;
#[path = "ratios/database.rs"]
mod database;
#[path = "ratios/ingest.rs"]
mod ingest;
#[path = "ratios/issue.rs"]
mod issue;
#[path = "ratios/jwt.rs"]
mod jwt;
#[path = "ratios/lent.rs"]
mod lent;
#[path = "ratios/load.rs"]
mod load;
#[path = "ratios/loans.rs"]
mod loans;
#[path = "ratios/measure.rs"]
mod measure;
#[path = "ratios/origin.rs"]
mod origin;
#[path = "ratios/pat.rs"]
mod pat;
#[path = "ratios/process.rs"]
mod process;
#[path = "ratios/queue.rs"]
mod queue;
#[path = "ratios/replicas.rs"]
mod replicas;
#[path = "ratios/report.rs"]
mod report;
#[path = "ratios/resign.rs"]
mod resign;
#[path = "ratios/revoked.rs"]
mod revoked;
#[path = "ratios/row.rs"]
mod row;
#[path = "ratios/speed.rs"]
mod speed;
#[path = "ratios/start.rs"]
mod start;
#[path = "ratios/waiting.rs"]
mod waiting;

use std::future::Future;
use std::pin::Pin;

use row::Row;

type Rows = Pin<Box<dyn Future<Output = Vec<Row>>>>;
type Theme = (&'static str, fn() -> Rows);

/// What can be measured alone, by name.
const THEMES: [Theme; 11] = [
    ("pat", || Box::pin(async { pat::rows() })),
    ("jwt", || Box::pin(async { jwt::rows() })),
    ("auth", || Box::pin(auth::rows())),
    ("resign", || Box::pin(resign::rows())),
    ("ingest", || Box::pin(ingest::rows())),
    ("claims", || Box::pin(claims::rows())),
    ("replicas", || Box::pin(replicas::rows())),
    ("revoked", || Box::pin(revoked::rows())),
    ("waiting", || Box::pin(waiting::rows())),
    ("lent", || Box::pin(lent::rows())),
    ("start", || Box::pin(start::rows())),
];

fn main() {
    // Cargo says `--bench` to every bench.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let Some(unknown) = wanted.iter().find(|word| THEMES.iter().all(|(name, _)| name != *word)) {
        eprintln!("there is no `{unknown}`; there are {}", THEMES.map(|(name, _)| name).join(", "));
        std::process::exit(2);
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut rows = Vec::new();
    for (name, measure) in THEMES {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            eprintln!("measuring {name} …");
            rows.extend(runtime.block_on(measure()));
        }
    }
    row::print(&rows);
    let machine = runtime.block_on(report::machine());
    report::write(&machine, &rows);
}
