//! Any bytes as an image, at full size and at a fraction, through `npm run fuzz:images` or `cargo fuzz run decode`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use menagerie_contract::ImageLimits;
use menagerie_wasm::decode::decode_shrunk;

const LIMITS: ImageLimits = ImageLimits { pixels_max: 1 << 18, side_pixels_max: 1 << 14 };

fuzz_target!(|image: &[u8]| {
    for shrink in [1.0, 4.0] {
        if let Ok(photo) = decode_shrunk(image, &LIMITS, &|_| shrink) {
            let (width, height) = photo.decoded_size();
            assert_eq!(photo.stored_rgb.len(), 3 * width as usize * height as usize);
        }
    }
});
