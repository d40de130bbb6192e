//! The document in which a programme publishes its keys.

use serde::Deserialize;
use serde_json::Value;

use super::signature::PublicKey;

/// Longer identifiers are nobody's.
pub(super) const LONGEST_IDENTIFIER: usize = 256;
/// More keys are not kept.
const MOST_KEYS: usize = 100;

/// A key that was published.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) identifier: String,
    /// Whether it still signs.
    pub(super) is_current: bool,
    pub(super) key: PublicKey,
}

#[derive(Deserialize)]
struct Document {
    public_keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Entry {
    key_identifier: String,
    key: String,
    is_current: bool,
}

/// The keys that can be used: an odd one costs only itself, and of two with one identifier the first
/// counts. `None` where the text is no such document, or has none of them.
pub(super) fn read(text: &[u8]) -> Option<Vec<Published>> {
    let Document { public_keys } = serde_json::from_slice(text).ok()?;
    let mut keys: Vec<Published> = Vec::new();
    for key in public_keys.into_iter().take(MOST_KEYS).filter_map(usable) {
        if keys.iter().all(|known| known.identifier != key.identifier) {
            keys.push(key);
        }
    }
    (!keys.is_empty()).then_some(keys)
}

fn usable(entry: Value) -> Option<Published> {
    // A list of the same three values would be taken for an entry.
    let entry = Some(entry).filter(Value::is_object)?;
    let Entry { key_identifier: identifier, key, is_current } =
        serde_json::from_value(entry).ok()?;
    let fits = (1..=LONGEST_IDENTIFIER).contains(&identifier.len());
    let key = fits.then(|| PublicKey::from_pem(&key)).flatten()?;
    Some(Published { identifier, is_current, key })
}
