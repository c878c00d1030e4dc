//! pam_jit
