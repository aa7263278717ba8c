//! What is read out of a graph: its input and output, what its pixels are, what it may not do, and its numbers.

pub mod allow_list;
pub mod facts;
pub mod features;
pub mod found;
pub mod input;
pub mod normalization;
pub mod output;
