//! Small problems whose answers are known.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use menagerie_teach::{Lesson, Taught, TeachError, train};

const SIZE: usize = 6;

/// Numbers from -0.5 to 0.5 (Knuth's MMIX).
fn noise(state: &mut u64) -> f32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
}

/// Photos of classes whose features are `apart` from each other, every fifth set aside.
struct Made {
    features: Vec<f32>,
    classes: Vec<u32>,
    held_out: Vec<bool>,
    groups: Vec<u32>,
}

impl Made {
    fn new(counts: &[usize], apart: f32) -> Self {
        let mut state = 1;
        let mut made = Self { features: vec![], classes: vec![], held_out: vec![], groups: vec![] };
        for (class, count) in counts.iter().enumerate() {
            for place in 0..*count {
                made.features.extend((0..SIZE).map(|feature| {
                    let own = if feature == class { apart } else { 0.0 };
                    // One feature never varies, and one has another level.
                    match feature {
                        4 => 7.0,
                        5 => 1000.0 + noise(&mut state),
                        _ => own + 2.0 * noise(&mut state),
                    }
                }));
                made.classes.push(class as u32);
                made.held_out.push(place % 5 == 0);
                made.groups.push(made.groups.len() as u32);
            }
        }
        made
    }

    fn lesson(&self, class_count: usize) -> Lesson<'_> {
        Lesson {
            features: self.features.clone(),
            size: SIZE,
            classes: &self.classes,
            class_count,
            held_out: &self.held_out,
            groups: &self.groups,
            seed: 1,
        }
    }

    fn taught(&self, class_count: usize) -> Taught {
        train(self.lesson(class_count), |_| {}).unwrap()
    }
}

fn best(head: &menagerie_teach::Head, row: &[f32]) -> usize {
    let count = head.biases.len();
    let logit = |class: usize| {
        let products = row.iter().enumerate().map(|(feature, value)| value * head.weights[feature * count + class]);
        products.sum::<f32>() + head.biases[class]
    };
    (1..count).fold(0, |best, class| if logit(class) > logit(best) { class } else { best })
}

#[test]
fn classes_that_are_apart_are_told_apart_by_the_head_for_features_as_they_came() {
    let made = Made::new(&[50, 50, 50], 3.0);
    let Taught { head, report } = made.taught(3);
    assert_eq!((report.trained, report.held_out, report.right), (120, 30, 30));
    assert_eq!(report.with_twice, None, "nothing is left to gain");
    assert!(report.wrong.is_empty());
    let right =
        made.features.chunks(SIZE).zip(&made.classes).filter(|(row, class)| best(&head, row) == **class as usize);
    assert_eq!(right.count(), 150);
    assert!(head.weights.iter().chain(&head.biases).all(|value| value.is_finite()));
    assert_eq!(&head.weights[4 * 3..5 * 3], [0.0; 3], "what never varies tells nothing");
}

#[test]
fn classes_that_cannot_be_told_apart_are_answered_by_chance_with_a_strong_penalty() {
    let report = Made::new(&[200, 200], 0.0).taught(2).report;
    assert!((20..=60).contains(&report.right), "{} of {}", report.right, report.held_out);
    assert!(report.l2 >= 0.03, "{}", report.l2);
    assert_eq!(report.wrong.len(), 20);
    assert!(report.wrong.windows(2).all(|pair| pair[0].probability >= pair[1].probability));
}

#[test]
fn a_rare_class_weighs_as_much_as_a_frequent_one() {
    let made = Made::new(&[400, 20], 0.8);
    let head = made.taught(2).head;
    let found = |class: usize| {
        let own = made.features.chunks(SIZE).zip(&made.classes).filter(|(_, own)| **own as usize == class);
        let (right, of) =
            own.fold((0, 0), |(right, of), (row, _)| (right + usize::from(best(&head, row) == class), of + 1));
        f64::from(right as u32) / f64::from(of)
    };
    assert!(found(1) > 0.6 && found(0) > 0.6, "{} and {}", found(0), found(1));
}

#[test]
fn copies_count_and_the_same_photos_and_seed_give_the_same_bits() {
    let made = Made::new(&[30, 30, 30], 1.0);
    let first = made.taught(3);
    assert_eq!(first, made.taught(3));
    assert_ne!(first.head, train(Lesson { seed: 2, ..made.lesson(3) }, |_| {}).unwrap().head);
    let kept = made.features.chunks(SIZE).zip(&made.held_out).filter(|(_, held)| !**held);
    let copies: Vec<f32> = kept.flat_map(|(row, _)| row.iter().map(|value| value * 1.1)).collect();
    let both = Lesson { features: [made.features.clone(), copies].concat(), ..made.lesson(3) };
    let mut told = Vec::new();
    let with_copies = train(both, |share| told.push(share)).unwrap();
    assert_eq!((with_copies.report.trained, with_copies.report.curve.len()), (72, 3));
    assert_ne!(with_copies.head, first.head);
    assert!(told.is_sorted() && told.last() == Some(&1.0), "{told:?}");
}

/// Written down once: the tests of the service compare what WebAssembly gives with the same.
#[test]
fn the_bits_are_those_that_were_written_down() {
    let Taught { head, .. } = Made::new(&[20, 20], 1.0).taught(2);
    let bits = head.weights.iter().chain(&head.biases).fold(0_u64, |hash, value| {
        // FNV-1a by words.
        (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3)
    });
    assert_eq!(bits, 0xc0e7_0e03_0bfe_0322, "{bits:#x}");
}

#[test]
fn lists_that_do_not_belong_together_and_features_that_are_no_numbers_are_refused() {
    let made = Made::new(&[10, 10], 1.0);
    let refused = |lesson: Lesson<'_>| train(lesson, |_| {}).unwrap_err();
    let short = Lesson { features: vec![0.0; 7], ..made.lesson(2) };
    assert!(matches!(refused(short), TeachError::Mismatch(_)));
    let nothing = vec![false; 20];
    assert!(matches!(refused(Lesson { held_out: &nothing, ..made.lesson(2) }), TeachError::Mismatch(_)));
    let mut odd = made.features.clone();
    odd[3] = f32::NAN;
    assert!(matches!(refused(Lesson { features: odd, ..made.lesson(2) }), TeachError::Fit(_)));
    assert!(matches!(refused(made.lesson(1)), TeachError::Classes));
}
