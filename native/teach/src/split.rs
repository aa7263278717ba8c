//! What is never trained on.

use crate::{
    TeachError,
    groups::{Look, group},
    random::Random,
};

/// Photos of a class, at least: one of them is set aside.
pub const PHOTOS_OF_CLASS_MIN: usize = 5;

/// Which photos are set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Of each photo, whether nothing is trained on it.
    pub held_out: Vec<bool>,
    /// Of each photo a number that it shares with those that are nearly the same.
    pub groups: Vec<u32>,
    /// Places of photos that are nearly the same: of each photo at most one before it of its own class, and one of another.
    pub pairs: Vec<(u32, u32)>,
}

/// Sets a fifth of each class aside, so that photos that are nearly the same stand on one side. Looks at each pair.
///
/// # Errors
/// [`TeachError::Classes`], [`TeachError::Photos`], [`TeachError::Alike`]; [`TeachError::Mismatch`] for a class that is not
/// below the number of `labels`.
pub fn split(looks: &[Look], classes: &[u32], labels: &[String], seed: u32) -> Result<Split, TeachError> {
    let class_count = labels.len();
    let counts = counts(classes, class_count)?;
    if looks.len() != classes.len() {
        return Err(TeachError::Mismatch(format!("{} looks of {} photos", looks.len(), classes.len())));
    }
    let few = labels.iter().zip(&counts).filter(|(_, count)| **count < PHOTOS_OF_CLASS_MIN);
    let few: Vec<String> = few.map(|(label, count)| format!("{label:?} ({count})")).collect();
    if !few.is_empty() {
        return Err(TeachError::Photos(few.join(", ")));
    }
    let (pairs, groups) = group(looks, classes);
    let mut held_out = vec![false; looks.len()];
    let mut left: Vec<usize> = counts.iter().map(|count| count / PHOTOS_OF_CLASS_MIN).collect();
    for members in shuffled(&groups, seed) {
        let wanted = |class: usize| members.iter().filter(|place| classes[**place] as usize == class).count();
        if (0..class_count).all(|class| wanted(class) <= left[class]) {
            for place in members {
                left[classes[place] as usize] -= 1;
                held_out[place] = true;
            }
        }
    }
    let is_measured = |class: usize| left[class] < counts[class] / PHOTOS_OF_CLASS_MIN;
    match (0..class_count).find(|class| !is_measured(*class)) {
        Some(class) => Err(TeachError::Alike(labels[class].clone())),
        None => Ok(Split { held_out, groups, pairs }),
    }
}

/// How many photos each class has.
pub(crate) fn counts(classes: &[u32], class_count: usize) -> Result<Vec<usize>, TeachError> {
    if class_count < 2 {
        return Err(TeachError::Classes);
    }
    let mut counts = vec![0; class_count];
    for class in classes {
        match counts.get_mut(*class as usize) {
            Some(count) => *count += 1,
            None => return Err(TeachError::Mismatch(format!("there is no class {class} of {class_count}"))),
        }
    }
    Ok(counts)
}

/// The members of each group, groups in random order.
pub(crate) fn shuffled(groups: &[u32], seed: u32) -> Vec<Vec<usize>> {
    let mut places: Vec<usize> = (0..groups.len()).collect();
    places.sort_by_key(|place| (groups[*place], *place));
    let mut members: Vec<Vec<usize>> =
        places.chunk_by(|one, other| groups[*one] == groups[*other]).map(<[usize]>::to_vec).collect();
    Random::new(u64::from(seed)).shuffle(&mut members);
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(number: u32) -> Look {
        // Far from each other: each is a number times an odd constant.
        let steps = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        Look { steps, mirrored: steps, mean: [100, 100, 100] }
    }

    fn labels(count: usize) -> Vec<String> {
        ["cat", "dog", "owl"].map(String::from)[..count].to_vec()
    }

    #[test]
    fn a_fifth_of_each_class_is_set_aside_and_another_seed_sets_others_aside() {
        let looks: Vec<Look> = (1..=60).map(look).collect();
        let classes: Vec<u32> = (0..60).map(|place| u32::from(place >= 40)).collect();
        let first = split(&looks, &classes, &labels(2), 1).unwrap();
        let held = |class: u32| (0..60).filter(|place| first.held_out[*place] && classes[*place] == class).count();
        assert_eq!((held(0), held(1)), (8, 4));
        assert_eq!(first, split(&looks, &classes, &labels(2), 1).unwrap());
        assert_ne!(first.held_out, split(&looks, &classes, &labels(2), 2).unwrap().held_out);
    }

    #[test]
    fn photos_that_are_nearly_the_same_stand_on_one_side() {
        let near = |place: usize| {
            let look = look(1 + place as u32 / 3);
            Look { steps: look.steps ^ (1 << (place % 3)), ..look }.without_mirror()
        };
        let looks: Vec<Look> = (0..60).map(near).collect();
        let classes: Vec<u32> = (0..60).map(|place| u32::from(place >= 30)).collect();
        let split = split(&looks, &classes, &labels(2), 7).unwrap();
        assert_eq!(split.pairs.len(), 40);
        assert_eq!(&split.pairs[..2], [(0, 1), (0, 2)]);
        for group in split.held_out.chunks(3) {
            assert!(group.iter().all(|held| held == &group[0]));
        }
        assert!(split.held_out.iter().any(|held| *held));
    }

    #[test]
    fn a_long_burst_has_no_more_pairs_than_two_a_photo() {
        let looks = vec![look(1); 2000];
        let classes: Vec<u32> = (0..2000).map(|place| place % 2).collect();
        let (pairs, groups) = group(&looks, &classes);
        assert_eq!(pairs.len(), 2 * 2000 - 3);
        assert!(groups.iter().all(|group| *group == 0));
    }

    #[test]
    fn plain_pictures_of_other_colours_are_not_the_same() {
        let plain = |mean| Look { steps: 0, mirrored: 0, mean };
        assert!(plain([200, 10, 10]).is_near(&plain([205, 10, 10])));
        assert!(!plain([200, 10, 10]).is_near(&plain([10, 200, 10])));
        let look = Look { mirrored: 5, ..look(3) };
        assert_eq!(Look::from_bytes(&look.to_bytes()), Some(look));
        assert_eq!(Look::from_bytes(&[0; 34]), None);
    }

    #[test]
    fn a_photo_and_its_mirror_image_are_the_same_but_where_that_shows_something_else() {
        let [photo, mirror] = [(1, 2), (2, 1)].map(|(one, two)| Look { mirrored: look(two).steps, ..look(one) });
        assert!(photo.is_near(&mirror) && mirror.is_near(&photo));
        assert!(!photo.without_mirror().is_near(&mirror.without_mirror()));
    }

    #[test]
    fn a_photo_that_gets_lighter_is_no_mirror_image_of_a_plain_one() {
        let plain = Look { steps: 0, mirrored: 0, mean: [100; 3] };
        let lighter = Look { steps: u128::from(u64::MAX), ..plain };
        assert!(!lighter.is_near(&plain) && !plain.is_near(&lighter));
    }

    #[test]
    fn too_few_classes_or_photos_and_photos_of_one_thing_are_refused() {
        let looks: Vec<Look> = (1..=10).map(look).collect();
        assert_eq!(split(&looks, &[0; 10], &labels(1), 1), Err(TeachError::Classes));
        let classes = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1];
        let refused = split(&looks, &classes, &labels(3), 1).unwrap_err();
        assert_eq!(refused, TeachError::Photos("\"dog\" (4), \"owl\" (0)".into()));
        let classes = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1];
        let mut alike = looks;
        alike[5..].fill(look(99));
        assert_eq!(split(&alike, &classes, &labels(2), 1), Err(TeachError::Alike("dog".into())));
        assert!(matches!(split(&alike, &[0, 2], &labels(2), 1), Err(TeachError::Mismatch(_))));
    }
}
