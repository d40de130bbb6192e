//! JSON that is read as it comes: lists without keeping them, and members that may be anything.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};

/// A member that counts as absent where it is anything else: one odd location must not keep a
/// secret alive.
#[derive(Debug)]
pub(super) struct Loose<T>(pub(super) Option<T>);

impl<T> Default for Loose<T> {
    fn default() -> Self {
        Self(None)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Either<T> {
    Fits(T),
    Other(IgnoredAny),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Either::deserialize(deserializer)? {
            Either::Fits(value) => Self(Some(value)),
            Either::Other(IgnoredAny) => Self(None),
        })
    }
}

/// A list of which each element is handed on as it comes; null is an empty one, as Go writes it.
pub(super) struct Each<'f, T>(pub(super) &'f mut dyn FnMut(T));

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Each<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(Visit(self.0, PhantomData))
    }
}

struct Visit<'f, T>(&'f mut dyn FnMut(T), PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Visit<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of findings")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(one) = seq.next_element()? {
            (self.0)(one);
        }
        Ok(())
    }
}
