//! From drawing to bytes. Drawing is done on a grid finer than a unit, so that lines may be 1.6 units wide and stand
//! between pixels: SVG scales the grid down by its `viewBox`, PNG averages it.

use std::sync::OnceLock;

use plotters::{
    backend::{BitMapBackend, SVGBackend},
    coord::Shift,
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea},
    prelude::DrawingBackend,
    style::{FontStyle, register_font},
};
use tailrace_model::{Error, Result};

use super::Look;

/// The font of every text, as SVG names it. In the window it is the window's own; a file that is opened without it
/// falls back.
pub(super) const FONT: &str = "Inter, 'Inter Variable', sans-serif";
/// The same font for PNG: its text is the same on every machine.
const FONT_BYTES: &[u8] = include_bytes!("../../../../../assets/fonts/inter-regular-subset.otf");

/// Grid steps a unit of an SVG.
const SVG_GRID: u32 = 10;
/// Pixels a unit of a PNG.
const PNG_PIXELS: u32 = 2;
/// Grid steps a pixel of a PNG; fewer where the picture is large.
const PNG_GRID: u32 = 3;
const PNG_GRID_LARGE: u32 = 2;
const PNG_LARGE_UNITS: u32 = 1_000_000;

/// A surface and how its units relate to its grid.
pub(super) struct Canvas<'a, D: DrawingBackend> {
    pub area: &'a DrawingArea<D, Shift>,
    /// Grid steps a unit.
    pub grid: f64,
    /// What a centred text is moved down, in its own sizes, so that both backends set it alike.
    pub text_shift: f64,
}

/// What a drawing gives back.
pub(super) type Drawn<D> = std::result::Result<(), DrawingAreaErrorKind<<D as DrawingBackend>::ErrorType>>;

pub(super) fn svg(
    look: &Look,
    title: &str,
    draw: impl FnOnce(
        &Canvas<'_, SVGBackend<'_>>,
    ) -> std::result::Result<(), DrawingAreaErrorKind<std::io::Error>>,
) -> Result<String> {
    fonts()?;
    let (width, height) = (look.width * SVG_GRID, look.height * SVG_GRID);
    let mut drawn = String::new();
    {
        let area = SVGBackend::with_string(&mut drawn, (width, height)).into_drawing_area();
        draw(&Canvas {
            area: &area,
            grid: f64::from(SVG_GRID),
            text_shift: 0.0,
        })
        .map_err(|error| failed(&error))?;
        area.present().map_err(|error| failed(&error))?;
    }
    // The backend's own element is as large as the grid, and says nothing to a screen reader.
    let body = drawn.split_once('>').map_or("", |(_, body)| body);
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\"><title>{}</title>{body}",
        look.width,
        look.height,
        escape(title)
    ))
}

pub(super) fn png(
    look: &Look,
    draw: impl FnOnce(
        &Canvas<'_, BitMapBackend<'_>>,
    ) -> std::result::Result<
        (),
        DrawingAreaErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>,
    >,
) -> Result<Vec<u8>> {
    fonts()?;
    let fine = if look.width * look.height > PNG_LARGE_UNITS {
        PNG_GRID_LARGE
    } else {
        PNG_GRID
    };
    let grid = PNG_PIXELS * fine;
    let (width, height) = (look.width * grid, look.height * grid);
    let mut pixels = vec![0; width as usize * height as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        draw(&Canvas {
            area: &area,
            grid: f64::from(grid),
            text_shift: 0.16,
        })
        .map_err(|error| failed(&error))?;
        area.present().map_err(|error| failed(&error))?;
    }
    let (pixels, width, height) = average(&pixels, width, fine);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // 144 dots an inch: a unit is as large as in SVG.
    let per_metre = 5_669;
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: per_metre,
        yppu: per_metre,
        unit: png::Unit::Meter,
    }));
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&pixels)?;
        writer.finish()
    });
    written.map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// Each square of `fine` by `fine` becomes one pixel.
fn average(pixels: &[u8], width: u32, fine: u32) -> (Vec<u8>, u32, u32) {
    let (row, fine) = (width as usize * 3, fine as usize);
    let small = width as usize / fine;
    let mut averaged = Vec::with_capacity(pixels.len() / (fine * fine));
    for rows in pixels.chunks_exact(row * fine) {
        for x in 0..small {
            for channel in 0..3 {
                let mut sum = 0_u32;
                for line in rows.chunks_exact(row) {
                    for step in 0..fine {
                        sum += u32::from(line[(x * fine + step) * 3 + channel]);
                    }
                }
                averaged.push((sum / (fine * fine) as u32) as u8);
            }
        }
    }
    let height = averaged.len() / (small * 3).max(1);
    (averaged, small as u32, height as u32)
}

/// The font is known to the library once for the whole process.
fn fonts() -> Result<()> {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    if *KNOWN.get_or_init(|| register_font(FONT, FontStyle::Normal, FONT_BYTES).is_ok()) {
        return Ok(());
    }
    Err(Error::internal(
        "chart",
        "the font of the charts could not be read",
    ))
}

fn failed(error: &dyn std::error::Error) -> Error {
    Error::internal("chart", format!("the chart could not be drawn: {error}"))
}

fn escape(text: &str) -> String {
    super::draw::printable(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
