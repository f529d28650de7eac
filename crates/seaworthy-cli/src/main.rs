//! The `seaworthy` binary: parses, calls the engine, prints.

mod arguments;
mod block;
mod commands;
mod compose;
mod demo;
mod faults;
mod folder;
mod keys;
mod person;
mod picture;
mod printer;
mod record;
mod render;
mod scanning;
mod signals;

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Answered before anything else is set up: start-up time is part of the product.
    if std::env::args_os().nth(1).is_some_and(|word| word == "--version" || word == "-V") {
        return printer::version();
    }
    faults::install();
    let arguments = match arguments::parse() {
        Ok(arguments) => arguments,
        Err(error) => return printer::usage(&error),
    };
    let printer = printer::Printer::new(arguments.json, arguments.plain);
    // A bug of ours has an exit code and four lines, too; the panic's own message stands above them.
    let ran = catch_unwind(AssertUnwindSafe(|| commands::run(arguments, &printer)));
    let code = match ran.unwrap_or_else(|_panic| Err(printer::bug())) {
        Ok(code) => code,
        Err(explanation) => printer.failure(&explanation),
    };
    printer.end(code)
}
