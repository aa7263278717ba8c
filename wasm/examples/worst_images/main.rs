//! Searches for the images of each format that take longest to decode, and writes them.
//!
//! `worst_images FOLDER SECONDS [SEED] [--small]`: for each kind, the image that takes longest under the service's default limits and
//! the one that takes longest for its bytes, and `worst-images.md` with what they took. Without seconds (0) it writes what
//! earlier searches found; with `--small`, at the size that the search tries them. The recipes that are tried follow from the seed; which of them is kept follows from the clock.

mod bmp;
mod gif;
mod jpeg;
mod kinds;
mod png;
mod recipe;
mod webp;
mod webp_lossless;

use std::{
    error::Error,
    fmt::Write,
    path::Path,
    sync::LazyLock,
    time::{Duration, Instant},
};

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use kinds::KINDS;
use menagerie_contract::ImageLimits;
use menagerie_wasm::decode::decode;
use recipe::{Budget, Kind, Random};

/// The service's defaults: `IMAGE_PIXELS_MAX`, `IMAGE_SIDE_PIXELS_MAX` and `IMAGE_BYTES_MAX`.
const LIMITS: Budget = Budget { pixels: 50_000_000, side_pixels: 20_000, bytes: 32 << 20 };
/// What is tried in a search, so that many recipes are.
const SEARCHED: Budget =
    Budget { pixels: LIMITS.pixels / 50, side_pixels: LIMITS.side_pixels, bytes: LIMITS.bytes / 50 };

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, arguments): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let [folder, seconds, seed @ ..] = arguments.as_slice() else {
        return Err("usage: worst_images FOLDER SECONDS [SEED] [--small]".into());
    };
    let budget = if flags.iter().any(|flag| flag == "--small") { SEARCHED } else { LIMITS };
    let mut random = Random(seed.first().map_or(Ok(1), |seed| seed.parse())? | 1 << 40);
    let share = Duration::from_secs_f64(seconds.parse::<f64>()? / KINDS.len() as f64);
    std::fs::create_dir_all(folder)?;
    let mut table = String::from(
        "| image | bytes | pixels | milliseconds | ms per megapixel | ms per 100 kB | outcome | recipe |\n\
         |---|--:|--:|--:|--:|--:|---|---|\n",
    );
    for (name, progressive) in [("photo.jpg", false), ("photo-progressive.jpg", true)] {
        let line = line(name, &honest(progressive, &budget)?, "noise and waves of an encoder, quality 80");
        print!("{line}");
        table.push_str(&line);
    }
    for kind in &KINDS {
        let found = search(kind, share, &mut random);
        for (goal, recipes) in ["longest", "per-byte"].into_iter().zip(found) {
            let name = format!("{}-{goal}.{}", kind.name, kind.extension);
            // What fits the search's budget may not fit this one.
            let build = |recipe: &Vec<usize>| (kind.build)(&kind.values(recipe), &budget);
            let file_of = |recipe: Vec<usize>| Some((build(&recipe)?, recipe));
            let Some((file, recipe)) = recipes.into_iter().rev().find_map(file_of) else { continue };
            std::fs::write(Path::new(folder).join(&name), &file)?;
            let line = line(&name, &file, &kind.describe(&recipe));
            print!("{line}");
            table.push_str(&line);
        }
    }
    std::fs::write(Path::new(folder).join("worst-images.md"), table)?;
    Ok(())
}

/// The photo that others are measured against: as many pixels as are allowed, full of detail, at full chroma.
fn honest(progressive: bool, budget: &Budget) -> Result<Vec<u8>, Box<dyn Error>> {
    let (width, height) = budget.size(0);
    let mut random = Random(1 << 40);
    let mut rgb = Vec::with_capacity(3 * (width * height) as usize);
    for y in 0..height {
        for x in 0..width {
            let wave = (f64::from(x) / 37.0).sin() * (f64::from(y) / 23.0).cos();
            rgb.extend([1.0, 0.6, -0.8].map(|weight| (128.0 + 60.0 * weight * wave) as u8 + random.below(24) as u8));
        }
    }
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 80);
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    encoder.set_progressive(progressive);
    encoder.encode(&rgb, width as u16, height as u16, ColorType::Rgb)?;
    Ok(file)
}

/// The recipes that took longer than those before, and those that took longer for their bytes; the best ones last.
fn search(kind: &Kind, share: Duration, random: &mut Random) -> [Vec<Vec<usize>>; 2] {
    let end = Instant::now() + share;
    let starts = kind.starts();
    let mut best = [(0.0, vec![starts[0].clone()]), (0.0, vec![starts[0].clone()])];
    let mut tried = 0;
    while tried < starts.len() || Instant::now() < end {
        let recipe = starts.get(tried).cloned().unwrap_or_else(|| {
            let known = best[tried % 2].1.last().unwrap_or(&starts[0]);
            kind.changed(known, random)
        });
        tried += 1;
        let Some(file) = (kind.build)(&kind.values(&recipe), &SEARCHED) else { continue };
        let (milliseconds, _) = decoded(&file);
        for (goal, score) in [milliseconds, milliseconds / file.len() as f64].into_iter().enumerate() {
            if score > best[goal].0 {
                best[goal].0 = score;
                best[goal].1.push(recipe.clone());
            }
        }
    }
    best.map(|(_, recipes)| recipes)
}

/// How long this thread has run: where Linux tells it, without what others ran meanwhile.
fn busy() -> Duration {
    let read = || std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok();
    read().map_or_else(|| START.elapsed(), Duration::from_nanos)
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds of the faster one of two decodes, and what came of it: megapixels, or why there are none.
fn decoded(file: &[u8]) -> (f64, Result<f64, String>) {
    let limits = ImageLimits { pixels_max: LIMITS.pixels, side_pixels_max: LIMITS.side_pixels };
    let mut fastest = f64::INFINITY;
    let mut outcome = Err(String::new());
    for _ in 0..2 {
        let start = busy();
        let photo = decode(file, &limits);
        fastest = fastest.min(busy().saturating_sub(start).as_secs_f64() * 1000.0);
        outcome = match photo {
            Ok(photo) => Ok(f64::from(photo.stored_width) * f64::from(photo.stored_height) / 1e6),
            Err(error) => Err(error.to_string()),
        };
    }
    (fastest, outcome)
}

fn line(name: &str, file: &[u8], recipe: &str) -> String {
    let (milliseconds, outcome) = decoded(file);
    let mut line = format!("| {name} | {} | ", file.len());
    let megapixels = outcome.as_ref().ok().copied();
    let per = |amount: f64| if amount > 0.0 { format!("{:.1}", milliseconds / amount) } else { String::new() };
    let cells = [
        megapixels.map_or(String::new(), |megapixels| format!("{megapixels:.1} M")),
        format!("{milliseconds:.0}"),
        megapixels.map_or(String::new(), per),
        per(file.len() as f64 / 1e5),
        outcome.err().unwrap_or_else(|| "decoded".into()),
        recipe.to_owned(),
    ];
    let _ = writeln!(line, "{} |", cells.join(" | "));
    line
}
