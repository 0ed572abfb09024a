//! `epivizrs`: see [`epivizrs::cli`].

fn main() -> std::process::ExitCode {
    epivizrs::cli::run()
}
