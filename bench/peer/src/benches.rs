// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The same questions as the programs beside this folder, with the same guests; benches.txt says what each row is.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use astrid_capsule::capsule::Capsule;
use serde_json::{Value, json};

use crate::harness::{self, Case, MICROSECOND, MILLISECOND};
use crate::world::World;

const SLOW_RUNS: usize = 7;
/// What the engine writes into its cache it writes in the background.
const CACHE_WRITTEN: Duration = Duration::from_millis(400);

/// An object of exactly `len` bytes as text, `{}` for 0.
pub fn arguments(len: usize) -> Value {
    if len == 0 {
        return json!({});
    }
    let object = |text: String| json!({"path": "src/main.rs", "limit": 100, "text": text});
    let rest = len - object(String::new()).to_string().len();
    object("x".repeat(rest))
}

/// The bytes in which a guest finds them.
fn input_len(arguments: &Value) -> usize {
    json!({"name": "run", "arguments": arguments.to_string().into_bytes()}).to_string().len()
}

fn echo_once(world: &World, capsule: &dyn Capsule) {
    let arguments = arguments(0);
    world.call(capsule, "run", &arguments, input_len(&arguments), 1);
}

pub fn call(guests: &Path) {
    const SIZES: [(&str, usize); 5] =
        [("call.0", 0), ("call.165", 165), ("call.4k", 4096), ("call.64k", 65536), ("call.1m", 1 << 20)];
    let world = &World::new(guests);
    let nop = world.load_new("nop", "nop", "run");
    let echo = world.load_new("echo", "echo", "run");
    let case = |(name, len): (&'static str, usize)| {
        let capsule = if len == 0 { &*nop } else { &*echo };
        let arguments = arguments(len);
        let answer_len = if len == 0 { 0 } else { input_len(&arguments) };
        Case::new(name, MICROSECOND, move |count| world.call(capsule, "run", &arguments, answer_len, count))
    };
    harness::run(SIZES.into_iter().map(case).collect());
}

/// A call of 10,000 host functions takes seconds: few runs of one call each.
pub fn hostcall(guests: &Path) {
    const CALLS: u64 = 10_000;
    let world = World::new(guests);
    let capsule = world.load_new("calls", "calls", "get_kept put");
    let call = |tool, count: u64| world.call(&*capsule, tool, &json!(count), 0, 1);
    call("put", 1);
    let each = |_| call("get_kept", CALLS).as_nanos() as f64 / CALLS as f64 / MICROSECOND;
    harness::report("hostcall.chain", "µs", (0..3).map(each).collect());
}

fn load_case<'a>(world: &'a World, name: &'static str, guest: &str, cold: bool) -> Case<'a> {
    let folder = world.write(&name.replace('.', "-"), guest, "run");
    let cache = Path::new(&std::env::var_os("XDG_CACHE_HOME").expect("XDG_CACHE_HOME")).join("wasmtime");
    world.unload(world.load(&folder));
    std::thread::sleep(CACHE_WRITTEN);
    Case::new(name, MILLISECOND, move |count| {
        let mut took = Duration::ZERO;
        for _ in 0..count {
            if cold {
                std::fs::remove_dir_all(&cache).expect("a cache to remove");
            }
            let begin = Instant::now();
            let capsule = world.load(&folder);
            took += begin.elapsed();
            world.unload(capsule);
            if cold {
                std::thread::sleep(CACHE_WRITTEN);
            }
        }
        took
    })
}

/// One after the other, since they share a cache that some of them empty.
pub fn load(guests: &Path) {
    let world = World::new(guests);
    for (name, guest, cold) in [
        ("load.cold", "echo", true),
        ("load.cached", "echo", false),
        ("load.cold.800k", "large", true),
        ("load.cached.800k", "large", false),
    ] {
        harness::run_often(vec![load_case(&world, name, guest, cold)], SLOW_RUNS);
    }
}

fn resident_kib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("/proc/self/statm");
    text.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).expect("a number of pages") * 4.0
}

/// In a process of its own: growth of its memory by `count` capsules that were called once, for each of them.
pub fn memory_of(guests: &Path, guest: &str, count: usize) {
    let world = World::new(guests);
    let fill = |prefix: &str, count: usize| -> Vec<Box<dyn Capsule>> {
        let load = |i| {
            let capsule = world.load_new(&format!("{prefix}{i}"), guest, "run");
            echo_once(&world, &*capsule);
            capsule
        };
        let capsules = (0..count).map(load).collect();
        std::thread::sleep(Duration::from_millis(2500));
        capsules
    };
    let _first = fill("first", 4);
    let before = resident_kib();
    let _then = fill("then", count);
    println!("{}", (resident_kib() - before) / count as f64);
}

fn again(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(arguments);
    command
}

pub fn memory(guests: &Path) {
    let guests = guests.to_str().expect("a path in UTF-8");
    for (name, guest, count) in [("memory.idle", "echo", "100"), ("memory.800k", "large", "20")] {
        let one = |_| {
            let output = again(&[guests, "memory-of", guest, count]).stderr(Stdio::inherit()).output().expect("a process");
            String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
        };
        harness::report(name, "KiB", (0..3).map(one).collect());
    }
}

/// In a process of its own: one capsule, one call, a byte to tell.
pub fn first(folder: &Path) {
    let world = World::new(folder);
    let capsule = world.load(folder);
    echo_once(&world, &*capsule);
    println!();
}

pub fn start(guests: &Path) {
    let world = World::new(guests);
    let folder = world.write("echo", "echo", "run");
    let folder = folder.to_str().expect("a path in UTF-8");
    let one = || {
        let begin = Instant::now();
        let mut child = again(&[folder, "first"]).stdout(Stdio::piped()).spawn().expect("a process");
        let mut byte = [0];
        child.stdout.take().expect("a pipe").read_exact(&mut byte).expect("an answer");
        let took = begin.elapsed();
        assert!(child.wait().expect("an end").success());
        took
    };
    one();
    std::thread::sleep(CACHE_WRITTEN);
    harness::run(vec![Case::new("start.first", MILLISECOND, |count| (0..count).map(|_| one()).sum())]);
}
