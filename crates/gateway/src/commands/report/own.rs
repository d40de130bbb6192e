//! Secrets that may be the gateway's own, whatever type a scanner gave them.

const SIGNATURE: usize = 43;
const VALUE: usize = 40;

/// Whether it is shaped as a PAT of a gateway, whose prefix is its operator's to choose, as the tokens
/// of GitLab, which a gateway lends, or as a JWT, which a gateway signs. Only the gateway knows whether
/// it is one.
pub(super) fn may_be(secret: &str) -> bool {
    is_pat(secret) || secret.contains("glpat-") || is_jwt(secret)
}

fn is_pat(secret: &str) -> bool {
    let Some((signed, value)) = secret.rsplit_once('.') else { return false };
    let signature = signed.as_bytes().iter().rev().take(SIGNATURE);
    let fits = |b: &u8| b.is_ascii_alphanumeric() || b"-_".contains(b);
    value.len() == VALUE
        && value.bytes().all(|b| b.is_ascii_alphanumeric())
        && signature.filter(|b| fits(b)).count() == SIGNATURE
}

/// Three segments, of which the first is the base64url of an object.
fn is_jwt(secret: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    let segment = |segment: &str| !segment.is_empty() && segment.bytes().all(fits);
    secret.starts_with("ey") && secret.split('.').count() == 3 && secret.split('.').all(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pats_of_any_prefix_gitlabs_tokens_and_jwts_may_be() {
        let (signature, value) = ("aB_-5".repeat(9)[..43].to_owned(), "0aZ9".repeat(10));
        for ours in [
            format!("gitpod_pat_{signature}.{value}"),
            format!("acme.{signature}.{value}"),
            "glpat-abc".to_owned(),
            "acme-glpat-abc.01.0123456789".to_owned(),
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.aB_-5".to_owned(),
        ] {
            assert!(may_be(&ours), "{ours}");
        }
        for other in [
            format!("gitpod_pat_{signature}.{value}x"),
            format!("{}.{value}", &signature[1..]),
            format!("{signature}.{}-", &value[1..]),
            format!("{}=.{value}", &signature[1..]),
            value,
            ".".to_owned(),
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0".to_owned(),
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.".to_owned(),
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.a.b".to_owned(),
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.a=".to_owned(),
            "a.b.c".to_owned(),
            String::new(),
        ] {
            assert!(!may_be(&other), "{other}");
        }
    }
}
