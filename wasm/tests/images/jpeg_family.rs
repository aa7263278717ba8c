//! The same picture in every way that a JPEG file can be written: the same pixels, and those of another decoder.

use jpeg_decoder::{Decoder, PixelFormat};
use menagerie_wasm::decode::{decode, decode_shrunk};

use crate::{
    common::LIMITS,
    jpeg_writer::{Picture, Scan, Way},
};

/// Another decoder's inverse DCT is off by one or two levels, which the conversion of colours makes four; where chroma is
/// enlarged along one axis it rounds otherwise.
const LEVELS_OFF_MAX: u8 = 5;

type Factors = &'static [(u16, u16)];

const THREE: [Factors; 11] = [
    &[(1, 1), (1, 1), (1, 1)],
    &[(2, 1), (1, 1), (1, 1)],
    &[(1, 2), (1, 1), (1, 1)],
    &[(2, 2), (1, 1), (1, 1)],
    &[(4, 1), (1, 1), (1, 1)],
    &[(1, 4), (1, 1), (1, 1)],
    &[(4, 2), (1, 1), (1, 1)],
    &[(2, 2), (2, 1), (1, 2)],
    &[(2, 2), (2, 2), (1, 1)],
    &[(3, 1), (1, 1), (1, 1)],
    &[(1, 1), (2, 2), (1, 2)],
];
const FOUR: [Factors; 3] = [&[(1, 1); 4], &[(2, 2), (1, 1), (1, 1), (2, 2)], &[(2, 1), (1, 1), (1, 1), (2, 1)]];

/// Sequential in one scan, which is what the others are compared with; in several; and progressive.
fn ways(count: usize) -> Vec<Way> {
    let all: Vec<usize> = (0..count).collect();
    let whole = |components: &[usize]| Scan::new(components, (0, 63), 0, 0);
    let each = |band, high, low| all.iter().map(move |index| Scan::new(&[*index], band, high, low));
    let mut ways = vec![
        Way::sequential(count),
        Way::new(false, all.iter().map(|index| whole(&[*index])).collect()),
        Way::new(false, all.iter().rev().map(|index| whole(&[*index])).collect()),
        Way::new(true, [Scan::new(&all, (0, 0), 0, 0)].into_iter().chain(each((1, 63), 0, 0)).collect()),
        Way::new(
            true,
            [Scan::new(&all, (0, 0), 0, 1)]
                .into_iter()
                .chain(each((1, 5), 0, 2))
                .chain(each((6, 63), 0, 2))
                .chain(each((1, 63), 2, 1))
                .chain([Scan::new(&all, (0, 0), 1, 0)])
                .chain(each((1, 63), 1, 0))
                .collect(),
        ),
        Way::new(
            true,
            each((0, 0), 0, 2)
                .chain(each((0, 0), 2, 1))
                .chain(each((1, 20), 0, 3))
                .chain(each((1, 20), 3, 2))
                .chain(each((1, 20), 2, 1))
                .chain(each((1, 20), 1, 0))
                .chain(each((0, 0), 1, 0))
                .chain(each((21, 63), 0, 0))
                .collect(),
        ),
    ];
    if count > 1 {
        ways.push(Way::new(false, vec![whole(&all[..1]), whole(&all[1..])]));
    }
    let restarted: Vec<Way> = ways
        .iter()
        .flat_map(|way| [1, 3, 10].map(|restart_interval| Way { restart_interval, ..way.clone() }))
        .collect();
    ways.extend(restarted);
    let bare: Vec<Way> = ways.iter().filter(|way| !way.progressive).cloned().collect();
    ways.extend(bare.into_iter().map(|way| Way { has_tables: false, ..way }));
    ways
}

/// Many coefficients, few, or none but the first, block by block; of all sizes that are coded, and with long runs of zeros.
fn picture(size: (u16, u16), factors: &[(u16, u16)]) -> Picture {
    let mut state = 0x9e37_79b9_u32 ^ u32::from(size.0) << 8 ^ u32::from(size.1);
    let mut random = move |end: u32| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state % end
    };
    Picture::new(size, factors, |component, block, place| {
        let sign = if random(2) == 0 { 1 } else { -1 };
        let one_in = [1, 4, 30, 1000][(block + component) % 4];
        match place {
            0 => random(400) as i16 * sign,
            63 if block % 3 == 0 => sign * (1 + random(3) as i16),
            _ if random(one_in) == 0 => sign * random(2 + 40 / place as u32) as i16,
            _ => 0,
        }
    })
}

/// RGB by another decoder.
fn reference(file: &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::new(file);
    let pixels = decoder.decode().unwrap();
    match decoder.info().unwrap().pixel_format {
        PixelFormat::L8 => pixels.iter().flat_map(|grey| [*grey; 3]).collect(),
        PixelFormat::RGB24 => pixels,
        // Inks: 255 is full.
        PixelFormat::CMYK32 => {
            let over = |ink: u8, black: u8| (u32::from(255 - ink) * u32::from(255 - black) / 255) as u8;
            pixels.as_chunks().0.iter().flat_map(|[c, m, y, k]| [*c, *m, *y].map(|ink| over(ink, *k))).collect()
        }
        PixelFormat::L16 => panic!("16 bits"),
    }
}

fn rgb(file: &[u8]) -> Vec<u8> {
    decode(file, &LIMITS).unwrap().stored_rgb
}

/// Checks the picture in every way, with `segments` before the frame.
fn check(picture: &Picture, segments: &[(u8, Vec<u8>)]) {
    let mut ways = ways(picture.components.len()).into_iter().map(|way| Way { segments: segments.to_vec(), ..way });
    let first = ways.next().unwrap();
    let (file, factors) = (picture.write(&first), picture.components.iter().map(|component| component.factors));
    let name = format!("{}x{} {:?}", picture.width, picture.height, factors.collect::<Vec<_>>());
    let pixels = rgb(&file);
    let off = pixels.iter().zip(reference(&file)).map(|(ours, other)| ours.abs_diff(other)).max();
    assert!(off <= Some(LEVELS_OFF_MAX), "{name}: {off:?}");
    for way in ways {
        let other = picture.write(&way);
        assert!(rgb(&other) == pixels, "{name}: {way:?}");
        for shrink in [2.0, 4.0, 8.0] {
            let shrunk = |file: &[u8]| decode_shrunk(file, &LIMITS, &|_| shrink).unwrap();
            assert!(shrunk(&other) == shrunk(&file), "{name} at 1/{shrink}: {way:?}");
        }
    }
}

fn adobe(transform: u8) -> Vec<(u8, Vec<u8>)> {
    vec![(0xee, [b"Adobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat())]
}

/// Sizes around the ends of blocks and units.
const SIZES: [(u16, u16); 12] =
    [(1, 1), (2, 1), (1, 3), (7, 9), (8, 8), (9, 16), (15, 17), (16, 15), (33, 31), (40, 24), (70, 3), (5, 66)];

#[test]
fn three_components_give_the_same_pixels_in_every_way_of_writing_them() {
    for factors in THREE {
        for size in SIZES {
            check(&picture(size, factors), &[]);
        }
    }
}

#[test]
fn every_size_up_to_forty_gives_the_same_pixels_in_every_way_and_sampling() {
    for side in 1..=40 {
        let size = (side, 41 - side);
        check(&picture(size, &[(1, 1)]), &[]);
        // One pixel across, the other decoder enlarges the chroma of 4x2 otherwise than at every other width.
        for factors in THREE.into_iter().filter(|factors| side > 1 || factors[0] != (4, 2)) {
            check(&picture(size, factors), &[]);
        }
        for factors in FOUR {
            check(&picture(size, factors), &adobe(2));
        }
    }
}

#[test]
fn grey_files_are_the_same_in_every_way_and_whatever_their_sampling_says() {
    for size in SIZES {
        let plain = picture(size, &[(1, 1)]);
        check(&plain, &[]);
        let across = usize::from(plain.units().0);
        let mut sampled = Picture::new(size, &[(2, 2)], |_, _, _| 0);
        let stride = 2 * usize::from(sampled.units().0);
        for (index, block) in plain.components[0].blocks.iter().enumerate() {
            sampled.components[0].blocks[index / across * stride + index % across] = *block;
        }
        for way in ways(1) {
            assert!(rgb(&sampled.write(&way)) == rgb(&plain.write(&way)), "{size:?}: {way:?}");
        }
    }
}

#[test]
fn rgb_cmyk_and_ycck_are_the_same_in_every_way() {
    for size in SIZES {
        for factors in [THREE[0], THREE[3]] {
            let mut picture = picture(size, factors);
            picture.components.iter_mut().for_each(|component| component.id += 3);
            check(&picture, &adobe(0));
        }
        for factors in FOUR {
            check(&picture(size, factors), &adobe(0));
            check(&picture(size, factors), &adobe(2));
        }
    }
}

#[test]
fn colours_are_what_jfif_adobe_and_the_names_of_components_say() {
    let mut picture = picture((16, 16), THREE[0]);
    let mut seen = |ids: [u8; 3], segments: Vec<(u8, Vec<u8>)>| {
        for (component, id) in picture.components.iter_mut().zip(ids) {
            component.id = id;
        }
        rgb(&picture.write(&Way { segments, ..ways(3).remove(0) }))
    };
    let jfif = || vec![(0xe0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0".to_vec())];
    let luma_chroma = seen([1, 2, 3], vec![]);
    let plain = seen([1, 2, 3], adobe(0));
    assert_ne!(luma_chroma, plain);
    assert_eq!(seen(*b"RGB", vec![]), plain);
    assert_eq!(seen(*b"RGB", adobe(1)), luma_chroma);
    assert_eq!(seen(*b"RGB", jfif()), luma_chroma);
    assert_eq!(seen([1, 2, 3], [jfif(), adobe(0)].concat()), luma_chroma);
    assert_eq!(seen([0, 1, 2], vec![]), luma_chroma);
}
