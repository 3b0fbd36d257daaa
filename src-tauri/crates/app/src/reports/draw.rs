//! The picture itself, the same on every surface. Places are in units; see [`super::encode`] for the grid.

use plotters::{
    element::{Circle, PathElement, Polygon, Rectangle, Text},
    prelude::DrawingBackend,
    style::{
        Color, FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    ChartSpec, ColorRole, Look, Mark, SERIES_MAX, Series,
    encode::{Canvas, Drawn, FONT},
    scale::{ValueAxis, time_ticks},
    series::{Run, dashes, parts, runs, thin},
    theme::Theme,
};

const LINE_WIDTH: f64 = 1.6;
const HAIRLINE_WIDTH: f64 = 1.0;
const FILL_OPACITY: f64 = 0.12;
const AXIS_TEXT: f64 = 11.0;
const TITLE_TEXT: f64 = 13.0;
/// Between the labels of the value axis and the plot.
const LABEL_GAP: f64 = 8.0;
/// Below the plot, for the labels of the time axis.
const FOOT: f64 = 22.0;
const TIME_LABEL_GAP: f64 = 20.0;
/// Between two hairlines, at least.
const VALUE_STEP_HEIGHT: f64 = 20.0;
const TITLE_HEIGHT: f64 = 22.0;
const LEGEND_HEIGHT: f64 = 18.0;
const LEGEND_GAP: f64 = 4.0;
/// Rows that a legend may have.
const LEGEND_ROWS_MAX: usize = 2;
/// Characters of a name in a legend.
const NAME_CHARS_MAX: usize = 40;
/// The farthest time that is drawn, either way.
const TIME_MS_MAX: i64 = 8_640_000_000_000_000;
/// Around a chart that stands alone in a file.
const FILE_MARGIN: f64 = 16.0;

impl<D: DrawingBackend> Canvas<'_, D> {
    fn at(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((x * self.grid).round() as i32, (y * self.grid).round() as i32)
    }

    fn stroke(&self, color: &impl Color, width: f64) -> ShapeStyle {
        let stroke_width = (width * self.grid).round().max(1.0) as u32;
        ShapeStyle {
            color: color.to_rgba(),
            filled: false,
            stroke_width,
        }
    }

    fn line(&self, points: &[(f64, f64)], color: &impl Color, width: f64) -> Drawn<D> {
        let points: Vec<(i32, i32)> = points.iter().map(|point| self.at(*point)).collect();
        self.area
            .draw(&PathElement::new(points, self.stroke(color, width)))
    }

    /// A horizontal or vertical line whose edges are sharp.
    fn rectangle(&self, from: (f64, f64), to: (f64, f64), color: &impl Color) -> Drawn<D> {
        self.area
            .draw(&Rectangle::new([self.at(from), self.at(to)], color.filled()))
    }

    fn hairline(&self, left: f64, right: f64, y: f64, color: RGBColor) -> Drawn<D> {
        let y = y.floor();
        self.rectangle((left, y), (right, y + HAIRLINE_WIDTH), &color)
    }

    fn style(&self, size: f64, color: RGBColor, side: HPos) -> TextStyle<'static> {
        // The library's size of a text is 1.24 times what SVG calls it.
        let font = FontDesc::new(FontFamily::Name(FONT), size * 1.24 * self.grid, FontStyle::Normal);
        TextStyle {
            font,
            color: color.to_backend_color(),
            pos: Pos::new(side, VPos::Center),
        }
    }

    /// Text whose middle is at `y`.
    fn text(&self, text: &str, (x, y): (f64, f64), size: f64, color: RGBColor, side: HPos) -> Drawn<D> {
        let style = self.style(size, color, side);
        let place = self.at((x, y + size * self.text_shift));
        self.area.draw(&Text::new(printable(text), place, style))
    }

    fn text_width(&self, text: &str, size: f64) -> f64 {
        let style = self.style(size, RGBColor(0, 0, 0), HPos::Left);
        let size = self.area.estimate_text_size(&printable(text), &style);
        size.map_or(0.0, |(width, _)| f64::from(width) / self.grid)
    }
}

/// A text without what no picture can hold.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') {
                ' '
            } else {
                c
            }
        })
        .collect()
}

/// Where the lines go, and what their places mean.
struct Plot {
    /// Left of which nothing is drawn.
    edge: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    from_ms: i64,
    to_ms: i64,
    value_top: f64,
}

impl Plot {
    fn x(&self, at_ms: i64) -> f64 {
        let part = (at_ms - self.from_ms) as f64 / (self.to_ms - self.from_ms).max(1) as f64;
        self.left + part * (self.right - self.left)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - value / self.value_top * (self.bottom - self.top)
    }
}

/// A series with its parts in the chart's range of time.
struct Line<'s> {
    series: &'s Series,
    runs: Vec<Run>,
}

pub(super) fn chart<D: DrawingBackend>(canvas: &Canvas<'_, D>, spec: &ChartSpec, look: &Look) -> Drawn<D> {
    let theme = Theme::new(look.dark);
    let (width, height) = (f64::from(look.width), f64::from(look.height));
    let margin = if look.ground { FILE_MARGIN } else { 0.0 };
    if look.ground {
        canvas.area.fill(&theme.ground())?;
    }
    let mut top = margin;
    if let Some(title) = &spec.title {
        canvas.text(
            title,
            (margin, top + TITLE_HEIGHT / 2.0 - 3.0),
            TITLE_TEXT,
            theme.ink(),
            HPos::Left,
        )?;
        top += TITLE_HEIGHT;
    }
    if spec.series.len() > 1 {
        top = legend(canvas, spec, theme, (margin, width - margin), top)?;
    }
    let from_ms = spec.from_ms.clamp(-TIME_MS_MAX, TIME_MS_MAX - 1);
    let to_ms = spec.to_ms.clamp(from_ms + 1, TIME_MS_MAX);
    let of = |series| Line {
        series,
        runs: visible(series, from_ms, to_ms, look.width * 2),
    };
    let lines: Vec<Line<'_>> = spec.series.iter().take(SERIES_MAX).map(of).collect();
    let values = || {
        lines
            .iter()
            .flat_map(|line| &line.runs)
            .flatten()
            .map(|(_, value)| *value)
    };
    // Half of the topmost label stands above the plot.
    let (top, bottom) = (top + AXIS_TEXT / 2.0 + 1.0, height - margin - FOOT);
    let steps = ((bottom - top) / VALUE_STEP_HEIGHT).max(1.0) as u32;
    let axis = ValueAxis::new(spec.unit, values().fold(0.0, f64::max), steps);
    let empty = values().next().is_none();
    let labels = if empty { Vec::new() } else { axis.ticks() };
    let widest = labels
        .iter()
        .map(|(_, label)| canvas.text_width(label, AXIS_TEXT))
        .fold(0.0, f64::max);
    let left = margin + if empty { 0.0 } else { (widest + LABEL_GAP).ceil() };
    let right = width - margin - 1.0;
    let plot = Plot {
        edge: margin,
        left,
        right,
        top,
        bottom,
        from_ms,
        to_ms,
        value_top: axis.top,
    };
    value_axis(canvas, &plot, theme, &labels)?;
    time_axis(canvas, &plot, theme, spec.utc_offset_ms)?;
    if empty {
        let middle = ((plot.left + plot.right) / 2.0, (plot.top + plot.bottom) / 2.0);
        return canvas.text(&spec.empty, middle, TITLE_TEXT, theme.mute(), HPos::Center);
    }
    draw_lines(canvas, &plot, theme, &lines)?;
    spec.marks
        .iter()
        .try_for_each(|one| mark(canvas, &plot, theme, one))
}

fn visible(series: &Series, from_ms: i64, to_ms: i64, columns: u32) -> Vec<Run> {
    let runs = runs(&series.points, from_ms, to_ms);
    runs.into_iter()
        .map(|run| thin(run, from_ms, to_ms, columns))
        .collect()
}

/// All areas lie below all lines, and the first line lies above the others.
fn draw_lines<D: DrawingBackend>(
    canvas: &Canvas<'_, D>,
    plot: &Plot,
    theme: Theme,
    lines: &[Line<'_>],
) -> Drawn<D> {
    for line in lines.iter().filter(|line| line.series.filled) {
        line.runs
            .iter()
            .try_for_each(|run| area(canvas, plot, run, theme.line(line.series.role)))?;
    }
    for line in lines.iter().rev() {
        line.runs.iter().try_for_each(|run| {
            run_line(
                canvas,
                plot,
                run,
                theme.line(line.series.role),
                &line.series.guessed,
            )
        })?;
    }
    Ok(())
}

pub(super) fn sparkline<D: DrawingBackend>(
    canvas: &Canvas<'_, D>,
    points: &[(i64, Option<f64>)],
    role: ColorRole,
    look: &Look,
) -> Drawn<D> {
    let theme = Theme::new(look.dark);
    if look.ground {
        canvas.area.fill(&theme.ground())?;
    }
    let (from_ms, to_ms) = match (points.first(), points.last()) {
        (Some((first, _)), Some((last, _))) => (*first, (*last).max(first.saturating_add(1))),
        _ => (0, 1),
    };
    let runs = runs(points, from_ms, to_ms);
    let largest = runs.iter().flatten().map(|(_, value)| *value).fold(0.0, f64::max);
    let (width, height) = (f64::from(look.width), f64::from(look.height));
    let value_top = if largest > 0.0 { largest } else { 1.0 };
    let plot = Plot {
        edge: 0.0,
        left: 1.0,
        right: width - 1.0,
        top: 2.0,
        bottom: height - 1.5,
        from_ms,
        to_ms,
        value_top,
    };
    if runs.is_empty() {
        return canvas.hairline(plot.left, plot.right, plot.bottom - 1.0, theme.base_line());
    }
    for run in runs {
        let run = thin(run, from_ms, to_ms, look.width * 2);
        area(canvas, &plot, &run, theme.line(role))?;
        run_line(canvas, &plot, &run, theme.line(role), &[])?;
    }
    Ok(())
}

fn value_axis<D: DrawingBackend>(
    canvas: &Canvas<'_, D>,
    plot: &Plot,
    theme: Theme,
    labels: &[(f64, String)],
) -> Drawn<D> {
    for (value, label) in labels {
        let y = plot.y(*value);
        let color = if *value > 0.0 {
            theme.hairline()
        } else {
            theme.base_line()
        };
        canvas.hairline(plot.left, plot.right, y - HAIRLINE_WIDTH / 2.0, color)?;
        canvas.text(
            label,
            (plot.left - LABEL_GAP, y),
            AXIS_TEXT,
            theme.faint(),
            HPos::Right,
        )?;
    }
    if labels.is_empty() {
        canvas.hairline(
            plot.left,
            plot.right,
            plot.bottom - HAIRLINE_WIDTH / 2.0,
            theme.base_line(),
        )?;
    }
    Ok(())
}

fn time_axis<D: DrawingBackend>(
    canvas: &Canvas<'_, D>,
    plot: &Plot,
    theme: Theme,
    utc_offset_ms: i64,
) -> Drawn<D> {
    let room = canvas.text_width("00:00:00", AXIS_TEXT) + TIME_LABEL_GAP;
    // Where there are value labels, the first time may stand below them.
    let left_edge = (plot.left - LABEL_GAP).max(plot.edge);
    let count_max = ((plot.right - plot.left) / room).floor().max(1.0) as usize;
    let y = plot.bottom + FOOT / 2.0 + 3.0;
    let mut free_from = f64::MIN;
    for (at, label) in time_ticks(plot.from_ms, plot.to_ms, utc_offset_ms, count_max) {
        let half = canvas.text_width(&label, AXIS_TEXT) / 2.0;
        // A label at the edge stays inside the picture.
        let x = plot.x(at).min(plot.right - half).max(left_edge + half);
        if x - half > free_from {
            canvas.text(&label, (x, y), AXIS_TEXT, theme.faint(), HPos::Center)?;
            free_from = x + half + AXIS_TEXT / 2.0;
        }
    }
    Ok(())
}

fn area<D: DrawingBackend>(canvas: &Canvas<'_, D>, plot: &Plot, run: &Run, color: RGBColor) -> Drawn<D> {
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return Ok(());
    };
    if run.len() < 2 {
        return Ok(());
    }
    let foot = |at: i64| (plot.x(at), plot.bottom);
    let outline = [foot(first.0)]
        .into_iter()
        .chain(run.iter().map(|(at, value)| (plot.x(*at), plot.y(*value))))
        .chain([foot(last.0)]);
    let outline: Vec<(i32, i32)> = outline.map(|point| canvas.at(point)).collect();
    canvas
        .area
        .draw(&Polygon::new(outline, color.mix(FILL_OPACITY).filled()))
}

fn run_line<D: DrawingBackend>(
    canvas: &Canvas<'_, D>,
    plot: &Plot,
    run: &Run,
    color: RGBColor,
    guessed: &[(i64, i64)],
) -> Drawn<D> {
    const DASH: f64 = 4.0;
    let place = |(at, value): &(i64, f64)| (plot.x(*at), plot.y(*value));
    // A sample between two gaps is a dot.
    if let [point] = run.as_slice() {
        let size = (LINE_WIDTH * canvas.grid).round() as i32;
        let dot = Circle::new(canvas.at(place(point)), size, color.filled());
        return canvas.area.draw(&dot);
    }
    for (guess, part) in parts(run, guessed) {
        let points: Vec<(f64, f64)> = part.iter().map(place).collect();
        match guess {
            false => canvas.line(&points, &color, LINE_WIDTH)?,
            true => dashes(&points, DASH)
                .iter()
                .try_for_each(|dash| canvas.line(dash, &color, LINE_WIDTH))?,
        }
    }
    Ok(())
}

fn mark<D: DrawingBackend>(canvas: &Canvas<'_, D>, plot: &Plot, theme: Theme, mark: &Mark) -> Drawn<D> {
    const DASH: f64 = 3.0;
    if !(plot.from_ms..=plot.to_ms).contains(&mark.at_ms) {
        return Ok(());
    }
    let (x, color) = (plot.x(mark.at_ms), theme.line(mark.role));
    let mut y = plot.top;
    while y < plot.bottom {
        canvas.rectangle((x - 0.5, y), (x + 0.5, (y + DASH).min(plot.bottom)), &color)?;
        y += 2.0 * DASH;
    }
    // On the side where there is room.
    let label = shortened(&mark.label);
    let fits = x + 5.0 + canvas.text_width(&label, AXIS_TEXT) <= plot.right;
    let (x, side) = if fits {
        (x + 5.0, HPos::Left)
    } else {
        (x - 5.0, HPos::Right)
    };
    canvas.text(
        &label,
        (x, plot.top + AXIS_TEXT / 2.0 + 3.0),
        AXIS_TEXT,
        color,
        side,
    )
}

/// Draws the names of the lines and returns where the chart may go on.
fn legend<D: DrawingBackend>(
    canvas: &Canvas<'_, D>,
    spec: &ChartSpec,
    theme: Theme,
    (left, right): (f64, f64),
    top: f64,
) -> std::result::Result<f64, plotters::drawing::DrawingAreaErrorKind<D::ErrorType>> {
    const SWATCH: f64 = 10.0;
    const SWATCH_GAP: f64 = 6.0;
    const GAP: f64 = 16.0;
    let (mut x, mut row) = (left, 0);
    for (index, series) in spec.series.iter().enumerate() {
        let name = shortened(&series.name);
        let width = SWATCH + SWATCH_GAP + canvas.text_width(&name, AXIS_TEXT);
        // On the last row there has to be room for the count of those that are not named.
        let more = format!("+{} more", spec.series.len() - index);
        let last_row = row + 1 == LEGEND_ROWS_MAX;
        let reserve = if last_row && index + 1 < spec.series.len() {
            GAP + canvas.text_width(&more, AXIS_TEXT)
        } else {
            0.0
        };
        if x > left && x + width + reserve > right || index >= SERIES_MAX {
            if last_row || index >= SERIES_MAX {
                let y = top + (row as f64 + 0.5) * LEGEND_HEIGHT;
                canvas.text(&more, (x, y), AXIS_TEXT, theme.faint(), HPos::Left)?;
                break;
            }
            (x, row) = (left, row + 1);
        }
        let y = top + (row as f64 + 0.5) * LEGEND_HEIGHT;
        canvas.rectangle((x, y - 1.0), (x + SWATCH, y + 1.0), &theme.line(series.role))?;
        canvas.text(
            &name,
            (x + SWATCH + SWATCH_GAP, y),
            AXIS_TEXT,
            theme.mute(),
            HPos::Left,
        )?;
        x += width + GAP;
    }
    Ok(top + (row + 1) as f64 * LEGEND_HEIGHT + LEGEND_GAP)
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_CHARS_MAX {
        return name.to_owned();
    }
    name.chars().take(NAME_CHARS_MAX - 1).chain(['…']).collect()
}
