//! What a metric is. Only [the list](super) makes any, so nothing can be recorded that is not declared.

use prometheus::{
    Histogram as Timer, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

/// What a number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows, until the process starts anew.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many were how large.
    Histogram,
}

impl Kind {
    /// As the text format and the reference have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric as it is declared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Described {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) labels: &'static [&'static str],
    /// What is counted or measured; base units alone.
    pub(crate) unit: &'static str,
    pub(crate) help: &'static str,
}

/// Upper bounds in seconds: from a look into a cache to the longest that anybody waits.
const SECONDS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The same for how late a revocation was: up to a day, after which it is given up.
const LATENESS: [f64; 12] =
    [0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 86400.0];

macro_rules! kind {
    ($name:ident, $kind:expr, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $name<const N: usize>(pub(super) Described);

        impl<const N: usize> $name<N> {
            pub(super) const KIND: Kind = $kind;

            pub(crate) const fn described(&self) -> &Described {
                &self.0
            }
        }
    };
}

kind!(Counter, Kind::Counter, "A counter with this many labels.");
kind!(Gauge, Kind::Gauge, "A gauge with this many labels.");
kind!(Seconds, Kind::Histogram, "A histogram of times, from half a millisecond.");
kind!(Lateness, Kind::Histogram, "A histogram of times, up to a day.");

/// A counter that is counted up as things happen.
#[derive(Debug, Clone)]
pub(crate) struct Counting<const N: usize>(IntCounterVec);

/// A gauge that is moved as things happen.
#[derive(Debug, Clone)]
pub(crate) struct Moving<const N: usize>(IntGaugeVec);

/// A histogram that is fed as things happen.
#[derive(Debug, Clone)]
pub(crate) struct Timing<const N: usize>(HistogramVec);

impl<const N: usize> Counter<N> {
    pub(crate) fn live(&self, registry: &Registry) -> Counting<N> {
        let made = IntCounterVec::new(Opts::new(self.0.name, self.0.help), self.0.labels);
        Counting(registered(registry, made))
    }
}

impl<const N: usize> Gauge<N> {
    pub(crate) fn live(&self, registry: &Registry) -> Moving<N> {
        let made = IntGaugeVec::new(Opts::new(self.0.name, self.0.help), self.0.labels);
        Moving(registered(registry, made))
    }
}

impl<const N: usize> Seconds<N> {
    pub(crate) fn live(&self, registry: &Registry) -> Timing<N> {
        timing(&self.0, &SECONDS, registry)
    }
}

impl<const N: usize> Lateness<N> {
    pub(crate) fn live(&self, registry: &Registry) -> Timing<N> {
        timing(&self.0, &LATENESS, registry)
    }
}

impl<const N: usize> Counting<N> {
    pub(crate) fn with(&self, values: [&str; N]) -> IntCounter {
        self.0.with_label_values(&values)
    }
}

impl<const N: usize> Moving<N> {
    pub(crate) fn with(&self, values: [&str; N]) -> IntGauge {
        self.0.with_label_values(&values)
    }
}

impl<const N: usize> Timing<N> {
    pub(crate) fn with(&self, values: [&str; N]) -> Timer {
        self.0.with_label_values(&values)
    }
}

fn timing<const N: usize>(of: &Described, bounds: &[f64], registry: &Registry) -> Timing<N> {
    let options = HistogramOpts::new(of.name, of.help).buckets(bounds.to_vec());
    Timing(registered(registry, HistogramVec::new(options, of.labels)))
}

#[expect(clippy::expect_used, reason = "a test makes all of the list, and each is made once")]
fn registered<C>(registry: &Registry, made: prometheus::Result<C>) -> C
where
    C: prometheus::core::Collector + Clone + 'static,
{
    let made = made.expect("names and labels are well formed");
    registry.register(Box::new(made.clone())).expect("every name is declared once");
    made
}
