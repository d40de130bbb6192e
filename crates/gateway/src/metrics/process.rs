//! This process, as the system sees it.

use super::list;
use super::page::Page;
use super::waiting::number;

/// Puts what the system says on a page; what it does not say is left out.
#[cfg(target_os = "linux")]
pub(super) fn put(page: &mut Page) {
    use procfs::WithCurrentSystemInfo as _;
    use procfs::process::{LimitValue, Process};
    let Ok(process) = Process::myself() else { return };
    if let Ok(stat) = process.stat() {
        page.set(list::MEMORY, [], number(stat.rss_bytes().get()));
        let ticks = number(procfs::ticks_per_second());
        page.count(list::CPU, [], number(stat.utime + stat.stime) / ticks);
    }
    if let Ok(files) = process.fd_count() {
        page.set(list::FILES, [], number(files as u64));
    }
    if let Ok(limits) = process.limits()
        && let LimitValue::Value(most) = limits.max_open_files.soft_limit
    {
        page.set(list::FILES_MAX, [], number(most));
    }
}

/// There is nowhere to read it.
#[cfg(not(target_os = "linux"))]
pub(super) fn put(_: &mut Page) {}
