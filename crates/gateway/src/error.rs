//! Why the gateway does not start, or a command fails.

use std::borrow::Cow;

use portcullis_store::StoreError;
use thiserror::Error;

use crate::config::Problem;
use crate::data_dir::DataDirError;

/// Why a command ended without doing its work. Never holds a secret.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration is wrong, in each of these places.
    #[error("{}", joined(.0))]
    Config(Vec<Problem>),
    /// The data directory cannot serve.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A part of the gateway refused.
    #[error("{text}")]
    Part {
        /// A stable word for machines.
        code: Cow<'static, str>,
        /// A line for people.
        text: String,
    },
}

impl StartError {
    /// A refusal of some part, as a stable code and a line for people.
    pub fn new(code: impl Into<Cow<'static, str>>, text: impl std::fmt::Display) -> Self {
        Self::Part { code: code.into(), text: text.to_string() }
    }

    /// What a database refused or could not do, with its own words for it: whoever reads them has the configuration.
    pub fn of_store(error: &StoreError) -> Self {
        let text = error.to_string();
        let cause = std::error::Error::source(error).map(ToString::to_string);
        let cause = cause.filter(|cause| !text.contains(cause)).map(|cause| format!(" ({cause})"));
        Self::new("database", text + &cause.unwrap_or_default())
    }

    /// The stable word for machines.
    pub fn code(&self) -> &str {
        match self {
            Self::Config(_) => "config",
            Self::DataDir(_) => "data-dir",
            Self::Part { code, .. } => code,
        }
    }

    /// One line per thing that is wrong.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Config(problems) => problems.iter().map(ToString::to_string).collect(),
            Self::DataDir(_) | Self::Part { .. } => vec![self.to_string().replace('\n', " ")],
        }
    }
}

fn joined(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_file_that_cannot_be_opened_says_why_once() {
        let source = io::ErrorKind::NotFound.into();
        let file = StoreError::File { path: "p.db".to_owned(), source };
        assert_eq!(StartError::of_store(&file).to_string(), file.to_string());
    }
}
