//! The files of one listener, read again when they change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};
use portcullis_base::Clock;
use time::{Date, OffsetDateTime};

use super::fault::{Fault, Faults, Part, Why};
use super::material::Material;
use super::served::Served;
use crate::config::Tls;

/// So many days before its end a certificate is told of each day.
pub(super) const EARLY: i64 = 14;
/// So many days before it, as an error.
const LATE: i64 = 3;

/// The files of a listener and what is served of them. Files that are gone or broken, or do not fit each
/// other, leave what was served before.
pub(crate) struct Watched {
    listener: &'static str,
    files: Tls,
    clock: Arc<dyn Clock>,
    served: ArcSwap<Served>,
    /// What the last look saw. Held while the files are read.
    seen: Mutex<Result<[u8; 32], Faults>>,
    /// Apart, so that whoever asks does not wait for a disk.
    fault: Mutex<Option<Faults>>,
    /// The day on which it was told last that the certificate ends.
    told: Mutex<Option<Date>>,
}

/// How a listener's certificate stands.
pub(crate) struct Standing {
    /// Which listener.
    pub(crate) listener: &'static str,
    /// The last moment at which clients take it.
    pub(crate) not_after: OffsetDateTime,
    /// Whole days until then; below 0 once it is over.
    pub(crate) days_left: i64,
    /// What is wrong with the files as they are now, where those from before are served.
    pub(crate) fault: Option<String>,
}

impl Watched {
    /// Reads the files of `listener`.
    pub(crate) fn open(
        listener: &'static str,
        files: Tls,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Faults> {
        let served = Material::read(&files)?.judge()?;
        let seen = Mutex::new(Ok(served.digest));
        let served = ArcSwap::from_pointee(served);
        let (fault, told) = (Mutex::default(), Mutex::default());
        Ok(Self { listener, files, clock, served, seen, fault, told })
    }

    /// Whose it is.
    pub(crate) fn listener(&self) -> &'static str {
        self.listener
    }

    /// What a connection that begins now is given.
    pub(super) fn served(&self) -> Guard<Arc<Served>> {
        self.served.load()
    }

    /// Whether clients must show a certificate. Which, may change; whether, does not.
    pub(super) fn asks_for_certificates(&self) -> bool {
        self.files.client_ca.is_some()
    }

    /// How it stands at this moment.
    pub(crate) fn standing(&self) -> Standing {
        let served = self.served();
        Standing {
            listener: self.listener,
            not_after: served.not_after(),
            days_left: served.days_left(self.clock.now()),
            fault: lock(&self.fault).as_ref().map(ToString::to_string),
        }
    }

    /// Looks at the files, takes what is in them if it can be served, and tells of a certificate that ends
    /// soon. To be called every second or so, off the paths of requests.
    ///
    /// What changed is judged when two looks in a row see the same: two files cannot be replaced at once,
    /// and a file that is being written may look whole.
    pub(crate) fn refresh(&self) {
        let mut seen = lock(&self.seen);
        let found = Material::read(&self.files);
        let look = found.as_ref().map(|material| material.digest).map_err(Clone::clone);
        if look == *seen {
            self.take(found);
        }
        *seen = look;
        drop(seen);
        self.tell_days();
    }

    fn take(&self, found: Result<Material, Faults>) {
        let served = self.served();
        if found.as_ref().is_ok_and(|material| material.digest == served.digest) {
            return self.set_fault(None);
        }
        let now = self.clock.now();
        let judged = found.and_then(|material| Ok((material.is_exposed(), material.judge()?)));
        match judged {
            Ok((_, new)) if served.is_valid(now) && !new.is_valid(now) => {
                self.set_fault(Some(Fault::new(Part::Certificate, Why::NotValidNow).into()));
            }
            Ok((exposed, new)) => {
                self.tell_new(&new, exposed);
                self.served.store(Arc::new(new));
                *lock(&self.told) = None;
                self.set_fault(None);
            }
            Err(faults) => self.set_fault(Some(faults)),
        }
    }

    fn tell_new(&self, new: &Served, exposed: bool) {
        tracing::info!(
            tls.listener = self.listener,
            tls.not_after = %new.not_after(),
            "the certificate was read again: new connections are given it"
        );
        if exposed {
            tracing::warn!(
                tls.listener = self.listener,
                tls.private_key = %self.files.private_key.display(),
                "others on this machine can read the private key: chmod 600 the file"
            );
        }
    }

    /// Said once, when it changes.
    fn set_fault(&self, fault: Option<Faults>) {
        let mut before = lock(&self.fault);
        match &fault {
            _ if *before == fault => {}
            Some(faults) => tracing::error!(
                tls.listener = self.listener,
                tls.certificate = %self.files.certificate.display(),
                error = %faults,
                "the certificate cannot be read again; that from before stays in use"
            ),
            None => tracing::info!(
                tls.listener = self.listener,
                "the files of the certificate are as they should be again"
            ),
        }
        *before = fault;
    }

    /// Once a day.
    fn tell_days(&self) {
        let now = self.clock.now();
        let left = self.served().days_left(now);
        if left > EARLY || lock(&self.told).replace(now.date()) == Some(now.date()) {
            return;
        }
        let (listener, days_left) = (self.listener, left);
        if left < 0 {
            tracing::error!(
                tls.listener = listener,
                tls.days_left = days_left,
                "the certificate has expired"
            );
        } else if left <= LATE {
            tracing::error!(
                tls.listener = listener,
                tls.days_left = days_left,
                "the certificate expires soon"
            );
        } else {
            tracing::warn!(
                tls.listener = listener,
                tls.days_left = days_left,
                "the certificate expires soon"
            );
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
