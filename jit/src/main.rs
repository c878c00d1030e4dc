//! The command that people use.

fn main() -> std::process::ExitCode {
    jit::run()
}
