//! Log lines: to standard error, for people or as JSON.

use std::fs::File;
use std::io::{self, IsTerminal as _};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry};

use crate::config::{Log, LogFormat};
use crate::error::StartError;

/// The filter of the process's logger.
#[derive(Clone)]
pub struct LogFilter(Handle<EnvFilter, Registry>);

impl LogFilter {
    /// Filters by this from now on.
    pub(crate) fn set(&self, filter: &str) -> Result<(), StartError> {
        let filter = EnvFilter::try_new(filter).map_err(|e| StartError::new("log", e))?;
        self.0.reload(filter).map_err(|e| StartError::new("log", e))
    }
}

/// Sets the process's logger. Colours only where a terminal shows them.
pub fn init(log: &Log) -> Result<LogFilter, StartError> {
    let terminal = io::stderr().is_terminal();
    let (subscriber, filter) = subscriber(log, terminal, io::stderr)?;
    subscriber.try_init().map_err(|e| StartError::new("log", e))?;
    Ok(filter)
}

/// Sets the process's logger to write plain lines into a file.
pub(crate) fn init_file(log: &Log, file: File) -> Result<(), StartError> {
    let (subscriber, _) = subscriber(log, false, file)?;
    subscriber.try_init().map_err(|e| StartError::new("log", e))
}

type Logger = Box<dyn Subscriber + Send + Sync>;

fn subscriber<W>(log: &Log, terminal: bool, writer: W) -> Result<(Logger, LogFilter), StartError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&log.filter).map_err(|e| StartError::new("log", e))?;
    let (filter, handle) = reload::Layer::new(filter);
    // Of the whole, not of the layer: a layer's own filter keeps its last answer for the thread's next line, and drops that
    // line where the question came from the crate `log` (sqlx asks so) and no line of its own followed.
    let filtered = Registry::default().with(filter).with(filter_fn(may_be_written));
    // Otherwise it would say on standard error that it could not write to standard error, and panic in
    // whatever task had something to log.
    let layer = tracing_subscriber::fmt::layer().log_internal_errors(false).with_writer(writer);
    let logger: Logger = match log.format {
        LogFormat::Human => Box::new(filtered.with(layer.with_ansi(terminal))),
        LogFormat::Json => {
            let layer = layer.with_ansi(false).json().flatten_event(true);
            Box::new(filtered.with(layer))
        }
    };
    Ok((logger, LogFilter(handle)))
}

/// The libraries below us write headers, bodies and statements at their finer levels, and with them
/// secrets: whatever the filter says, such lines come from our own code only.
fn may_be_written(meta: &Metadata<'_>) -> bool {
    // A line at the level `error` for whatever a stranger sends that is no HTTP: he could fill a disk.
    if meta.target().starts_with("actix_http::h1") {
        return false;
    }
    // The server's own start and stop, six lines each, say nothing that ours do not; nor does Postgres, of each migration
    // that is there already.
    let quiet = ["actix_server", "sqlx::postgres::notice"];
    let quiet = quiet.iter().any(|target| meta.target().starts_with(target));
    let loudest = if quiet { Level::WARN } else { Level::INFO };
    *meta.level() <= loudest || meta.target().starts_with("portcullis")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex, PoisonError};
    use tracing::callsite::Callsite;
    use tracing::metadata::Kind;
    use tracing::subscriber::Interest;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(format: LogFormat, filter: &str, terminal: bool) -> String {
        let lines = Lines::default();
        let log = Log { format, filter: filter.to_owned() };
        let copy = lines.clone();
        let (subscriber, _) = subscriber(&log, terminal, move || copy.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(answer = 42, "ours");
            tracing::debug!("ours-fine");
            tracing::info!(target: "h2", "theirs");
            tracing::debug!(target: "h2", "theirs-fine");
            tracing::error!(target: "actix_http::h1::dispatcher", "a stranger's");
            tracing::info!(target: "sqlx::postgres::notice", "it is there already");
            tracing::info!(target: "actix_server::builder", "it is there already");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// What sqlx asks for before each statement.
    struct Statement;

    static STATEMENT: Metadata<'static> = tracing::metadata! {
        name: "statement",
        target: "sqlx::query",
        level: Level::DEBUG,
        fields: &[],
        callsite: &Statement,
        kind: Kind::EVENT,
    };

    impl Callsite for Statement {
        fn set_interest(&self, _: Interest) {}

        fn metadata(&self) -> &Metadata<'_> {
            &STATEMENT
        }
    }

    /// A question by the crate `log` goes straight to the subscriber, and no line follows it.
    #[test]
    fn a_question_whether_a_line_would_be_written_costs_no_other_line() {
        for filter in ["info", "info,portcullis_store=debug", "debug"] {
            let lines = Lines::default();
            let log = Log { format: LogFormat::Json, filter: filter.to_owned() };
            let copy = lines.clone();
            let (subscriber, _) = subscriber(&log, false, move || copy.clone()).unwrap();
            tracing::subscriber::with_default(subscriber, || {
                for _ in 0..3 {
                    tracing::dispatcher::get_default(|logger| logger.enabled(&STATEMENT));
                    tracing::info!("ours");
                }
            });
            let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            assert_eq!(text.lines().count(), 3, "{filter}: {text}");
        }
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = written(LogFormat::Json, "info", true);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["message"], &lines[0]["answer"]), (&"ours".into(), &42.into()));
    }

    #[test]
    fn colours_are_for_terminals() {
        assert!(written(LogFormat::Human, "info", true).contains('\u{1b}'));
        assert!(!written(LogFormat::Human, "info", false).contains('\u{1b}'));
    }

    #[test]
    fn the_filter_rules_except_for_the_fine_lines_of_libraries() {
        let all = written(LogFormat::Human, "trace,h2=trace", false);
        assert!(all.contains("ours-fine") && all.contains("theirs"));
        assert!(!all.contains("theirs-fine") && !all.contains("there already"));
        assert!(!all.contains("stranger"));
        assert!(!written(LogFormat::Human, "info", false).contains("fine"));
        assert_eq!(written(LogFormat::Human, "off", false), "");
    }
}
