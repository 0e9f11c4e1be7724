/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Events of the host's tests; see host_event_fixture.h. */
#include "host/host_event_fixture.h"

#include "base/json.h"
#include "bus/payload.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void keep(struct buffer *buffer, struct span bytes)
{
	buffer_clear(buffer);
	assert_true(bytes.len == 0 || buffer_append_span(buffer, bytes));
	assert_non_null(buffer_text(buffer));
}

static struct event_fixture *events_of(void *user)
{
	return ((struct fixture *)user)->events;
}

static void let_go(struct op *op)
{
	struct event_fixture *events = op->producer;

	events->stopped++;
	events->waiting = NULL;
}

static void start(struct event_fixture *events, struct op *op, op_done_fn done, void *user)
{
	op_start(op, done, user, let_go, 0, "waiting");
	op->producer = events;
	events->waiting = op;
}

static void give(
	struct event_fixture *events, struct span topic, const struct payload *payload, const struct origin *origin)
{
	const struct clock *clock = loop_clock(events->host->loop);
	struct event_source source = { .origin = *origin,
		.source = "wasm_guest",
		.realtime_ns = clock_realtime_ns(clock),
		.published_ns = clock_monotonic_ns(clock) };
	struct bus_matches matches;
	struct event *event;

	source.origin.source = events->host->host.session;
	assert_int_equal(event_new_ipc(&event, &source, topic, payload, &events->host->err), CAPSULE_OK);
	bus_match(events->bus, topic, EVENT_IPC, &matches);
	bus_publish(events->bus, event, &matches, false, NULL);
	event_release(event);
}

static enum capsule_status take_publication(void *user, const struct origin *origin, struct span topic,
	struct payload *payload, struct op *op, op_done_fn done, void *op_user, struct capsule_error *err)
{
	struct event_fixture *events = events_of(user);

	if (events->refusal.status != CAPSULE_OK)
		return error_copy(err, &events->refusal);
	events->published++;
	events->origin = *origin;
	keep(&events->topic, topic);
	assert_int_equal(payload_form(payload, err), CAPSULE_OK);
	keep(&events->payload, payload->tagged);
	give(events, topic, payload, origin);
	if (events->full)
		start(events, op, done, op_user);
	return CAPSULE_OK;
}

static enum capsule_status take_hook(void *user, const struct origin *origin, struct span topic, struct span payload,
	struct op *op, op_done_fn done, void *op_user, struct capsule_error *err)
{
	struct event_fixture *events = events_of(user);

	if (events->refusal.status != CAPSULE_OK)
		return error_copy(err, &events->refusal);
	events->hooked++;
	events->origin = *origin;
	keep(&events->topic, topic);
	keep(&events->payload, payload);
	start(events, op, done, op_user);
	return CAPSULE_OK;
}

static enum capsule_status take_message(void *user, const struct uuid *id, struct span platform_user,
	struct span content, bool *taken, struct capsule_error *err)
{
	struct event_fixture *events = events_of(user);

	if (events->refusal.status != CAPSULE_OK)
		return error_copy(err, &events->refusal);
	if (memcmp(id, &events->uplink, sizeof *id) != 0)
		return error_set(err, CAPSULE_ENOTFOUND, "the uplink is not registered");
	*taken = events->room;
	events->sent++;
	keep(&events->user, platform_user);
	keep(&events->content, content);
	return CAPSULE_OK;
}

struct event_fixture *event_fixture_new(struct fixture *host)
{
	static const struct bus_hooks hooks;
	static const struct inbox_budget budget;
	static const struct rate_limits limits;
	struct event_fixture *events = calloc(1, sizeof *events);
	struct host_services *services = &host->host.services;

	assert_non_null(events);
	events->host = host;
	host->events = events;
	assert_int_equal(bus_new(&events->bus, &hooks, &host->err), CAPSULE_OK);
	inbox_init(&events->inbox, events->bus, &budget, events);
	subscriptions_init(&events->subscriptions, &events->inbox);
	rate_init(&events->rate, &limits, loop_now(host->loop));
	services->subscriptions = &events->subscriptions;
	services->rate = &events->rate;
	services->publish = take_publication;
	services->hook = take_hook;
	services->uplink_send = take_message;
	assert_int_equal(uuid_make(&host->host.session, &host->err), CAPSULE_OK);
	return events;
}

void event_fixture_free(struct event_fixture *events)
{
	host_call_cancel(&events->host->call);
	subscriptions_close(&events->subscriptions);
	inbox_close(&events->inbox, OUTCOME_GONE);
	assert_int_equal(bus_counts(events->bus)->pending, 0);
	bus_free(events->bus);
	buffer_fini(&events->topic);
	buffer_fini(&events->payload);
	buffer_fini(&events->user);
	buffer_fini(&events->content);
	events->host->events = NULL;
	free(events);
}

void event_fixture_publish(struct event_fixture *events, const char *topic, struct span payload, uint32_t hops)
{
	struct payload read = { 0 };
	struct origin origin;

	origin_init(&origin);
	origin.hops = hops;
	if (payload_read(&read, payload, &events->host->err) != CAPSULE_OK)
		fail_msg("%s", events->host->err.text);
	give(events, span_text(topic), &read, &origin);
	payload_fini(&read);
}

const char *event_fixture_subscribe(struct event_fixture *events, const char *pattern)
{
	static char handles[4][24];
	static unsigned next;
	char *handle = handles[next++ % 4];

	if (CALL(events->host, "astrid_ipc_subscribe", span_text(pattern)) != CAPSULE_OK)
		fail_msg("%s", events->host->err.text);
	(void)snprintf(handle, sizeof handles[0], "%.*s", SPAN_ARG(events->host->call.result));
	return handle;
}

char *event_fixture_text(size_t len)
{
	char *text = malloc(len);

	assert_non_null(text);
	memset(text, 'x', len);
	text[0] = text[len - 1] = '"';
	return text;
}

/* Answers are far larger than the project's own limit of JSON texts needs to be. */
static yyjson_doc *read_answer(const struct event_fixture *events)
{
	const struct json_limits limits = { .bytes_max = (size_t)64 * 1024 * 1024 };
	yyjson_doc *doc = NULL;
	struct capsule_error err;

	if (json_parse(&doc, events->host->call.result, &limits, "answer", &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	return doc;
}

size_t event_fixture_count(const struct event_fixture *events, uint64_t *lagged)
{
	yyjson_doc *doc = read_answer(events);
	yyjson_val *root = yyjson_doc_get_root(doc), *messages = yyjson_obj_get(root, "messages");
	size_t count = yyjson_arr_size(messages);

	assert_true(yyjson_is_arr(messages));
	assert_int_equal(yyjson_obj_size(root), 3);
	assert_true(yyjson_is_uint(yyjson_obj_get(root, "dropped")));
	assert_int_equal(yyjson_get_uint(yyjson_obj_get(root, "dropped")), 0);
	assert_true(yyjson_is_uint(yyjson_obj_get(root, "lagged")));
	*lagged = yyjson_get_uint(yyjson_obj_get(root, "lagged"));
	yyjson_doc_free(doc);
	return count;
}

char *event_fixture_at(const struct event_fixture *events, const char *pointer)
{
	yyjson_doc *doc = read_answer(events);
	char *text = yyjson_val_write(yyjson_doc_ptr_get(doc, pointer), 0, NULL);

	yyjson_doc_free(doc);
	if (text == NULL)
		fail_msg("nothing under %s in \"%.*s\"", pointer, SPAN_ARG(events->host->call.result));
	return text;
}
