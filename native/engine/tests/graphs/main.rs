//! The engine on graphs: tiny ones that are built here, and the real ones beside the project.

mod surroundings;
mod tiny;
mod zoo;
