//! How far it is, on a terminal.

use std::io::Read;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::read::Opened;
use crate::commands::remote::RemoteError;

/// A bar on standard error; nothing where that is no terminal, or machines read.
pub(super) struct Progress {
    bar: ProgressBar,
    shown: bool,
}

impl Progress {
    pub(super) fn new(for_machines: bool) -> Self {
        let shown = !for_machines;
        Self { bar: ProgressBar::hidden(), shown }
    }

    /// Begins to read.
    pub(super) fn reading(&mut self, report: &Opened) {
        let template = match report.length {
            Some(_) => "reading  {wide_bar} {bytes}/{total_bytes}",
            None => "reading  {spinner} {bytes}",
        };
        self.begin(report.length, template);
    }

    /// Begins to send so many.
    pub(super) fn sending(&mut self, items: usize) {
        self.begin(Some(items as u64), "sending  {wide_bar} {pos}/{len} {msg}");
    }

    /// Looks at what is read.
    pub(super) fn watch(&self, reader: Box<dyn Read>) -> Box<dyn Read> {
        Box::new(self.bar.wrap_read(reader))
    }

    pub(super) fn advance(&self, items: usize) {
        self.bar.inc(items as u64);
    }

    /// Waits, and says why.
    pub(super) async fn wait(&self, time: Duration, error: &RemoteError) {
        self.bar.set_message(format!("waiting ({})", error.code()));
        tokio::time::sleep(time).await;
        self.bar.set_message("");
    }

    /// Makes room for what is said at last.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn begin(&mut self, length: Option<u64>, template: &str) {
        self.end();
        if self.shown {
            let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template(template);
            self.bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        }
    }
}
