//! `completions`: for the shell.

use clap::CommandFactory as _;

use crate::arguments::Arguments;
use crate::printer::Printer;

/// A completion script for your shell
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which shell
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "seaworthy", &mut script);
    printer.bytes(&script);
    0
}
