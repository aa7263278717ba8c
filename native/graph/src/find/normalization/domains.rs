//! What training photos may be of, other than the photos that people take.
//!
//! A net that was trained on objects in front of white paper or of black cloth saw less contrast than photos have, and a
//! divisor that is too large looks just like that: without domains such a net on -1..1 is taken for one on -0.5..0.5.

use super::candidates::{Candidate, Scaling};

/// Photos of one kind, as the synthetic photos with their pixels drawn towards one brightness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Domain {
    /// For people, behind "synthetic photos".
    pub name: &'static str,
    /// Brightness on 0–255 that pixels are drawn to.
    towards: f32,
    /// Share of each pixel's distance to it that is left.
    contrast: f32,
    /// Factor on disagreements: other domains are rarer, and more of them fit by chance.
    pub penalty: f32,
}

/// Photos as they are.
pub const NATURAL: Domain = Domain { name: "", towards: 0.0, contrast: 1.0, penalty: 1.0 };
/// The others, for moments behind an activation function; where the way to the moments is linear, [`super::sets`] stands in.
pub const OTHERS: [Domain; 2] = [
    Domain { name: " on white", towards: 255.0, contrast: 0.65, penalty: 1.24 },
    Domain { name: " on black", towards: 0.0, contrast: 0.65, penalty: 1.24 },
];
/// A candidate is looked at in other domains when its disagreement is at most this many times the least one.
pub const CLOSE: f32 = 4.0;

impl Domain {
    /// The candidate that makes of plain photos what `candidate` makes of the domain's:
    /// `(towards + contrast * (pixel - towards) - mean) / std`.
    #[must_use]
    pub fn seen(self, candidate: &Candidate) -> Candidate {
        let Scaling { name, mean, std } = candidate.scaling;
        let mean = mean.map(|mean| self.towards + (mean - self.towards) / self.contrast);
        let std = std.map(|std| std / self.contrast);
        Candidate { scaling: Scaling { name, mean, std }, order: candidate.order }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_seen_in_a_domain_makes_of_a_pixel_what_it_makes_of_the_drawn_pixel() {
        for candidate in Candidate::all(3) {
            for domain in OTHERS {
                let seen = domain.seen(&candidate);
                for (pixel, channel) in [(0.0_f32, 0), (90.0, 1), (255.0, 2)] {
                    let drawn = domain.towards + domain.contrast * (pixel - domain.towards);
                    let value = |candidate: &Candidate, pixel: f32| {
                        let (mean, std) = candidate.of_channel(channel);
                        (pixel - mean) / std
                    };
                    assert!((value(&seen, pixel) - value(&candidate, drawn)).abs() < 1e-3);
                }
            }
        }
    }
}
