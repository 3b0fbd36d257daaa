//! The architecture's invariants, held.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use integration::root;
use serde_json::Value;

/// Lines that a file of ours may have.
const FILE_LINES_MAX: usize = 600;

/// Each package's dependencies of every kind (normal, build, dev).
fn dependencies() -> Result<BTreeMap<String, BTreeSet<String>>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()?;
    anyhow::ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("packages")?;
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    Ok(packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"]
                .as_array()
                .into_iter()
                .flatten()
                .map(name)
                .collect();
            (name(package), dependencies)
        })
        .collect())
}

#[test]
fn crates_depend_one_way() -> Result<()> {
    let allowed: [(&str, &[&str]); 6] = [
        ("tailrace-model", &[]),
        ("tailrace-engine", &["tailrace-model"]),
        ("tailrace-connectors", &["tailrace-model"]),
        (
            "tailrace-app",
            &["tailrace-connectors", "tailrace-engine", "tailrace-model"],
        ),
        ("tailrace-cli", &["tailrace-app", "tailrace-model"]),
        ("tailrace-studio", &["tailrace-app", "tailrace-model"]),
    ];
    let all = dependencies()?;
    for (package, allowed) in allowed {
        let found = all.get(package).context(package)?;
        let ours = found.iter().filter(|name| all.contains_key(*name));
        for dependency in ours {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{package} must not depend on {dependency}"
            );
        }
    }
    let known: BTreeSet<&str> = allowed
        .iter()
        .map(|(name, _)| *name)
        .chain(["integration"])
        .collect();
    let there: BTreeSet<&str> = all.keys().map(String::as_str).collect();
    assert_eq!(there, known, "a new package needs its place in this test");
    Ok(())
}

#[test]
fn heavy_dependencies_stay_where_they_belong() -> Result<()> {
    // The beginning of a dependency's name, and the packages that may have it.
    let homes: [(&str, &[&str]); 7] = [
        ("tauri", &["tailrace-studio"]),
        ("datafusion", &["tailrace-engine"]),
        (
            "parquet",
            &["tailrace-engine", "tailrace-connectors", "integration"],
        ),
        ("rdkafka", &["tailrace-connectors", "integration"]),
        ("kafka-protocol", &["tailrace-connectors", "integration"]),
        ("sqlx", &["tailrace-connectors", "tailrace-app", "integration"]),
        ("plotters", &["tailrace-app"]),
    ];
    let all = dependencies()?;
    for (package, dependencies) in &all {
        for (prefix, homes) in homes {
            let found = dependencies.iter().find(|name| name.starts_with(prefix));
            assert!(
                found.is_none() || homes.contains(&package.as_str()),
                "{package} must not depend on {found:?}"
            );
        }
    }
    let model = &all["tailrace-model"];
    for name in ["tokio", "arrow", "sqlx", "reqwest"] {
        assert!(!model.contains(name), "the model is plain data, without {name}");
    }
    Ok(())
}

#[test]
fn one_version_of_arrow_and_of_datafusion() -> Result<()> {
    let lock = std::fs::read_to_string(root().join("Cargo.lock"))?;
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut name = "";
    for line in lock.lines() {
        if let Some(found) = quoted(line, "name = ") {
            name = found;
        } else if let Some(found) = quoted(line, "version = ") {
            let family = ["arrow", "parquet", "datafusion"]
                .into_iter()
                .find(|family| name == *family || name.starts_with(&format!("{family}-")));
            if let Some(family) = family {
                versions.entry(family).or_default().insert(found);
            }
        }
    }
    for family in ["arrow", "parquet", "datafusion"] {
        let found = versions.get(family).context(family)?;
        let majors: BTreeSet<&str> = found
            .iter()
            .filter_map(|version| version.split('.').next())
            .collect();
        assert_eq!(majors.len(), 1, "{family} is there as {found:?}");
    }
    Ok(())
}

fn quoted<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    Some(line.strip_prefix(key)?.trim_matches('"'))
}

/// Our own files below a folder that end in one of these.
fn files(folder: &str, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let (mut open, mut found) = (vec![root().join(folder)], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Generated or downloaded.
            let ours = !matches!(
                name.as_str(),
                "node_modules" | "dist" | "bindings" | "target" | "gen" | "package-lock.json"
            );
            if entry.file_type()?.is_dir() {
                if ours {
                    open.push(entry.path());
                }
            } else if ours && endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(entry.path());
            }
        }
    }
    anyhow::ensure!(
        !found.is_empty(),
        "no file below {folder} ends in one of {endings:?}"
    );
    found.sort();
    Ok(found)
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn files_are_short_enough_to_read() -> Result<()> {
    let mut long = Vec::new();
    for (folder, endings) in [
        ("src-tauri", &[".rs", ".sql"][..]),
        ("tests", &[".rs", ".py", ".sh"]),
        ("ui", &[".ts", ".tsx", ".css", ".js"]),
        ("scripts", &[".sh"]),
    ] {
        for path in files(folder, endings)? {
            let lines = std::fs::read_to_string(&path)?.lines().count();
            if lines > FILE_LINES_MAX {
                long.push(format!("{} has {lines} lines", shown(&path)));
            }
        }
    }
    assert!(
        long.is_empty(),
        "at most {FILE_LINES_MAX} lines: {}",
        long.join(", ")
    );
    Ok(())
}

/// The files of which a line holds one of the texts.
fn holding(folder: &str, endings: &[&str], texts: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in files(folder, endings)? {
        let content = std::fs::read_to_string(&path)?;
        let mut lines = content.lines();
        if lines.any(|line| texts.iter().any(|text| line.contains(text.as_str()))) {
            found.push(shown(&path));
        }
    }
    Ok(found)
}

#[test]
fn every_channel_has_a_limit() -> Result<()> {
    // Put together here, so that this file does not hold them.
    let names = [
        ["unbounded", "_channel"].concat(),
        ["mpsc::un", "bounded"].concat(),
        ["std::sync::mpsc::", "channel"].concat(),
    ];
    for folder in ["src-tauri", "tests"] {
        assert_eq!(
            holding(folder, &[".rs"], &names)?,
            Vec::<String>::new(),
            "channels without a limit"
        );
    }
    Ok(())
}

#[test]
fn nothing_is_left_for_later() -> Result<()> {
    let marks = [
        ["#[ig", "nore"].concat(),
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["todo", "!("].concat(),
        ["unimple", "mented!("].concat(),
    ];
    for (folder, endings) in [
        ("src-tauri", &[".rs"][..]),
        ("tests", &[".rs"]),
        ("ui/src", &[".ts", ".tsx"]),
    ] {
        assert_eq!(holding(folder, endings, &marks)?, Vec::<String>::new());
    }
    Ok(())
}

#[test]
fn the_platform_alone_knows_the_window() -> Result<()> {
    let found = holding("ui/src", &[".ts", ".tsx"], &["@tauri-apps".to_owned()])?;
    let outside: Vec<&String> = found
        .iter()
        .filter(|path| !path.starts_with("ui/src/platform/"))
        .collect();
    assert_eq!(
        outside,
        Vec::<&String>::new(),
        "only ui/src/platform imports @tauri-apps"
    );
    Ok(())
}

/// A feature knows no other feature, and what is shared knows none.
#[test]
fn features_are_apart() -> Result<()> {
    let features = root().join("ui/src/features").canonicalize()?;
    for (folder, own) in [("ui/src/features", true), ("ui/src/shared", false)] {
        for path in files(folder, &[".ts", ".tsx"])? {
            let path = path.canonicalize()?;
            let mine = path
                .strip_prefix(&features)
                .ok()
                .and_then(|rest| rest.iter().next());
            for import in imports(&std::fs::read_to_string(&path)?) {
                let Some(other) = feature_of(&import, &path, &features) else {
                    continue;
                };
                assert!(
                    own && mine.is_some_and(|mine| mine.to_string_lossy() == other),
                    "{} imports {import}",
                    shown(&path)
                );
            }
        }
    }
    Ok(())
}

/// The texts that follow `from` or `import`.
fn imports(source: &str) -> Vec<String> {
    let parts = source
        .split("from ")
        .chain(source.split("import "))
        .chain(source.split("import("));
    let quoted = parts.filter_map(|part| {
        let quote = part.chars().next().filter(|it| ['"', '\''].contains(it))?;
        part[1..].split(quote).next().map(str::to_owned)
    });
    quoted.collect()
}

/// The feature that an import leads to.
fn feature_of(import: &str, from: &Path, features: &Path) -> Option<String> {
    let target = if import.starts_with('.') {
        let mut path = from.parent()?.to_owned();
        for part in import.split('/') {
            match part {
                "." => {}
                ".." => {
                    path.pop();
                }
                part => path.push(part),
            }
        }
        path
    } else {
        features.join(import.split_once("features/")?.1)
    };
    let first = target.strip_prefix(features).ok()?.iter().next()?;
    Some(first.to_string_lossy().into_owned())
}
