//! The configuration of the gateways under test. Made up: nothing of it opens anything.

use crate::client::Ports;
use crate::process::{Place, Setup};

pub(crate) const FILE: &str = "portcullis.toml";
pub(crate) const LOG: &str = "log";

pub(crate) const ADMIN: &str = "an-admin-token-of-this-test-0123456789";
pub(crate) const REPORTER: &str = "a-reporting-token-of-this-test-0123456789";
/// 32 bytes.
pub(crate) const MASTER: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

pub(crate) fn of(setup: &Setup, ports: Ports) -> String {
    let Ports { public, admin } = ports;
    let Setup { gitlab, max_batch, more, .. } = setup;
    let call_timeout = setup.call_timeout.as_secs();
    let database = match &setup.place {
        Place::Sqlite => String::new(),
        Place::Postgres(url) => format!("[database]\nurl = \"{url}\"\n"),
    };
    format!(
        r#"
[server]
listen = "127.0.0.1:{public}"
admin_listen = "127.0.0.1:{admin}"
shutdown_grace = "2s"
{database}
[log]
filter = "debug"
[secrets]
master_key = "{MASTER}"
admin_tokens = ["{ADMIN}"]
[revocation]
call_timeout = "{call_timeout}s"
lease_margin = "1s"
retry_base = "50ms"
retry_cap = "2s"
poll_interval = "200ms"
[[revocation.providers]]
kind = "gitlab"
url = "{gitlab}"
[revocation_api]
max_batch = {max_batch}
[[revocation_api.clients]]
name = "gitlab"
token = "{REPORTER}"
rate_limit = {{ per_second = 100000, burst = 100000 }}
{more}
"#
    )
}
