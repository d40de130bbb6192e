//! Watches the queue from outside: what has ended never changes again, and nothing vanishes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::client::{self, Client, Row};

const BETWEEN: Duration = Duration::from_millis(300);

/// A task that looks again and again.
pub(crate) struct Witness {
    task: JoinHandle<Memory>,
    stop: Arc<AtomicBool>,
}

/// Rows as they were last seen.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    rows: HashMap<String, Row>,
    /// How often it looked.
    pub(crate) looks: usize,
    /// What may not be.
    pub(crate) violations: Vec<String>,
}

impl Witness {
    pub(crate) fn start(clients: &[Client]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(watch(clients.to_vec(), Arc::clone(&stop)));
        Self { task, stop }
    }

    pub(crate) async fn stop(self) -> Memory {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("the task does not panic")
    }
}

async fn watch(clients: Vec<Client>, stop: Arc<AtomicBool>) -> Memory {
    let mut memory = Memory::default();
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(BETWEEN).await;
        if let Some(rows) = client::rows(&clients, "").await {
            memory.compare(rows);
            memory.looks += 1;
        }
    }
    memory
}

impl Memory {
    /// How many rows it knows to have ended.
    pub(crate) fn ended(&self) -> usize {
        self.rows.values().filter(|row| row.ended_at.is_some()).count()
    }

    /// Takes in all rows of one look.
    pub(crate) fn compare(&mut self, rows: Vec<Row>) {
        let rows: HashMap<String, Row> =
            rows.into_iter().map(|row| (row.fingerprint.clone(), row)).collect();
        for (fingerprint, before) in &self.rows {
            match rows.get(fingerprint) {
                None => self.violations.push(format!("{} vanished", &fingerprint[..8])),
                Some(now) if before.ended_at.is_some() && now != before => {
                    let (from, to) = (&before.state, &now.state);
                    self.violations.push(format!("{}: {from} became {to}", &fingerprint[..8]));
                }
                Some(_) => {}
            }
        }
        self.rows = rows;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: &str, ended_at: Option<&str>) -> Row {
        Row {
            fingerprint: "0123456789".into(),
            state: state.into(),
            ended_at: ended_at.map(str::to_owned),
            attempts: 1,
        }
    }

    #[test]
    fn an_end_that_changes_is_told() {
        let told = |looks: Vec<Vec<Row>>| {
            let mut memory = Memory::default();
            for rows in looks {
                memory.compare(rows);
            }
            memory.violations
        };
        let ended = || vec![row("revoked", Some("1"))];
        let none: Vec<String> = Vec::new();
        assert_eq!(told(vec![vec![row("pending", None)], ended(), ended()]), none);
        assert_eq!(told(vec![ended(), vec![row("inactive", Some("1"))]]).len(), 1);
        assert_eq!(told(vec![ended(), vec![row("revoked", Some("2"))]]).len(), 1);
        assert_eq!(told(vec![vec![row("pending", None)], Vec::new()]), ["01234567 vanished"]);
    }
}
