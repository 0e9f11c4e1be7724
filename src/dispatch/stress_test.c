/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A hundred thousand steps at random, the same ones each time, with capsules that guard, rewrite, block, refuse, fail,
 * stop and come back. A guest that waits answers nobody, as a real one; in the end everything that was accepted must have
 * come to its end. */
#include "dispatch/dispatch_fixture.h"

#include "bus/bus_internal.h"

#define STEPS 100000
#define TOPICS 6
#define ACTORS 7
#define EVENTS_MAX (4 * STEPS)

struct actor {
	struct guest *guest;
	struct waiting room, answers; /* of its guest, which waits for one thing at a time */
	uint64_t last;                /* number of the event of which the last call was */
	uint64_t seen;                /* calls that were looked at */
};

struct storm {
	struct events *events;
	uint64_t random;
	struct actor actors[ACTORS];
	struct listener *listeners[2];
	uint64_t published; /* the number of the last event */
	uint64_t arrived, refused, circles, waits, hooks;
	uint8_t *settled; /* by sequence: how often */
	uint32_t *ended;  /* by sequence: entries with an outcome */
};

static uint64_t dice(struct storm *storm, uint64_t sides)
{
	storm->random ^= storm->random << 13;
	storm->random ^= storm->random >> 7;
	storm->random ^= storm->random << 17;
	return storm->random % sides;
}

/* ---- What is told ---- */

static void count_outcome(
	void *user, struct event *event, const struct member *member, const char *label, enum event_outcome outcome)
{
	struct storm *storm = user;

	(void)member;
	(void)label;
	(void)outcome;
	assert_true(event->sequence > 0 && event->sequence < EVENTS_MAX);
	assert_int_equal(storm->settled[event->sequence], 0);
	storm->ended[event->sequence]++;
}

static void count_settled(void *user, struct event *event)
{
	struct storm *storm = user;

	assert_int_equal(++storm->settled[event->sequence], 1);
	assert_int_equal(storm->ended[event->sequence], event->matches);
}

static void count_arrived(void *user, struct event *event, uint64_t lost)
{
	struct storm *storm = user;

	(void)event;
	(void)lost;
	storm->arrived++;
}

/* ---- What happens ---- */

static bool is_waiting(const struct actor *actor)
{
	return actor->room.op.state != OP_IDLE || actor->answers.op.state != OP_IDLE;
}

static void publish_one(struct storm *storm, struct actor *actor)
{
	struct publication publication = { .publisher = actor != NULL ? actor->guest->member : NULL };
	char topic[8], json[9000];
	int pad = dice(storm, 8) == 0 ? (int)dice(storm, 8000) : 0;
	struct capsule_error err;
	enum capsule_status status;

	(void)snprintf(topic, sizeof topic, "t.%d", (int)dice(storm, TOPICS));
	(void)snprintf(json, sizeof json, "{\"n\":%llu,%s\"pad\":\"%0*d\"}", (unsigned long long)++storm->published,
		dice(storm, 4) == 0 ? "\"req_id\":\"r\"," : "", pad, 0);
	if (actor != NULL && !is_waiting(actor) && dice(storm, 2) == 0) {
		publication.may_wait = true;
		publication.op = &actor->room.op;
		publication.done = waiting_done;
		publication.op_user = &actor->room;
	}
	status = publish_as(storm->events, &publication, topic, json, &err);
	if (status == CAPSULE_OK)
		storm->waits += publication.op != NULL && op_pending(publication.op);
	else
		assert_true(publication.op != NULL && (status == CAPSULE_ELIMIT || status == CAPSULE_ESTATE));
	storm->refused += status == CAPSULE_ELIMIT;
	storm->circles += status == CAPSULE_ESTATE;
}

static void ask_others(struct storm *storm, struct actor *actor)
{
	struct origin origin;
	char topic[8];
	struct capsule_error err;
	enum capsule_status status;

	if (is_waiting(actor) || actor->guest->member->hook != NULL)
		return;
	origin_init(&origin);
	(void)snprintf(topic, sizeof topic, "h.%d", (int)dice(storm, 2));
	status = dispatch_hook(actor->guest->member, &origin, span_text(topic), span_text("{\"q\":1}"),
		&actor->answers.op, waiting_done, &actor->answers, &err);
	assert_true(status == CAPSULE_OK || status == CAPSULE_ESTATE);
	storm->hooks += status == CAPSULE_OK;
	storm->circles += status == CAPSULE_ESTATE;
}

static void let_go(struct actor *actor)
{
	op_cancel(&actor->room.op);
	op_cancel(&actor->answers.op);
}

static void end_call(struct storm *storm, struct actor *actor)
{
	static const char *const answers[] = { "", "null", ALLOW, ALLOW, DENY, "what?", "{\"payload\":{\"n\":0}}" };
	struct guest *guest = actor->guest;
	size_t at, choice = (size_t)dice(storm, 10);
	char made[64];

	if (guest->call_count == 0 || is_waiting(actor))
		return;
	at = (size_t)dice(storm, guest->call_count);
	if (choice == 9) {
		guest_fail(guest, at, dice(storm, 2) == 0 ? CAPSULE_ETRAP : CAPSULE_EUNSUPPORTED, "alas");
		return;
	}
	if (choice == 8) { /* larger than what it was */
		(void)snprintf(made, sizeof made, "{\"payload\":{\"more\":%llu}}", (unsigned long long)dice(storm, 99));
		guest_answer(guest, at, made);
		return;
	}
	guest_answer(guest, at, choice < 7 ? answers[choice] : "{}");
}

static void stop_or_start(struct storm *storm, struct actor *actor)
{
	struct guest *guest = actor->guest;

	if (!guest->member->ready) {
		if (guest->id[0] == 'f')
			assert_int_equal(member_loops(guest->member, NULL), CAPSULE_OK);
		assert_int_equal(member_ready(guest->member, NULL), CAPSULE_OK);
		return;
	}
	if (dice(storm, 8) != 0)
		return;
	member_stop(guest->member);
	let_go(actor); /* its guest ends with its engine */
	while (dice(storm, 4) != 0 && guest->call_count > 0)
		guest_fail(guest, 0, CAPSULE_ECANCELLED, "unloaded");
}

static void read_messages(struct storm *storm, struct actor *actor)
{
	LIST_EACH (node, &actor->guest->member->inbox.lanes) {
		struct lane *lane = LIST_ENTRY(node, struct lane, link);
		size_t count = (size_t)dice(storm, 4);

		while (lane != &actor->guest->member->calls && count-- > 0 && lane_peek(lane) != NULL)
			bus_entry_end(lane_peek(lane), OUTCOME_DELIVERED);
	}
}

static void step(struct storm *storm)
{
	struct actor *actor = &storm->actors[dice(storm, ACTORS)];
	uint64_t what = dice(storm, 100);

	if (what < 20)
		publish_one(storm, dice(storm, 3) == 0 ? NULL : actor);
	else if (what < 60)
		end_call(storm, actor);
	else if (what < 66)
		ask_others(storm, actor);
	else if (what < 70)
		stop_or_start(storm, actor);
	else if (what < 72)
		let_go(actor);
	else if (what < 76)
		read_messages(storm, actor);
	else if (what == 76)
		dispatch_lifecycle(storm->events->dispatch, EVENT_CONFIG_RELOADED, NULL, 0);
	else if (what == 77)
		clock_manual_advance(&storm->events->clock, (int64_t)dice(storm, 3000) * NS_PER_MS);
	else
		(void)loop_turn(storm->events->loop, 0);
}

/* ---- What must hold ---- */

/* Calls of events begin in the order in which the events were published. */
static void check_order(struct actor *actor)
{
	struct guest *guest = actor->guest;
	size_t fresh = (size_t)(guest->calls_ever - actor->seen), at = 0;

	LIST_EACH (node, &guest->calls) {
		const struct engine_call *call = LIST_ENTRY(node, struct engine_call, link);
		const struct delivery *delivery = LIST_ENTRY(call, const struct delivery, call);

		if (guest->call_count - at++ > fresh || delivery->entry == NULL)
			continue;
		assert_true(delivery->entry->event->sequence >= actor->last);
		actor->last = delivery->entry->event->sequence;
	}
	actor->seen = guest->calls_ever;
}

static void check(struct storm *storm)
{
	const struct bus_counts *counts = dispatch_counts(storm->events->dispatch);
	uint64_t sum = counts->pending;

	for (int i = 0; i < OUTCOMES; i++)
		sum += counts->outcomes[i];
	assert_int_equal(sum, counts->matched);
	for (int i = 0; i < ACTORS; i++) {
		const struct inbox *inbox = &storm->actors[i].guest->member->inbox;

		check_order(&storm->actors[i]);
		assert_true(storm->actors[i].guest->call_count <= LIMIT_CALLS_IN_PROGRESS);
		assert_true(inbox->messages <= inbox->budget.messages && inbox->bytes <= inbox->budget.bytes);
		LIST_EACH (node, &inbox->over) {
			const struct bus_entry *entry = LIST_ENTRY(node, struct bus_entry, full_link);

			assert_non_null(event_books(entry->event)->waiter);
		}
	}
}

static bool is_quiet(const struct storm *storm)
{
	bool quiet = dispatch_counts(storm->events->dispatch)->pending == 0;

	for (int i = 0; i < ACTORS; i++)
		quiet = quiet && !is_waiting(&storm->actors[i]) && storm->actors[i].guest->member->in_progress == 0;
	return quiet;
}

/* Nobody gives up: whoever does not wait answers, and time passes. */
static void calm_down(struct storm *storm)
{
	for (int round = 0; !is_quiet(storm); round++) {
		if (round > 20000)
			fail_msg("somebody waits for ever");
		for (int i = 0; i < ACTORS; i++) {
			struct actor *actor = &storm->actors[i];

			read_messages(storm, actor);
			while (actor->guest->call_count > 0 && !is_waiting(actor))
				guest_answer(actor->guest, 0, "");
		}
		if (round % 64 == 63)
			clock_manual_advance(&storm->events->clock, 11 * NS_PER_S);
		(void)loop_turn(storm->events->loop, 0);
		check(storm);
	}
}

/* ---- The whole ---- */

static void begin(struct storm *storm, struct events *events)
{
	static const char *const tables[ACTORS] = {
		INBOX("2") ON("t.0", "one") "on_full = \"block\"\n" ON("t.1", "two") ON("h.0", "hook"),
		INBOX("4") ON("t.*", "all") "on_full = \"block\"\n" ON("h.*", "hook"),
		INBOX("6") GUARD("t.1", "guard") ON("t.2", "see")
			GUARD("t.3", "late") "priority = 4\non_error = \"allow\"\n",
		INBOX("5") REWRITE("t.1", "make") "priority = -3\n" REWRITE("t.4", "make")
			ON("t.1", "see") "on_full = \"fail\"\n",
		INBOX("3") GUARD("t.3", "guard") "on_full = \"block\"\n" ON("t.4", "see") "on_full = \"block\"\n",
		INBOX("7") ON("t.2", "loop") ON("t.5", "loop") "on_full = \"block\"\n",
		"[events]\ninbox_messages = 9\ninbox_bytes = 65536\n" ON("t.0", "see") ON("t.3", "see")
			ON("astrid.v1.response.failure.*", "told") ON("*.*.*.*", "facts") ON("h.1", "hook"),
	};
	const struct dispatch_hooks hooks = { .user = storm, .outcome = count_outcome, .settled = count_settled };

	*storm = (struct storm){ .events = events, .random = 0x9e3779b97f4a7c15 };
	storm->settled = calloc(EVENTS_MAX, sizeof *storm->settled);
	storm->ended = calloc(EVENTS_MAX, sizeof *storm->ended);
	assert_true(storm->settled != NULL && storm->ended != NULL);
	events->log.level = CAPSULE_LOG_OFF;
	dispatch_watch(events->dispatch, &hooks);
	for (int i = 0; i < ACTORS; i++) {
		const char id[] = { (char)('a' + i), '\0' };
		struct actor *actor = &storm->actors[i];

		actor->guest = guest_join(events, id, tables[i]);
		stop_or_start(storm, actor);
		waiting_init(&actor->room, events);
		waiting_init(&actor->answers, events);
	}
	for (int i = 0; i < 2; i++) {
		const struct listener_options options = { .pattern = span_text(i == 0 ? "t.*" : "t.5"),
			.budget = { .messages = 2 },
			.on_full = i == 0 ? ON_FULL_DROP_OLDEST : ON_FULL_BLOCK,
			.arrived = count_arrived,
			.user = storm };

		assert_int_equal(listener_new(&storm->listeners[i], events->dispatch, &options, NULL), CAPSULE_OK);
	}
}

static void end(struct storm *storm)
{
	const uint64_t *outcomes = dispatch_counts(storm->events->dispatch)->outcomes;
	const struct dispatch *dispatch = storm->events->dispatch;

	for (uint64_t i = 1; i <= dispatch->bus->sequence; i++)
		assert_int_equal(storm->settled[i], 1);
	for (int i = 0; i < ACTORS; i++) {
		assert_true(list_empty(&storm->actors[i].guest->member->inbox.over));
		assert_int_equal(storm->actors[i].guest->member->inbox.messages, 0);
		assert_int_equal(storm->actors[i].guest->member->inbox.bytes, 0);
		assert_null(storm->actors[i].guest->member->blocked);
		assert_null(storm->actors[i].guest->member->hook);
		waiting_fini(&storm->actors[i].room);
		waiting_fini(&storm->actors[i].answers);
	}
	assert_true(list_empty(&dispatch->chains));
	/* It was a storm: everything that can come of an event came about, and often. */
	for (int i = OUTCOME_DELIVERED; i <= OUTCOME_GONE; i++)
		if (i != OUTCOME_TOO_LARGE)
			assert_true(outcomes[i] > 100);
	assert_true(storm->refused > 100 && storm->circles > 100 && storm->waits > 100 && storm->hooks > 100);
	assert_true(storm->arrived > 1000);
	listener_free(storm->listeners[0]);
	listener_free(storm->listeners[1]);
	free(storm->settled);
	free(storm->ended);
}

static void the_books_close_and_nobody_waits_for_ever(void **state)
{
	static struct storm storm;

	begin(&storm, *state);
	for (int i = 0; i < STEPS; i++) {
		step(&storm);
		check(&storm);
		if (i % 10000 == 9999)
			calm_down(&storm);
	}
	calm_down(&storm);
	end(&storm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_books_close_and_nobody_waits_for_ever, events_setup, events_teardown),
	};

	return cmocka_run_group_tests_name("dispatch_stress", tests, NULL, NULL);
}
