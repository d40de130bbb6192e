//! Lists in pages (GitLab's offset pagination).

use actix_web::http::StatusCode;

use crate::answer::Answer;
use crate::call::Call;

/// Above this many GitLab no longer says how many there are.
const COUNTED: usize = 10_000;

/// Which page is asked for.
pub(crate) struct Page {
    number: usize,
    size: usize,
}

impl Page {
    /// What the query asks for: the first page of 20 where it says nothing, and never more than 100.
    pub(crate) fn of(call: &Call) -> Result<Self, Answer> {
        let bad = |error: &str| Answer::error(StatusCode::BAD_REQUEST, error);
        let read = |name: &str, otherwise| match call.query(name) {
            None => Ok(otherwise),
            Some(text) => text.parse().map_err(|_| bad(&format!("{name} is invalid"))),
        };
        let (number, size): (usize, usize) = (read("page", 1)?, read("per_page", 20)?);
        if size == 0 {
            return Err(bad("per_page has a value not allowed"));
        }
        Ok(Self { number: number.max(1), size: size.min(100) })
    }

    /// This page of all that there is.
    pub(crate) fn cut<T>(&self, all: Vec<T>) -> Vec<T> {
        all.into_iter().skip(self.size.saturating_mul(self.number - 1)).take(self.size).collect()
    }

    /// The headers of this page. `url` is the list's, and `params` are those of all pages.
    pub(crate) fn headers(
        &self,
        total: usize,
        url: &str,
        params: &[(&str, String)],
    ) -> Vec<(&'static str, String)> {
        let last = total.div_ceil(self.size).max(1);
        let (before, after) = (self.number > 1, self.number < last);
        let neighbour =
            |there: bool, number: usize| if there { number.to_string() } else { String::new() };
        let mut headers = vec![
            ("X-Page", self.number.to_string()),
            ("X-Per-Page", self.size.to_string()),
            ("X-Next-Page", neighbour(after, self.number + 1)),
            ("X-Prev-Page", neighbour(before, self.number - 1)),
            ("Link", self.links(total, last, url, params)),
        ];
        if total <= COUNTED {
            headers.push(("X-Total", total.to_string()));
            headers.push(("X-Total-Pages", last.to_string()));
        }
        headers
    }

    fn links(&self, total: usize, last: usize, url: &str, params: &[(&str, String)]) -> String {
        let link = |number: usize, relation: &str| {
            let mut all = params.to_vec();
            all.push(("page", number.to_string()));
            all.push(("per_page", self.size.to_string()));
            all.sort_unstable();
            let pairs: Vec<_> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("<{url}?{}>; rel=\"{relation}\"", pairs.join("&"))
        };
        let mut links = Vec::new();
        if self.number > 1 {
            links.push(link(self.number - 1, "prev"));
        }
        if self.number < last {
            links.push(link(self.number + 1, "next"));
        }
        links.push(link(1, "first"));
        if total <= COUNTED {
            links.push(link(last, "last"));
        }
        links.join(", ")
    }
}
