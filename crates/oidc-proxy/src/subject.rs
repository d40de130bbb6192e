//! `sub` composed from claims, such that two identities can never compose the same.

use portcullis_jwt_verify::VerifiedClaims;
use thiserror::Error;

/// A text with claims in braces: `project:{project_path}:ref:{ref}`. Between two of them stands the
/// separator, and no claim's value may contain it: so what was composed can be taken apart in one way only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
    separator: char,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Claim(String),
}

/// Why a text is no template.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum TemplateError {
    /// A brace without its other half, or nothing between the two.
    #[error("a claim's name stands between {{ and }}, and no other brace is there")]
    Brace,
    /// There is no claim in it: everybody would be the same.
    #[error("names no claim")]
    NoClaim,
    /// Two claims without the separator between them.
    #[error("{0} and {1} need the separator between them")]
    TooClose(String, String),
    /// The separator is none that could be told from what stands around it.
    #[error(
        "the separator is one character that is not a letter, a digit, a brace or a control character"
    )]
    Separator,
}

/// Why nothing can be composed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum SubjectError {
    /// The claim is not there.
    #[error("the claim {0} is missing")]
    Missing(String),
    /// The claim is no text.
    #[error("the claim {0} is not a text")]
    NotText(String),
    /// The claim is empty, or has the separator or a control character in it.
    #[error("the claim {0} is empty, or has a character that would make the subject ambiguous")]
    Ambiguous(String),
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str, separator: char) -> Result<Self, TemplateError> {
        if separator.is_alphanumeric() || separator.is_control() || "{}".contains(separator) {
            return Err(TemplateError::Separator);
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (claim, after) = after.split_once('}').ok_or(TemplateError::Brace)?;
            if claim.is_empty() || claim.contains('{') || before.contains('}') {
                return Err(TemplateError::Brace);
            }
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Claim(claim.to_owned()));
            rest = after;
        }
        if rest.contains('}') {
            return Err(TemplateError::Brace);
        }
        pieces.push(Piece::Text(rest.to_owned()));
        let template = Self { pieces, separator };
        template.check()?;
        Ok(template)
    }

    fn check(&self) -> Result<(), TemplateError> {
        let mut last: Option<&str> = None;
        let mut separated = true;
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => separated = text.contains(self.separator),
                Piece::Claim(claim) => {
                    if let (Some(last), false) = (last, separated) {
                        return Err(TemplateError::TooClose(last.to_owned(), claim.clone()));
                    }
                    last = Some(claim);
                }
            }
        }
        last.map(drop).ok_or(TemplateError::NoClaim)
    }

    /// What stands between two claims, and in none.
    pub fn separator(&self) -> char {
        self.separator
    }

    /// The claims that it needs.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Claim(claim) => Some(claim.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The subject of these claims.
    pub fn compose(&self, claims: &VerifiedClaims) -> Result<String, SubjectError> {
        let mut subject = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => subject.push_str(text),
                Piece::Claim(name) => subject.push_str(self.value(name, claims)?),
            }
        }
        Ok(subject)
    }

    fn value<'a>(&self, name: &str, claims: &'a VerifiedClaims) -> Result<&'a str, SubjectError> {
        let value = claims.get(name).ok_or_else(|| SubjectError::Missing(name.to_owned()))?;
        let text = value.as_str().ok_or_else(|| SubjectError::NotText(name.to_owned()))?;
        let bad = |letter: char| letter == self.separator || letter.is_control();
        if text.is_empty() || text.contains(bad) {
            return Err(SubjectError::Ambiguous(name.to_owned()));
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
