//! jit_host
