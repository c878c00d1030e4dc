//! `jit watch`: the live screen.
//!
//! - [`model`]: what is known, what is chosen, and what a key does; no terminal, no daemon.
//! - `form`: an act that is being filled in, and the line that says exactly what it will do.
//! - `rows`: what each row says.
//! - `draw`: the model on a screen of any size.
//! - `link`: threads that listen to jitd, and ask it.
//! - `screen`: the terminal, and the loop.

mod draw;
mod form;
mod link;
mod model;
mod rows;
mod screen;

pub use screen::run;

#[cfg(test)]
mod tests;
