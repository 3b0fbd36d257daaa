//! Code that only the start needed leaves the memory.
//!
//! Of the program's code and the libraries it is linked with, most pages in memory are there since the start: measured,
//! 65 MiB of the program's own, of which a live tail at 20,000 records a second uses 6. They are files: dropping a page
//! from the process costs nothing, and one that is needed after all comes back from the system's cache.
//!
//! Invariant: only pages that are the file's own are dropped, never one that was written to.

use std::{path::Path, time::Duration};

use tokio::time::MissedTickBehavior;

/// When the window has opened and shown its first screen; and again, for what screens are opened for the first time.
const EVERY: Duration = Duration::from_secs(2);
/// Of `/proc/self/smaps`, which has some hundreds of mappings.
const SMAPS_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    from: usize,
    to: usize,
}

/// Looks after it for as long as the window is there.
pub async fn keep_small() {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let dropped = tokio::task::spawn_blocking(drop_unchanged).await;
        if let Ok(Err(error)) = dropped {
            tracing::debug!(%error, "code that is not used stays in memory");
            return;
        }
    }
}

fn drop_unchanged() -> std::io::Result<()> {
    use std::io::Read as _;

    let program = std::env::current_exe()?;
    let mut text = String::new();
    std::fs::File::open("/proc/self/smaps")?
        .take(SMAPS_BYTES_MAX)
        .read_to_string(&mut text)?;
    for Range { from, to } in unchanged(&text, &program) {
        // SAFETY: a private mapping of a file that is not writable and has no page of its own: what is dropped is read
        // from the file again.
        let dropped = unsafe { libc::madvise(from as *mut libc::c_void, to - from, libc::MADV_DONTNEED) };
        if dropped != 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The mappings of code, and of what lies with it, that nobody has written to or may write to.
fn unchanged(smaps: &str, program: &Path) -> Vec<Range> {
    let mut found = Vec::new();
    let mut mapping = None;
    for line in smaps.lines() {
        if let Some(range) = header(line, program) {
            mapping = range;
        } else if line
            .strip_prefix("Anonymous:")
            .is_some_and(|size| size.trim() == "0 kB")
        {
            found.extend(mapping.take());
        }
    }
    found
}

/// Of a mapping's first line, `FROM-TO PERMISSIONS OFFSET DEVICE INODE PATH`, its range, when it is one to look at.
fn header(line: &str, program: &Path) -> Option<Option<Range>> {
    let (range, rest) = line.split_once(' ')?;
    let (from, to) = range.split_once('-')?;
    let address = |digits: &str| usize::from_str_radix(digits, 16).ok();
    let range = Range {
        from: address(from)?,
        to: address(to)?,
    };
    let mut fields = rest.split_whitespace();
    let permissions = fields.next().unwrap_or_default();
    let path = Path::new(fields.nth(3).unwrap_or_default());
    let is_library = path
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.ends_with(".so") || name.contains(".so."));
    let is_code = path == program || is_library;
    Some((is_code && matches!(permissions, "r-xp" | "r--p")).then_some(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
1000-3000 r--p 00000000 fe:00 77                         /opt/tailrace-studio
Rss:                   8 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
3000-9000 r-xp 00002000 fe:00 77                         /opt/tailrace-studio
Anonymous:             0 kB
9000-a000 r--p 00008000 fe:00 77                         /opt/tailrace-studio
Anonymous:             4 kB
a000-b000 rw-p 00009000 fe:00 77                         /opt/tailrace-studio
Anonymous:             0 kB
b000-c000 r-xp 00000000 fe:00 78                         /usr/lib/libGL.so.1.7.0
Anonymous:             0 kB
c000-d000 r--p 00000000 fe:00 79                         /usr/share/fonts/A.ttf
Anonymous:             0 kB
d000-e000 r--s 00000000 fe:00 80                         /usr/lib/libshared.so
Anonymous:             0 kB
e000-f000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
";

    #[test]
    fn only_code_that_nobody_wrote_to_is_dropped() {
        let range = |from, to| Range { from, to };
        assert_eq!(
            unchanged(SMAPS, Path::new("/opt/tailrace-studio")),
            [
                range(0x1000, 0x3000),
                range(0x3000, 0x9000),
                range(0xb000, 0xc000)
            ]
        );
    }

    #[test]
    fn the_program_goes_on_without_its_pages() {
        // This test's own code among them.
        for _ in 0..3 {
            drop_unchanged().unwrap();
        }
        assert_eq!(
            format!("{:?}", (1..4).map(|it| it * 2).collect::<Vec<_>>()),
            "[2, 4, 6]"
        );
    }
}
