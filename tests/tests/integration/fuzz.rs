//! The bodies of the fuzz targets on their seeds and on thousands of mutations of them: no fuzzer is needed for that, and
//! what a fuzzer once found stays found.

#[path = "../../../fuzz/src/bodies.rs"]
mod bodies;

use std::{
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bodies::{Body, TARGETS};
use integration::root;

/// Mutated inputs of each target.
const MUTATIONS: usize = 2_000;
/// Mutations of one input at most.
const CHANGES_MAX: u64 = 6;
const INPUT_BYTES_MAX: usize = 8 * 1024;
/// Nothing of this size takes so long, on whatever machine, unless it hangs.
const HANGS_AFTER: Duration = Duration::from_secs(60);
/// As much as a thread of the program's has.
const STACK_BYTES: usize = 2 * 1024 * 1024;
/// Another seed: `TAILRACE_FUZZ_SEED=7 cargo test ...`.
const SEED: u64 = 20_261_121;

/// Random numbers that are the same for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Numbers at which things break.
const ODD: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Changes an input a little, a few times.
fn mutate(dice: &mut Dice, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.next() % CHANGES_MAX {
        let at = dice.below(bytes.len() + 1);
        match dice.below(9) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, dice.next() as u8),
            2 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            3 if at < bytes.len() => bytes[at] = dice.next() as u8,
            4 if at < bytes.len() => drop(bytes.remove(at)),
            5 => {
                let number = ODD[dice.below(ODD.len())].to_be_bytes();
                let part = &number[8 - [1, 2, 4, 8][dice.below(4)]..];
                bytes.splice(at..at, part.iter().copied());
            }
            6 => {
                let other = &seeds[dice.below(seeds.len())];
                let (from, to) = (dice.below(other.len() + 1), dice.below(other.len() + 1));
                let part = &other[from.min(to)..from.max(to)];
                bytes.splice(at..at, part.iter().copied());
            }
            7 => {
                let part = bytes[at..(at + 1 + dice.below(32)).min(bytes.len())].to_vec();
                let times = 1 + dice.below(40);
                bytes.splice(at..at, part.repeat(times));
            }
            _ => {
                let number = ODD[dice.below(ODD.len())];
                let to = (at + 8).min(bytes.len());
                bytes.splice(at..to, number.to_le_bytes());
            }
        }
        bytes.truncate(INPUT_BYTES_MAX);
    }
    bytes
}

fn seeds(target: &str) -> Result<Vec<Vec<u8>>> {
    let folder = root().join("fuzz/seeds").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    ensure!(!files.is_empty(), "{target} has no seed");
    let mut seeds = vec![Vec::new()];
    for file in files {
        seeds.push(std::fs::read(file)?);
    }
    Ok(seeds)
}

/// An input as a person can paste it.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "\\x{byte:02x}");
    }
    text
}

/// Runs a body on every seed and on mutations, on a thread of its own. The error has the input.
fn run(target: &'static str, body: Body, seed: u64) -> Result<()> {
    let seeds = seeds(target)?;
    let now: Arc<Mutex<Vec<u8>>> = Arc::default();
    let (tried, count) = mpsc::sync_channel::<Result<bool>>(64);
    let trying = Arc::clone(&now);
    let work = move || {
        let mut dice = Dice(seed);
        let mutated = (0..MUTATIONS).map(|_| None);
        for input in seeds.iter().map(Some).chain(mutated) {
            let input = input.cloned().unwrap_or_else(|| mutate(&mut dice, &seeds));
            trying
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone_from(&input);
            let outcome = catch_unwind(AssertUnwindSafe(|| body(&input)));
            let outcome = outcome
                .map(|()| false)
                .map_err(|_| anyhow::anyhow!("it panicked"));
            let failed = outcome.is_err();
            if tried.send(outcome).is_err() || failed {
                return;
            }
        }
        drop(tried.send(Ok(true)));
    };
    let thread = std::thread::Builder::new()
        .name(target.to_owned())
        .stack_size(STACK_BYTES)
        .spawn(work)?;
    let last = || shown(&now.lock().unwrap_or_else(PoisonError::into_inner));
    loop {
        match count.recv_timeout(HANGS_AFTER) {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => break,
            Ok(Err(error)) => return Err(error.context(format!("{target}, seed {seed}: b\"{}\"", last()))),
            Err(_) => anyhow::bail!("{target}, seed {seed}: it hangs on b\"{}\"", last()),
        }
    }
    thread
        .join()
        .map_err(|_| anyhow::anyhow!("{target}: its thread panicked"))
}

#[test]
fn whatever_reads_bytes_takes_any_bytes() -> Result<()> {
    let seed = match std::env::var("TAILRACE_FUZZ_SEED") {
        Ok(seed) => seed.parse().context("TAILRACE_FUZZ_SEED is a number")?,
        Err(_) => SEED,
    };
    println!(
        "seed {seed}, {MUTATIONS} mutations of each of {} targets",
        TARGETS.len()
    );
    let mut broken = Vec::new();
    for (target, body) in TARGETS {
        let started = std::time::Instant::now();
        if let Err(error) = run(target, body, seed) {
            broken.push(format!("{error:#}"));
        }
        println!("{target}: {:.1} s", started.elapsed().as_secs_f32());
    }
    ensure!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}

/// Each body is a target of the fuzzer's, with seeds.
#[test]
fn every_body_is_a_target() -> Result<()> {
    let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml"))?;
    let mut files = 0;
    for entry in std::fs::read_dir(root().join("fuzz/fuzz_targets"))? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .context("a name")?;
        ensure!(
            TARGETS.iter().any(|(target, _)| *target == name),
            "{name} is no target"
        );
        files += 1;
    }
    ensure!(
        files == TARGETS.len(),
        "{files} files of {} targets",
        TARGETS.len()
    );
    for (target, _) in TARGETS {
        ensure!(
            manifest.contains(&format!("name = \"{target}\"\n")),
            "{target} is not in fuzz/Cargo.toml"
        );
        seeds(target)?;
    }
    Ok(())
}
