//! A copy of a SQLite database that is in use.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::str::FromStr as _;

use portcullis_base::Randomness;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::{Store, StoreError};

impl Store {
    /// Copies the SQLite database at `url` into the new file `to`, for its owner alone, as it is at one moment.
    /// Whoever uses it goes on, and need not know. The file is there whole, and on the disk, or not at all.
    ///
    /// Where it is cut off, a file beside `to` may stay, with `random` and `.part` in its name.
    pub async fn back_up(
        url: &secrecy::SecretString,
        to: &Path,
        random: &dyn Randomness,
    ) -> Result<(), StoreError> {
        use secrecy::ExposeSecret as _;
        let from = SqliteConnectOptions::from_str(url.expose_secret());
        let from = from.map_err(|_| StoreError::Address)?.create_if_missing(false);
        let fail = |source| StoreError::File { path: to.display().to_string(), source };
        if to.exists() {
            return Err(fail(io::ErrorKind::AlreadyExists.into()));
        }
        let mut name = to.as_os_str().to_owned();
        name.push(format!(".{}.part", hex::encode(&random.uuid_v4()[..6])));
        let part = Path::new(&name);
        // New, by a name that nobody foresees: one that is there may be a link, somebody else's, or another backup.
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part);
        let file = made.map_err(fail)?;
        let copied = match copy(&from, part).await {
            Ok(()) => file.sync_all().and_then(|()| fs::hard_link(part, to)).map_err(fail),
            Err(error) => Err(error.into()),
        };
        let removed = fs::remove_file(part).map_err(fail);
        copied.and(removed)?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).map_err(fail)
    }
}

async fn copy(from: &SqliteConnectOptions, to: &Path) -> Result<(), sqlx::Error> {
    let mut connection: SqliteConnection = from.connect().await?;
    let to =
        to.to_str().ok_or_else(|| sqlx::Error::Configuration("a path that is not UTF-8".into()))?;
    sqlx::query("VACUUM INTO $1").bind(to).execute(&mut connection).await?;
    connection.close().await
}
