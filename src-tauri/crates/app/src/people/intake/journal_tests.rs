//! The journal on disk, whole and not.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::journal::{Entry, Journal, JournalWriter, Opened};

fn open(folder: &TempDir) -> Opened {
    Journal::open(folder.path(), 0).unwrap()
}

fn events(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.as_bytes().to_vec()).collect()
}

fn append(writer: &mut JournalWriter, groups: &[(&str, &[&str])]) {
    let groups: Vec<_> = groups
        .iter()
        .map(|(source, names)| (*source, events(names)))
        .collect();
    let entries = groups
        .iter()
        .map(|(source, events)| (*source, 7, events.as_slice()));
    writer.append(entries).unwrap();
}

fn read(opened: &Opened) -> Vec<Entry> {
    let mut reader = opened.journal.read();
    let mut all = Vec::new();
    loop {
        let entries = reader.next(40).unwrap();
        if entries.is_empty() {
            return all;
        }
        all.extend(entries);
    }
}

fn entry(first: u64, source: &str, names: &[&str]) -> Entry {
    Entry {
        first,
        received_ms: 7,
        source: source.to_owned(),
        events: events(names),
    }
}

fn files(folder: &TempDir, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|it| it == ending))
        .collect();
    files.sort();
    files
}

#[test]
fn what_was_written_is_read_in_order_over_openings() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = open(&folder);
    assert!(read(&first).is_empty());
    append(&mut first.writer, &[("web", &["a", "b"]), ("app", &["c"])]);
    let mut reader = first.journal.read();
    assert_eq!(reader.next(1).unwrap(), [entry(0, "web", &["a", "b"])]);
    append(&mut first.writer, &[("web", &["d"])]);
    assert_eq!(
        reader.next(1 << 20).unwrap(),
        [entry(2, "app", &["c"]), entry(3, "web", &["d"])]
    );
    assert!(reader.next(1 << 20).unwrap().is_empty());

    let mut second = open(&folder);
    assert_eq!((second.journal.next(), second.problems.len()), (4, 0));
    append(&mut second.writer, &[("app", &["e"])]);
    let wanted = [
        entry(0, "web", &["a", "b"]),
        entry(2, "app", &["c"]),
        entry(3, "web", &["d"]),
        entry(4, "app", &["e"]),
    ];
    assert_eq!(read(&second), wanted);
    // Nothing is used twice, even when every file is gone.
    for file in files(&folder, "journal") {
        fs::remove_file(file).unwrap();
    }
    assert_eq!(Journal::open(folder.path(), 5).unwrap().journal.next(), 5);
}

#[test]
fn files_go_once_nobody_needs_them() {
    let folder = tempfile::tempdir().unwrap();
    append(&mut open(&folder).writer, &[("web", &["a", "b"])]);
    append(&mut open(&folder).writer, &[("web", &["c"])]);
    let mut last = open(&folder);
    append(&mut last.writer, &[("web", &["d"])]);
    assert_eq!(files(&folder, "journal").len(), 3);
    last.journal.release(1);
    assert_eq!(files(&folder, "journal").len(), 3);
    last.journal.release(2);
    assert_eq!(files(&folder, "journal").len(), 2);
    assert_eq!(read(&last), [entry(2, "web", &["c"]), entry(3, "web", &["d"])]);
    // The one that is written stays.
    last.journal.release(100);
    assert_eq!(files(&folder, "journal").len(), 1);
}

#[test]
fn an_end_that_was_cut_off_is_passed_over_wherever_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    append(
        &mut open(&folder).writer,
        &[("web", &["a"]), ("web", &["b", "c"])],
    );
    let file = files(&folder, "journal").remove(0);
    let bytes = fs::read(&file).unwrap();
    let first_ends = bytes.len() - (12 + 8 + 8 + 7 + 4 + 5 + 5);
    for cut in 0..bytes.len() {
        fs::write(&file, &bytes[..cut]).unwrap();
        let opened = open(&folder);
        let wanted: &[Entry] = if cut < first_ends {
            &[]
        } else {
            &[entry(0, "web", &["a"])]
        };
        assert_eq!(read(&opened), wanted, "cut at {cut}");
        assert_eq!(
            (opened.problems.len(), files(&folder, "damaged").len()),
            (0, 0),
            "cut at {cut}"
        );
    }
    // A file that had grown and was not written yet.
    let mut grown = bytes.clone();
    grown.extend([0; 4_096]);
    fs::write(&file, &grown).unwrap();
    let mut opened = open(&folder);
    append(&mut opened.writer, &[("web", &["d"])]);
    let wanted = [
        entry(0, "web", &["a"]),
        entry(1, "web", &["b", "c"]),
        entry(3, "web", &["d"]),
    ];
    assert_eq!(read(&opened), wanted);
}

#[test]
fn damage_is_named_and_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    append(
        &mut open(&folder).writer,
        &[("web", &["a"]), ("web", &["b", "c"])],
    );
    let file = files(&folder, "journal").remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let opened = open(&folder);
    assert_eq!(read(&opened), [entry(0, "web", &["a"])]);
    assert_eq!(opened.problems.len(), 1);
    assert!(
        opened.problems[0].message.contains("is damaged at byte"),
        "{}",
        opened.problems[0]
    );
    assert_eq!(fs::read(files(&folder, "damaged").remove(0)).unwrap(), bytes);
}
