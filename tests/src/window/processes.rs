//! The program behind a window, found and measured through `/proc`.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};

/// The process that runs `program` on `display`.
pub fn running(program: &Path, display: &str) -> Option<u32> {
    let program = program.canonicalize().ok()?;
    let wanted = format!("DISPLAY={display}");
    all().into_iter().find(|pid| {
        let runs = std::fs::read_link(of(*pid, "exe")).is_ok_and(|exe| exe == program);
        let environment = std::fs::read(of(*pid, "environ")).unwrap_or_default();
        runs && environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted.as_bytes())
    })
}

/// Whether it runs: one that has ended and waits for its parent does not.
pub fn alive(pid: u32) -> bool {
    state_and_parent(pid).is_some_and(|(state, _)| state != "Z" && state != "X")
}

/// Proportional set size of the process and its descendants, in bytes.
pub fn memory_bytes(pid: u32) -> Result<u64> {
    let total = family(pid)
        .into_iter()
        .map(|process| pss_bytes(process).unwrap_or_default())
        .sum();
    anyhow::ensure!(total > 0, "process {pid} has ended");
    Ok(total)
}

/// The process, first, and its descendants.
pub fn family(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for process in all() {
        if let Some((_, parent)) = state_and_parent(process) {
            children.entry(parent).or_default().push(process);
        }
    }
    let (mut open, mut found) = (vec![pid], Vec::new());
    while let Some(next) = open.pop() {
        open.extend(children.remove(&next).unwrap_or_default());
        found.push(next);
    }
    found
}

/// When the process was started, to a hundredth of a second.
pub fn started_at(pid: u32) -> Result<SystemTime> {
    let stat = std::fs::read_to_string(of(pid, "stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    // Field 22 of proc(5), where the state that follows the name is field 3: hundredths of a second since the machine
    // started.
    let field = fields.split_whitespace().nth(19).context("no start time")?;
    let started = Duration::from_millis(field.parse::<u64>()? * 10);
    let uptime = std::fs::read_to_string("/proc/uptime")?;
    let uptime = uptime.split_whitespace().next().context("no uptime")?;
    let uptime = Duration::from_secs_f64(uptime.parse()?);
    Ok(SystemTime::now() - uptime.saturating_sub(started))
}

/// Of the process alone.
pub fn pss_bytes(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(of(pid, "smaps_rollup"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .context("no Pss")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// From `/proc/PID/stat`, where the name before them may itself hold spaces and brackets.
fn state_and_parent(pid: u32) -> Option<(String, u32)> {
    let stat = std::fs::read_to_string(of(pid, "stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

fn all() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn of(pid: u32, file: &str) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join(file)
}
