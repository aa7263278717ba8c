//! Broken, cut and lying images: each is answered with its code, nothing panics, nothing large is allocated.

use crate::common::{LIMITS, SIZE, beside_the_project, crc32, files};
use menagerie_contract::ErrorCode;
use menagerie_wasm::decode::{declared_pixels, decode};

fn code(image: &[u8]) -> Option<ErrorCode> {
    decode(image, &LIMITS).err().map(|error| error.code())
}

#[test]
fn a_file_cut_at_any_of_fifty_lengths_is_refused() {
    for (name, file) in files() {
        for step in 0..50 {
            let length = file.len() * step / 50;
            let expected = match length {
                0 => ErrorCode::ImageMissing,
                // Too short to be told from other files.
                1..18 => {
                    assert!(code(&file[..length]).is_some(), "{name} of {length} bytes");
                    continue;
                }
                _ => ErrorCode::ImageUndecodable,
            };
            assert_eq!(code(&file[..length]), Some(expected), "{name} of {length} bytes");
        }
    }
}

#[test]
fn what_a_header_declares_is_known_before_anything_is_decoded() {
    for (name, file) in files() {
        assert_eq!(declared_pixels(&file), Some(u64::from(SIZE.0) * u64::from(SIZE.1)), "{name}");
        assert_eq!(declared_pixels(&file[..5]), None, "{name}");
    }
}

#[test]
fn bombs_are_refused_from_the_header() {
    let mut bombs: Vec<(&str, Vec<u8>)> = files();
    for (name, file) in &mut bombs {
        match *name {
            "jpeg" => {
                let frame = file.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
                file[frame + 5..frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
            }
            "png" => {
                file[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
                let checksum = crc32(&file[12..29]).to_be_bytes();
                file[29..33].copy_from_slice(&checksum);
            }
            "webp" => file[21..25].copy_from_slice(&[0xff, 0xff, 0xff, 0x0f]),
            "gif" => file[6..10].copy_from_slice(&[0xff; 4]),
            "bmp" => file[18..26].copy_from_slice(&[0, 0, 1, 0, 0, 0, 1, 0]),
            other => panic!("{other}"),
        }
    }
    for (name, bomb) in bombs {
        assert_eq!(code(&bomb), Some(ErrorCode::ImageTooLarge), "{name}");
    }
}

#[test]
fn a_giant_frame_on_a_small_gif_screen_is_refused_from_its_header() {
    let (_, mut file) = files().into_iter().find(|(name, _)| *name == "gif").unwrap();
    let descriptor = file.windows(9).position(|bytes| bytes[0] == 0x2c && bytes[1..5] == [0; 4]).unwrap();
    file[descriptor + 5..descriptor + 9].copy_from_slice(&[0xff; 4]);
    assert_eq!(code(&file), Some(ErrorCode::ImageTooLarge));
}

#[test]
fn a_bomb_that_ends_after_its_size_is_judged_by_its_size() {
    let gif_of_a_giant_frame = b"GIF89a\x20\0\x20\0\x80\0\0\0\0\0\xff\xff\xff\
        \x21\xf9\x04\0\0\0\0\0\x21\xfe\x02hi\0\x2c\0\0\0\0\xff\xff\xff\xff\0";
    let webp = b"RIFF\xff\xff\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\x0f\xff\xff\x0f";
    for bomb in [gif_of_a_giant_frame.as_slice(), webp] {
        assert_eq!(code(bomb), Some(ErrorCode::ImageTooLarge));
    }
}

#[test]
fn a_whole_jpeg_with_damage_inside_is_shown_and_one_without_its_end_is_not() {
    let (_, mut file) = files().remove(0);
    let middle = file.len() - 200;
    file[middle..middle + 40].fill(0x7f);
    assert_eq!(code(&file), None);
    file.truncate(file.len() - 2);
    assert_eq!(code(&file), Some(ErrorCode::ImageUndecodable));
}

/// Deterministic damage: one to eight bytes changed, two hundred times for each format.
#[test]
fn damaged_files_answer_or_are_refused_and_never_panic() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end as u64) as usize
    };
    for (name, file) in files() {
        for round in 0..200 {
            let mut damaged = file.clone();
            for _ in 0..=random(8) {
                let at = random(damaged.len());
                damaged[at] = random(256) as u8;
            }
            match decode(&damaged, &LIMITS) {
                Ok(photo) => {
                    let bytes = u64::from(photo.stored_width) * u64::from(photo.stored_height) * 3;
                    assert_eq!(photo.stored_rgb.len() as u64, bytes, "{name}, round {round}");
                }
                Err(error) => assert!(error.code().as_str().starts_with("image_"), "{name}, round {round}: {error}"),
            }
        }
    }
}

#[test]
fn hard_images_beside_the_project_answer_or_are_refused_as_listed() {
    let Some(folder) = beside_the_project("image-torture") else { return };
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    let mut wrong = Vec::new();
    for line in manifest.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (file, expected) = (columns[0], columns[5]);
        let answer = decode(&std::fs::read(folder.join(file)).unwrap(), &LIMITS);
        let fits = match expected {
            "decode" => answer.is_ok(),
            "refuse" => answer.is_err(),
            _ => true,
        };
        if !fits {
            wrong.push(format!("{file}: {expected} is listed, {:?}", answer.map(|photo| photo.size())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
