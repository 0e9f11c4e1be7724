// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The load order: the same graphs as in bench/toposort.c, number for number.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use astrid_capsule::manifest::CapsuleManifest;
use astrid_capsule::toposort::toposort_manifests;
use serde_json::json;

use crate::harness::{self, Case, MILLISECOND};

const RUNS: usize = 3;

type Graph = Vec<(CapsuleManifest, PathBuf)>;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }
}

fn manifest(number: usize, needs: &[usize]) -> (CapsuleManifest, PathBuf) {
    let topic = |number: usize| format!("topic:capsule.{number}.ready");
    let requires: Vec<String> = needs.iter().copied().map(topic).collect();
    let name = format!("capsule-{number}");
    let text = json!({
        "package": {"name": name, "version": "1.0.0"},
        "dependencies": {"provides": [topic(number)], "requires": requires},
    });
    (serde_json::from_value(text).expect("a manifest"), PathBuf::from(name))
}

fn chain(count: usize) -> Graph {
    (0..count).rev().map(|number| manifest(number, if number > 0 { vec![number - 1] } else { vec![] }.as_slice())).collect()
}

fn random(count: usize) -> Graph {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut graph = Graph::new();
    for number in 0..count {
        let needs: Vec<usize> = if number > 0 { (0..2 + number % 2).map(|_| random.below(number)).collect() } else { vec![] };
        graph.push(manifest(number, &needs));
    }
    for at in (1..count).rev() {
        graph.swap(at, random.below(at + 1));
    }
    graph
}

/// The crate takes the manifests and gives them back, so each round has a copy of its own, made before the clock starts.
fn time(graph: &Graph) -> Duration {
    let copy = graph.clone();
    let begin = Instant::now();
    let order = toposort_manifests(copy);
    let took = begin.elapsed();
    assert_eq!(order.map_err(|(cycle, _)| cycle).expect("an order").len(), graph.len());
    took
}

/// A round of 10,000 capsules takes many seconds: there is one, and no warm-up.
pub fn toposort() {
    let graph = random(1000);
    let run = |count| (0..count).map(|_| time(&graph)).sum();
    harness::run_often(vec![Case::new("toposort.1000", MILLISECOND, run)], RUNS);
    harness::report("toposort.10000.chain", "ms", vec![time(&chain(10_000)).as_nanos() as f64 / MILLISECOND]);
}
