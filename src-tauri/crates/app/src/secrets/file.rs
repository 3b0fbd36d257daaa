//! The encrypted file of secrets, and its key.
//!
//! `secrets.enc`: the line `tailrace-secrets 1`, a nonce of 24 bytes, then a JSON object of names and values under
//! XChaCha20-Poly1305, with the line as associated data. `secrets.key`: 32 random bytes. The key lies in the same
//! folder: the file protects secrets in backups, in screen shares and from a glance, not from who can read that folder.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, OsRng, Payload, rand_core::RngCore},
};
use tailrace_model::{Error, Result};
use zeroize::Zeroizing;

use super::{Random, Secret};
use crate::workspace::{cannot_write, reason, write_private};

const HEADER: &[u8] = b"tailrace-secrets 1\n";
const HEADER_ANY: &[u8] = b"tailrace-secrets ";
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;
/// Secrets that the file may hold.
pub const SECRETS_MAX: usize = 1_000;
/// Bytes of the file.
pub const SECRETS_BYTES_MAX: u64 = 4 * 1024 * 1024;

type Secrets = BTreeMap<String, Secret>;

pub(super) struct SecretFile {
    folder: PathBuf,
    random: Random,
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecretFile").field(&self.folder).finish()
    }
}

/// The operating system's randomness.
pub(super) fn system_random(bytes: &mut [u8]) -> bool {
    OsRng.try_fill_bytes(bytes).is_ok()
}

impl SecretFile {
    pub fn new(folder: &Path, random: Random) -> Self {
        Self {
            folder: folder.to_owned(),
            random,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("secrets.enc")
    }

    fn key_path(&self) -> PathBuf {
        self.folder.join("secrets.key")
    }

    /// When it was written last, and its size.
    pub fn revision(&self) -> super::SecretsRevision {
        let found = fs::metadata(self.path()).ok()?;
        Some((found.modified().ok()?, found.len()))
    }

    /// Empty when there is no file.
    pub fn read(&self) -> Result<Secrets> {
        let Some(bytes) = read_limited(&self.path(), SECRETS_BYTES_MAX)? else {
            return Ok(Secrets::new());
        };
        let path = self.path();
        let shown = path.display();
        let damaged = |why: &str| {
            Error::user(
                "secret_store",
                format!("{shown} can't be read, {why}: remove it, and set the secrets again"),
            )
        };
        let Some(rest) = bytes.strip_prefix(HEADER) else {
            let why = if bytes.starts_with(HEADER_ANY) {
                "a newer version of Tailrace wrote it"
            } else {
                "it is no file of secrets"
            };
            return Err(damaged(why));
        };
        let Some((nonce, sealed)) = rest.split_at_checked(NONCE_BYTES) else {
            return Err(damaged("it is cut off"));
        };
        let key = self.key()?.ok_or_else(|| {
            let message = format!(
                "the key {} of the secrets is gone: remove {shown}, and set the secrets again",
                self.key_path().display()
            );
            Error::user("secret_store", message)
        })?;
        let payload = Payload {
            msg: sealed,
            aad: HEADER,
        };
        let opened = cipher(&key)?
            .decrypt(XNonce::from_slice(nonce), payload)
            .map(Zeroizing::new);
        let opened = opened.map_err(|_| damaged("it was changed, or is of another key"))?;
        let secrets: BTreeMap<String, String> =
            serde_json::from_slice(&opened).map_err(|_| damaged("its content is damaged"))?;
        Ok(secrets
            .into_iter()
            .map(|(name, value)| (name, Secret::new(value)))
            .collect())
    }

    /// Changes the secrets and writes them if the change says so, which is returned. Of several processes that do this
    /// at once, each waits for the one before.
    pub fn update(&self, change: impl FnOnce(&mut Secrets) -> bool) -> Result<bool> {
        fs::create_dir_all(&self.folder).map_err(|error| cannot_write(&self.folder, &error))?;
        let lock_path = self.folder.join("secrets.lock");
        let lock = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path);
        let lock = lock.map_err(|error| cannot_write(&lock_path, &error))?;
        lock.lock().map_err(|error| cannot_write(&lock_path, &error))?;
        let mut secrets = self.read()?;
        if !change(&mut secrets) {
            return Ok(false);
        }
        if secrets.len() > SECRETS_MAX {
            return Err(Error::user(
                "secret_store",
                format!("there are {SECRETS_MAX} secrets already: delete one first"),
            ));
        }
        self.write(&secrets)?;
        Ok(true)
    }

    fn write(&self, secrets: &Secrets) -> Result<()> {
        let key = match self.key()? {
            Some(key) => key,
            None => self.make_key()?,
        };
        let plain: BTreeMap<&str, &str> = secrets
            .iter()
            .map(|(name, secret)| (name.as_str(), secret.expose()))
            .collect();
        let plain = serde_json::to_vec(&plain).map(Zeroizing::new);
        let plain = plain.map_err(|_| Error::internal("secret_store", "the secrets could not be written"))?;
        let mut nonce = [0; NONCE_BYTES];
        self.fill(&mut nonce)?;
        let sealed = cipher(&key)?.encrypt(
            XNonce::from_slice(&nonce),
            Payload {
                msg: &plain,
                aad: HEADER,
            },
        );
        let sealed =
            sealed.map_err(|_| Error::internal("secret_store", "the secrets could not be encrypted"))?;
        let bytes = [HEADER, &nonce, &sealed].concat();
        if bytes.len() as u64 > SECRETS_BYTES_MAX {
            let message = format!(
                "the secrets are more than {} MiB together: store a shorter one",
                SECRETS_BYTES_MAX / (1024 * 1024)
            );
            return Err(Error::user("secret_store", message));
        }
        write_private(&self.path(), &bytes).map_err(|error| cannot_write(&self.path(), &error))
    }

    fn key(&self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let path = self.key_path();
        let Some(key) = read_limited(&path, KEY_BYTES as u64)? else {
            return Ok(None);
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path)
                .map_err(|error| unreadable(&path, &error))?
                .permissions()
                .mode();
            if mode & 0o077 != 0 {
                let shown = path.display();
                return Err(Error::user(
                    "secret_store",
                    format!("others may read the key {shown}: run `chmod 600 {shown}`"),
                ));
            }
        }
        Ok(Some(Zeroizing::new(key)))
    }

    fn make_key(&self) -> Result<Zeroizing<Vec<u8>>> {
        let mut key = Zeroizing::new(vec![0; KEY_BYTES]);
        self.fill(&mut key)?;
        write_private(&self.key_path(), &key).map_err(|error| cannot_write(&self.key_path(), &error))?;
        Ok(key)
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        if (self.random)(bytes) {
            return Ok(());
        }
        Err(Error::internal(
            "secret_store",
            "the operating system gave no random numbers, so nothing was written",
        ))
    }
}

fn cipher(key: &[u8]) -> Result<XChaCha20Poly1305> {
    XChaCha20Poly1305::new_from_slice(key)
        .map_err(|_| Error::user("secret_store", "the key of the secrets is damaged: remove secrets.enc and secrets.key, and set the secrets again"))
}

fn read_limited(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, &error)),
    };
    let mut bytes = Vec::new();
    file.take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > bytes_max {
        return Err(Error::user(
            "secret_store",
            format!("{} is too large to be ours: remove it", path.display()),
        ));
    }
    Ok(Some(bytes))
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::user(
        "secret_store",
        format!(
            "{} can't be read ({}): check its owner and permissions",
            path.display(),
            reason(error)
        ),
    )
}
