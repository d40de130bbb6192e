//! What callers say about PATs, checked.

use std::time::Duration;

use portcullis_base::clock::to_ms;
use portcullis_web::Problem;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};

const LONGEST_NAME: usize = 255;
const LONGEST_DESCRIPTION: usize = 1024;
const MOST_SCOPES: usize = 64;
const LONGEST_SCOPE: usize = 64;
const LONGEST_SCOPES: usize = 2048;

/// The body of `POST /v1/pats`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPat)]
pub(super) struct Create {
    /// What people call it: at most 255 bytes without control characters.
    #[schema(min_length = 1, max_length = 255)]
    name: String,
    /// The identity that the token speaks for.
    #[schema(pattern = "^[!-~]{1,255}$")]
    owner: String,
    /// At most 1024 bytes.
    #[serde(default)]
    #[schema(max_length = 1024)]
    description: String,
    /// 2048 characters in all.
    #[serde(default)]
    #[schema(schema_with = scopes)]
    scopes: Vec<String>,
    /// RFC 3339; no longer away than `pat.max_lifetime`.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// The body of `PATCH /v1/pats/{id}`: what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PatChange)]
pub(super) struct Change {
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    #[schema(max_length = 1024)]
    description: Option<String>,
    #[schema(schema_with = scopes_or_null)]
    scopes: Option<Vec<String>>,
}

/// The body of `POST /v1/pats/{id}/regenerate`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PatRenewal)]
pub(super) struct Regenerate {
    /// RFC 3339; no longer away than `pat.max_lifetime`.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// What [`check_scopes`] takes.
fn scopes() -> Schema {
    let scope =
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9A-Za-z_.:/-]{1,64}$"));
    Schema::Array(ArrayBuilder::new().items(scope).max_items(Some(MOST_SCOPES)).build())
}

fn scopes_or_null() -> Schema {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    Schema::OneOf(OneOfBuilder::new().item(scopes()).item(null).build())
}

/// A PAT to be made, every member of it in order.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) description: String,
    /// A JSON array of strings.
    pub(super) scopes: String,
    /// In milliseconds since 1970.
    pub(super) expires_at: i64,
}

/// A change, every member of it in order.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) scopes: Option<String>,
}

impl Create {
    pub(super) fn check(
        self,
        now: OffsetDateTime,
        max_lifetime: Duration,
    ) -> Result<Wanted, Problem> {
        check_owner(&self.owner)?;
        Ok(Wanted {
            name: check_name(self.name)?,
            owner: self.owner,
            description: check_description(self.description)?,
            scopes: check_scopes(self.scopes)?,
            expires_at: check_expiry(&self.expires_at, now, max_lifetime)?,
        })
    }
}

impl Change {
    pub(super) fn check(self) -> Result<Changed, Problem> {
        Ok(Changed {
            name: self.name.map(check_name).transpose()?,
            description: self.description.map(check_description).transpose()?,
            scopes: self.scopes.map(check_scopes).transpose()?,
        })
    }
}

impl Regenerate {
    pub(super) fn check(
        &self,
        now: OffsetDateTime,
        max_lifetime: Duration,
    ) -> Result<i64, Problem> {
        check_expiry(&self.expires_at, now, max_lifetime)
    }
}

fn wrong(member: &'static str, rule: &str) -> Problem {
    Problem::bad_request("invalid_member", format!("`{member}` {rule}")).with("member", member)
}

fn check_name(name: String) -> Result<String, Problem> {
    if name.trim().is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(wrong("name", "has 1 to 255 bytes without control characters"));
    }
    Ok(name)
}

/// The owner becomes the header `X-Auth-Identity`: what would not survive there is refused here.
fn check_owner(owner: &str) -> Result<(), Problem> {
    let safe =
        (1..=LONGEST_NAME).contains(&owner.len()) && owner.bytes().all(|b| b.is_ascii_graphic());
    if safe { Ok(()) } else { Err(wrong("owner", "has 1 to 255 visible ASCII characters")) }
}

fn check_description(text: String) -> Result<String, Problem> {
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.len() > LONGEST_DESCRIPTION || text.chars().any(odd) {
        return Err(wrong("description", "has at most 1024 bytes of text"));
    }
    Ok(text)
}

fn check_scopes(mut scopes: Vec<String>) -> Result<String, Problem> {
    scopes.sort_unstable();
    scopes.dedup();
    // All of them go into one header, and proxies have small buffers for those.
    let together: usize = scopes.iter().map(|scope| scope.len() + 1).sum();
    let too_many = scopes.len() > MOST_SCOPES || together > LONGEST_SCOPES;
    if too_many || !scopes.iter().all(|scope| is_scope(scope)) {
        let rule = "has at most 64 scopes, each of 1 to 64 characters of [0-9A-Za-z_.:/-], \
                    and 2048 in all";
        return Err(wrong("scopes", rule));
    }
    Ok(serde_json::Value::from(scopes).to_string())
}

/// What a scope may look like; `/auth` writes them into a header, separated by spaces.
pub(crate) fn is_scope(scope: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.:/-".contains(&b);
    (1..=LONGEST_SCOPE).contains(&scope.len()) && scope.bytes().all(plain)
}

fn check_expiry(text: &str, now: OffsetDateTime, max_lifetime: Duration) -> Result<i64, Problem> {
    let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) else {
        return Err(wrong("expires_at", "is a date and time as RFC 3339 has it"));
    };
    if at <= now {
        return Err(wrong("expires_at", "lies in the past"));
    }
    if at - now > max_lifetime {
        let days = max_lifetime.as_secs() / 86_400;
        let longest = match days {
            0 => humantime::format_duration(max_lifetime).to_string(),
            days => format!("{days} day(s)"),
        };
        return Err(wrong("expires_at", &format!("is more than {longest} away")));
    }
    Ok(to_ms(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 12:00 UTC);

    fn create(json: &str) -> Result<Wanted, String> {
        let create: Create = serde_json::from_str(json).map_err(|_| "json".to_owned())?;
        create.check(NOW, Duration::from_hours(24)).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_full_and_a_sparse_body() {
        let wanted = create(
            r#"{"name":"laptop","owner":"user:ann","description":"a\nb","scopes":["b","a","b"],
                "expires_at":"2026-11-22T12:00:00Z"}"#,
        )
        .unwrap();
        assert_eq!(wanted.scopes, r#"["a","b"]"#);
        assert_eq!(wanted.expires_at, 1_795_348_800_000);
        create(r#"{"name":"n","owner":"o","expires_at":"2026-11-21T13:00:01.5+01:00"}"#).unwrap();
    }

    #[test]
    fn what_is_wrong_is_named() {
        let with = |members: &str| {
            let rest =
                [("name", "\"n\""), ("owner", "\"o\""), ("expires_at", "\"2026-11-22T00:00:00Z\"")];
            let rest: Vec<String> = rest
                .iter()
                .filter(|(name, _)| !members.contains(&format!("\"{name}\"")))
                .map(|(name, value)| format!("\"{name}\":{value}"))
                .collect();
            create(&format!("{{{members},{}}}", rest.join(",")))
        };
        for (members, named) in [
            (r#""name":"""#, "`name`"),
            (r#""name":"a\u0000b""#, "`name`"),
            (r#""owner":"""#, "`owner`"),
            (r#""owner":"user:Änn""#, "`owner`"),
            (r#""owner":"a b""#, "`owner`"),
            (r#""owner":"a\r\nX-Auth-Scopes: all""#, "`owner`"),
            (r#""description":"\u0007""#, "`description`"),
            (r#""scopes":["a b"]"#, "`scopes`"),
            (r#""scopes":[""]"#, "`scopes`"),
            (r#""expires_at":"tomorrow""#, "`expires_at`"),
            (r#""expires_at":"2026-11-21T12:00:00Z""#, "`expires_at` lies in the past"),
            (r#""expires_at":"2026-11-22T12:00:01Z""#, "more than 1 day(s) away"),
            (r#""extra":1"#, "json"),
            (r#""scopes":"a""#, "json"),
        ] {
            let said = with(members).unwrap_err();
            assert!(said.contains(named), "{members}: {said}");
        }
    }
}
