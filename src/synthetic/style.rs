//! Styles: how a place looks and how it was photographed.

use super::{canvas::Rgb, tower::Family};

/// How a tile is lit, seen and processed, and which land it shows.
#[derive(Debug)]
pub struct Style {
    /// The name used in `synthetic:SEED/STYLE`.
    pub name: &'static str,
    /// Nobody trains on a held-out style: it measures what happens on imagery unlike any seen.
    pub held_out: bool,
    /// Where the shadow of a point one metre high falls: metres east and south of its foot.
    pub shadow: [f32; 2],
    /// Where a point one metre high appears, off-nadir: metres east and south of its foot.
    pub lean: [f32; 2],
    /// What is left of each channel in full shadow, in 1/256.
    pub ambient: [u16; 3],
    /// The haze's colour, and its share of the picture, 0 to 1.
    pub haze: (Rgb, f32),
    /// Contrast around mid grey before the haze.
    pub contrast: f32,
    /// One softening pass for each entry: the neighbours' weight in 1/256.
    pub softening: &'static [u16],
    /// Amplitude of the sensor's noise, in grey levels.
    pub sensor_noise: f32,
    /// JPEG quality of exported tiles.
    pub jpeg_quality: u8,
    /// Whether the source hands over JPEG payloads instead of pixels.
    pub payloads: bool,
    /// Share of a conductor's width that is seen.
    pub wire_opacity: f32,
    /// The tower families and how often each occurs.
    pub families: &'static [(Family, f32)],
    pub palette: Palette,
}

/// The colours of a land, and how it is used.
#[derive(Debug)]
pub struct Palette {
    pub grass: Rgb,
    pub bare: Rgb,
    pub forest: Rgb,
    pub shrub: Rgb,
    pub water: Rgb,
    pub paved: Rgb,
    pub track: Rgb,
    pub crops: [Rgb; 6],
    pub roofs: [Rgb; 3],
    /// Shares of fields, forest, open land and villages; the rest of 1 is more open land.
    pub fields: f32,
    pub woods: f32,
    pub villages: f32,
    /// How much relief shows in open land.
    pub relief: f32,
    /// Chance of a tree or bush at each of the scatter's cells in open land.
    pub scattered_trees: f32,
}

/// The styles a model may learn from, then the held-out one.
pub static STYLES: [Style; 8] = [
    Style {
        name: "temperate",
        held_out: false,
        shadow: [-0.62, -0.72],
        lean: [0.26, -0.10],
        ambient: [92, 100, 122],
        haze: ([190, 200, 215], 0.05),
        contrast: 1.05,
        softening: &[34],
        sensor_noise: 3.0,
        jpeg_quality: 90,
        payloads: false,
        wire_opacity: 0.55,
        families: &[
            (Family::Double, 0.55),
            (Family::Single, 0.35),
            (Family::Delta, 0.10),
        ],
        palette: TEMPERATE,
    },
    Style {
        name: "temperate-nadir",
        held_out: false,
        shadow: [0.48, -0.60],
        lean: [0.0, 0.0],
        ambient: [84, 92, 116],
        haze: ([190, 200, 215], 0.0),
        contrast: 1.08,
        softening: &[20],
        sensor_noise: 2.0,
        jpeg_quality: 92,
        payloads: false,
        wire_opacity: 0.6,
        families: &[
            (Family::Double, 0.5),
            (Family::Delta, 0.25),
            (Family::Single, 0.25),
        ],
        palette: AUTUMN,
    },
    Style {
        name: "arid",
        held_out: false,
        shadow: [-0.55, -0.38],
        lean: [-0.24, 0.06],
        ambient: [112, 106, 112],
        haze: ([215, 200, 180], 0.04),
        contrast: 1.0,
        softening: &[30],
        sensor_noise: 3.0,
        jpeg_quality: 90,
        payloads: false,
        wire_opacity: 0.5,
        families: &[
            (Family::Single, 0.55),
            (Family::Double, 0.30),
            (Family::Portal, 0.15),
        ],
        palette: ARID,
    },
    Style {
        name: "arid-haze",
        held_out: false,
        shadow: [0.78, -0.52],
        lean: [0.20, 0.28],
        ambient: [118, 114, 122],
        haze: ([205, 198, 188], 0.20),
        contrast: 1.0,
        softening: &[50, 24],
        sensor_noise: 3.5,
        jpeg_quality: 78,
        payloads: true,
        wire_opacity: 0.4,
        families: &[
            (Family::Double, 0.5),
            (Family::Single, 0.35),
            (Family::Delta, 0.15),
        ],
        palette: ARID,
    },
    Style {
        name: "tropical-nadir",
        held_out: false,
        shadow: [-0.44, -0.36],
        lean: [0.02, 0.01],
        ambient: [84, 96, 112],
        haze: ([200, 212, 220], 0.10),
        contrast: 1.05,
        softening: &[38],
        sensor_noise: 3.0,
        jpeg_quality: 88,
        payloads: false,
        wire_opacity: 0.5,
        families: &[
            (Family::Delta, 0.40),
            (Family::Single, 0.35),
            (Family::Portal, 0.25),
        ],
        palette: TROPICAL,
    },
    Style {
        name: "winter",
        held_out: false,
        shadow: [0.95, -1.45],
        lean: [-0.12, -0.14],
        ambient: [104, 112, 134],
        haze: ([205, 212, 222], 0.08),
        contrast: 1.0,
        softening: &[34],
        sensor_noise: 3.0,
        jpeg_quality: 88,
        payloads: false,
        wire_opacity: 0.5,
        families: &[
            (Family::Double, 0.45),
            (Family::Single, 0.45),
            (Family::Portal, 0.10),
        ],
        palette: WINTER,
    },
    Style {
        name: "savanna",
        held_out: false,
        shadow: [-0.85, -0.20],
        lean: [0.12, 0.36],
        ambient: [98, 100, 112],
        haze: ([210, 205, 190], 0.08),
        contrast: 1.03,
        softening: &[44],
        sensor_noise: 4.0,
        jpeg_quality: 70,
        payloads: true,
        wire_opacity: 0.5,
        families: &[
            (Family::Single, 0.6),
            (Family::Portal, 0.2),
            (Family::Double, 0.2),
        ],
        palette: SAVANNA,
    },
    // Held out: sun from the north-west (a southern winter), a strong lean to the south-west,
    // tubular poles, and a red steppe: none of them occurs above.
    Style {
        name: "steppe-poles",
        held_out: true,
        shadow: [0.90, 0.80],
        lean: [-0.30, 0.32],
        ambient: [100, 96, 120],
        haze: ([200, 190, 200], 0.12),
        contrast: 1.0,
        softening: &[48],
        sensor_noise: 4.0,
        jpeg_quality: 80,
        payloads: true,
        wire_opacity: 0.45,
        families: &[(Family::Monopole, 0.8), (Family::Portal, 0.2)],
        palette: STEPPE,
    },
];

const TEMPERATE: Palette = Palette {
    grass: [98, 116, 66],
    bare: [142, 124, 94],
    forest: [52, 74, 44],
    shrub: [58, 82, 44],
    water: [44, 62, 70],
    paved: [132, 132, 130],
    track: [168, 152, 124],
    crops: [
        [110, 132, 66],
        [146, 140, 88],
        [82, 108, 56],
        [158, 138, 106],
        [128, 142, 78],
        [124, 104, 80],
    ],
    roofs: [[150, 92, 74], [120, 112, 108], [176, 168, 160]],
    fields: 0.56,
    woods: 0.18,
    villages: 0.07,
    relief: 0.5,
    scattered_trees: 0.16,
};

const AUTUMN: Palette = Palette {
    grass: [112, 114, 74],
    bare: [132, 108, 82],
    forest: [84, 78, 46],
    shrub: [78, 82, 48],
    water: [52, 66, 66],
    paved: [122, 122, 124],
    track: [160, 146, 122],
    crops: [
        [118, 122, 72],
        [138, 116, 88],
        [108, 90, 72],
        [94, 112, 64],
        [150, 132, 98],
        [122, 100, 78],
    ],
    roofs: [[142, 84, 68], [104, 100, 100], [188, 182, 176]],
    fields: 0.52,
    woods: 0.22,
    villages: 0.07,
    relief: 0.5,
    scattered_trees: 0.16,
};

const ARID: Palette = Palette {
    grass: [178, 154, 116],
    bare: [196, 172, 134],
    forest: [96, 98, 62],
    shrub: [112, 106, 70],
    water: [74, 96, 98],
    paved: [124, 118, 112],
    track: [212, 192, 156],
    crops: [
        [108, 120, 66],
        [176, 152, 112],
        [150, 138, 92],
        [92, 110, 58],
        [186, 164, 126],
        [160, 134, 98],
    ],
    roofs: [[186, 170, 146], [206, 198, 184], [150, 138, 126]],
    fields: 0.26,
    woods: 0.03,
    villages: 0.06,
    relief: 1.3,
    scattered_trees: 0.10,
};

const TROPICAL: Palette = Palette {
    grass: [90, 124, 58],
    bare: [166, 104, 68],
    forest: [40, 74, 36],
    shrub: [52, 88, 40],
    water: [92, 88, 66],
    paved: [138, 130, 124],
    track: [186, 120, 82],
    crops: [
        [84, 128, 54],
        [112, 142, 66],
        [154, 112, 74],
        [70, 108, 48],
        [126, 134, 72],
        [142, 96, 66],
    ],
    roofs: [[170, 164, 158], [146, 96, 74], [196, 198, 200]],
    fields: 0.36,
    woods: 0.36,
    villages: 0.06,
    relief: 0.6,
    scattered_trees: 0.30,
};

const WINTER: Palette = Palette {
    grass: [182, 184, 182],
    bare: [206, 210, 216],
    forest: [66, 72, 62],
    shrub: [92, 90, 80],
    water: [70, 84, 96],
    paved: [112, 114, 118],
    track: [160, 156, 150],
    crops: [
        [208, 212, 218],
        [186, 186, 182],
        [156, 146, 130],
        [214, 218, 224],
        [170, 166, 154],
        [196, 200, 206],
    ],
    roofs: [[196, 200, 206], [120, 110, 108], [150, 116, 104]],
    fields: 0.46,
    woods: 0.26,
    villages: 0.06,
    relief: 0.5,
    scattered_trees: 0.14,
};

const SAVANNA: Palette = Palette {
    grass: [156, 138, 90],
    bare: [168, 128, 92],
    forest: [88, 94, 54],
    shrub: [84, 90, 50],
    water: [84, 92, 84],
    paved: [128, 120, 116],
    track: [190, 148, 108],
    crops: [
        [162, 146, 94],
        [136, 118, 80],
        [150, 110, 78],
        [112, 118, 66],
        [176, 156, 110],
        [128, 110, 74],
    ],
    roofs: [[178, 174, 168], [140, 110, 90], [198, 190, 178]],
    fields: 0.32,
    woods: 0.12,
    villages: 0.06,
    relief: 0.7,
    scattered_trees: 0.42,
};

const STEPPE: Palette = Palette {
    grass: [150, 112, 92],
    bare: [176, 122, 98],
    forest: [74, 84, 72],
    shrub: [104, 98, 84],
    water: [60, 74, 90],
    paved: [108, 104, 112],
    track: [196, 150, 126],
    crops: [
        [164, 122, 98],
        [132, 120, 96],
        [116, 124, 92],
        [180, 140, 116],
        [142, 104, 88],
        [120, 98, 92],
    ],
    roofs: [[110, 126, 146], [160, 156, 160], [132, 100, 92]],
    fields: 0.40,
    woods: 0.06,
    villages: 0.05,
    relief: 1.0,
    scattered_trees: 0.12,
};
