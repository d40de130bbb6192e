//! All tokens, to be found by their text, and those for impersonation by user and number too.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::token::{Token, TokenKind, TokenSpec};

#[derive(Default)]
pub(crate) struct Tokens {
    // A token's number is its place, counted from one.
    all: Vec<Token>,
    by_text: HashMap<Arc<str>, usize>,
    impersonation: HashMap<u64, BTreeSet<usize>>,
}

impl Tokens {
    pub(crate) fn get(&self, text: &str) -> Option<&Token> {
        Some(&self.all[*self.by_text.get(text)?])
    }

    pub(crate) fn get_mut(&mut self, text: &str) -> Option<&mut Token> {
        Some(&mut self.all[*self.by_text.get(text)?])
    }

    /// Adds one, under the next number. One of the same text is forgotten.
    pub(crate) fn add(&mut self, text: &str, spec: &Arc<TokenSpec>) -> &mut Token {
        let place = self.all.len();
        let text: Arc<str> = text.into();
        if let Some(old) = self.by_text.insert(Arc::clone(&text), place)
            && let Some(places) = self.impersonation.get_mut(&self.all[old].spec.user_id)
        {
            places.remove(&old);
        }
        if spec.kind == TokenKind::Impersonation {
            self.impersonation.entry(spec.user_id).or_default().insert(place);
        }
        let id = place as u64 + 1;
        self.all.push(Token { id, text, state: spec.state, spec: Arc::clone(spec) });
        &mut self.all[place]
    }

    /// The impersonation tokens of a user, in the order of their numbers.
    pub(crate) fn impersonation(&self, user: u64) -> impl Iterator<Item = &Token> {
        self.impersonation.get(&user).into_iter().flatten().map(|place| &self.all[*place])
    }

    /// One impersonation token of a user.
    pub(crate) fn impersonation_mut(&mut self, user: u64, id: u64) -> Option<&mut Token> {
        let place = usize::try_from(id).ok()?.checked_sub(1)?;
        self.impersonation.get(&user)?.get(&place)?;
        self.all.get_mut(place)
    }
}
