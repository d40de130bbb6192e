//! What GitHub published of itself, and everything that differs from it by a little.

mod hanging;
mod keys;
mod signature;

/// A request as it was published, with the key that signed it.
pub(super) struct Sample {
    pub(super) identifier: &'static str,
    /// The key's DER (`SubjectPublicKeyInfo`) in base64.
    pub(super) key: [&'static str; 2],
    pub(super) signature: &'static str,
    pub(super) body: &'static str,
}

/// The sample in `pypi/warehouse` (Apache-2.0), by a key that GitHub has retired since. Its
/// `url` begins with a space.
pub(super) const OF_PYPI: Sample = Sample {
    identifier: "90a421169f0a406205f1563a953312f0be898d3c7b6c06b681aa86a874555f4a",
    key: [
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq",
        "kCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA==",
    ],
    signature: "MEQCIAfgjgz6Ou/3DXMYZBervz1TKCHFsvwMcbuJhNZse622AiAG86/cku2XdcmFWNHl2WSJi2fkE8t+auvB24eURaOd2A==",
    body: concat!(
        r#"[{"type":"github_oauth_token","token":"cb4985f91f740272c0234202299f43808034d7f5","#,
        r#""url":" https://github.com/github/faketestrepo/blob/"#,
        r#"b0dd59c0b500650cacd4551ca5989a6194001b10/production.env"}]"#,
    ),
};

/// The sample request of GitHub's documentation (CC BY 4.0). Its `s` is 31 bytes long.
pub(super) const OF_GITHUB: Sample = Sample {
    identifier: "bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c",
    key: [
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd",
        "AjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==",
    ],
    signature: "MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg==",
    body: concat!(
        r#"[{"source":"commit","token":"some_token","type":"some_type","#,
        r#""url":"https://example.com/base-repo-url/"}]"#,
    ),
};

pub(super) fn pem(key: [&str; 2]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", key.join("\n"))
}
