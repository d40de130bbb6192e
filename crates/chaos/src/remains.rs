//! What a run leaves on the disk, and what of it may not be there.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::client::Minted;
use crate::config::{ADMIN, LOG, MASTER, REPORTER};
use crate::database::{DUMP, Database, SERVER_LOG};
use crate::search::{Searched, Words};

/// What a gateway logs of an end that it wrote too late.
const DROPPED: &str = "dropped: the lease has passed to another";
/// What Postgres says of a write that no gateway may try.
const REFUSED: &str = "violates check constraint";

/// What was found in the logs, the files and the database.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    pub(crate) searched: Searched,
    /// Secrets looked for, in all their forms.
    pub(crate) words: usize,
    /// Ends that came under a lease that had run out, and were not written.
    pub(crate) dropped: usize,
    /// Where the database refused what nobody may write.
    pub(crate) refused: Vec<String>,
}

/// Searches everything. What a server kept is added to the folder, for whoever looks into it later.
pub(crate) async fn search(
    folder: &Path,
    gateways: usize,
    database: &Database,
    leaked: &[Minted],
) -> Remains {
    let secrets = secrets(leaked);
    let mut remains = Remains { words: secrets.len(), ..Remains::default() };
    remains.searched.folder(folder, &secrets);
    let dropped = Words::of([DROPPED]);
    let mut refused = Searched::default();
    for number in 1..=gateways {
        let log = folder.join(format!("gateway-{number}")).join(LOG);
        let content = std::fs::read(&log).unwrap_or_default();
        remains.dropped += dropped.count(&content);
        refused.content(&content, &log.display().to_string(), &Words::of([REFUSED]));
    }
    remains.refused = refused.found;
    if let Some((text, files)) = database.contents().await {
        remains.searched.folder(&files, &secrets);
        remains.searched.content(text.as_bytes(), "the dump", &secrets);
        std::fs::write(folder.join(DUMP), text).expect("the folder can be written to");
        std::fs::copy(files.join("log"), folder.join(SERVER_LOG)).expect("the server has a log");
    }
    remains
}

/// How the reported tokens begin, the whole values of our own (their prefix is a word of the
/// configuration), and what the configuration holds.
fn secrets(leaked: &[Minted]) -> Words {
    let values = leaked.iter().filter_map(|minted| minted.token.rsplit('.').next());
    let texts = ["glpat-", ADMIN, REPORTER, MASTER].into_iter().chain(values);
    let master = URL_SAFE_NO_PAD.decode(MASTER).expect("it is written in base64url");
    Words::hidden(texts.map(|text| text.as_bytes().to_vec()).chain([master]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn secrets_and_what_logs_say_are_found() {
        let folder = portcullis_test_support::scratch_dir();
        let gateway = folder.path().join("gateway-1");
        std::fs::create_dir(&gateway).unwrap();
        let write = |text: &str| std::fs::write(gateway.join(LOG), text).unwrap();
        let leaked = [Minted { token: "pt_1.a-value-of-ours".into() }];
        let look = async || search(folder.path(), 1, &Database::Files, &leaked).await;
        write(&format!("{DROPPED}\n{DROPPED}\n"));
        let good = look().await;
        assert_eq!((good.dropped, good.searched.files, good.words), (2, 1, 30));
        assert!(good.refused.is_empty() && good.searched.found.is_empty(), "{good:?}");
        write(REFUSED);
        assert_eq!(look().await.refused.len(), 1);
        for secret in ["glpat-0", ADMIN, REPORTER, MASTER, "a-value-of-ours", &hex::encode(ADMIN)] {
            write(secret);
            assert_eq!(look().await.searched.found.len(), 1, "{secret}");
        }
    }
}
