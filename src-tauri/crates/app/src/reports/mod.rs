//! Charts, drawn once, here: the same picture in the window, in the terminal's report and in an exported file, as SVG
//! or PNG.
//!
//! Invariants: what is unknown breaks a line and is never drawn as 0; the value axis begins at 0; the picture depends
//! on nothing but what is passed in (no clock, no time zone and no font of the machine).

mod draw;
mod encode;
mod scale;
mod series;
mod theme;

#[cfg(test)]
mod tests;

pub use scale::format_value;
use std::path::Path;

use tailrace_model::{
    Error, Result,
    api::{ChartStyle, FileWritten},
};
pub use theme::ColorRole;

use crate::workspace::{cannot_write, write_atomically};

/// Series that one chart draws; the others are counted in its legend.
pub const SERIES_MAX: usize = 24;
/// Width and height of a chart.
pub const CHART_WIDTH_MAX: u32 = 2_400;
pub const CHART_HEIGHT_MAX: u32 = 1_600;
/// Size of a chart in a file.
const FILE_WIDTH: u32 = 960;
const FILE_HEIGHT: u32 = 360;
const CHART_WIDTH_MIN: u32 = 40;
const CHART_HEIGHT_MIN: u32 = 16;

/// What a chart shows.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartSpec {
    /// Drawn above the chart when there is one.
    pub title: Option<String>,
    pub series: Vec<Series>,
    pub unit: Unit,
    pub from_ms: i64,
    pub to_ms: i64,
    /// What local time is ahead of UTC; the time axis is in local time.
    pub utc_offset_ms: i64,
    pub marks: Vec<Mark>,
    /// Said when there is nothing to draw: `no samples yet`.
    pub empty: String,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub name: String,
    pub role: ColorRole,
    /// Ascending in time. `None`: unknown.
    pub points: Vec<(i64, Option<f64>)>,
    /// Whether the area below the line is tinted.
    pub filled: bool,
    /// From when to when its values are guessed, ascending: the line is dashed there.
    pub guessed: Vec<(i64, i64)>,
}

/// Something that happened at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    pub at_ms: i64,
    pub label: String,
    pub role: ColorRole,
}

/// What the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    DurationMs,
    PerSecond,
}

/// How a chart looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
    /// Whether the ground is painted: in a file; in the window the card's own shows through.
    pub ground: bool,
}

impl Look {
    /// In the window, on a card.
    pub fn window(style: &ChartStyle) -> Self {
        Self {
            width: style.width,
            height: style.height,
            dark: style.dark,
            ground: false,
        }
    }

    /// In a file that stands alone.
    pub fn file(width: u32, height: u32, dark: bool) -> Self {
        Self {
            width,
            height,
            dark,
            ground: true,
        }
    }

    fn within_limits(self) -> Self {
        let width = self.width.clamp(CHART_WIDTH_MIN, CHART_WIDTH_MAX);
        let height = self.height.clamp(CHART_HEIGHT_MIN, CHART_HEIGHT_MAX);
        Self {
            width,
            height,
            ..self
        }
    }
}

/// A chart as a whole `<svg>` element, which scales, and has a `<title>` for those who can't see it.
pub fn line_chart(spec: &ChartSpec, look: &Look) -> Result<String> {
    let look = look.within_limits();
    encode::svg(&look, &title(spec), |canvas| draw::chart(canvas, spec, &look))
}

/// A chart as a PNG file, two pixels a unit. The ground is always painted.
pub fn line_chart_png(spec: &ChartSpec, look: &Look) -> Result<Vec<u8>> {
    let look = Look {
        ground: true,
        ..look.within_limits()
    };
    encode::png(&look, |canvas| draw::chart(canvas, spec, &look))
}

/// Draws a chart into a file that ends in `.svg` or `.png`, for a light page.
pub fn write_chart(spec: &ChartSpec, path: &Path) -> Result<FileWritten> {
    let look = Look::file(FILE_WIDTH, FILE_HEIGHT, false);
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let bytes = match ending.as_str() {
        "svg" => line_chart(spec, &look)?.into_bytes(),
        "png" => line_chart_png(spec, &look)?,
        _ => {
            let message = format!(
                "{} can't be drawn: name a file that ends in .svg or .png",
                path.display()
            );
            return Err(Error::user("chart_format", message));
        }
    };
    write_atomically(path, &bytes).map_err(|error| cannot_write(path, &error))?;
    let rows = spec.series.iter().map(|series| series.points.len() as u64).sum();
    Ok(FileWritten {
        path: path.display().to_string(),
        bytes: bytes.len() as u64,
        rows,
    })
}

/// A line without axes, for the cell of a table.
pub fn sparkline(points: &[(i64, Option<f64>)], role: ColorRole, look: &Look) -> Result<String> {
    let look = look.within_limits();
    let known: Vec<f64> = points.iter().filter_map(|(_, value)| *value).collect();
    let title = match (known.first(), known.last()) {
        (Some(first), Some(last)) => {
            format!(
                "from {} to {}",
                format_value(Unit::Count, *first),
                format_value(Unit::Count, *last)
            )
        }
        _ => "no samples yet".to_owned(),
    };
    encode::svg(&look, &title, |canvas| {
        draw::sparkline(canvas, points, role, &look)
    })
}

/// What the chart says to a screen reader: its title, and the last value of each line.
fn title(spec: &ChartSpec) -> String {
    let values: Vec<String> = spec
        .series
        .iter()
        .take(SERIES_MAX)
        .map(
            |series| match series.points.iter().rev().find_map(|(_, value)| *value) {
                Some(last) => format!("{} {}", series.name, format_value(spec.unit, last)),
                None => format!("{} unknown", series.name),
            },
        )
        .collect();
    let values = if values.is_empty() {
        spec.empty.clone()
    } else {
        values.join(", ")
    };
    match &spec.title {
        Some(title) => format!("{title}: {values}"),
        None => values,
    }
}
