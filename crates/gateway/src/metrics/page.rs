//! What is read at a scrape: numbers that somebody else keeps, put into the families of the list.

use std::collections::BTreeMap;

use prometheus::proto::{self, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Registry, TextEncoder};

use super::list::{Counter, Described, Gauge};

/// The families of one scrape.
#[derive(Default)]
pub(super) struct Page(BTreeMap<&'static str, MetricFamily>);

impl Page {
    /// A counter's value. Where there is one with the same labels, both are one.
    pub(super) fn count<const N: usize>(&mut self, of: Counter<N>, labels: [&str; N], value: f64) {
        let metric = self.metric(of.described(), MetricType::COUNTER, &labels);
        let mut counter = proto::Counter::default();
        counter.set_value(metric.get_counter().get_value() + value);
        metric.set_counter(counter);
    }

    /// A gauge's value. The last one of the same labels counts.
    pub(super) fn set<const N: usize>(&mut self, of: Gauge<N>, labels: [&str; N], value: f64) {
        let mut gauge = proto::Gauge::default();
        gauge.set_value(value);
        self.metric(of.described(), MetricType::GAUGE, &labels).set_gauge(gauge);
    }

    fn metric(&mut self, of: &Described, kind: MetricType, labels: &[&str]) -> &mut Metric {
        let family = self.0.entry(of.name).or_insert_with(|| {
            let mut family = MetricFamily::default();
            family.set_name(of.name.to_owned());
            family.set_help(of.help.to_owned());
            family.set_field_type(kind);
            family
        });
        let metrics = family.mut_metric();
        let same = |metric: &Metric| {
            metric.get_label().iter().map(LabelPair::value).eq(labels.iter().copied())
        };
        let place = metrics.iter().position(same).unwrap_or_else(|| {
            metrics.push(Metric::from_label(pairs(of, labels)));
            metrics.len() - 1
        });
        &mut metrics[place]
    }

    /// The text format, with what was recorded in `registry`.
    pub(super) fn text(self, registry: &Registry) -> prometheus::Result<String> {
        let mut all = registry.gather();
        all.extend(self.0.into_values());
        all.sort_by(|a, b| a.name().cmp(b.name()));
        TextEncoder::new().encode_to_string(&all)
    }
}

fn pairs(of: &Described, labels: &[&str]) -> Vec<LabelPair> {
    let pair = |(name, value): (&&str, &&str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    of.labels.iter().zip(labels).map(pair).collect()
}
