//! The faults that people reported, from the folder of small inputs beside the project.

use menagerie_contract::OutputKind;
use menagerie_graph::labels;
use menagerie_wasm::decode::{Photo, decode};

use crate::common::{LIMITS, beside_the_project};

fn photo(folder: &std::path::Path, name: &str) -> Photo {
    decode(&std::fs::read(folder.join(name)).unwrap(), &LIMITS).unwrap()
}

#[test]
fn a_jpeg_of_one_scan_a_component_has_the_pixels_of_the_one_in_one_scan() {
    let Some(folder) = beside_the_project("tries/jpeg-separate-scans") else { return };
    for name in ["420", "440", "photo-420"] {
        let [separate, together] = ["separate", "together"].map(|kind| photo(&folder, &format!("{name}-{kind}.jpg")));
        assert!(separate == together, "{name}");
    }
}

#[test]
fn an_orientation_of_type_long_is_that_of_type_short() {
    let Some(folder) = beside_the_project("tries/exif-long") else { return };
    let [long, short] = ["long-be.jpg", "short-le.jpg"].map(|name| photo(&folder, name));
    assert_eq!(long, short);
    assert_ne!(long.size(), (long.stored_width, long.stored_height));
}

#[test]
fn a_bitmap_whose_alpha_is_0_everywhere_is_the_photo() {
    let Some(folder) = beside_the_project("tries/bmp-alpha-0") else { return };
    assert!(photo(&folder, "v5-alpha-0.bmp") == photo(&folder, "v5-alpha-255.bmp"));
}

#[test]
fn labels_that_begin_with_numbers_stay_whole() {
    let Some(folder) = beside_the_project("tries/label-numbers") else { return };
    for name in ["stars.txt", "fingers.txt"] {
        let file = std::fs::read(folder.join(name)).unwrap();
        let (_, names) = labels::read(&file).unwrap().align(5, OutputKind::Softmax, None).unwrap();
        assert_eq!(names, std::str::from_utf8(&file).unwrap().lines().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn every_form_of_labels_is_read_as_roses_and_sunflowers() {
    let Some(folder) = beside_the_project("tries/label-forms") else { return };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let (_, names) =
            labels::read(&std::fs::read(&path).unwrap()).unwrap().align(2, OutputKind::Softmax, None).unwrap();
        assert_eq!(names, ["roses", "sunflowers"], "{}", path.display());
    }
}
