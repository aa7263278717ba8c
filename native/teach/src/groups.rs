//! Photos that are nearly the same.

/// What a photo looks like from afar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// One bit for each step between neighbours of its grey thumbnail, across and down: whether it gets lighter (the
    /// difference hash of N. Krawetz, "Kind of Like That", 2013).
    pub steps: u128,
    /// The steps of its mirror image, or the same once more where that is another photo.
    pub mirrored: u128,
    /// Mean red, green and blue.
    pub mean: [u8; 3],
}

/// Steps that two copies of one photo may differ in, of 128: other sizes and other quality of JPEG change fewer.
const STEPS_APART_MAX: u32 = 10;
/// Levels of a colour that they may be apart: plain pictures have no steps at all.
const LEVELS_APART_MAX: u8 = 16;

/// The bytes of a look: its steps and those of its mirror image, little-endian, then its mean colour.
pub const LOOK_BYTES: usize = 35;

impl Look {
    /// From [`LOOK_BYTES`] bytes, as [`Self::to_bytes`] gives them; absent for others.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (steps, rest) = bytes.split_first_chunk::<16>()?;
        let (mirrored, mean) = rest.split_first_chunk::<16>()?;
        Some(Self {
            steps: u128::from_le_bytes(*steps),
            mirrored: u128::from_le_bytes(*mirrored),
            mean: mean.try_into().ok()?,
        })
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; LOOK_BYTES] {
        let mut bytes = [0; LOOK_BYTES];
        bytes[..16].copy_from_slice(&self.steps.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.mirrored.to_le_bytes());
        bytes[32..].copy_from_slice(&self.mean);
        bytes
    }

    /// The same of a photo whose mirror image shows something else.
    #[must_use]
    pub fn without_mirror(self) -> Self {
        Self { mirrored: self.steps, ..self }
    }

    /// Whether one is nearly the same photo as the other, or each as the other's mirror image: neighbours that are equal are no
    /// step in either, so one of them alone tells less.
    #[must_use]
    pub fn is_near(&self, other: &Self) -> bool {
        let near = |(one, other): (&u8, &u8)| one.abs_diff(*other) <= LEVELS_APART_MAX;
        let are_close = |one: u128, other: u128| (one ^ other).count_ones() <= STEPS_APART_MAX;
        let is_copy = are_close(self.steps, other.steps);
        let is_mirror = are_close(self.mirrored, other.steps) && are_close(self.steps, other.mirrored);
        (is_copy || is_mirror) && self.mean.iter().zip(&other.mean).all(near)
    }
}

/// Pairs of near photos, and for each photo the first that it is near to, through others too. Pairs are of each photo and the
/// first before it of its own class, and of another one: all of them would be as many as the square of a burst's photos.
pub fn group(looks: &[Look], classes: &[u32]) -> (Vec<(u32, u32)>, Vec<u32>) {
    let mut pairs = Vec::new();
    let mut first: Vec<u32> = (0..looks.len() as u32).collect();
    for (place, look) in looks.iter().enumerate() {
        let mut is_paired = [false; 2];
        for earlier in (0..place).filter(|earlier| look.is_near(&looks[*earlier])) {
            let is_paired = &mut is_paired[usize::from(classes[earlier] == classes[place])];
            if !*is_paired {
                pairs.push((earlier as u32, place as u32));
                *is_paired = true;
            }
            let (one, two) = (root(&first, earlier), root(&first, place));
            first[one.max(two)] = one.min(two) as u32;
        }
    }
    let groups = (0..looks.len()).map(|place| root(&first, place) as u32).collect();
    (pairs, groups)
}

fn root(first: &[u32], mut place: usize) -> usize {
    while first[place] as usize != place {
        place = first[place] as usize;
    }
    place
}
