//! The command line program; see [`exfilscan::cli`].

/// Some forty small allocations a conversation: the allocator is a part of the speed (`docs/performance.md`).
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    exfilscan::cli::main()
}
