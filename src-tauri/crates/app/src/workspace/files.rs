//! Reading and writing files: within limits, atomically, and with errors that say which file and what to do.

use std::{
    ffi::OsString,
    fs, io,
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use tailrace_model::{Error, Result};

/// Bytes of one definition file.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Environment variable that moves the user's configuration folder.
pub const CONFIG_DIR_VARIABLE: &str = "TAILRACE_CONFIG_DIR";

/// The folder of what belongs to the user and not to a workspace: recent workspaces, the file of secrets.
#[derive(Debug, Clone)]
pub struct ConfigDir(PathBuf);

impl ConfigDir {
    /// `TAILRACE_CONFIG_DIR`, or `tailrace` in the user's own configuration folder. It is made when first written to.
    pub fn from_env() -> Result<Self> {
        if let Some(dir) = std::env::var_os(CONFIG_DIR_VARIABLE).filter(|dir| !dir.is_empty()) {
            return Ok(Self(PathBuf::from(dir)));
        }
        dirs::config_dir()
            .map(|dir| Self(dir.join("tailrace")))
            .ok_or_else(|| {
                Error::user(
                    "no_config_folder",
                    format!(
                        "there is no home folder to keep settings in: set {CONFIG_DIR_VARIABLE} to a folder"
                    ),
                )
            })
    }

    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self(dir.into())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// Replaces a file whole: a reader, and a crash, sees the old bytes or the new ones. The bytes and the rename are on
/// disk when this returns. A link is followed and its target's permissions are kept. Folders are made.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, bytes, None)
}

/// The same for a file that only its owner may read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, bytes, Some(0o600))
}

fn write_with(path: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&folder)?;
    let temporary = folder.join(temporary_name(&path));
    let written = write_new(&temporary, bytes, mode).and_then(|()| {
        if mode.is_none()
            && let Ok(before) = fs::metadata(&path)
        {
            fs::set_permissions(&temporary, before.permissions())?;
        }
        fs::rename(&temporary, &path)
    });
    if let Err(error) = written {
        // The first error is the one to tell; a temporary file left behind is ignored by every reader.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_folder(&folder)
}

fn write_new(path: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if let Some(mode) = mode {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    }
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// `.NAME.PROCESS-COUNT.tmp`: hidden, beside the file, never of the same name twice.
fn temporary_name(path: &Path) -> OsString {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(
        ".{}-{}.tmp",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    ));
    name
}

/// Makes a rename, a creation or a removal in a folder last.
fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Removes a file if it is there, for good.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The text of a definition file; `file` names it in errors. A byte order mark is dropped.
pub(super) fn read_text(path: &Path, file: &str) -> Result<String> {
    let cannot = |error: io::Error| {
        Error::user(
            "definition_unreadable",
            format!(
                "{file} can't be read ({}): check that it is a file and may be read",
                reason(&error)
            ),
        )
        .at(Some(file), 1, 1)
    };
    let mut bytes = Vec::new();
    let opened = fs::File::open(path).map_err(cannot)?;
    opened
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let message = format!(
            "{file} is larger than {} KiB, too large for a definition",
            FILE_BYTES_MAX / 1024
        );
        return Err(Error::user("definition_too_large", message).at(Some(file), 1, 1));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid =
            String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned();
        let (line, column) = line_column(&valid, valid.len());
        let message = format!("{file}:{line}:{column}: not UTF-8 text: save the file as UTF-8");
        Error::user("definition_encoding", message).at(Some(file), line, column)
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// Line and column of a byte offset, both from 1; a column counts characters.
pub(super) fn line_column(text: &str, offset: usize) -> (u32, u32) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (
        u32::try_from(line).unwrap_or(u32::MAX),
        u32::try_from(column).unwrap_or(u32::MAX),
    )
}

/// The operating system's reason in its own words, without the error number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// An error for a file that could not be written.
pub(crate) fn cannot_write(path: &Path, error: &io::Error) -> Error {
    Error::user(
        "file_not_written",
        format!(
            "{} can't be written ({}): check the folder's permissions and the free space",
            path.display(),
            reason(error)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters() {
        let check = |text: &str, offset: usize, expected: (u32, u32)| {
            assert_eq!(line_column(text, offset), expected, "{text:?} at {offset}");
        };
        check("", 0, (1, 1));
        check("ab\ncd", 4, (2, 2));
        check("é = 1", 3, (1, 3));
        check("a\r\nb", 3, (2, 1));
        check("a\n", 99, (2, 1));
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a").join("b.toml");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path().join("a")).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_are_kept() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "one").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write_atomically(&link, b"two").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"two");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        write_private(&dir.path().join("private"), b"x").unwrap();
        assert_eq!(
            fs::metadata(dir.path().join("private"))
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o600
        );
    }

    #[test]
    fn what_is_no_text_is_said_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.toml");
        fs::write(&path, b"kind = 1\nab\xff").unwrap();
        assert_eq!(
            read_text(&path, "x.toml").unwrap_err().message,
            "x.toml:2:3: not UTF-8 text: save the file as UTF-8"
        );
        fs::write(&path, vec![b' '; 1024 * 1024 + 1]).unwrap();
        assert_eq!(
            read_text(&path, "x.toml").unwrap_err().code,
            "definition_too_large"
        );
        fs::write(&path, "\u{feff}a = 1").unwrap();
        assert_eq!(read_text(&path, "x.toml").unwrap(), "a = 1");
    }
}
