//! jit
fn main() {}
