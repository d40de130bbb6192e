//! The tokens that the embedding program issues itself.

/// Recognises our own tokens in what is reported, and hears that they died.
pub trait OwnTokens: Send + Sync + 'static {
    /// The digest under which the store knows `secret`, where it is provably one of ours. Looks at
    /// the secret alone and asks no database.
    fn recognise(&self, secret: &str) -> Option<String>;

    /// The tokens of these digests are tombstones now. Called after the commit and before the
    /// report is answered, so that nothing remembered in this process outlives the answer.
    fn tombstoned(&self, digests: &[String]);
}

/// For programs that issue no tokens.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoOwnTokens;

impl OwnTokens for NoOwnTokens {
    fn recognise(&self, _secret: &str) -> Option<String> {
        None
    }

    fn tombstoned(&self, _digests: &[String]) {}
}
