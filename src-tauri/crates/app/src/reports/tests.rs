use super::*;

/// 2026-03-01T13:58:30Z
const FROM: i64 = 1_772_373_510_000;
const HOUR_MS: i64 = 3_600_000;

fn series(name: &str, role: ColorRole, filled: bool, value: impl Fn(f64) -> Option<f64>) -> Series {
    let points = (0..=360)
        .map(|step| (FROM + step * 10_000, value(step as f64)))
        .collect();
    Series {
        name: name.to_owned(),
        role,
        points,
        filled,
        guessed: Vec::new(),
    }
}

fn spec(unit: Unit, series: Vec<Series>) -> ChartSpec {
    ChartSpec {
        title: None,
        series,
        unit,
        from_ms: FROM,
        to_ms: FROM + HOUR_MS,
        utc_offset_ms: 0,
        marks: Vec::new(),
        empty: "no samples yet".to_owned(),
    }
}

fn growing(step: f64) -> Option<f64> {
    let growth = if step < 180.0 {
        0.05 + step / 1_000.0
    } else {
        0.23 + (step - 180.0) / 250.0
    };
    Some((growth + (step / 12.0).sin() / 90.0) * 3_000_000.0)
}

/// The charts that a person looks at.
fn gallery() -> Vec<(&'static str, ChartSpec, (u32, u32))> {
    let lag = spec(
        Unit::Count,
        vec![series("fraud-scoring", ColorRole::Bad, true, growing)],
    );
    let time = spec(
        Unit::DurationMs,
        vec![
            series("fraud-scoring", ColorRole::Warn, true, |step| {
                growing(step).map(|lag| lag * 0.9)
            }),
            series("ab-metrics", ColorRole::Accent, false, |step| {
                Some(90_000.0 + (step / 8.0).sin() * 40_000.0)
            }),
        ],
    );
    let many = spec(
        Unit::PerSecond,
        (0..11)
            .map(|index| {
                let known = move |step: f64| index != 3 || !(120.0..170.0).contains(&step);
                let base = 400.0 * (index + 1) as f64;
                let value = move |step: f64| {
                    known(step).then(|| base + base / 6.0 * (step / (14.0 + index as f64)).sin())
                };
                series(&format!("group-{index}"), ColorRole::nth(index), false, value)
            })
            .collect(),
    );
    let mut gaps = spec(
        Unit::Count,
        vec![series("orders", ColorRole::Accent, true, |step| {
            let known = step < 100.0 || (step - 140.0).abs() < 0.5 || step > 180.0;
            known.then(|| 14.0 + (step / 20.0).sin() * 9.0)
        })],
    );
    gaps.title = Some("Members of <Pro & Co>, 1 hour".to_owned());
    gaps.marks = vec![
        Mark {
            at_ms: FROM + HOUR_MS / 4,
            label: "published".to_owned(),
            role: ColorRole::Info,
        },
        Mark {
            at_ms: FROM + HOUR_MS - 60_000,
            label: "sync failed".to_owned(),
            role: ColorRole::Bad,
        },
    ];
    let empty = spec(Unit::Count, Vec::new());
    let zero = spec(
        Unit::DurationMs,
        vec![series("idle", ColorRole::Accent, true, |_| Some(0.0))],
    );
    vec![
        ("lag", lag, (500, 180)),
        ("lag-in-time", time, (500, 180)),
        ("many", many, (760, 300)),
        ("gaps", gaps, (640, 240)),
        ("empty", empty, (500, 180)),
        ("zero", zero, (320, 110)),
    ]
}

#[test]
fn every_chart_is_a_whole_svg() {
    for (name, spec, (width, height)) in gallery() {
        for dark in [true, false] {
            let svg = line_chart(&spec, &Look::file(width, height, dark)).unwrap();
            let head = format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {}0 {}0\" role=\"img\"><title>",
                width, height
            );
            assert!(svg.starts_with(&head), "{name}: {svg}");
            assert!(svg.trim_end().ends_with("</svg>"), "{name}");
            assert_eq!(
                svg.matches("<text").count(),
                svg.matches("</text>").count(),
                "{name}"
            );
            assert_eq!(svg.matches("<svg").count(), 1, "{name}");
            assert!(
                svg.contains("font-family=\"Inter, &apos;Inter Variable&apos;, sans-serif\""),
                "{name}"
            );
        }
    }
}

#[test]
fn the_same_input_is_the_same_picture() {
    for (name, spec, (width, height)) in gallery() {
        let look = Look::file(width, height, true);
        assert_eq!(
            line_chart(&spec, &look).unwrap(),
            line_chart(&spec, &look).unwrap(),
            "{name}"
        );
    }
}

/// Texts of a chart in the window, in order.
fn texts(spec: &ChartSpec) -> Vec<String> {
    let look = Look {
        width: 500,
        height: 180,
        dark: true,
        ground: false,
    };
    let svg = line_chart(spec, &look).unwrap();
    svg.split("<text")
        .skip(1)
        .map(|text| {
            text.split_once('>')
                .unwrap()
                .1
                .split('<')
                .next()
                .unwrap()
                .trim()
                .to_owned()
        })
        .collect()
}

#[test]
fn axes_say_what_they_measure() {
    let [lag, time] = [0, 1].map(|index| gallery().swap_remove(index));
    let hours = ["14:00", "14:10", "14:20", "14:30", "14:40", "14:50"];
    assert_eq!(texts(&lag.1), [&["0", "1 M", "2 M", "3 M"][..], &hours].concat());
    let names = ["fraud-scoring", "ab-metrics"];
    assert_eq!(
        texts(&time.1),
        [&names[..], &["0", "15 m", "30 m", "45 m"], &hours].concat()
    );
}

#[test]
fn a_chart_of_nothing_says_so() {
    let said = |spec: &ChartSpec| texts(spec).pop();
    assert_eq!(
        said(&spec(Unit::Count, Vec::new())).as_deref(),
        Some("no samples yet")
    );
    let unknown = spec(Unit::Count, vec![series("a", ColorRole::Accent, true, |_| None)]);
    assert_eq!(said(&unknown).as_deref(), Some("no samples yet"));
    assert!(
        line_chart(&unknown, &Look::file(400, 200, true))
            .unwrap()
            .contains("<title>a unknown</title>")
    );
    let elsewhere = ChartSpec {
        from_ms: 0,
        to_ms: 1_000,
        ..gallery().remove(0).1
    };
    assert_eq!(said(&elsewhere).as_deref(), Some("no samples yet"));
}

#[test]
fn unknown_values_break_the_line_and_one_alone_is_a_dot() {
    let (_, gaps, _) = gallery().remove(3);
    let svg = line_chart(
        &gaps,
        &Look {
            width: 640,
            height: 240,
            dark: true,
            ground: false,
        },
    )
    .unwrap();
    assert_eq!(
        (
            svg.matches("<polyline").count(),
            svg.matches("<polygon").count(),
            svg.matches("<circle").count()
        ),
        (2, 2, 1)
    );
}

#[test]
fn names_can_not_break_the_picture() {
    let evil = "</text><script>alert(1)</script>&\u{0}\"'";
    let mut spec = spec(
        Unit::Count,
        vec![
            series(evil, ColorRole::Bad, true, growing),
            series(evil, ColorRole::Info, false, growing),
        ],
    );
    spec.title = Some(evil.to_owned());
    spec.marks = vec![Mark {
        at_ms: FROM + 1_000,
        label: evil.to_owned(),
        role: ColorRole::Bad,
    }];
    let svg = line_chart(&spec, &Look::file(500, 180, true)).unwrap();
    assert!(!svg.contains("<script") && !svg.contains('\u{0}'), "{svg}");
    assert_eq!(
        svg.matches("&lt;script&gt;").count(),
        7,
        "a title, a legend of two, a mark, and three in the <title>"
    );
}

#[test]
fn a_long_legend_says_how_many_it_leaves_out() {
    let many: Vec<Series> = (0..40)
        .map(|index| series(&format!("group-{index}"), ColorRole::nth(index), false, growing))
        .collect();
    let texts = texts(&spec(Unit::Count, many));
    let named = texts.iter().filter(|text| text.starts_with("group-")).count();
    assert!(named > 4, "{texts:?}");
    assert!(texts.contains(&format!("+{} more", 40 - named)), "{texts:?}");
}

#[test]
fn any_size_and_any_range_can_be_drawn() {
    let mut spec = gallery().remove(1).1;
    for (width, height) in [(0, 0), (1, 1), (60, 30), (100_000, 2)] {
        for (from_ms, to_ms) in [
            (FROM, FROM),
            (FROM, FROM - 5),
            (i64::MIN, i64::MAX),
            (FROM, FROM + 1),
        ] {
            (spec.from_ms, spec.to_ms) = (from_ms, to_ms);
            let look = Look {
                width,
                height,
                dark: false,
                ground: true,
            };
            assert!(
                line_chart(&spec, &look).unwrap().starts_with("<svg"),
                "{width}x{height}, {from_ms} to {to_ms}"
            );
        }
    }
}

#[test]
fn a_png_is_the_same_picture_at_two_pixels_a_unit() {
    let (_, spec, _) = gallery().remove(0);
    let bytes = line_chart_png(&spec, &Look::file(300, 120, true)).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height), (600, 240));
    let at = |x: usize, y: usize| [0, 1, 2].map(|channel| pixels[(y * 600 + x) * 3 + channel]);
    assert_eq!(at(2, 2), [0x14, 0x19, 0x20], "the ground");
    // Somewhere the line has its own colour, and below it lies the tint.
    let line = [0xef, 0x6a, 0x6a];
    let near = |pixel: [u8; 3]| pixel.iter().zip(line).all(|(a, b)| a.abs_diff(b) < 12);
    assert!((0..240).any(|y| near(at(500, y))), "no line");
    let tint = at(540, 150);
    assert!(
        tint[0] > 0x20 && tint[0] < 0x50 && tint[0] > tint[1] + 8,
        "no tint: {tint:?}"
    );
}

#[test]
fn a_chart_is_written_as_its_ending_says() {
    let dir = tempfile::tempdir().unwrap();
    let (_, spec, _) = gallery().remove(0);
    let svg = dir.path().join("charts").join("lag.SVG");
    let written = write_chart(&spec, &svg).unwrap();
    let text = std::fs::read_to_string(&svg).unwrap();
    assert!(text.starts_with("<svg"));
    assert_eq!(
        (written.bytes, written.rows, written.path),
        (text.len() as u64, 361, svg.display().to_string())
    );
    let bad = dir.path().join("lag.jpg");
    let expected = format!(
        "{} can't be drawn: name a file that ends in .svg or .png",
        bad.display()
    );
    assert_eq!(write_chart(&spec, &bad).unwrap_err().message, expected);
    assert!(!bad.exists());
}

#[test]
fn sparklines_have_no_text() {
    let points: Vec<(i64, Option<f64>)> = (0..50).map(|at| (at, Some((at % 7) as f64))).collect();
    let look = Look {
        width: 80,
        height: 20,
        dark: true,
        ground: false,
    };
    let svg = sparkline(&points, ColorRole::Accent, &look).unwrap();
    assert!(svg.contains("<polyline") && !svg.contains("<text"), "{svg}");
    assert!(svg.contains("<title>from 0 to 0</title>"));
    assert!(
        sparkline(&[], ColorRole::Accent, &look)
            .unwrap()
            .contains("<title>no samples yet</title>")
    );
}

/// Writes the gallery where `TAILRACE_CHART_GALLERY` says, for a person to look at.
#[test]
fn the_gallery_can_be_looked_at() {
    let folder = std::env::var_os("TAILRACE_CHART_GALLERY").map(std::path::PathBuf::from);
    for (name, spec, (width, height)) in gallery() {
        for (dark, theme) in [(true, "dark"), (false, "light")] {
            let look = Look::file(width, height, dark);
            let (svg, png) = (
                line_chart(&spec, &look).unwrap(),
                line_chart_png(&spec, &look).unwrap(),
            );
            assert!(png.starts_with(b"\x89PNG") && svg.len() > 500, "{name}");
            if let Some(folder) = &folder {
                std::fs::create_dir_all(folder).unwrap();
                std::fs::write(folder.join(format!("{name}-{theme}.svg")), svg).unwrap();
                std::fs::write(folder.join(format!("{name}-{theme}.png")), png).unwrap();
            }
        }
    }
}
