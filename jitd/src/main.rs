//! jitd
fn main() {}
