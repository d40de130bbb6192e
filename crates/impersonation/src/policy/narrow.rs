//! A caller may ask for less.

use std::time::Duration;

use super::grant::Grant;
use super::refusal::Refusal;

/// Longer names than any of GitLab's.
const LONGEST_SCOPE: usize = 64;

impl Grant {
    /// The part of this grant that a caller asks for, by the query's `scopes` (with commas or spaces
    /// between them) and `ttl` (seconds), both decoded. What is not asked for is granted whole.
    ///
    /// # Errors
    /// Where one of them makes no sense, or is more than is granted: nothing is cut down silently.
    pub fn narrowed(&self, scopes: Option<&str>, ttl: Option<&str>) -> Result<Self, Refusal> {
        Ok(Self {
            scopes: scopes.map_or_else(|| Ok(self.scopes.clone()), |text| self.fewer(text))?,
            lifetime: ttl.map_or(Ok(self.lifetime), |text| self.shorter(text))?,
        })
    }

    fn fewer(&self, text: &str) -> Result<Vec<String>, Refusal> {
        let mut asked: Vec<String> = Vec::new();
        for scope in text.split([',', ' ']).filter(|scope| !scope.is_empty()) {
            if !is_scope(scope) {
                return Err(Refusal::InvalidScopes);
            }
            if !asked.iter().any(|one| one == scope) {
                asked.push(scope.to_owned());
            }
        }
        if asked.is_empty() {
            return Err(Refusal::InvalidScopes);
        }
        match asked.iter().find(|scope| !self.scopes.contains(scope)) {
            None => Ok(asked),
            Some(scope) => {
                Err(Refusal::ScopeNotGranted { scope: scope.clone(), granted: self.scopes.clone() })
            }
        }
    }

    fn shorter(&self, text: &str) -> Result<Duration, Refusal> {
        let digits = text.strip_suffix('s').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::InvalidTtl);
        }
        // More digits than a number has room for are too many seconds.
        match digits.parse().unwrap_or(u64::MAX) {
            0 => Err(Refusal::InvalidTtl),
            asked if asked > self.lifetime.as_secs() => {
                Err(Refusal::TtlNotGranted { granted: self.lifetime.as_secs() })
            }
            asked => Ok(Duration::from_secs(asked)),
        }
    }
}

fn is_scope(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= LONGEST_SCOPE && text.bytes().all(letter)
}
