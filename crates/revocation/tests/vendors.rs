//! Every preset against a server on loopback that behaves as the vendor's documents say, and worse.

#[path = "vendors/batch.rs"]
mod batch;
#[path = "vendors/breakout.rs"]
mod breakout;
#[path = "vendors/docs.rs"]
mod docs;
#[path = "vendors/exchange.rs"]
mod exchange;
#[path = "vendors/support.rs"]
mod support;
#[path = "vendors/table.rs"]
mod table;
#[path = "vendors/trouble.rs"]
mod trouble;
