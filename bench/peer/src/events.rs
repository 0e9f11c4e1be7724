// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Events: the crate's bus, dispatcher and registry, put together as its kernel does it, with capsules that its loader
// loaded.
//
// Nothing is lost: the ring of the bus has room for 1,024 events, and at most 512 are published before all of them have been
// handled. Those are counted by a probe around the capsule, so that the clock stops with the last one, and by the guest
// itself, whose count is asked for after each batch. A lost event ends the program.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_capsule::tool::CapsuleTool;
use astrid_events::{AstridEvent, EventMetadata, IpcMessage, IpcPayload};
use serde_json::{Value, json};

use crate::benches::arguments;
use crate::harness::{self, Case, MICROSECOND, RATE};
use crate::probe::{Counts, Probe, Progress};
use crate::world::World;

const BURST: u64 = 512;
const PAYLOAD_BYTES: usize = 100;
const TOPIC: &str = "bench.v1.event";
const LATENCIES: usize = 501;
const IDLE: Duration = Duration::from_millis(1);
/// Rounds in one call of the guest that asks.
const ROUNDS: u64 = 10;
const ANSWERS: usize = 10;

fn interceptor(topic: &str) -> String {
    format!("[[interceptor]]\nevent = \"{topic}\"\naction = \"count\"\n")
}

fn message(payload: &Value) -> AstridEvent {
    let payload = IpcPayload::Custom { data: payload.clone() };
    AstridEvent::Ipc { metadata: EventMetadata::new("bench"), message: IpcMessage::new(TOPIC, payload, Default::default()) }
}

/// Capsules that get events, and what they have counted.
struct Crowd {
    world: World,
    payload: Value,
    progress: Arc<Progress>,
    matching: u64,
    counters: Vec<Arc<dyn CapsuleTool>>,
}

impl Crowd {
    /// `matching` capsules whose interceptor is for the topic, among `total`; the others have no code, which makes no difference
    /// to the dispatcher: it looks at all of them. The first one tells about searches if nobody matches.
    fn new(guests: &Path, matching: usize, total: usize) -> Crowd {
        let world = World::new(guests);
        let progress = Progress::new();
        let mut counters = vec![];
        for i in 0..matching {
            let folder = world.write_with(&format!("count-{i}"), "count", "count", &interceptor(TOPIC));
            let inner = world.load(&folder);
            counters.push(Arc::clone(&inner.tools()[0]));
            world.register(Box::new(Probe { inner, counts: Counts::Calls, progress: Arc::clone(&progress) }));
        }
        for i in matching..total {
            let folder = world.write_with(&format!("other-{i}"), "", "", &interceptor(&format!("bench.v1.other-{i}")));
            let inner = world.load(&folder);
            if i == 0 {
                world.register(Box::new(Probe { inner, counts: Counts::Searches, progress: Arc::clone(&progress) }));
            } else {
                world.register(inner);
            }
        }
        world.dispatch();
        Crowd { world, payload: arguments(PAYLOAD_BYTES), progress, matching: matching as u64, counters }
    }

    /// Publishes `count` events and waits until all of them are handled; gives the time of both.
    fn publish(&self, count: u64) -> Duration {
        let each = self.matching.max(1);
        let begin = Instant::now();
        let mut left = count;
        while left > 0 {
            let burst = left.min(BURST);
            self.progress.expect(burst * each);
            for _ in 0..burst {
                self.world.bus.publish(message(&self.payload));
            }
            self.progress.wait();
            left -= burst;
        }
        let took = begin.elapsed();
        self.check();
        took
    }

    fn check(&self) {
        for counter in &self.counters {
            let counted: u64 = self.world.ask(counter, json!({})).parse().expect("a number");
            assert_eq!(counted * self.matching, self.progress.done(), "the guest has counted other events");
        }
    }

    fn case(self, name: &'static str, ns_per_unit: f64) -> Case<'static> {
        Case::new(name, ns_per_unit, move |count| self.publish(count))
    }

    /// For each delivery: `count` is a number of them.
    fn case_of_deliveries(self, name: &'static str) -> Case<'static> {
        Case::new(name, MICROSECOND, move |count| {
            let events = count.div_ceil(self.matching);
            let took = self.publish(events).as_secs_f64();
            Duration::from_secs_f64(took * count as f64 / (events * self.matching) as f64)
        })
    }
}

/// One event at a time, to a process in which nothing has happened for a millisecond: from before it is published until its
/// interceptor has returned.
fn latency(crowd: &Crowd) {
    let one = |_| {
        std::thread::sleep(IDLE);
        crowd.progress.expect(1);
        let begin = crowd.progress.now();
        crowd.world.bus.publish(message(&crowd.payload));
        crowd.progress.wait();
        (crowd.progress.last() - begin) as f64 / MICROSECOND
    };
    (0..LATENCIES / 10).map(one).for_each(drop);
    let values = (0..LATENCIES).map(one).collect();
    crowd.check();
    harness::report("event.latency", "µs", values);
}

/// A program that subscribes itself, and nobody else whom the event concerns.
fn host(guests: &Path) -> Case<'static> {
    let crowd = Crowd::new(guests, 0, 0);
    let progress = Arc::clone(&crowd.progress);
    let mut receiver = crowd.world.bus.subscribe_topic(TOPIC);
    crowd.world.runtime.spawn(async move {
        while receiver.recv().await.is_some() {
            assert_eq!(receiver.drain_lagged(), 0, "events were lost");
            progress.count();
        }
    });
    crowd.case("event.host", MICROSECOND)
}

fn cases(guests: &Path) -> Vec<Case<'static>> {
    vec![
        Crowd::new(guests, 1, 1).case("event.interceptor", RATE),
        Crowd::new(guests, 1, 10).case("event.match_1_of_10", RATE),
        Crowd::new(guests, 1, 10_000).case("event.match_1_of_10000", RATE),
        Crowd::new(guests, 10, 10).case("event.match_10_of_10", RATE),
        Crowd::new(guests, 100, 100).case_of_deliveries("event.fanout_100"),
        Crowd::new(guests, 0, 10).case("event.none", MICROSECOND),
        host(guests),
    ]
}

pub fn event(guests: &Path) {
    latency(&Crowd::new(guests, 1, 1));
    harness::run(cases(guests));
}

/// A guest that asks others, `ROUNDS` times in one call. It fails when an answer is missing.
fn rounds<'a>(world: &'a World, asker: &'a Arc<dyn CapsuleTool>, name: &'static str) -> Case<'a> {
    Case::new(name, MICROSECOND, move |count| {
        let calls = count.div_ceil(ROUNDS);
        let begin = Instant::now();
        for _ in 0..calls {
            world.ask(asker, json!(ROUNDS));
        }
        begin.elapsed().mul_f64(count as f64 / (calls * ROUNDS) as f64)
    })
}

pub fn hook(guests: &Path) {
    let world = World::new(guests);
    for i in 0..ANSWERS {
        let folder = world.write_with(&format!("answer-{i}"), "answer", "count", &interceptor("bench.v1.ask"));
        world.register(world.load(&folder));
    }
    let rights = concat!(
        "[capabilities]\nipc_publish = [\"bench.v1.ping\", \"bench.v1.pong\"]\n",
        "ipc_subscribe = [\"bench.v1.ping\", \"bench.v1.pong\"]\n"
    );
    let ponger = world.load(&world.write_with("ponger", "ponger", "", rights));
    let ready = world.runtime.block_on(ponger.wait_ready(Duration::from_secs(10)));
    assert!(ready.is_ready(), "the run loop is not ready");
    let caller = world.load(&world.write_with("caller", "caller", "trigger ping", rights));
    let (trigger, ping) = (Arc::clone(&caller.tools()[0]), Arc::clone(&caller.tools()[1]));
    world.register(caller);
    world.dispatch();
    harness::run(vec![rounds(&world, &trigger, "hook.fanout"), rounds(&world, &ping, "ipc.roundtrip")]);
    world.unload(ponger);
}
