//! The binary `dst`. What it does is in [`redlite_dst::cli`].

/// Requests and replies are many small pieces of memory that are soon given back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    redlite_dst::cli::main()
}
