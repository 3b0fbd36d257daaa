use std::{fs, path::Path};

use serde_json::json;

use super::*;

/// A store with one variable in its environment and numbers that are no surprise.
fn store(folder: &Path) -> SecretStore {
    let environment = |name: &str| (name == "TAILRACE_SECRET_FROM_OUTSIDE").then(|| "outside".to_owned());
    let random = |bytes: &mut [u8]| {
        bytes
            .iter_mut()
            .zip(1..)
            .for_each(|(byte, number)| *byte = number);
        true
    };
    SecretStore::with(&ConfigDir::at(folder), Box::new(environment), Box::new(random))
}

fn message<T: fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().message
}

#[test]
fn secrets_are_kept_listed_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("config");
    let secrets = store(&folder);
    assert_eq!(secrets.list().unwrap(), []);
    secrets.set("crm.password", &Secret::new("hunter2 é")).unwrap();
    secrets.set("from-outside", &Secret::new("inside")).unwrap();
    secrets.set("a", &Secret::new("1")).unwrap();
    secrets.set("a", &Secret::new("2")).unwrap();

    // Another process reads what this one wrote.
    let secrets = store(&folder);
    assert_eq!(secrets.get("crm.password").unwrap().expose(), "hunter2 é");
    assert_eq!(secrets.get("a").unwrap().expose(), "2");
    assert_eq!(
        secrets.get("from-outside").unwrap().expose(),
        "outside",
        "the environment comes first"
    );
    let listed: Vec<(String, SecretFrom)> = secrets
        .list()
        .unwrap()
        .into_iter()
        .map(|entry| (entry.name, entry.from))
        .collect();
    let expected = [
        ("a", SecretFrom::File),
        ("crm.password", SecretFrom::File),
        ("from-outside", SecretFrom::Environment),
    ];
    assert_eq!(listed, expected.map(|(name, from)| (name.to_owned(), from)));

    assert!(secrets.delete("a").unwrap());
    assert!(!secrets.delete("a").unwrap());
    assert_eq!(
        message(secrets.get("a")),
        "the secret \"a\" is not set: run `tailrace secret set a`, or set TAILRACE_SECRET_A"
    );
    assert_eq!(secrets.get("a").unwrap_err().code, "unknown_secret");
}

#[test]
fn names_and_values_have_rules() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = store(dir.path());
    let rule = "the name of a secret is 1 to 64 letters, digits, '_', '-' and '.': write \"secret:NAME\"";
    for name in ["", "a b", "a/b", &"x".repeat(65)] {
        assert_eq!(message(secrets.set(name, &Secret::new("x"))), rule, "{name}");
        assert_eq!(message(secrets.get(name)), rule, "{name}");
    }
    assert_eq!(
        message(secrets.set("a", &Secret::new(""))),
        "the secret \"a\" is empty: give it a value, or delete it"
    );
}

#[test]
fn nothing_prints_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = store(dir.path());
    let secret = Secret::new("hunter2");
    assert_eq!(format!("{secret} {secret:?}"), "*** ***");
    secrets.set("a", &secret).unwrap();
    let resolved = secrets
        .resolve_properties(&[("sasl.password".to_owned(), "secret:a".to_owned())].into())
        .unwrap();
    assert!(!format!("{resolved:?} {secrets:?}").contains("hunter2"));
    let written = fs::read(dir.path().join("secrets.enc")).unwrap();
    assert!(!written.windows(7).any(|window| window == b"hunter2"));
    assert!(written.starts_with(b"tailrace-secrets 1\n"));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let secrets = store(dir.path());
    secrets.set("a", &Secret::new("x")).unwrap();
    for file in ["secrets.enc", "secrets.key"] {
        assert_eq!(
            fs::metadata(dir.path().join(file)).unwrap().permissions().mode() & 0o777,
            0o600,
            "{file}"
        );
    }
    let key = dir.path().join("secrets.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let shown = key.display();
    assert_eq!(
        message(secrets.get("a")),
        format!("others may read the key {shown}: run `chmod 600 {shown}`")
    );
}

#[test]
fn a_file_that_is_not_as_it_was_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = store(dir.path());
    secrets.set("a", &Secret::new("x")).unwrap();
    let path = dir.path().join("secrets.enc");
    let good = fs::read(&path).unwrap();
    let shown = path.display().to_string();
    let check = |bytes: &[u8], why: &str| {
        fs::write(&path, bytes).unwrap();
        let expected = format!("{shown} can't be read, {why}: remove it, and set the secrets again");
        assert_eq!(message(secrets.get("a")), expected);
        assert_eq!(message(secrets.set("b", &Secret::new("y"))), expected);
        assert_eq!(fs::read(&path).unwrap(), bytes, "it is not written over");
    };
    for index in 19..good.len() {
        let mut bytes = good.clone();
        bytes[index] ^= 1;
        check(&bytes, "it was changed, or is of another key");
    }
    check(&good[..30], "it is cut off");
    check(b"hello", "it is no file of secrets");
    check(b"tailrace-secrets 2\nx", "a newer version of Tailrace wrote it");
    fs::write(&path, &good).unwrap();
    fs::remove_file(dir.path().join("secrets.key")).unwrap();
    assert_eq!(
        message(secrets.get("a")),
        format!(
            "the key {} of the secrets is gone: remove {shown}, and set the secrets again",
            dir.path().join("secrets.key").display()
        )
    );
}

#[test]
fn every_file_has_a_nonce_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = SecretStore::open(&ConfigDir::at(dir.path()));
    let mut files = Vec::new();
    for _ in 0..2 {
        secrets.set("a", &Secret::new("x")).unwrap();
        files.push(fs::read(dir.path().join("secrets.enc")).unwrap());
    }
    assert_ne!(files[0], files[1]);
    let no_random = SecretStore::with(
        &ConfigDir::at(dir.path()),
        Box::new(|_| None),
        Box::new(|_| false),
    );
    let expected = "the operating system gave no random numbers, so nothing was written";
    assert_eq!(message(no_random.set("b", &Secret::new("y"))), expected);
    assert_eq!(secrets.get("a").unwrap().expose(), "x");
}

#[test]
fn writers_wait_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let folder = dir.path();
            scope.spawn(move || {
                for index in 0..5 {
                    store(folder)
                        .set(&format!("s{writer}{index}"), &Secret::new("x"))
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(store(dir.path()).list().unwrap().len(), 20);
}

#[test]
fn references_are_replaced_wherever_they_stand() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = store(dir.path());
    secrets.set("token", &Secret::new("t0ken")).unwrap();
    let settings = json!({
        "url": "http://secret:token@host",
        "headers": { "Authorization": "secret:token" },
        "list": ["secret:from_outside", 3, null],
    });
    let settings = settings.as_object().unwrap().clone();
    let resolved = secrets.resolve_settings(&settings).unwrap();
    let expected = json!({
        "url": "http://secret:token@host",
        "headers": { "Authorization": "t0ken" },
        "list": ["outside", 3, null],
    });
    assert_eq!(resolved.expose(), expected.as_object().unwrap());
    assert_eq!(
        resolved.redact("401 for t0ken from outside"),
        "401 for *** from ***"
    );
    let error = resolved.redact_error(Error::external("http", "no t0ken here"));
    assert_eq!(error.message, "no *** here");

    let missing = json!({ "headers": [{ "A": "secret:nothing" }] });
    assert_eq!(
        message(secrets.resolve_settings(missing.as_object().unwrap())),
        "settings.headers[0].A: the secret \"nothing\" is not set: run `tailrace secret set nothing`, or set TAILRACE_SECRET_NOTHING"
    );
    let properties = [("sasl.password".to_owned(), "secret:no-such".to_owned())].into();
    assert_eq!(
        message(secrets.resolve_properties(&properties)),
        "sasl.password: the secret \"no-such\" is not set: run `tailrace secret set no-such`, or set TAILRACE_SECRET_NO_SUCH"
    );
}
