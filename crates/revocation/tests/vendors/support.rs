//! Providers as the configuration makes them, but for the host.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::SecretString;
use portcullis_revocation::formats::Format;
use portcullis_revocation::http::presets::Preset;
use portcullis_revocation::http::{Call, Description, HttpProvider, Rate};
use portcullis_revocation::provider::{Attempt, Finding, Provider as _, Verdict};
use portcullis_test_support::{Act, Reply};
use reqwest::Client;
use serde_json::json;

/// Reading the system's certificates takes longer than everything else here.
static CLIENT: LazyLock<Client> = LazyLock::new(|| client(&ClientOptions::default()).unwrap());

/// The operator's own credential, where a vendor wants one.
pub(crate) const OWN: &str = "the-operators-own";

/// The provider of this preset, with its own formats, at `base` instead of the vendor's host.
pub(crate) fn provider(name: &str, base: &str) -> HttpProvider {
    with_formats(name, base, str::to_owned)
}

/// The same with its formats changed, to let through what they would keep out.
pub(crate) fn with_formats(
    name: &str,
    base: &str,
    change: impl Fn(&str) -> String,
) -> HttpProvider {
    made(name, base, |_| {}, change)
}

/// The same at another rate.
pub(crate) fn at_rate(name: &str, base: &str, requests: u32, seconds: u64) -> HttpProvider {
    made(name, base, |call| call.rate = Some(Rate { requests, seconds }), str::to_owned)
}

/// The same with as many as `most` in a request.
pub(crate) fn in_batches(name: &str, base: &str, most: usize) -> HttpProvider {
    made(name, base, |call| call.batch = Some(most), str::to_owned)
}

/// The same of a vendor who says 404 of what it does not know.
pub(crate) fn with_unknown_as_404(name: &str, base: &str) -> HttpProvider {
    let unknown = json!({ "status": 404, "confirmed": true });
    let bend = |call: &mut Description| {
        call.answers.inactive = vec![serde_json::from_value(unknown).unwrap()];
    };
    made(name, base, bend, str::to_owned)
}

fn made(
    name: &str,
    base: &str,
    bend: impl FnOnce(&mut Description),
    change: impl Fn(&str) -> String,
) -> HttpProvider {
    let preset = Preset::named(name).unwrap();
    let format = |pattern: &String| Format::new(&change(pattern)).unwrap();
    let formats: BTreeMap<String, Format> =
        preset.types.iter().map(|(name, pattern)| (name.clone(), format(pattern))).collect();
    let groups = formats.values().next().unwrap().clone();
    let groups: Vec<&str> = groups.group_names().collect();
    let credential = name == "github-enterprise";
    let credential = credential.then(|| SecretString::from(OWN));
    let mut description = preset.call.clone();
    bend(&mut description);
    let url = preset.url(Some(base)).unwrap();
    let call = Call::new(&url, &description, credential, &groups).unwrap();
    HttpProvider::new(name.to_owned(), call, CLIENT.clone(), formats)
}

/// One attempt. What it says of itself never holds the secret.
pub(crate) async fn ask(provider: &HttpProvider, token_type: &str, secret: &str) -> Verdict {
    ask_within(Duration::from_secs(10), provider, token_type, secret).await
}

/// The same with another deadline.
pub(crate) async fn ask_within(
    budget: Duration,
    provider: &HttpProvider,
    token_type: &str,
    secret: &str,
) -> Verdict {
    let held = SecretString::from(secret);
    let attempt = Attempt { token_type, secret: &held, fingerprint: &[7; 32], budget };
    let verdict = provider.revoke(&attempt).await;
    // A short one may stand there by chance.
    let shown = format!("{verdict:?} {provider:?}");
    assert!(secret.len() < 20 || !shown.contains(secret), "{token_type}");
    verdict
}

/// Nothing is decided.
pub(crate) fn again(after: Option<u64>, uncertain: bool) -> Finding {
    Finding::Retry { after: after.map(Duration::from_secs), uncertain }
}

/// An answer with this body, JSON where it is not empty.
pub(crate) fn say(status: u16, body: &str) -> Act {
    if body.is_empty() {
        return Act::Say(Reply::status(status));
    }
    Act::Say(Reply { status, ..Reply::json(body) })
}
