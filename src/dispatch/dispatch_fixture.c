/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "dispatch/dispatch_fixture.h"

/* ---- The engine ---- */

static struct guest *guest_of(const struct engine *engine)
{
	return LIST_ENTRY(engine, struct guest, engine);
}

static void fake_load(struct engine *engine, struct op *op)
{
	(void)engine;
	op_finish(op);
}

static void fake_unload(struct engine *engine, struct op *op)
{
	struct guest *guest = guest_of(engine);

	while (guest->call_count > 0)
		guest_fail(guest, 0, CAPSULE_ECANCELLED, "unloaded");
	op_finish(op);
}

static void over(struct engine_call *call)
{
	struct guest *guest = guest_of(call->engine);

	list_remove(&call->link);
	guest->call_count--;
	if (guest->engine.tell_idle)
		engine_changed(&guest->engine);
}

static void call_stopped(struct op *op)
{
	over(LIST_ENTRY(op, struct engine_call, op));
}

static enum capsule_status fake_call(
	struct engine *engine, struct engine_call *call, op_done_fn done, void *user, struct capsule_error *err)
{
	struct guest *guest = guest_of(engine);

	assert_int_equal(call->kind, ENGINE_INTERCEPTOR);
	assert_true(call->unqueued);
	if (guest->refuses != CAPSULE_OK)
		return error_set(err, guest->refuses, "refused");
	call->engine = engine;
	op_start(&call->op, done, user, call_stopped, 0, "call");
	list_init(&call->link);
	list_append(&guest->calls, &call->link);
	guest->calls_ever++;
	if (++guest->call_count > guest->calls_most)
		guest->calls_most = guest->call_count;
	if (guest->answers != NULL)
		guest_answer(guest, guest->call_count - 1, guest->answers);
	return CAPSULE_OK;
}

static enum engine_health fake_health(struct engine *engine, struct capsule_error *why)
{
	(void)engine;
	(void)why;
	return ENGINE_READY;
}

static size_t fake_calls(const struct engine *engine)
{
	return LIST_ENTRY(engine, const struct guest, engine)->call_count;
}

static void fake_free(struct engine *engine)
{
	(void)engine;
}

static const struct engine_ops guest_ops = { .name = "fake",
	.load = fake_load,
	.unload = fake_unload,
	.call = fake_call,
	.health = fake_health,
	.calls = fake_calls,
	.free = fake_free };

/* ---- What is told ---- */

static void note_outcome(
	void *user, struct event *event, const struct member *member, const char *label, enum event_outcome outcome)
{
	static const char *const names[] = { "delivered", "failed", "vetoed", "overflow", "too large", "gone",
		"no memory" };
	struct events *events = user;

	events->ended++;
	(void)buffer_printf(&events->notes, "%s/%s %.*s: %s\n", member != NULL ? member_id(member) : "", label,
		SPAN_ARG(event->topic), names[outcome]);
}

static void note_settled(void *user, struct event *event)
{
	struct events *events = user;

	assert_int_equal(event->open, 0);
	events->settled++;
	(void)buffer_printf(&events->notes, "settled %.*s\n", SPAN_ARG(event->topic));
}

static void note_decided(void *user, const struct event *event, const struct member *member, const char *action,
	bool vetoed, const char *reason)
{
	struct events *events = user;

	(void)buffer_printf(&events->notes, "%s/%s %s %.*s", member_id(member), action, vetoed ? "vetoes" : "makes",
		SPAN_ARG(event->topic));
	(void)buffer_printf(
		&events->notes, "%s%.*s\n", vetoed ? ": " : " ", SPAN_ARG(vetoed ? span_text(reason) : event->inner));
}

static void note_log(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len)
{
	struct events *events = user;

	assert_int_equal(level, CAPSULE_LOG_WARN);
	(void)buffer_printf(&events->logged, "%s: %.*s\n", capsule != NULL ? capsule : "", (int)len, message);
}

/* ---- Life ---- */

void events_open(struct events *events, const struct dispatch_options *options)
{
	const struct dispatch_hooks hooks = {
		.user = events, .outcome = note_outcome, .settled = note_settled, .decided = note_decided
	};
	struct dispatch_options own = *options;

	own.loop = events->loop;
	own.log = &events->log;
	assert_int_equal(events->count, 0);
	dispatch_free(events->dispatch);
	assert_int_equal(dispatch_new(&events->dispatch, &own, NULL), CAPSULE_OK);
	dispatch_watch(events->dispatch, &hooks);
}

int events_setup(void **state)
{
	const struct dispatch_options options = { 0 };
	struct events *events = calloc(1, sizeof *events);

	assert_non_null(events);
	clock_manual_init(&events->clock, 0);
	assert_int_equal(loop_new(&events->loop, &events->clock.clock, NULL), CAPSULE_OK);
	events->log = (struct log_sink){ note_log, events, CAPSULE_LOG_TRACE };
	events_open(events, &options);
	*state = events;
	return 0;
}

int events_teardown(void **state)
{
	struct events *events = *state;

	events_turn(events);
	while (events->count > 0)
		guest_drop(events->guests[events->count - 1]);
	events_turn(events);
	assert_int_equal(dispatch_counts(events->dispatch)->pending, 0);
	dispatch_free(events->dispatch);
	loop_free(events->loop);
	buffer_fini(&events->logged);
	buffer_fini(&events->notes);
	free(events);
	return 0;
}

void events_turn(struct events *events)
{
	for (int i = 0; i < 24; i++)
		(void)loop_turn(events->loop, 0);
}

void events_advance(struct events *events, int64_t ms)
{
	clock_manual_advance(&events->clock, ms * NS_PER_MS);
	events_turn(events);
}

/* ---- Capsules ---- */

static struct manifest *parse(const char *id, const char *tables)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	struct diagnostics found = { 0 };
	struct manifest *manifest;
	struct capsule_error err;

	(void)buffer_printf(&text, "[package]\nname = \"%s\"\nversion = \"1.0.0\"\n", id);
	(void)buffer_append_text(&text, tables);
	if (manifest_parse(&manifest, buffer_span(&text), "Capsule.toml", &found, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	diagnostics_fini(&found);
	return manifest;
}

struct guest *guest_join(struct events *events, const char *id, const char *tables)
{
	const struct composite_options composite = {
		.loop = events->loop, .id = id, .log = &events->log, .grace_ms = 1
	};
	struct guest *guest = calloc(1, sizeof *guest);
	struct member_options member = { 0 };
	WAITING(load);

	assert_true(guest != NULL && events->count < GUESTS_MAX);
	guest->engine.ops = &guest_ops;
	guest->events = events;
	list_init(&guest->calls);
	(void)snprintf(guest->id, sizeof guest->id, "%s", id);
	guest->manifest = parse(id, tables);
	assert_int_equal(composite_new(&guest->composite, &composite, NULL), CAPSULE_OK);
	assert_int_equal(composite_add(guest->composite, &guest->engine, NULL), CAPSULE_OK);
	waiting_init(&load, events);
	op_start(&load.op, waiting_done, &load, NULL, 0, "load");
	composite_load(guest->composite, &load.op);
	events_turn(events);
	assert_int_equal(composite_state(guest->composite, NULL), COMPOSITE_READY);
	member.id = guest->id;
	member.manifest = guest->manifest;
	member.composite = guest->composite;
	member.after_call = events->after_call;
	member.user = guest;
	member.budget.messages = (uint32_t)guest->manifest->events.inbox_messages;
	member.budget.bytes = (uint64_t)guest->manifest->events.inbox_bytes;
	assert_int_equal(member_new(&guest->member, events->dispatch, &member, NULL), CAPSULE_OK);
	events->guests[events->count++] = guest;
	return guest;
}

struct guest *guest_add(struct events *events, const char *id, const char *tables)
{
	struct guest *guest = guest_join(events, id, tables);

	assert_int_equal(member_ready(guest->member, NULL), CAPSULE_OK);
	return guest;
}

void guest_drop(struct guest *guest)
{
	struct events *events = guest->events;
	size_t at = 0;

	member_stop(guest->member);
	composite_release(guest->composite); /* the last reference: it is unloaded, when the grace time is over */
	events_advance(events, 2);
	member_free(guest->member);
	manifest_free(guest->manifest);
	while (events->guests[at] != guest)
		at++;
	for (events->count--; at < events->count; at++)
		events->guests[at] = events->guests[at + 1];
	free(guest);
}

struct engine_call *guest_call(const struct guest *guest, size_t at)
{
	struct list_node *node = guest->calls.next;

	if (at >= guest->call_count)
		fail_msg("%s has %zu calls", guest->id, guest->call_count);
	while (at-- > 0)
		node = node->next;
	return LIST_ENTRY(node, struct engine_call, link);
}

const char *guest_sees(const struct guest *guest, size_t at)
{
	static char text[1024];
	const struct engine_call *call = guest_call(guest, at);

	(void)snprintf(text, sizeof text, "%s %.*s", call->name, SPAN_ARG(call->input));
	return text;
}

void guest_answer(struct guest *guest, size_t at, const char *answer)
{
	struct engine_call *call = guest_call(guest, at);

	assert_true(buffer_append_text(&call->op.result, answer));
	op_finish(&call->op);
	over(call);
}

void guest_fail(struct guest *guest, size_t at, enum capsule_status status, const char *text)
{
	struct engine_call *call = guest_call(guest, at);
	struct capsule_error err;

	(void)error_set(&err, status, "%s", text);
	op_fail(&call->op, &err);
	over(call);
}

/* ---- Publishing ---- */

enum capsule_status publish_as(struct events *events, struct publication *publication, const char *topic,
	const char *json, struct capsule_error *err)
{
	struct payload payload = { 0 };
	enum capsule_status status;

	if (publication->source == NULL) {
		publication->source = "wasm_guest";
		origin_init(&publication->origin);
	}
	assert_int_equal(payload_read(&payload, span_text(json), NULL), CAPSULE_OK);
	publication->topic = span_text(topic);
	publication->payload = &payload;
	status = dispatch_publish(events->dispatch, publication, err);
	publication->payload = NULL;
	payload_fini(&payload);
	return status;
}

void publish(struct events *events, const char *topic, const char *json)
{
	struct publication publication = { 0 };

	assert_int_equal(publish_as(events, &publication, topic, json, NULL), CAPSULE_OK);
}

enum capsule_status publish_from(struct guest *guest, const char *topic, const char *json, struct capsule_error *err)
{
	struct publication publication = { .publisher = guest->member };

	return publish_as(guest->events, &publication, topic, json, err);
}

enum capsule_status publish_waiting(
	struct guest *guest, struct waiting *waiting, const char *topic, const char *json, struct capsule_error *err)
{
	struct publication publication = { .publisher = guest->member, .may_wait = true };

	waiting_init(waiting, guest->events);
	publication.op = &waiting->op;
	publication.done = waiting_done;
	publication.op_user = waiting;
	return publish_as(guest->events, &publication, topic, json, err);
}

static void keep_decision(void *user, const struct event *event, const char *denied)
{
	struct decision *decision = user;

	decision->told++;
	(void)snprintf(decision->denied, sizeof decision->denied, "%s", denied != NULL ? denied : "");
	(void)snprintf(decision->payload, sizeof decision->payload, "%.*s", SPAN_ARG(event->inner));
}

void ask(struct events *events, struct decision *decision, const char *topic, const char *json)
{
	struct publication publication = { .decided = keep_decision, .decided_user = decision };

	*decision = (struct decision){ 0 };
	assert_int_equal(publish_as(events, &publication, topic, json, NULL), CAPSULE_OK);
	assert_true(publication.asks);
	assert_int_equal(decision->told, 0); /* from a turn only */
}

void assert_allowed(const struct decision *decision)
{
	assert_int_equal(decision->told, 1);
	assert_string_equal(decision->denied, "");
}

void assert_denied(const struct decision *decision, const char *why)
{
	assert_int_equal(decision->told, 1);
	assert_string_equal(decision->denied, why);
}

void waiting_init(struct waiting *waiting, struct events *events)
{
	*waiting = (struct waiting){ 0 };
	op_init(&waiting->op, events->loop);
}

void waiting_fini(struct waiting *waiting)
{
	if (waiting->op.loop != NULL)
		op_fini(&waiting->op);
}

void waiting_done(struct op *op, void *user)
{
	struct waiting *waiting = user;

	waiting->done++;
	(void)error_copy(&waiting->error, &op->error);
}

/* ---- Looking ---- */

void notes_clear(struct events *events)
{
	buffer_clear(&events->notes);
}

void assert_notes(struct events *events, const char *text)
{
	const char *notes = buffer_text(&events->notes);

	assert_string_equal(notes != NULL ? notes : "", text);
	notes_clear(events);
}

void assert_logged(struct events *events, const char *text)
{
	const char *logged = buffer_text(&events->logged);

	if (logged == NULL || strstr(logged, text) == NULL)
		fail_msg("nothing like `%s` in `%s`", text, logged != NULL ? logged : "");
	buffer_clear(&events->logged);
}

void assert_not_logged(struct events *events)
{
	if (events->logged.len > 0)
		fail_msg("logged: %s", buffer_text(&events->logged));
}

void assert_fails(
	enum capsule_status status, const struct capsule_error *err, enum capsule_status wanted, const char *text)
{
	if (status != wanted)
		fail_msg("%d instead of %d", (int)status, (int)wanted);
	if (strstr(err->text, text) == NULL)
		fail_msg("no `%s` in `%s`", text, err->text);
}

void assert_closed(struct events *events)
{
	const struct bus_counts *counts = dispatch_counts(events->dispatch);
	uint64_t sum = 0;

	for (int i = 0; i < OUTCOMES; i++)
		sum += counts->outcomes[i];
	assert_int_equal(counts->pending, 0);
	assert_int_equal(sum, counts->matched);
	assert_int_equal(events->ended, counts->matched);
	for (size_t i = 0; i < events->count; i++) {
		assert_int_equal(events->guests[i]->member->inbox.messages, 0);
		assert_int_equal(events->guests[i]->member->inbox.bytes, 0);
		assert_int_equal(events->guests[i]->member->in_progress, 0);
	}
}
