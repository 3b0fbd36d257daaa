//! The colours of charts: the window's own, so that a chart and the card around it are one picture.

use plotters::style::RGBColor;

/// What a colour stands for. [`ColorRole::nth`] gives each line of many one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColorRole {
    Accent,
    Info,
    Warn,
    Violet,
    Bad,
    Mute,
    Cyan,
    Pink,
    Lime,
    Orange,
}

/// In the order in which neighbours are told apart best. `Bad` stands for trouble and is not among them.
const IN_ORDER: [ColorRole; 8] = [
    ColorRole::Accent,
    ColorRole::Info,
    ColorRole::Warn,
    ColorRole::Violet,
    ColorRole::Pink,
    ColorRole::Cyan,
    ColorRole::Lime,
    ColorRole::Orange,
];

impl ColorRole {
    /// The colour of the line at an index; they come round again.
    pub fn nth(index: usize) -> Self {
        IN_ORDER[index % IN_ORDER.len()]
    }
}

/// The colours of one theme.
#[derive(Debug, Clone, Copy)]
pub(super) struct Theme {
    dark: bool,
}

const fn rgb(hex: u32) -> RGBColor {
    RGBColor((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

impl Theme {
    pub fn new(dark: bool) -> Self {
        Self { dark }
    }

    fn pick(self, dark: u32, light: u32) -> RGBColor {
        rgb(if self.dark { dark } else { light })
    }

    pub fn line(self, role: ColorRole) -> RGBColor {
        match role {
            ColorRole::Accent => self.pick(0x3ec6a8, 0x0f8a72),
            ColorRole::Info => self.pick(0x6aa6f8, 0x2a6fdb),
            ColorRole::Warn => self.pick(0xe5a94b, 0xb97400),
            ColorRole::Violet => self.pick(0xb08cf5, 0x7b4fd6),
            ColorRole::Bad => self.pick(0xef6a6a, 0xcf3a33),
            ColorRole::Mute => self.pick(0x8b96a6, 0x6b7684),
            ColorRole::Cyan => self.pick(0x5cc8e0, 0x0086a3),
            ColorRole::Pink => self.pick(0xe58ac2, 0xb83f8a),
            ColorRole::Lime => self.pick(0xa9c95f, 0x637d00),
            ColorRole::Orange => self.pick(0xf08a5d, 0xc2551a),
        }
    }

    pub fn ground(self) -> RGBColor {
        self.pick(0x141920, 0xffffff)
    }

    pub fn hairline(self) -> RGBColor {
        self.pick(0x1f2732, 0xe8ebef)
    }

    /// The line at 0.
    pub fn base_line(self) -> RGBColor {
        self.pick(0x2e3845, 0xc5ccd6)
    }

    /// Text of the axes: readable, and behind everything else.
    pub fn faint(self) -> RGBColor {
        self.pick(0x7f8b9b, 0x626d7c)
    }

    pub fn mute(self) -> RGBColor {
        self.pick(0x8b96a6, 0x566171)
    }

    pub fn ink(self) -> RGBColor {
        self.pick(0xe6eaf0, 0x171c24)
    }
}
