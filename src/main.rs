//! The command line program; see [`exfilscan::cli`].

fn main() -> std::process::ExitCode {
    exfilscan::cli::main()
}
