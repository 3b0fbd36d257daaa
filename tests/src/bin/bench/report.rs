//! What was measured, for a person at the terminal and as Markdown for the README, with the machine it was taken on.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use anyhow::{Context, Result};
use integration::root;

/// One line of the figures.
#[derive(Debug, Clone)]
pub struct Figure {
    pub what: String,
    /// Sizes and circumstances, and which way is better where that is not plain.
    pub over: String,
    /// The ratio, or where there is no peer the number itself.
    pub figure: String,
    pub tailrace: String,
    pub peer: String,
}

const HEADS: [&str; 4] = ["measured", "figure", "Tailrace", "peer"];

impl Figure {
    fn cells(&self) -> [&str; 4] {
        [&self.what, &self.figure, &self.tailrace, &self.peer]
    }
}

#[derive(Debug)]
pub struct Report {
    quick: bool,
    figures: Vec<Figure>,
    missing: Vec<String>,
}

/// Says how far it is, apart from the figures.
pub fn note(text: &str) {
    // Nobody to tell it to is no reason to stop.
    let _ = writeln!(io::stderr(), "{text}");
}

impl Report {
    pub fn new(quick: bool) -> Self {
        Self {
            quick,
            figures: Vec::new(),
            missing: Vec::new(),
        }
    }

    pub fn add(&mut self, figures: Vec<Figure>) {
        self.figures.extend(figures);
    }

    pub fn missing(&mut self, name: &str, error: &anyhow::Error) {
        self.missing.push(format!("{name} was not measured: {error:#}"));
    }

    /// Whether everything asked for was measured.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// Prints the table and the Markdown, and writes the latter to `target/figures.md`.
    pub fn print(&self) -> Result<()> {
        let mut out = io::stdout().lock();
        let machine = machine();
        let markdown = self.markdown(&machine);
        write!(out, "\n{}\n\n{machine}\n", self.table())?;
        if let Some(caution) = self.caution() {
            writeln!(out, "{caution}")?;
        }
        writeln!(out, "\n{markdown}")?;
        for line in &self.missing {
            writeln!(out, "{line}")?;
        }
        let path = root().join("target/figures.md");
        std::fs::write(&path, markdown).with_context(|| path.display().to_string())
    }

    /// Why the numbers are no figures, when they are not.
    fn caution(&self) -> Option<&'static str> {
        match (cfg!(debug_assertions), self.quick) {
            (true, _) => Some(
                "Built without optimisation: these numbers show that the benchmark works and nothing else.",
            ),
            (false, true) => {
                Some("Small sizes: these numbers show that the benchmark works and nothing else.")
            }
            (false, false) => None,
        }
    }

    fn table(&self) -> String {
        let rows: Vec<_> = std::iter::once(HEADS)
            .chain(self.figures.iter().map(Figure::cells))
            .collect();
        let width = |at: usize| {
            let widths = rows.iter().map(|row| row[at].chars().count());
            widths.max().unwrap_or_default()
        };
        let widths = [width(0), width(1), width(2), width(3)];
        let line = |row: [&str; 4]| {
            let cells = std::iter::zip(row, widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("   ").trim_end().to_owned()
        };
        let mut text = line(HEADS);
        for figure in &self.figures {
            let _ = write!(text, "\n{}\n  {}", line(figure.cells()), figure.over);
        }
        text
    }

    fn markdown(&self, machine: &str) -> String {
        let mut text = format!("Taken on {machine}.\n");
        if let Some(caution) = self.caution() {
            let _ = write!(text, "\n**{caution}**\n");
        }
        let _ = write!(text, "\n| {} |\n|---|---|---|---|\n", HEADS.join(" | "));
        for Figure {
            what,
            over,
            figure,
            tailrace,
            peer,
        } in &self.figures
        {
            let _ = writeln!(text, "| {what} ({over}) | **{figure}** | {tailrace} | {peer} |");
        }
        text
    }
}

/// The machine in one line.
fn machine() -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "an unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok())
        .map_or_else(
            || "unknown memory".to_owned(),
            |kib| format!("{:.0} GiB", kib as f64 / f64::from(1 << 20)),
        );
    let system = std::fs::read_to_string("/etc/os-release")
        .ok()
        .and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
            Some(line.trim_matches('"').to_owned())
        })
        .unwrap_or_else(|| std::env::consts::OS.to_owned());
    format!("{cpu}, {cores} cores, {memory}, {system}")
}

/// The value of the first line `name : value`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let found = text.lines().filter_map(|line| line.split_once(':'));
    let mut values = found
        .filter(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_owned());
    values.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_line_up() {
        let figure = Figure {
            what: "Tail".to_owned(),
            over: "of 9 records".to_owned(),
            figure: "0.5 ×".to_owned(),
            tailrace: "1 M/s".to_owned(),
            peer: "2 M/s".to_owned(),
        };
        let mut report = Report::new(false);
        report.add(vec![figure]);
        assert_eq!(
            report.table(),
            "measured   figure   Tailrace   peer\nTail       0.5 ×    1 M/s      2 M/s\n  of 9 records"
        );
        let markdown = report.markdown("a machine");
        assert!(
            markdown.contains("| Tail (of 9 records) | **0.5 ×** | 1 M/s | 2 M/s |\n"),
            "{markdown}"
        );
        assert!(report.is_whole());
        report.missing("window", &anyhow::anyhow!("no display"));
        assert!(!report.is_whole());
    }
}
