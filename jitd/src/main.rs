//! The access daemon.

fn main() -> std::process::ExitCode {
    jitd::cli::run()
}
