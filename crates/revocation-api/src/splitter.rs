//! Splits a JSON array into its elements as the bytes come in.
//!
//! It knows just enough of JSON (strings, escapes, depth) to find where an element ends; what is in
//! it is for a real parser. So a fault inside one element stays there, and memory is bounded by one
//! element. No recursion: depth is a number.

use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

/// The longest element that is kept; a longer one is passed over. GitLab adds a whole vulnerability
/// record to each item, of a few kilobytes.
const LONGEST: usize = 256 * 1024;

/// The body is not one JSON array.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It does not begin with `[`.
    #[error("the body is not a JSON array")]
    NotAnArray,
    /// It ends before the array does.
    #[error("the body ends too early")]
    TooShort,
    /// An element is missing, or brackets do not match.
    #[error("the array is not well formed")]
    Malformed,
    /// Something follows the array.
    #[error("something follows the array")]
    Trailing,
}

/// One element of the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element<'a> {
    /// Its bytes, without the white space around them.
    Bytes(&'a [u8]),
    /// It was longer than is kept.
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the `[`.
    Start,
    /// After `[`: an element or the end.
    First,
    /// After a comma: an element.
    Next,
    /// In an element, outside its strings.
    Inside,
    /// In a string of an element.
    InString,
    /// After a backslash in a string.
    Escaped,
    /// After an element whose brackets are closed: a comma or the end.
    After,
    /// After the `]`.
    End,
    /// Nothing more can be made of it.
    Broken(Broken),
}

/// Takes bytes in pieces of any size and gives elements out.
#[derive(Debug)]
pub struct ArraySplitter {
    state: State,
    depth: usize,
    too_long: bool,
    element: Zeroizing<Vec<u8>>,
}

impl Default for ArraySplitter {
    fn default() -> Self {
        Self { state: State::Start, depth: 0, too_long: false, element: Zeroizing::new(Vec::new()) }
    }
}

impl ArraySplitter {
    /// Takes the next bytes and calls `each` for every element that they complete, also where they
    /// break the array later on.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Element<'_>)) -> Result<(), Broken> {
        for byte in bytes {
            self.step(*byte, &mut each)?;
        }
        Ok(())
    }

    /// Says whether the array is complete.
    pub fn finish(&self) -> Result<(), Broken> {
        match self.state {
            State::End => Ok(()),
            State::Start => Err(Broken::NotAnArray),
            State::Broken(broken) => Err(broken),
            _ => Err(Broken::TooShort),
        }
    }

    fn step(&mut self, byte: u8, each: &mut impl FnMut(Element<'_>)) -> Result<(), Broken> {
        match (self.state, byte) {
            (State::Broken(broken), _) => return Err(broken),
            (State::InString, b'\\') => self.keep(byte, State::Escaped),
            (State::InString, b'"') => self.keep(byte, State::Inside),
            (State::InString | State::Escaped, _) => self.keep(byte, State::InString),
            (State::Inside, _) => self.inside(byte, each)?,
            (_, b' ' | b'\t' | b'\r' | b'\n') => {}
            (State::Start, b'[') => self.state = State::First,
            (State::Start, _) => return self.broken(Broken::NotAnArray),
            (State::First | State::After, b']') => self.state = State::End,
            (State::First | State::Next, b',' | b']' | b'}') => {
                return self.broken(Broken::Malformed);
            }
            (State::First | State::Next, _) => self.begin(byte),
            (State::After, b',') => self.state = State::Next,
            (State::After, _) => return self.broken(Broken::Malformed),
            (State::End, _) => return self.broken(Broken::Trailing),
        }
        Ok(())
    }

    fn begin(&mut self, byte: u8) {
        self.depth = 0;
        self.open_or_keep(byte);
    }

    fn open_or_keep(&mut self, byte: u8) {
        match byte {
            b'"' => self.keep(byte, State::InString),
            b'[' | b'{' => {
                self.depth += 1;
                self.keep(byte, State::Inside);
            }
            _ => self.keep(byte, State::Inside),
        }
    }

    fn inside(&mut self, byte: u8, each: &mut impl FnMut(Element<'_>)) -> Result<(), Broken> {
        match byte {
            b',' if self.depth == 0 => self.complete(State::Next, each),
            b']' if self.depth == 0 => self.complete(State::End, each),
            b'}' if self.depth == 0 => return self.broken(Broken::Malformed),
            b']' | b'}' => {
                self.depth -= 1;
                self.keep(byte, State::Inside);
                if self.depth == 0 {
                    self.complete(State::After, each);
                }
            }
            _ => self.open_or_keep(byte),
        }
        Ok(())
    }

    fn keep(&mut self, byte: u8, state: State) {
        self.state = state;
        if self.element.len() < LONGEST {
            self.make_room();
            self.element.push(byte);
        } else {
            self.too_long = true;
        }
    }

    /// A vector that grows by itself leaves a copy of the secret behind.
    fn make_room(&mut self) {
        if self.element.len() == self.element.capacity() {
            let room = (2 * self.element.len()).clamp(1024, LONGEST);
            let mut larger = Zeroizing::new(Vec::with_capacity(room));
            larger.extend_from_slice(&self.element);
            self.element = larger;
        }
    }

    fn complete(&mut self, state: State, each: &mut impl FnMut(Element<'_>)) {
        each(if self.too_long {
            Element::TooLong
        } else {
            Element::Bytes(self.element.trim_ascii_end())
        });
        self.too_long = false;
        // Overwritten and not only forgotten: it holds a secret. What lies behind the slice was
        // overwritten when it was last in use.
        self.element.as_mut_slice().zeroize();
        self.element.clear();
        self.state = state;
    }

    fn broken(&mut self, broken: Broken) -> Result<(), Broken> {
        self.state = State::Broken(broken);
        Err(broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_by_one_element() {
        let mut splitter = ArraySplitter::default();
        let mut seen = Vec::new();
        let mut feed = |splitter: &mut ArraySplitter, bytes: &[u8]| {
            splitter.feed(bytes, |element| seen.push(element == Element::TooLong)).unwrap();
        };
        feed(&mut splitter, b"[\"");
        let part = vec![b'x'; LONGEST];
        for _ in 0..100 {
            feed(&mut splitter, &part);
            assert!(splitter.element.capacity() <= LONGEST);
        }
        feed(&mut splitter, b"\",");
        assert!(splitter.element.is_empty());
        feed(&mut splitter, b"\"hunter2\"]");
        assert_eq!((splitter.finish(), seen.as_slice()), (Ok(()), &[true, false][..]));
        assert!(splitter.element.is_empty());
    }

    #[test]
    fn an_element_of_just_the_longest_length_is_kept() {
        for (length, too_long) in [(LONGEST, false), (LONGEST + 1, true)] {
            let body = format!("[{}]", "1".repeat(length));
            let mut splitter = ArraySplitter::default();
            let each = |element: Element<'_>| assert_eq!(element == Element::TooLong, too_long);
            splitter.feed(body.as_bytes(), each).unwrap();
            assert_eq!(splitter.finish(), Ok(()));
        }
    }
}
