//! Work is bounded by what came: scans that break off, repeat each other or cost more than their bytes pay for are refused
//! before anything is decoded.

use menagerie_contract::{ErrorCode, ImageLimits};
use menagerie_wasm::decode::decode;

use crate::{
    common::LIMITS,
    jpeg_writer::{Picture, Scan, Way},
};

fn refusal(file: &[u8]) -> String {
    let error = decode(file, &LIMITS).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ImageUndecodable);
    error.to_string()
}

fn picture() -> Picture {
    Picture::new((200, 120), &[(2, 2), (1, 1), (1, 1)], |component, block, place| match place {
        0 => (block % 50) as i16,
        1..5 => (component + block) as i16 % 9 - 4,
        _ => 0,
    })
}

/// Components, band, the bit before and the bit of a scan.
type Parts<'a> = (&'a [usize], (usize, usize), u32, u32);

fn progressive(scans: &[Parts<'_>]) -> Vec<u8> {
    let scans = scans.iter().map(|(components, band, high, low)| Scan::new(components, *band, *high, *low));
    picture().write(&Way::new(true, scans.collect()))
}

/// Where the coded bytes of each scan lie.
fn scans(file: &[u8]) -> Vec<std::ops::Range<usize>> {
    let markers = |second: u8| file.windows(2).enumerate().filter(move |(_, pair)| **pair == [0xff, second]);
    let starts: Vec<usize> =
        markers(0xda).map(|(at, _)| at + 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]))).collect();
    let end_of = |start: usize| {
        let next = file[start..].windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7));
        start + next.unwrap()
    };
    starts.into_iter().map(|start| start..end_of(start)).collect()
}

#[test]
fn a_progressive_file_with_a_scan_that_breaks_off_anywhere_is_refused() {
    let whole = progressive(&[
        (&[0, 1, 2], (0, 0), 0, 1),
        (&[0], (1, 63), 0, 1),
        (&[1], (1, 63), 0, 0),
        (&[2], (1, 63), 0, 0),
        (&[0], (1, 63), 1, 0),
        (&[0, 1, 2], (0, 0), 1, 0),
    ]);
    assert!(decode(&whole, &LIMITS).is_ok());
    for (number, scan) in scans(&whole).into_iter().enumerate() {
        for kept in [0, 1, scan.len() / 2, scan.len() - 2] {
            let broken = [&whole[..scan.start + kept], &whole[scan.end..]].concat();
            let refusal = refusal(&broken);
            assert!(refusal.contains(&format!("scan {} breaks off", number + 1)), "{kept} bytes: {refusal}");
        }
    }
}

#[test]
fn scans_that_repeat_each_other_or_are_out_of_order_are_refused() {
    let all: &[usize] = &[0, 1, 2];
    for (scans, reason) in [
        (
            &[(all, (0, 0), 0, 0), (&[0], (1, 63), 0, 0), (&[0], (1, 63), 0, 0)][..],
            "scan 3 is out of order, or repeats",
        ),
        (&[(all, (0, 0), 0, 0), (&[0], (1, 20), 0, 0), (&[0], (9, 63), 0, 0)], "scan 3 is out of order, or repeats"),
        (&[(all, (0, 0), 0, 0), (all, (0, 0), 0, 0)], "scan 2 is out of order, or repeats"),
        (&[(all, (0, 0), 0, 0), (&[0], (1, 63), 2, 1)], "scan 2 is out of order, or repeats"),
        (&[(all, (0, 0), 0, 3), (all, (0, 0), 3, 1)], "scan 2 has no part of the picture"),
        (&[(all, (0, 0), 0, 0), (&[0, 1], (1, 63), 0, 0)], "scan 2 has no part of the picture"),
        (&[(all, (0, 0), 0, 0), (&[0], (9, 5), 0, 0)], "scan 2 has no part of the picture"),
        (&[(&[0, 1], (0, 0), 0, 0)], "a scan is missing"),
    ] {
        let refusal = refusal(&progressive(scans));
        assert!(refusal.contains(reason), "{scans:?}: {refusal}");
    }
    let twice = Way::new(false, vec![Scan::new(&[0, 1, 2], (0, 63), 0, 0), Scan::new(&[1], (0, 63), 0, 0)]);
    assert!(refusal(&picture().write(&twice)).contains("scan 2 is out of order, or repeats"));
}

/// The file of 4.8 kB that took 25 seconds: 50 megapixels, 62 scans of 64 bytes.
#[test]
fn scans_whose_bytes_cannot_hold_their_blocks_are_refused_unread() {
    let mut file = progressive(&[(&[0, 1, 2], (0, 0), 0, 0)]);
    let frame = file.windows(2).position(|pair| pair == [0xff, 0xc2]).unwrap();
    file[frame + 5..frame + 9].copy_from_slice(&[0x1b, 0x9f, 0x1b, 0x9f]);
    // So large a picture takes some bytes, whatever is in them.
    let comment = [b"\xff\xfe\x10\x00".as_slice(), &[0; 4094]].concat();
    let file = [&file[..frame], &comment, &file[frame..]].concat();
    let blocks = 6 * 442 * 442;
    assert!(
        refusal(&file)
            .contains(&format!("scan 1 breaks off: {} bytes cannot hold its {blocks} blocks", scans(&file)[0].len()))
    );
}

#[test]
fn more_visits_to_blocks_than_the_bytes_pay_for_are_refused() {
    // A large picture of one grey: its first coefficients take a bit each, and the ends of the blocks of a scan few bytes.
    let grey = Picture::new((1600, 1200), &[(1, 1)], |_, _, _| 0);
    let bands = |count: usize| (1..=count).map(|place| Scan::new(&[0], (place, place), 0, 0));
    let file =
        |count| grey.write(&Way::new(true, [Scan::new(&[0], (0, 0), 0, 0)].into_iter().chain(bands(count)).collect()));
    let blocks = 200 * 150;
    assert!(decode(&file(15), &LIMITS).is_ok());
    for bands in [40, 63] {
        let file = file(bands);
        let (visits, paid) = ((1 + bands) * blocks, 16 * blocks + 8 * file.len());
        assert!(refusal(&file).contains(&format!("visit {visits} blocks, more than the {paid} ")), "{bands} bands");
    }
}

#[test]
fn a_sequential_file_that_is_damaged_is_grey_from_there_on() {
    let picture = Picture::new((64, 64), &[(1, 1)], |_, _, place| if place == 0 { 200 } else { 0 });
    let whole = picture.write(&Way { restart_interval: 8, ..Way::sequential(1) });
    let shown = |file: &[u8]| decode(file, &LIMITS).unwrap().stored_rgb;
    let rows = |rgb: &[u8]| rgb.chunks(3 * 64 * 8).map(|row| row[0]).collect::<Vec<_>>();
    let light = rows(&shown(&whole))[0];
    assert_eq!(rows(&shown(&whole)), [light; 8]);
    let markers: Vec<usize> =
        (0..whole.len() - 1).filter(|at| whole[*at] == 0xff && matches!(whole[at + 1], 0xd0..=0xd7)).collect();
    // The third row of blocks without its bytes, and the fifth without its marker.
    let emptied = [&whole[..markers[1] + 2], &whole[markers[2]..]].concat();
    assert_eq!(rows(&shown(&emptied)), [light, light, 128, light, light, light, light, light]);
    let unmarked = [&whole[..markers[3]], &whole[markers[4]..]].concat();
    assert_eq!(rows(&shown(&unmarked)), [light, light, light, light, 128, light, light, light]);
}

/// 66 bytes of WebP are a plane of any size.
#[test]
fn pixels_beyond_four_millions_are_paid_for_with_bytes() {
    let limits = ImageLimits { pixels_max: u64::MAX, side_pixels_max: u32::MAX };
    // A bitmap of runs, of which each line is empty.
    let bitmap = |bytes: usize| {
        let head = [40_u32, 40_000, 10_000, 8 << 16 | 1, 1, 0, 0, 0, 0, 0].map(u32::to_le_bytes);
        let file = [b"BM\0\0\0\0\0\0\0\0\x36\0\0\0".as_slice(), head.as_flattened(), &[0, 1]].concat();
        [file.as_slice(), &vec![0; bytes - file.len()]].concat()
    };
    let enough = (400_000_000 - 4_000_000_usize).div_ceil(1 << 14);
    assert!(decode(&bitmap(enough), &limits).is_ok());
    let error = decode(&bitmap(enough - 1), &limits).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ImageTooLarge);
    assert!(error.to_string().contains("24169 bytes may have at most"), "{error}");
}
