//! A new class layer for a net that was trained on other classes.
//!
//! What a net computes before its class layer, its features, tells things apart that it was never taught. [`split`] sets
//! photos aside that nothing is trained on, [`train`] fits a multinomial logistic regression to the features of the others
//! and measures it on those. The same features and seed give the same bits on every target: all sums are f64 in a fixed
//! order, `exp` and `ln` are `libm`'s, nothing runs in parallel.
//!
//! What a photo costs: its features as f32, once more for each copy. 20,000 photos of 1,024 features with two copies of
//! four fifths of them take 213 MB.
#![forbid(unsafe_code)]

mod basis;
mod choose;
mod curve;
mod fit;
mod groups;
mod hidden;
mod loss;
mod net;
mod random;
mod rows;
pub mod split;
pub mod train;

pub use groups::{LOOK_BYTES, Look};
pub use split::{PHOTOS_OF_CLASS_MIN, Split, split};
pub use train::{Dense, Head, Lesson, Taught, train};

/// Why no head can be trained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TeachError {
    /// Fewer than two classes.
    #[error("there is only one class, or none; a classifier tells at least two apart, so add photos of something else")]
    Classes,
    /// Classes with too few photos, and how many each has.
    #[error("{0}: too few photos; each class needs at least {PHOTOS_OF_CLASS_MIN} that can be read, better 100")]
    Photos(String),
    /// Photos that are nearly the same cannot stand on both sides.
    #[error("the photos of {0:?} are nearly the same photo: none can be set aside to measure with; add others")]
    Alike(String),
    /// The lists do not belong together.
    #[error("{0}")]
    Mismatch(String),
    /// The optimiser met numbers that are none.
    #[error("no weights can be fitted to these features: {0}")]
    Fit(String),
}
