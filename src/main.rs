//! The binary `dst`. What it does is in [`redlite_dst::cli`].

fn main() -> std::process::ExitCode {
    redlite_dst::cli::main()
}
