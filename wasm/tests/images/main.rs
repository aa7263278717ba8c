//! Images through the whole crate: known pixels, broken files, and the way to an answer.

mod common;
mod hostile;
mod pipeline;
mod reference;
