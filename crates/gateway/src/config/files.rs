//! Reading the files that a configuration names.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use portcullis_base::secret::{SecretString, Zeroizing};

// Far above any key, token or CA bundle; keeps a device file from filling the memory.
const LIMIT: u64 = 4 << 20;

/// The content of a file, and whether others than its owner can read it.
pub(crate) struct Small {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    pub(crate) exposed: bool,
}

/// Reads a file of at most 4 MiB.
pub(crate) fn read_small(path: &Path) -> io::Result<Small> {
    let file = File::open(path)?;
    let meta = file.metadata()?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 4 MiB"));
    }
    Ok(Small { bytes, exposed: meta.is_file() && meta.mode() & 0o044 != 0 })
}

/// Reads a secret from a file of its own: UTF-8, one final line feed dropped.
pub(crate) fn read_secret(path: &Path) -> io::Result<(SecretString, bool)> {
    let file = read_small(path)?;
    let text = std::str::from_utf8(&file.bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the file is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok((SecretString::from(text), file.exposed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_base::secret::ExposeSecret as _;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn one_final_line_feed_is_dropped_and_the_mode_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        for (content, secret, mode) in [("a\n\n", "a\n", 0o600), ("a", "a", 0o640), ("", "", 0o604)]
        {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let (read, exposed) = read_secret(&path).unwrap();
            assert_eq!((read.expose_secret(), exposed), (secret, mode != 0o600));
        }
    }

    #[test]
    fn what_is_no_secret_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(read_secret(&path).is_err());
        assert!(read_secret(dir.path()).is_err());
        assert!(read_secret(&dir.path().join("none")).is_err());
        assert!(read_small(Path::new("/dev/zero")).is_err());
    }
}
