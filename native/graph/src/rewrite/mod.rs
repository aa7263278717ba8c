//! What is made of a graph: a frozen one of a `SavedModel`, one without training, the one that is served.

pub mod detach;
mod front;
pub mod functions;
pub mod prepare;
pub mod retrain;
pub mod savedmodel;
pub mod simplify;
