//! How things look: as JSON to programs, in words to people.

pub mod csv;
pub mod full;
pub mod json;
pub mod lines;
pub mod openmetrics;
pub mod status;
pub mod table;
pub mod times;
pub mod words;

#[cfg(test)]
pub mod sample;
