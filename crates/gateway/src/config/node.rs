//! What a configuration file and the environment say, as one tree, before anyone asks for types.

use std::collections::BTreeMap;

/// One place in the configuration.
///
/// A value of the environment stays text until a reader says which type it wants; a value of the
/// file has the type that TOML gave it.
pub(super) enum Node {
    /// Nothing was said.
    Absent,
    /// A table by key.
    Table(BTreeMap<String, Node>),
    /// A list.
    List(Vec<Node>),
    /// A string, number, truth value or date of the file.
    Value(toml::Value),
    /// The text of an environment variable, by the variable's name.
    Text {
        /// The variable's value.
        text: String,
        /// The variable's name, for messages.
        variable: String,
    },
}

impl Node {
    /// An empty table.
    pub(super) fn empty() -> Self {
        Self::Table(BTreeMap::new())
    }

    /// Tables and lists become nodes, all else stays a value.
    pub(super) fn from_toml(value: toml::Value) -> Self {
        match value {
            toml::Value::Table(table) => {
                Self::Table(table.into_iter().map(|(k, v)| (k, Self::from_toml(v))).collect())
            }
            toml::Value::Array(items) => {
                Self::List(items.into_iter().map(Self::from_toml).collect())
            }
            scalar => Self::Value(scalar),
        }
    }

    /// The text of a variable read again as a TOML literal, for lists and tables; everything else
    /// as it is.
    pub(super) fn expanded(self) -> Self {
        match self {
            Self::Text { text, variable } => match text.parse::<toml::Value>() {
                Ok(value @ (toml::Value::Array(_) | toml::Value::Table(_))) => {
                    Self::from_toml(value)
                }
                _ => Self::Text { text, variable },
            },
            other => other,
        }
    }

    /// The first environment variable found at or below this place.
    pub(super) fn variable(&self) -> Option<&str> {
        match self {
            Self::Absent | Self::Value(_) => None,
            Self::Table(entries) => entries.values().find_map(Self::variable),
            Self::List(items) => items.iter().find_map(Self::variable),
            Self::Text { variable, .. } => Some(variable),
        }
    }
}
