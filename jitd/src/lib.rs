//! jitd
