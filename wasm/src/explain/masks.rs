//! What is hidden from the model in each run.

use std::ops::Range;

use menagerie_contract::{
    ExplainMethod, ExplainOptions, InputSpec,
    explanation::{DETAIL_MAX, DETAIL_MIN},
};

use crate::{error::Error, resize::Pixels};

/// Fewest windows along a side.
const WINDOWS_MIN: u32 = 2;
/// Random masks come in pairs, of which one hides what the other one shows: then each cell is hidden as often as seen.
const PAIR: u32 = 2;
/// Random masks for each of their cells, at least.
const RANDOM_PER_CELL: u32 = 4;
/// Cells along a side of a random mask. The paper takes 7, with thousands of masks.
const RANDOM_SIDE: (u32, u32) = (3, 8);

/// The masks of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub method: ExplainMethod,
    /// Cells along a side of the map.
    pub detail: u32,
    /// Windows along a side of the photo, or cells along a side of a random mask.
    pub side: u32,
    /// Masks.
    pub count: u32,
}

impl Plan {
    /// # Errors
    /// [`Error::FieldInvalid`] when more is asked for than the model's pixels or the limit allow.
    pub fn of(options: &ExplainOptions, input: &InputSpec) -> Result<Self, Error> {
        let ExplainOptions { method, detail, masks, masks_max, .. } = *options;
        let detail_max = DETAIL_MAX.min(input.width).min(input.height);
        if !(DETAIL_MIN..=detail_max).contains(&detail) {
            let (width, height) = (input.width, input.height);
            return Err(Error::FieldInvalid(format!(
                "detail={detail} is outside of {DETAIL_MIN} to {detail_max}, for a model that sees {width}x{height} pixels"
            )));
        }
        let (runs, cells) = runs_per_cells(method);
        let hiding = (runs * detail * detail / cells).saturating_sub(1);
        let (side, count) = match (method, masks) {
            (ExplainMethod::Occlusion, None) => {
                let side = hiding.isqrt().max(WINDOWS_MIN);
                (side, side * side)
            }
            (ExplainMethod::Occlusion, Some(masks)) => {
                let why = "the windows of occlusion follow from detail; leave it out, or take method=rise";
                return Err(Error::FieldInvalid(format!("masks={masks}: {why}")));
            }
            (ExplainMethod::Rise, masks) => {
                let count = masks.unwrap_or(hiding / PAIR * PAIR);
                ((count / RANDOM_PER_CELL).isqrt().clamp(RANDOM_SIDE.0, RANDOM_SIDE.1), count)
            }
        };
        if count > masks_max {
            let asked = masks.map_or(format!("detail={detail} takes {count} masks"), |masks| format!("masks={masks}"));
            return Err(Error::FieldInvalid(format!("{asked}; this service makes {masks_max} at most")));
        }
        if count < PAIR {
            return Err(Error::FieldInvalid(format!("masks={count} is outside of {PAIR} to {masks_max}")));
        }
        Ok(Self { method, detail, side, count })
    }

    pub fn mask(&self, number: u32) -> Mask {
        match self.method {
            ExplainMethod::Occlusion => Mask::Window(self.window(number)),
            ExplainMethod::Rise => Mask::Random(Random::of(self.side, number)),
        }
    }

    /// A window of twice the distance between two neighbours.
    pub fn window(&self, number: u32) -> Window {
        let step = 1.0 / f64::from(self.side + 1);
        Window {
            left: f64::from(number % self.side) * step,
            top: f64::from(number / self.side) * step,
            side: 2.0 * step,
        }
    }

    /// The photo under each of these masks, one after the other. What is hidden becomes the photo's mean colour: a model
    /// takes that for less of an edge than black or grey, and RISE's black is the mean as the model's tensor has it.
    pub fn hidden(&self, pixels: &Pixels, numbers: Range<u32>) -> Vec<u8> {
        let (width, channels) = (pixels.width as usize, pixels.channels as usize);
        let mean = mean_colour(pixels);
        let columns: Vec<f64> = (0..pixels.width).map(|x| (f64::from(x) + 0.5) / f64::from(pixels.width)).collect();
        let mut hidden = Vec::with_capacity(numbers.len() * pixels.bytes.len());
        for mask in numbers.map(|number| self.mask(number)) {
            for (row, y) in pixels.bytes.chunks_exact(width * channels).zip(0_u32..) {
                let down = (f64::from(y) + 0.5) / f64::from(pixels.height);
                for (pixel, across) in row.chunks_exact(channels).zip(&columns) {
                    let share = mask.share_seen(*across, down);
                    hidden.extend(pixel.iter().zip(&mean).map(|(value, mean)| {
                        let mixed = share * f32::from(*value) + (1.0 - share) * mean;
                        mixed.round() as u8
                    }));
                }
            }
        }
        hidden
    }
}

/// Runs for so many cells of a map, the whole photo's among them. With fewer than one a cell, windows lie half over their
/// neighbours and each cell is seen from several; random masks need more of them.
fn runs_per_cells(method: ExplainMethod) -> (u32, u32) {
    match method {
        ExplainMethod::Occlusion => (1, 2),
        ExplainMethod::Rise => (3, 5),
    }
}

/// Of each channel.
fn mean_colour(pixels: &Pixels) -> Vec<f32> {
    let channels = pixels.channels as usize;
    let count = (pixels.bytes.len() / channels) as u64;
    let sum = |channel| pixels.bytes.iter().skip(channel).step_by(channels).map(|value| u64::from(*value)).sum::<u64>();
    (0..channels).map(|channel| sum(channel) as f32 / count as f32).collect()
}

/// What is left of the photo. Places are shares of its width and height.
pub enum Mask {
    Window(Window),
    Random(Random),
}

impl Mask {
    /// How much of the photo is seen at a place, 0 to 1.
    pub fn share_seen(&self, across: f64, down: f64) -> f32 {
        match self {
            Self::Window(window) => f32::from(!window.covers(across, down)),
            Self::Random(random) => random.share_seen(across, down),
        }
    }
}

/// A square that is hidden.
#[derive(Clone, Copy)]
pub struct Window {
    pub left: f64,
    pub top: f64,
    pub side: f64,
}

impl Window {
    fn covers(&self, across: f64, down: f64) -> bool {
        let within = |at: f64, start: f64| (start..start + self.side).contains(&at);
        within(across, self.left) && within(down, self.top)
    }
}

/// Cells that are seen or hidden with equal chances, drawn larger and smoothly, and shifted by part of a cell (section 3.2
/// of the paper).
pub struct Random {
    /// Cells across the photo; there is one more, of which the shift shows a part.
    side: usize,
    /// 0 or 1, `side + 1` rows of as many.
    cells: Vec<f32>,
    shift: (f64, f64),
}

impl Random {
    fn of(side: u32, number: u32) -> Self {
        let mut numbers = SplitMix64(u64::from(number / PAIR) << 32);
        let is_other = number % PAIR == 1;
        let shift = (numbers.share(), numbers.share());
        let side = side as usize;
        let cells = (0..(side + 1).pow(2)).map(|_| f32::from((numbers.share() < 0.5) != is_other)).collect();
        Self { side, cells, shift }
    }

    fn share_seen(&self, across: f64, down: f64) -> f32 {
        let (left, right_share) = self.split(across, self.shift.0);
        let (top, bottom_share) = self.split(down, self.shift.1);
        let cell = |column: usize, row: usize| {
            self.cells.get(row.min(self.side) * (self.side + 1) + column.min(self.side)).copied().unwrap_or_default()
        };
        let along = |row| (1.0 - right_share) * cell(left, row) + right_share * cell(left + 1, row);
        (1.0 - bottom_share) * along(top) + bottom_share * along(top + 1)
    }

    /// The cell whose middle lies before a place, and how far the place is on its way to the next one's.
    fn split(&self, at: f64, shift: f64) -> (usize, f32) {
        let place = (at * self.side as f64 + shift - 0.5).max(0.0);
        (place.floor() as usize, place.fract() as f32)
    }
}

/// Numbers without a pattern, the same for the same start: Steele, Lea & Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014, figure 16.
struct SplitMix64(u64);

impl SplitMix64 {
    /// 0 up to 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as f64 / 2_f64.powi(64)
    }
}
