//! Small problems whose answers are known.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use menagerie_teach::{Dense, Lesson, Taught, TeachError, train};

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
    let hidden: Vec<f32>;
    let row = match &head.hidden {
        Some(layer) => {
            hidden = logits(layer, row).into_iter().map(|value| value.max(0.0)).collect();
            &hidden
        }
        None => row,
    };
    let logits = logits(&head.classes, row);
    (1..logits.len()).fold(0, |best, class| if logits[class] > logits[best] { class } else { best })
}

fn logits(layer: &Dense, row: &[f32]) -> Vec<f32> {
    let count = layer.biases.len();
    let logit = |class: usize| {
        let products = row.iter().enumerate().map(|(feature, value)| value * layer.weights[feature * count + class]);
        products.sum::<f32>() + layer.biases[class]
    };
    (0..count).map(logit).collect()
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
    assert!(head.classes.weights.iter().chain(&head.classes.biases).all(|value| value.is_finite()));
    assert_eq!(&head.classes.weights[4 * 3..5 * 3], [0.0; 3], "what never varies tells nothing");
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

/// The last rows once more, a little smaller.
fn copies_of(lesson: &Lesson<'_>) -> Vec<f32> {
    let photos = lesson.classes.len() * SIZE;
    lesson.features[photos..].iter().map(|value| value * 0.8).collect()
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
    let twice = Lesson { features: [both.features.clone(), copies_of(&both)].concat(), ..made.lesson(3) };
    assert_ne!(
        train(twice, |_| {}).unwrap().head,
        train(both.clone(), |_| {}).unwrap().head,
        "of two copies each both count"
    );
    let mut told = Vec::new();
    let with_copies = train(both, |share| told.push(share)).unwrap();
    assert_eq!((with_copies.report.trained, with_copies.report.curve.len()), (72, 3));
    assert_ne!(with_copies.head, first.head);
    assert!(told.is_sorted() && told.last() == Some(&1.0), "{told:?}");
}

/// Two features of which each alone says nothing: the classes are where their signs agree and where they differ.
fn crossed(count: usize) -> Made {
    let mut state = 1;
    let mut made = Made { features: vec![], classes: vec![], held_out: vec![], groups: vec![] };
    for place in 0..count {
        let signs = [place & 1, place >> 1 & 1];
        let [one, other] = signs.map(|sign| 2.0 * sign as f32 - 1.0 + 0.8 * noise(&mut state));
        made.features.extend([one, noise(&mut state), other, noise(&mut state), 7.0, 1000.0 + noise(&mut state)]);
        made.classes.push((signs[0] ^ signs[1]) as u32);
        made.held_out.push(place / 4 % 5 == 0);
        made.groups.push(place as u32);
    }
    made
}

#[test]
fn a_hidden_layer_is_there_where_it_pays_and_only_there() {
    let Taught { head, report } = crossed(400).taught(2);
    let tried = report.hidden_tried.unwrap();
    assert!(tried.without > 0.6 && tried.with < 0.2, "{tried:?}");
    assert_eq!((report.hidden, report.right), (64, report.held_out));
    let hidden = head.hidden.as_ref().unwrap();
    assert_eq!((hidden.weights.len(), hidden.biases.len(), head.classes.weights.len()), (64 * SIZE, 64, 64 * 2));
    let made = crossed(400);
    let right =
        made.features.chunks(SIZE).zip(&made.classes).filter(|(row, class)| best(&head, row) == **class as usize);
    assert!(right.count() >= 396, "for features as they came");
    assert_eq!(head, crossed(400).taught(2).head);

    let straight = Made::new(&[100, 100], 1.0).taught(2);
    assert!(straight.report.hidden_tried.is_some());
    assert_eq!((straight.report.hidden, straight.head.hidden), (0, None));
    let few = crossed(40).taught(2).report;
    assert_eq!((few.hidden, few.hidden_tried), (0, None), "too few photos to tell");
}

/// Written down once: the tests of the service compare what WebAssembly gives with the same.
#[test]
fn the_bits_are_those_that_were_written_down() {
    let Taught { head, .. } = Made::new(&[20, 20], 1.0).taught(2);
    let bits = head.classes.weights.iter().chain(&head.classes.biases).fold(0_u64, |hash, value| {
        // FNV-1a by words.
        (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3)
    });
    assert_eq!(bits, 0x2ee3_ace0_b8fc_1814, "{bits:#x}");
}

#[test]
fn the_bits_of_a_hidden_layer_are_those_that_were_written_down() {
    let Taught { head, .. } = crossed(400).taught(2);
    let hidden = head.hidden.unwrap();
    let bits = hidden
        .weights
        .iter()
        .chain(&head.classes.biases)
        .fold(0_u64, |hash, value| (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3));
    assert_eq!(bits, 0x9c8a_d194_aa27_df01, "{bits:#x}");
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
