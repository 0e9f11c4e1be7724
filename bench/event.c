/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What does an event cost, from its publication until everybody has handled it? The last one of each burst is waited for:
 * capsules handle their events in order. A burst is half of what an inbox holds, so that nothing is lost; the guests count
 * what they get, and a count that is not that of the publications ends the program. The peer's side is
 * bench/peer/src/events.rs, with the same guests. */
#include "base/clock.h"
#include "floor.h"
#include "harness.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BURST 512
#define BLOCKED 2048 /* an inbox and as many again, which is what a program may have waiting */
#define TOPIC "bench.v1.event"
#define PAYLOAD                                                                                                        \
	"{\"path\":\"src/main.rs\",\"limit\":100,\"text\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}"
#define PAYLOAD_BYTES (sizeof PAYLOAD - 1)
#define REQUEST "{\"name\":\"count\",\"arguments\":["
#define MATCHING_MAX 100
#define LATENCIES 501
#define IDLE_NS NS_PER_MS

_Static_assert(PAYLOAD_BYTES == 100, "another payload than the peer's");

/* Capsules that get events, among others that do not. */
struct crowd {
	struct rig rig;
	struct capsule *counters[MATCHING_MAX];
	size_t matching;
	uint64_t published, settled; /* in all */
};

/* `matching` capsules whose interceptor is for the topic, among `total`: the others have no code. `more` is more TOML of the
 * interceptor. */
static struct crowd *make_crowd(const char *guests, size_t matching, size_t total, const char *more)
{
	struct crowd *crowd = calloc(1, sizeof *crowd);

	if (crowd == NULL)
		bench_fail("out of memory");
	rig_open(&crowd->rig, guests, NULL);
	crowd->matching = matching;
	for (size_t i = 0; i < total; i++) {
		char id[32], interceptor[160], topic[32] = TOPIC;

		(void)snprintf(id, sizeof id, "capsule-%zu", i);
		if (i >= matching)
			(void)snprintf(topic, sizeof topic, "bench.v1.other-%zu", i);
		(void)snprintf(interceptor, sizeof interceptor,
			"[[interceptor]]\nevent = \"%s\"\naction = \"count\"\n%s", topic, more);
		rig_write(&crowd->rig, id, i < matching ? "count" : NULL, i < matching ? "count" : "", interceptor);
		if (i < matching)
			crowd->counters[i] = rig_load_written(&crowd->rig, id);
		else
			(void)rig_load_written(&crowd->rig, id);
	}
	return crowd;
}

static void free_crowd(struct crowd *crowd)
{
	rig_close(&crowd->rig);
	free(crowd);
}

static void check(struct crowd *crowd)
{
	for (size_t i = 0; i < crowd->matching; i++) {
		uint64_t counted = rig_ask(&crowd->rig, crowd->counters[i], "count");

		if (counted != crowd->published)
			bench_fail("a guest counted %llu of %llu events", (unsigned long long)counted,
				(unsigned long long)crowd->published);
	}
}

static void publish_burst(struct crowd *crowd, uint64_t count)
{
	for (uint64_t i = 1; i < count; i++)
		rig_publish(&crowd->rig, TOPIC, PAYLOAD, PAYLOAD_BYTES);
	(void)rig_publish_and_wait(&crowd->rig, TOPIC, PAYLOAD, PAYLOAD_BYTES);
	crowd->published += count;
}

static int64_t run_events(void *arg, uint64_t count)
{
	struct crowd *crowd = arg;
	int64_t start = bench_now(), took;

	for (; count > BURST; count -= BURST)
		publish_burst(crowd, BURST);
	publish_burst(crowd, count);
	took = bench_now() - start;
	check(crowd);
	return took;
}

/* `count` is a number of deliveries, each event has as many as there are capsules. */
static int64_t run_deliveries(void *arg, uint64_t count)
{
	struct crowd *crowd = arg;
	uint64_t events = (count + crowd->matching - 1) / crowd->matching;
	int64_t took = run_events(crowd, events);

	return (int64_t)((double)took * (double)count / (double)(events * crowd->matching));
}

static void note_settled(struct capsule_op *op, void *user)
{
	struct crowd *crowd = user;

	if (capsule_error_status(capsule_op_error(op)) != CAPSULE_OK)
		bench_fail("%s", capsule_error_text(capsule_op_error(op)));
	crowd->settled++;
	capsule_op_free(op);
}

static void publish_waiting(struct crowd *crowd, uint64_t count)
{
	crowd->published += count;
	for (uint64_t i = 0; i < count; i++) {
		struct capsule_op *op = NULL;

		if (capsule_publish(crowd->rig.runtime, TOPIC, PAYLOAD, PAYLOAD_BYTES, note_settled, crowd, &op,
			    crowd->rig.error) != CAPSULE_OK)
			bench_fail("%s", capsule_error_text(crowd->rig.error));
	}
	while (crowd->settled < crowd->published)
		(void)capsule_runtime_turn(crowd->rig.runtime, -1);
}

/* Half of what is published at once fits into the inbox, the rest waits outside. */
static int64_t run_block(void *arg, uint64_t count)
{
	struct crowd *crowd = arg;
	int64_t start = bench_now(), took;

	for (; count > BLOCKED; count -= BLOCKED)
		publish_waiting(crowd, BLOCKED);
	publish_waiting(crowd, count);
	took = bench_now() - start;
	check(crowd);
	return took;
}

static void arrived(void *user, const struct capsule_event *event, uint64_t lost)
{
	if (lost > 0 || event->payload_len == 0)
		bench_fail("%llu events were lost", (unsigned long long)lost);
	++*(uint64_t *)user;
}

struct listener {
	struct crowd *crowd;
	struct capsule_subscription *subscription;
	uint64_t got;
};

static struct listener make_listener(const char *guests)
{
	return (struct listener){ .crowd = make_crowd(guests, 0, 0, "") };
}

static int64_t run_listener(void *arg, uint64_t count)
{
	struct listener *listener = arg;
	int64_t took = run_events(listener->crowd, count);

	if (listener->got != listener->crowd->published)
		bench_fail("events were lost");
	return took;
}

/* One event at a time, to a runtime in which nothing has happened for a millisecond. */
static void report_latency(struct crowd *crowd)
{
	static const struct timespec idle = { .tv_nsec = IDLE_NS };
	double values[LATENCIES];

	for (size_t i = 0; i < LATENCIES + LATENCIES / 10; i++) {
		int64_t start;

		(void)nanosleep(&idle, NULL);
		start = bench_now();
		publish_burst(crowd, 1);
		values[i % LATENCIES] = (double)(bench_now() - start) / (double)NS_PER_US;
	}
	check(crowd);
	bench_report("event.latency", "µs", values, LATENCIES);
}

/* The guest alone, with the bytes that it finds, ready made. */
static int64_t run_floor(void *arg, uint64_t count)
{
	struct floor *floor = arg;
	char input[sizeof REQUEST + 4 * PAYLOAD_BYTES + 2], *at = mempcpy(input, REQUEST, sizeof REQUEST - 1);
	int64_t start;

	for (size_t i = 0; i < PAYLOAD_BYTES; i++)
		at += snprintf(at, 5, i == 0 ? "%d" : ",%d", PAYLOAD[i]);
	at = mempcpy(at, "]}", 2);
	start = bench_now();
	for (uint64_t i = 0; i < count; i++)
		(void)floor_call(floor, input, (size_t)(at - input));
	return bench_now() - start;
}

int main(int argc, char **argv)
{
	const char *guests = bench_guests(argc, argv);
	struct crowd *one = make_crowd(guests, 1, 1, ""), *of_10 = make_crowd(guests, 1, 10, "");
	struct crowd *of_10000 = make_crowd(guests, 1, 10000, ""), *all_10 = make_crowd(guests, 10, 10, "");
	struct crowd *all_100 = make_crowd(guests, 100, 100, ""), *none = make_crowd(guests, 0, 10, "");
	struct crowd *block = make_crowd(guests, 1, 1, "on_full = \"block\"\n");
	struct floor *floor = floor_open(guests, "count", "astrid_hook_trigger");
	struct listener listener = make_listener(guests);
	const struct bench_case cases[] = {
		{ "event.interceptor", "events/s", 0, run_events, one },
		{ "event.match_1_of_10", "events/s", 0, run_events, of_10 },
		{ "event.match_1_of_10000", "events/s", 0, run_events, of_10000 },
		{ "event.match_10_of_10", "events/s", 0, run_events, all_10 },
		{ "event.fanout_100", "µs", 1000, run_deliveries, all_100 },
		{ "floor.event", "µs", 1000, run_floor, floor },
		{ "event.none", "µs", 1000, run_events, none },
		{ "event.host", "µs", 1000, run_listener, &listener },
		{ "event.block", "events/s", 0, run_block, block },
	};

	if (capsule_subscribe(listener.crowd->rig.runtime, TOPIC, NULL, arrived, &listener.got, &listener.subscription,
		    listener.crowd->rig.error) != CAPSULE_OK)
		bench_fail("%s", capsule_error_text(listener.crowd->rig.error));
	report_latency(one);
	bench_run(cases, sizeof cases / sizeof cases[0]);
	capsule_unsubscribe(listener.subscription);
	floor_close(floor);
	free_crowd(one);
	free_crowd(of_10);
	free_crowd(of_10000);
	free_crowd(all_10);
	free_crowd(all_100);
	free_crowd(none);
	free_crowd(block);
	free_crowd(listener.crowd);
	return 0;
}
