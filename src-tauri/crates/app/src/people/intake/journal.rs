//! The journal: what was posted is written here and synced before it is acknowledged; from here it is collected.
//!
//! Why not a checkpoint for each acknowledgement: one costs a segment, its sync and a transaction, tens of milliseconds,
//! and leaves a file a time for compaction; an append with one sync for all that waits costs a few, and the checkpoint
//! follows at its own pace.
//!
//! A file is entries one after the other: the length of what follows (4 bytes), its XXH3 (8), then the first event's
//! number, the time of receipt, the source and the events, each with its length. Numbers are those of the events,
//! counted on over all files and never used twice; a file is called by its first one. Invariants: a reader sees only what
//! is synced; a write that failed is never read and its numbers are gone; an end that was cut off by a crash was never
//! acknowledged, and is cut off at the opening; what else can't be read is named and its file kept aside.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tailrace_model::{Error, Result};
use tokio::sync::watch;
use xxhash_rust::xxh3::xxh3_64;

/// A file that is larger is followed by a new one.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// Bytes of one entry: those of a request, and more than any has.
const ENTRY_BYTES_MAX: usize = 8 << 20;
/// Files that are looked through for the newest events of a source.
const LOOKED_AT_MAX: usize = 2;
/// Length and checksum.
const HEAD_BYTES: usize = 12;
const ENDING: &str = ".journal";

/// What one request brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Of its first event; the others follow.
    pub first: u64,
    pub received_ms: i64,
    pub source: String,
    pub events: Vec<Vec<u8>>,
}

impl Entry {
    /// The number behind its last event.
    pub fn next(&self) -> u64 {
        self.first + self.events.len() as u64
    }
}

#[derive(Debug)]
struct Part {
    first: u64,
    path: PathBuf,
    /// What of it is whole and synced.
    bytes: u64,
}

/// The files, for who reads them and who removes them.
#[derive(Debug)]
pub(super) struct Journal {
    parts: Mutex<VecDeque<Part>>,
    /// The number that the next event gets, once what is before it is synced.
    next: watch::Sender<u64>,
}

/// What an opening yields.
pub(super) struct Opened {
    pub journal: Arc<Journal>,
    pub writer: JournalWriter,
    /// Files that are damaged.
    pub problems: Vec<Error>,
}

/// Appends; there is one.
#[derive(Debug)]
pub(super) struct JournalWriter {
    journal: Arc<Journal>,
    folder: PathBuf,
    next: u64,
    /// The file that is written, and how much of it is whole.
    file: Option<(File, u64)>,
    buffer: Vec<u8>,
}

/// Reads on from where it is.
#[derive(Debug)]
pub(super) struct JournalReader {
    journal: Arc<Journal>,
    /// First number, file, and how much of it was read.
    at: Option<(u64, File, u64)>,
}

fn failed(what: &str, path: &Path, fault: &io::Error) -> Error {
    let sentence = format!(
        "{} can't be {what} ({fault}): make room on the disk, or check the folder's permissions",
        path.display()
    );
    let error = Error::external("intake_journal", sentence);
    Error { retry: true, ..error }
}

impl Journal {
    /// Opens the journal; numbers go on behind `at_least`. Blocks: it reads what is there.
    pub fn open(folder: &Path, at_least: u64) -> Result<Opened> {
        fs::create_dir_all(folder).map_err(|fault| failed("made", folder, &fault))?;
        let mut parts = VecDeque::new();
        let (mut next, mut problems) = (at_least, Vec::new());
        for (first, path) in files(folder).map_err(|fault| failed("read", folder, &fault))? {
            let fault = |fault: io::Error| failed("read", &path, &fault);
            let whole = whole(&path, first).map_err(fault)?;
            next = next.max(whole.next);
            problems.extend(whole.problem);
            if whole.bytes == 0 {
                // Of a write that failed, or that no sync followed.
                fs::remove_file(&path).map_err(fault)?;
                continue;
            }
            parts.push_back(Part {
                first,
                bytes: whole.bytes,
                path,
            });
        }
        let journal = Arc::new(Self {
            parts: Mutex::new(parts),
            next: watch::Sender::new(next),
        });
        let writer = JournalWriter {
            journal: Arc::clone(&journal),
            folder: folder.to_owned(),
            next,
            file: None,
            buffer: Vec::new(),
        };
        Ok(Opened {
            journal,
            writer,
            problems,
        })
    }

    fn parts(&self) -> MutexGuard<'_, VecDeque<Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn next(&self) -> u64 {
        *self.next.borrow()
    }

    pub fn follow(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }

    pub fn bytes(&self) -> u64 {
        self.parts().iter().map(|part| part.bytes).sum()
    }

    pub fn read(self: &Arc<Self>) -> JournalReader {
        JournalReader {
            journal: Arc::clone(self),
            at: None,
        }
    }

    /// Removes the files whose events are all before a number. The last one stays until another follows it.
    pub fn release(&self, before: u64) {
        let mut parts = self.parts();
        while parts.get(1).is_some_and(|following| following.first <= before) {
            let Some(part) = parts.pop_front() else { break };
            if let Err(error) = fs::remove_file(&part.path) {
                // It is passed over at the next opening.
                tracing::warn!(file = %part.path.display(), %error, "a file of the intake's journal can't be removed");
            }
        }
    }
}

/// The files of a journal, the oldest first.
fn files(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if let Some(first) = name.strip_suffix(ENDING).and_then(|first| first.parse().ok()) {
            files.push((first, path));
        }
    }
    files.sort();
    Ok(files)
}

/// The newest events of a source, so far as the newest files have them, the oldest first: to look at, also beside the
/// process that writes, whose last entry may not be synced yet. Blocks.
pub(super) fn newest(folder: &Path, source: &str, events_max: usize) -> Result<Vec<Entry>> {
    let files = match files(folder) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Vec::new(),
        files => files.map_err(|fault| failed("read", folder, &fault))?,
    };
    let mut found: VecDeque<Entry> = VecDeque::new();
    let mut events = 0;
    for (_, path) in files.iter().rev().take(LOOKED_AT_MAX) {
        let entries = entries_of(path, source).map_err(|fault| failed("read", path, &fault))?;
        for entry in entries.into_iter().rev() {
            if events >= events_max {
                break;
            }
            events += entry.events.len();
            found.push_front(entry);
        }
    }
    if let Some(oldest) = found.front_mut() {
        let surplus = events.saturating_sub(events_max).min(oldest.events.len());
        oldest.events.drain(..surplus);
        oldest.first += surplus as u64;
    }
    Ok(found.into())
}

/// The entries of a source in a file, up to where it can't be read; none of one that was removed meanwhile.
fn entries_of(path: &Path, source: &str) -> io::Result<Vec<Entry>> {
    let mut file = match File::open(path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut left = file.metadata()?.len();
    let mut entries = Vec::new();
    while let Found::Entry(entry, bytes) = read_entry(&mut file, left)? {
        left -= bytes;
        entries.extend((entry.source == source).then_some(entry));
    }
    Ok(entries)
}

/// How much of a file can be read.
struct Whole {
    bytes: u64,
    /// The number behind its last event.
    next: u64,
    problem: Option<Error>,
}

fn whole(path: &Path, first: u64) -> io::Result<Whole> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut whole = Whole {
        bytes: 0,
        next: first,
        problem: None,
    };
    loop {
        match read_entry(&mut file, length - whole.bytes)? {
            Found::Entry(entry, bytes) => {
                whole.bytes += bytes;
                whole.next = entry.next();
            }
            Found::Nothing => return Ok(whole),
            Found::Torn => {
                tracing::info!(file = %path.display(), "the journal's end was cut off before it was acknowledged");
                return Ok(whole);
            }
            Found::Damaged => {
                let aside = path.with_extension("damaged");
                fs::copy(path, &aside)?;
                let sentence = format!(
                    "the intake's journal {} is damaged at byte {}: what is before that is collected, the whole file is \
                     kept as {}",
                    path.display(),
                    whole.bytes,
                    aside.display()
                );
                whole.problem = Some(Error::user("journal_damaged", sentence));
                return Ok(whole);
            }
        }
    }
}

enum Found {
    Entry(Entry, u64),
    Nothing,
    /// Its end is missing.
    Torn,
    Damaged,
}

fn read_entry(file: &mut File, left: u64) -> io::Result<Found> {
    if left == 0 {
        return Ok(Found::Nothing);
    }
    if left < HEAD_BYTES as u64 {
        return Ok(Found::Torn);
    }
    let mut head = [0; HEAD_BYTES];
    file.read_exact(&mut head)?;
    let mut fields = Fields(&head);
    let (length, checksum) = (fields.u32().unwrap_or(0), fields.u64().unwrap_or(0));
    // A file that grew and was not written yet reads as zeros.
    if length == 0 || u64::from(length) > left - HEAD_BYTES as u64 {
        return Ok(Found::Torn);
    }
    if length as usize > ENTRY_BYTES_MAX {
        return Ok(Found::Damaged);
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes)?;
    if xxh3_64(&bytes) != checksum {
        return Ok(Found::Damaged);
    }
    Ok(match decode(&bytes) {
        Some(entry) => Found::Entry(entry, HEAD_BYTES as u64 + u64::from(length)),
        None => Found::Damaged,
    })
}

fn decode(bytes: &[u8]) -> Option<Entry> {
    let mut fields = Fields(bytes);
    let first = fields.u64()?;
    let received_ms = fields.u64()?.cast_signed();
    let source = String::from_utf8(fields.bytes()?.to_vec()).ok()?;
    let count = fields.u32()?;
    let events: Option<Vec<Vec<u8>>> = (0..count).map(|_| fields.bytes().map(<[u8]>::to_vec)).collect();
    fields.0.is_empty().then_some(Entry {
        first,
        received_ms,
        source,
        events: events?,
    })
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.u32()?;
        self.take(count as usize)
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    // An entry is far smaller than 4 GiB.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn encode(out: &mut Vec<u8>, first: u64, received_ms: i64, source: &str, events: &[Vec<u8>]) {
    let head = out.len();
    out.extend_from_slice(&[0; HEAD_BYTES]);
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&received_ms.to_le_bytes());
    put_bytes(out, source.as_bytes());
    out.extend_from_slice(&u32::try_from(events.len()).unwrap_or(u32::MAX).to_le_bytes());
    for event in events {
        put_bytes(out, event);
    }
    let body = out.get(head + HEAD_BYTES..).unwrap_or_default();
    let (length, checksum) = (u32::try_from(body.len()).unwrap_or(u32::MAX), xxh3_64(body));
    if let Some(place) = out.get_mut(head..head + HEAD_BYTES) {
        place[..4].copy_from_slice(&length.to_le_bytes());
        place[4..].copy_from_slice(&checksum.to_le_bytes());
    }
}

impl JournalWriter {
    /// Writes the entries and syncs once. Either all of it is durable, or nothing of it is ever read. Blocks.
    pub fn append<'a>(&mut self, entries: impl Iterator<Item = (&'a str, i64, &'a [Vec<u8>])>) -> Result<()> {
        self.buffer.clear();
        let first = self.next;
        for (source, received_ms, events) in entries {
            encode(&mut self.buffer, self.next, received_ms, source, events);
            // Used up, whatever becomes of it: a part of it may be found in the file.
            self.next += events.len() as u64;
        }
        let written = self.write(first);
        self.buffer.shrink_to(1 << 20);
        match written {
            Ok(()) => {
                self.journal.next.send_replace(self.next);
                Ok(())
            }
            Err(fault) => {
                if let Some((file, whole)) = self.file.take() {
                    // What is left of it is cut off now, or passed over by its reader.
                    let _ = file.set_len(whole);
                }
                Err(failed("written", &self.folder, &fault))
            }
        }
    }

    fn write(&mut self, first: u64) -> io::Result<()> {
        if self
            .file
            .as_ref()
            .is_some_and(|(_, whole)| *whole >= FILE_BYTES_MAX)
        {
            self.file = None;
        }
        if self.file.is_none() {
            self.file = Some((self.create(first)?, 0));
        }
        let Some((file, whole)) = &mut self.file else {
            return Ok(());
        };
        file.write_all(&self.buffer)?;
        file.sync_data()?;
        *whole += self.buffer.len() as u64;
        if let Some(part) = self.journal.parts().back_mut() {
            part.bytes = *whole;
        }
        Ok(())
    }

    fn create(&self, first: u64) -> io::Result<File> {
        let path = self.folder.join(format!("{first:020}{ENDING}"));
        let file = OpenOptions::new().create_new(true).append(true).open(&path)?;
        // Its name is durable too.
        File::open(&self.folder)?.sync_all()?;
        self.journal.parts().push_back(Part {
            first,
            path,
            bytes: 0,
        });
        Ok(file)
    }
}

impl JournalReader {
    /// The next entries, of about so many bytes at most; none: everything that is synced was read. Blocks.
    pub fn next(&mut self, bytes_max: u64) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut read = 0;
        while read < bytes_max {
            let Some((path, first, bytes)) = self.part() else {
                break;
            };
            let fault = |fault: io::Error| failed("read", &path, &fault);
            if self.at.as_ref().is_none_or(|(at, ..)| *at != first) {
                self.at = Some((first, File::open(&path).map_err(fault)?, 0));
            }
            let Some((_, file, at)) = &mut self.at else { break };
            // Whoever failed in the middle of one begins it again.
            file.seek(SeekFrom::Start(*at)).map_err(fault)?;
            match read_entry(file, bytes - *at).map_err(fault)? {
                Found::Entry(entry, bytes) => {
                    *at += bytes;
                    read += bytes;
                    entries.push(entry);
                }
                Found::Nothing => break,
                Found::Torn | Found::Damaged => {
                    let fault = io::Error::new(io::ErrorKind::InvalidData, "it is not what was written");
                    return Err(failed("read", &path, &fault));
                }
            }
        }
        Ok(entries)
    }

    /// The file to read on in.
    fn part(&self) -> Option<(PathBuf, u64, u64)> {
        let parts = self.journal.parts();
        let unread = |part: &&Part| match &self.at {
            Some((first, _, at)) => part.first > *first || (part.first == *first && *at < part.bytes),
            None => part.bytes > 0,
        };
        let part = parts.iter().filter(|part| part.bytes > 0).find(unread)?;
        Some((part.path.clone(), part.first, part.bytes))
    }
}
