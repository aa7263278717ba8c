//! Hard images, as the search for the worst ones makes them, whole and changed: none panics, and the memory that each takes
//! is bounded by its pixels and its bytes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../examples/worst_images/bmp.rs"]
mod bmp;
#[path = "../../../native/graph/tests/counting/mod.rs"]
mod counting;
#[path = "../../examples/worst_images/gif.rs"]
mod gif;
#[path = "../../examples/worst_images/jpeg.rs"]
mod jpeg;
#[path = "../../examples/worst_images/kinds.rs"]
mod kinds;
#[path = "../../examples/worst_images/png.rs"]
mod png;
#[path = "../../examples/worst_images/recipe.rs"]
#[allow(dead_code, reason = "recipes are described by the search alone")]
mod recipe;
#[path = "../../examples/worst_images/webp.rs"]
mod webp;
#[path = "../../examples/worst_images/webp_lossless.rs"]
mod webp_lossless;

use std::time::{Duration, Instant};

use menagerie_contract::ImageLimits;
use menagerie_wasm::decode::decode_shrunk;
use recipe::{Budget, Random};

const BUDGET: Budget = Budget { pixels: 250_000, side_pixels: 4000, bytes: 200_000 };
/// What is held at once for a pixel: a progressive file of four components has 2 bytes of each for its coefficients, one
/// for its plane, and 3 for RGB; a PNG of 16 bits 8 for a pixel, beside the rows that are read.
const PIXEL_BYTES_MAX: u64 = 24;
/// What is held for a byte of the file: its coded bytes once more, and what it defines.
const FILE_BYTE_BYTES_MAX: u64 = 4;
/// Tables of any file, and those of a WebP file without loss, whose pixels pay for further ones.
const FREE_BYTES: u64 = 4 << 20;
const WEBP_FREE_BYTES: u64 = 36 << 20;
/// Recipes of each kind.
const RECIPES: usize = 60;
const FUZZ_TIME_MAX: Duration = Duration::from_secs(8);

/// Decodes, and checks what was held meanwhile; `None` where the file is refused.
fn check(name: &str, file: &[u8], shrink: f64) -> Option<()> {
    let limits = ImageLimits { pixels_max: 2 * BUDGET.pixels, side_pixels_max: 2 * BUDGET.side_pixels };
    let count = counting::start();
    let photo = decode_shrunk(file, &limits, &|_| shrink);
    let held = count.peak_bytes() as u64;
    let pixels = photo.as_ref().map_or(limits.pixels_max, |photo| {
        u64::from(photo.stored_width.next_multiple_of(32)) * u64::from(photo.stored_height.next_multiple_of(32))
    });
    let free_bytes = if file.starts_with(b"RIFF") { WEBP_FREE_BYTES } else { FREE_BYTES };
    let held_max = free_bytes + PIXEL_BYTES_MAX * pixels + FILE_BYTE_BYTES_MAX * file.len() as u64;
    assert!(held <= held_max, "{name}: {held} bytes held for {pixels} pixels of {} bytes", file.len());
    photo.ok().map(drop)
}

/// One test, since memory is counted for the whole program.
#[test]
fn hard_images_take_memory_by_their_pixels_and_bytes_and_changed_ones_never_panic() {
    let mut random = Random(0x5eed_0001);
    let mut files = Vec::new();
    for kind in &kinds::KINDS {
        let mut recipes = kind.starts();
        while recipes.len() < RECIPES {
            let known = recipes[random.below(recipes.len())].clone();
            recipes.push(kind.changed(&known, &mut random));
        }
        let mut decoded = 0;
        for recipe in recipes {
            let name = format!("{}: {}", kind.name, kind.describe(&recipe));
            let Some(file) = (kind.build)(&kind.values(&recipe), &BUDGET) else { continue };
            decoded += usize::from(check(&name, &file, 1.0).is_some());
            files.push((name, file));
        }
        assert!(decoded > 2, "{} of {}", decoded, kind.name);
    }
    // Codes without a picture to fit: 20 kB of tables for 88 bytes.
    let groups = |count| (webp_lossless::LOSSLESS.build)(&[0, 2, 0, 0, 0, 0, 0, count, 0], &BUDGET).unwrap();
    assert!(check("1001 groups", &groups(1000), 1.0).is_some());
    assert!(check("2001 groups", &groups(2000), 1.0).is_none());

    let end = Instant::now() + FUZZ_TIME_MAX;
    let mut rounds = 0;
    while Instant::now() < end {
        let (name, file) = &files[random.below(files.len())];
        let mut changed = file.clone();
        for _ in 0..=random.below(8) {
            // Half of the changes hit the head.
            let reach = if random.below(2) == 0 { changed.len().min(700) } else { changed.len() };
            let at = random.below(reach);
            changed[at] = random.below(256) as u8;
        }
        let _ = check(name, &changed, [1.0, 2.0, 4.0, 8.0][random.below(4)]);
        rounds += 1;
    }
    println!("{rounds} changed images");
    assert!(rounds > 100);
}
