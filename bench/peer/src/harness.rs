// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Measures as bench/harness.c does, so that its figures and these can be divided by each other: batches of at least 10 ms, found by
// doubling; cases take turns, run by run; one JSON object a figure on standard output.

use std::time::{Duration, Instant};

const RUNS: usize = 21;
const BATCH: Duration = Duration::from_millis(10);
const WARM_UP: Duration = Duration::from_millis(100);

pub const MICROSECOND: f64 = 1e3;
pub const MILLISECOND: f64 = 1e6;
/// Instead of a unit: how many a second.
pub const RATE: f64 = 0.0;

pub struct Case<'a> {
    pub name: &'static str,
    pub ns_per_unit: f64,
    /// Does it that many times; gives the time without what is not to be measured.
    pub run: Box<dyn FnMut(u64) -> Duration + 'a>,
}

impl<'a> Case<'a> {
    pub fn new(name: &'static str, ns_per_unit: f64, run: impl FnMut(u64) -> Duration + 'a) -> Self {
        Case { name, ns_per_unit, run: Box::new(run) }
    }

    fn unit(&self) -> &'static str {
        match self.ns_per_unit {
            RATE => "events/s",
            MICROSECOND => "µs",
            _ => "ms",
        }
    }

    fn value(&self, took: Duration, count: u64) -> f64 {
        let ns = took.as_nanos() as f64 / count as f64;
        if self.ns_per_unit == RATE { 1e9 / ns } else { ns / self.ns_per_unit }
    }

    fn warm_up(&mut self) -> u64 {
        let begin = Instant::now();
        let mut count = 1;
        loop {
            let took = (self.run)(count);
            if took >= BATCH && begin.elapsed() >= WARM_UP {
                return count;
            }
            if took < BATCH {
                count *= 2;
            }
        }
    }
}

pub fn run(cases: Vec<Case>) {
    run_often(cases, RUNS);
}

/// `runs` instead of the usual number, for what takes long.
pub fn run_often(mut cases: Vec<Case>, runs: usize) {
    let counts: Vec<u64> = cases.iter_mut().map(Case::warm_up).collect();
    let mut values = vec![vec![]; cases.len()];
    for _ in 0..runs {
        for ((case, values), count) in cases.iter_mut().zip(&mut values).zip(&counts) {
            let took = (case.run)(*count);
            values.push(case.value(took, *count));
        }
    }
    for (case, values) in cases.iter().zip(values) {
        report(case.name, case.unit(), values);
    }
}

pub fn report(name: &str, unit: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let figure = serde_json::json!({
        "name": name,
        "unit": unit,
        "median": values[values.len() / 2],
        "low": values[0],
        "high": values[values.len() - 1],
        "runs": values.len(),
    });
    println!("{figure}");
}
