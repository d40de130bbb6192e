//! JSON without the freedom that attacks live on: no object has two members of one name, at any depth
//! (RFC 8725, section 2.4; two parsers that disagree on which of them counts are two verdicts).
//!
//! One walk over the text checks all of it and builds nothing but what the caller asks for.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// What is built of the outermost object's members while they are walked over.
pub(crate) trait Members<'de>: Default {
    /// Takes the value of this member, or leaves it to be checked and dropped: every path has to
    /// consume the value exactly once.
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Reads one object, and nothing after it. Texts nested deeper than 127 levels are refused.
pub(crate) fn read<'de, M: Members<'de>>(json: &'de [u8]) -> Result<M, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let members = deserializer.deserialize_map(Outermost(PhantomData))?;
    deserializer.end()?;
    Ok(members)
}

/// A value that is checked and dropped.
pub(crate) struct Checked;

/// An object whose members are all texts.
#[derive(Debug, Default)]
pub(crate) struct Texts(pub(crate) Vec<(String, String)>);

impl<'de> Members<'de> for Texts {
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        self.0.push((name.to_owned(), map.next_value()?));
        Ok(())
    }
}

/// The names of one object so far. Few are compared one by one; many are hashed, so that a text of
/// names costs no more than its length.
struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

const FEW: usize = 32;
/// A GitLab job's token has some thirty, most others have fewer than ten.
const USUAL: usize = 16;

impl<'de> Names<'de> {
    /// Whether the name is new.
    fn add(&mut self, name: Cow<'de, str>) -> bool {
        if self.few.contains(&name) || self.many.contains(&name) {
            return false;
        }
        if self.few.len() < FEW {
            self.few.push(name);
            return true;
        }
        self.many.insert(name)
    }
}

/// Such a name makes `serde_json`, where it builds a [`serde_json::Value`], read a text as JSON once
/// more: unwalked, and so with all the freedom that is not wanted here.
const MARKED: &str = "$serde_json::private::";

/// A name, borrowed where the text spells it without escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

fn walk<'de, A: MapAccess<'de>>(
    map: &mut A,
    mut member: impl FnMut(&str, &mut A) -> Result<(), A::Error>,
) -> Result<(), A::Error> {
    let mut names = Names { few: Vec::with_capacity(USUAL), many: HashSet::new() };
    while let Some(name) = map.next_key_seed(Name)? {
        if name.starts_with(MARKED) {
            return Err(A::Error::custom("a name that the parser keeps for itself"));
        }
        member(&name, map)?;
        if !names.add(name) {
            return Err(A::Error::custom("two members of one name"));
        }
    }
    Ok(())
}

/// A value of one of the types that headers and registered claims have.
#[derive(Debug, PartialEq)]
pub(crate) enum Plain {
    Text(String),
    Number(f64),
    /// A list that holds texts alone.
    Texts(Vec<String>),
    /// Anything else, null among it; checked.
    Other,
}

impl Plain {
    pub(crate) fn text(self) -> Option<String> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// Reads a [`Plain`].
pub(crate) struct AsPlain;

struct Outermost<M>(PhantomData<M>);

impl<'de, M: Members<'de>> Visitor<'de> for Outermost<M> {
    type Value = M;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<M, A::Error> {
        let mut members = M::default();
        walk(&mut map, |name, map| members.take(name, map))?;
        Ok(members)
    }
}

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        walk(&mut map, |_, map| map.next_value_seed(Self))
    }
}

impl<'de> DeserializeSeed<'de> for AsPlain {
    type Value = Plain;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Plain, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AsPlain {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Plain, E> {
        Ok(Plain::Other)
    }

    #[expect(clippy::cast_precision_loss, reason = "times beyond 2^53 s are refused anyway")]
    fn visit_i64<E>(self, number: i64) -> Result<Plain, E> {
        Ok(Plain::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "times beyond 2^53 s are refused anyway")]
    fn visit_u64<E>(self, number: u64) -> Result<Plain, E> {
        Ok(Plain::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Plain, E> {
        Ok(Plain::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Plain, E> {
        Ok(Plain::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Plain, E> {
        Ok(Plain::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Plain, A::Error> {
        let mut texts: Option<Vec<String>> = Some(Vec::new());
        while let Some(element) = seq.next_element_seed(Self)? {
            texts = texts.zip(element.text()).map(|(mut texts, text)| {
                texts.push(text);
                texts
            });
        }
        Ok(texts.map_or(Plain::Other, Plain::Texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Plain, A::Error> {
        Checked.visit_map(map).map(|()| Plain::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Count(usize);

    impl<'de> Members<'de> for Count {
        fn take<A: MapAccess<'de>>(&mut self, _: &str, map: &mut A) -> Result<(), A::Error> {
            self.0 += 1;
            map.next_value_seed(Checked)
        }
    }

    fn members(json: &[u8]) -> Option<usize> {
        read::<Count>(json).ok().map(|count| count.0)
    }

    #[test]
    fn one_object_and_nothing_else_is_read() {
        assert_eq!(members(b"{}"), Some(0));
        assert_eq!(members(br#" {"a":{"a":[1,-1,1.5,"x",null,true,{}]},"b":0} "#), Some(2));
        for text in
            ["", "[]", "null", "1", "\"{}\"", "{}{}", "{} x", "{\"a\":1,}", "{'a':1}", "{a:1}"]
        {
            assert_eq!(members(text.as_bytes()), None, "{text:?}");
        }
        for text in
            ["{\"a\":01}", "{\"a\":+1}", "{\"a\":NaN}", "{\"a\":1e400}", "{/**/}", "\u{feff}{}"]
        {
            assert_eq!(members(text.as_bytes()), None, "{text:?}");
        }
        for bytes in [&b"{\"\xff\":1}"[..], b"{\"a\":\"\xc0\xaf\"}", b"{\"a\":\"\xed\xa0\x80\"}"] {
            assert_eq!(members(bytes), None, "{bytes:?}");
        }
        assert_eq!(members(br#"{"a":"\ud800"}"#), None);
    }

    #[test]
    fn two_members_of_one_name_are_found_however_deep_and_however_spelled() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":{"a":1,"a":2}}"#,
            r#"{"b":[0,{"a":1,"c":0,"a":2}]}"#,
        ] {
            assert_eq!(members(text.as_bytes()), None, "{text}");
        }
        assert_eq!(members(br#"{"a":{"a":1},"A":1}"#), Some(2));
        assert_eq!(members(br#"{"a":[{"$serde_json::private::RawValue":"{}"}]}"#), None);
        let many = |last: &str| {
            let names: Vec<String> = (0..2000).map(|n| format!("\"{n}\":0")).collect();
            members(format!("{{{},\"{last}\":1}}", names.join(",")).as_bytes())
        };
        assert_eq!(many("x"), Some(2001));
        for repeated in ["0", "31", "32", "1999"] {
            assert_eq!(many(repeated), None, "{repeated}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested =
            |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(members(nested(100).as_bytes()), Some(1));
        for levels in [200, 10_000] {
            assert_eq!(members(nested(levels).as_bytes()), None, "{levels}");
        }
    }
}
