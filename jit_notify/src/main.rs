//! The service that tells people and programs what jitd records.

fn main() -> std::process::ExitCode {
    jit_notify::cli::run()
}
