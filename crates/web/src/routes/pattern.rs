//! As much of actix's path patterns as is needed to compare two of them.

/// A path pattern without the names of its parameters: two equal ones match the same paths.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pattern(Vec<String>);

impl Pattern {
    /// Reads `/a/{name}/{tail:.*}`.
    pub(super) fn parse(path: &str) -> Result<Self, &'static str> {
        let rest = path.strip_prefix('/').ok_or("it must begin with a slash")?;
        split(rest)?.into_iter().map(shape).collect::<Result<_, _>>().map(Self)
    }
}

/// At the slashes outside of braces; the expression of a parameter may hold some.
fn split(path: &str) -> Result<Vec<&str>, &'static str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.checked_sub(1).ok_or("a brace closes that never opened")?,
            b'/' if depth == 0 => {
                parts.push(&path[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err("a brace is left open");
    }
    parts.push(&path[start..]);
    Ok(parts)
}

/// A segment without the names of its parameters.
fn shape(text: &str) -> Result<String, &'static str> {
    let (mut shape, mut rest) = (String::new(), text);
    while let Some(open) = rest.find('{') {
        let close = open + closing(&rest[open..]);
        let (literal, parameter) = (&rest[..open], &rest[open + 1..close]);
        let (name, expression) = parameter.split_once(':').unwrap_or((parameter, "[^/]+"));
        if !is_name(name) {
            return Err("a parameter needs a name of letters, digits and underscores");
        }
        plain(literal)?;
        shape.extend([literal, "{", expression, "}"]);
        rest = &rest[close + 1..];
    }
    plain(rest)?;
    shape.push_str(rest);
    Ok(shape)
}

/// Where the brace that opens `text` closes; [`split`] has counted that each one does.
fn closing(text: &str) -> usize {
    let mut depth = 0_usize;
    let closes = |byte: u8| {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        depth == 0
    };
    text.bytes().position(closes).unwrap_or(text.len() - 1)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Literals are the characters of a path that are never escaped (RFC 3986 section 3.3).
fn plain(literal: &str) -> Result<(), &'static str> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()+,;=:@".contains(&b);
    if literal.bytes().all(fits) { Ok(()) } else { Err("a character that a path cannot hold") }
}
