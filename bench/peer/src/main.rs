// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The published reference crate under the guests of the benches: what a program of bench/ measures, measured of the reference.
// bench/run starts this, with HOME and XDG_CACHE_HOME in a temporary folder.

mod benches;
mod discover;
mod events;
mod harness;
mod order;
mod probe;
mod world;

use std::path::Path;

fn main() {
    // Errors would carry backtraces, and every call would take two and a half times as long.
    assert!(std::env::var_os("RUST_BACKTRACE").is_none(), "RUST_BACKTRACE is set");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [guests, "call"] => benches::call(Path::new(guests)),
        [guests, "event"] => events::event(Path::new(guests)),
        [guests, "hook"] => events::hook(Path::new(guests)),
        [guests, "hostcall"] => benches::hostcall(Path::new(guests)),
        [guests, "load"] => benches::load(Path::new(guests)),
        [guests, "memory"] => benches::memory(Path::new(guests)),
        [guests, "memory-of", guest, count] => {
            benches::memory_of(Path::new(guests), guest, count.parse().expect("a number"));
        }
        [guests, "start"] => benches::start(Path::new(guests)),
        [_, "discover"] => discover::discover(),
        [_, "toposort"] => order::toposort(),
        [folder, "first"] => benches::first(Path::new(folder)),
        _ => {
            eprintln!(
                "usage: capsule-bench-peer FOLDER_OF_GUESTS call|discover|event|hook|hostcall|load|memory|start|toposort (bench/run)"
            );
            std::process::exit(2);
        }
    }
}
