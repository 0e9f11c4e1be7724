/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every allocation that the bus makes fails once: what fails says so, nothing is lost that was there, and the books
 * close. The library in this program is the usual one, with its calls of malloc() and the like sent to
 * tests/starved.c. What is lost on the way is found by the leak sanitizer. */
#include "bus/subscription.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "tests/starved.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct round {
	struct bus *bus;
	struct inbox inbox;
	struct subscriptions subscriptions;
	struct payload payload;
	struct list_node held;
	unsigned failures, published, settled, lost;
};

static const struct event_source source = { .source = "test" };

static bool went_well(struct round *round, enum capsule_status status)
{
	if (status == CAPSULE_OK)
		return true;
	assert_int_equal(status, CAPSULE_ENOMEM);
	round->failures++;
	return false;
}

static void note_outcome(void *user, struct event *event, struct receiver *receiver, enum event_outcome outcome)
{
	struct round *round = user;

	(void)event;
	(void)receiver;
	round->lost += outcome == OUTCOME_NO_MEMORY;
}

static void note_settled(void *user, struct event *event)
{
	struct round *round = user;

	(void)event;
	round->settled++;
}

static bool begin(struct round *round)
{
	const struct bus_hooks hooks = { .user = round, .outcome = note_outcome, .settled = note_settled };
	static const struct inbox_budget budget;
	uint64_t handle, before = 0;

	if (!went_well(round, bus_new(&round->bus, &hooks, NULL)))
		return false;
	inbox_init(&round->inbox, round->bus, &budget, NULL);
	subscriptions_init(&round->subscriptions, &round->inbox);
	/* Enough for every table to grow. */
	for (int i = 0; i < 40; i++) {
		static const char *const patterns[] = { "a.*", "a.b", "*.b", "a.b.c.d", "x.y" };

		if (!went_well(
			    round, subscriptions_add(&round->subscriptions, span_text(patterns[i % 5]), &handle, NULL)))
			continue;
		assert_int_equal(handle, before + 1); /* one that failed had none */
		before = handle;
	}
	(void)went_well(round,
		subscriptions_add_interceptor(
			&round->subscriptions, "astrid.v1.lifecycle.kernel_started", "act", ON_FULL_BLOCK, NULL));
	return true;
}

static void publish(struct round *round, struct event *event, struct list_node *held)
{
	struct bus_matches matches;

	bus_match(round->bus, event->topic, event->type, &matches);
	bus_publish(round->bus, event, &matches, true, held);
	assert_int_equal(event->matches, matches.decider_count + matches.other_count);
	round->published++;
}

static void publish_one(struct round *round, const char *json)
{
	struct event *event = NULL;

	if (!went_well(round, payload_read(&round->payload, span_text(json), NULL)) ||
		!went_well(round, event_new_ipc(&event, &source, span_text("a.b"), &round->payload, NULL)))
		return;
	publish(round, event, NULL);
	event_release(event);
}

static void publish_rewritten(struct round *round)
{
	struct event *event = NULL, *rewritten = NULL;

	if (!went_well(round, payload_read_tagged(&round->payload, span_text("{\"type\":\"connect\"}"), NULL)) ||
		!went_well(round, event_new_ipc(&event, &source, span_text("a.b"), &round->payload, NULL)))
		return;
	publish(round, event, &round->held);
	if (!went_well(round, event_new_rewritten(&rewritten, event, &round->payload, NULL)))
		rewritten = event_hold(event);
	while (!list_empty(&round->held))
		bus_entry_release(LIST_ENTRY(round->held.next, struct bus_entry, held_link), rewritten);
	event_release(rewritten);
	event_release(event);
}

static void publish_lifecycle(struct round *round)
{
	const struct event_value values[] = { { .kind = EVENT_TEXT, .text = span_text("1 \xFF") } };
	struct event *event = NULL;

	if (!went_well(round, event_new_lifecycle(&event, &source, EVENT_KERNEL_STARTED, values, 1, NULL)))
		return;
	publish(round, event, NULL);
	event_release(event);
}

/* What one drain could not take for want of memory the next one takes. */
static void drain(struct round *round)
{
	for (uint64_t handle = 1; handle < round->subscriptions.next; handle++) {
		HOLD(buffer_fini) struct buffer first = { 0 }, second = { 0 };
		struct subscription *subscription;
		bool ready;

		assert_int_equal(subscriptions_find(&round->subscriptions, handle, &subscription, NULL), CAPSULE_OK);
		ready = subscription_ready(subscription);
		if (went_well(round, subscription_drain(subscription, LIMIT_DRAIN, false, NULL, &first, NULL)))
			continue;
		assert_int_equal(subscription_ready(subscription), ready);
		assert_int_equal(subscription_drain(subscription, LIMIT_DRAIN, false, NULL, &second, NULL), CAPSULE_OK);
		assert_false(subscription_ready(subscription));
	}
}

static bool starve(int nth)
{
	struct round round = { 0 };
	bool fired;

	list_init(&round.held);
	starved_begin(nth);
	if (begin(&round)) {
		publish_one(&round, "{\"type\":\"user_input\",\"text\":\"t\"}");
		publish_one(&round, "{\"type\":\"raw_json\",\"req_id\":\"r\"}");
		publish_one(&round, "[1, 2]");
		publish_rewritten(&round);
		publish_lifecycle(&round);
		drain(&round);
		fired = starved_end();
		assert_int_equal(round.failures + round.lost, fired ? 1 : 0);
		assert_int_equal(bus_counts(round.bus)->outcomes[OUTCOME_NO_MEMORY], round.lost);
		assert_int_equal(bus_counts(round.bus)->pending, 0);
		assert_int_equal(round.settled, round.published);
		inbox_close(&round.inbox, OUTCOME_GONE);
		subscriptions_close(&round.subscriptions);
		bus_free(round.bus);
	} else {
		fired = starved_end();
		assert_true(fired);
	}
	payload_fini(&round.payload);
	return fired;
}

static void each_allocation_fails_once(void **state)
{
	int nth = 1;

	(void)state;
	while (starve(nth))
		nth++;
	assert_in_range(nth, 100, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_fails_once),
	};

	return cmocka_run_group_tests_name("bus_starved", tests, NULL, NULL);
}
