//! Lists come in pages (GitLab's documentation, `api/rest`, "Pagination").

use reqwest::header::{HeaderMap, HeaderName, LINK};
use url::Url;

/// The most that GitLab puts on a page.
pub(super) const PER_PAGE: usize = 100;

/// No list has more pages: a million entries.
pub(super) const LAST_PAGE: u32 = 10_000;

const NEXT_PAGE: HeaderName = HeaderName::from_static("x-next-page");

/// Some entries of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, in no order that GitLab promises.
    pub items: Vec<T>,
    /// The page to ask for next; `None` after the last one.
    pub next: Option<u32>,
}

/// What does not fit the page that was asked for, and so would have the asker go round in circles
/// or stop before the end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Astray;

/// The page after `page`, on which there were `count` entries: what `X-Next-Page` says, else the
/// `Link` with `rel="next"` (RFC 8288); and where both are silent, as behind a proxy that drops what
/// it does not know, a full page may have another behind it.
pub(super) fn next(headers: &HeaderMap, page: u32, count: usize) -> Result<Option<u32>, Astray> {
    let following = page.checked_add(1).filter(|next| *next <= LAST_PAGE).ok_or(Astray);
    let told = match text(headers, &NEXT_PAGE) {
        Some("") => return Ok(None),
        Some(number) => Some(number.parse().map_err(|_| Astray)?),
        None => linked(headers),
    };
    match told {
        Some(next) if Ok(next) == following => Ok(Some(next)),
        Some(_) => Err(Astray),
        None if count >= PER_PAGE => following.map(Some),
        None => Ok(None),
    }
}

fn linked(headers: &HeaderMap) -> Option<u32> {
    let links = headers.get_all(LINK).into_iter().filter_map(|value| value.to_str().ok());
    let next = links.flat_map(|links| links.split(", ")).find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        parameters.split(';').any(|one| one.trim() == "rel=\"next\"").then_some(target)
    })?;
    let target = Url::parse(next).ok()?;
    let (_, page) = target.query_pairs().find(|(name, _)| name == "page")?;
    page.parse().ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(
        page: u32,
        count: usize,
        headers: &[(&HeaderName, &str)],
    ) -> Result<Option<u32>, Astray> {
        let headers = headers.iter().map(|(name, value)| ((*name).clone(), value.parse().unwrap()));
        next(&headers.collect(), page, count)
    }

    #[test]
    fn gitlabs_own_header_comes_first() {
        let link = r#"<http://x/y?page=9>; rel="next""#;
        assert_eq!(after(1, 100, &[(&NEXT_PAGE, "2"), (&LINK, link)]), Ok(Some(2)));
        assert_eq!(after(1, 3, &[(&NEXT_PAGE, "2")]), Ok(Some(2)));
        assert_eq!(after(7, 100, &[(&NEXT_PAGE, "")]), Ok(None), "full, and the last one");
    }

    #[test]
    fn else_the_link() {
        let first = r#"<http://x/y?page=1&per_page=100>; rel="first""#;
        let next = r#"<http://x/y?a=%2C&page=3&per_page=100>; rel="next""#;
        let both = format!("{first}, {next}");
        for links in [&[(&LINK, both.as_str())][..], &[(&LINK, first), (&LINK, next)]] {
            assert_eq!(after(2, 100, links), Ok(Some(3)));
        }
        assert_eq!(after(2, 99, &[(&LINK, first)]), Ok(None));
    }

    #[test]
    fn else_a_full_page_has_another_behind_it() {
        let first = r#"<http://x/y?page=1>; rel="first""#;
        for silent in [&[][..], &[(&LINK, first)], &[(&LINK, "nonsense")]] {
            assert_eq!(after(1, 100, silent), Ok(Some(2)));
            assert_eq!(after(1, 99, silent), Ok(None));
        }
        let keyset = r#"<http://x/y?cursor=abc>; rel="next""#;
        assert_eq!(after(1, 100, &[(&LINK, keyset)]), Ok(Some(2)));
    }

    #[test]
    fn nobody_is_sent_round_in_circles_or_on_for_ever() {
        for astray in ["1", "2", "4", "0", "-1", "x", "99999999999"] {
            assert_eq!(after(2, 100, &[(&NEXT_PAGE, astray)]), Err(Astray), "{astray}");
        }
        let back = r#"<http://x/y?page=1>; rel="next""#;
        assert_eq!(after(2, 100, &[(&LINK, back)]), Err(Astray));
        assert_eq!(after(LAST_PAGE, 100, &[]), Err(Astray));
        assert_eq!(after(LAST_PAGE, 100, &[(&NEXT_PAGE, "10001")]), Err(Astray));
        assert_eq!(after(LAST_PAGE, 7, &[]), Ok(None));
        assert_eq!(after(u32::MAX, 100, &[]), Err(Astray));
    }
}
