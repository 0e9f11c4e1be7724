/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Publishing and subscribing, on a real bus. */
#include "host/host_event_fixture.h"

#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static int set_up(void **state)
{
	struct event_fixture *events = event_fixture_new(fixture_new(false));

	fixture_grant(events->host, "ipc_publish = [\"a\", \"a.*\"]\nipc_subscribe = [\"a.*\", \"foo.*\"]");
	*state = events;
	return 0;
}

static int tear_down(void **state)
{
	struct event_fixture *events = *state;
	struct fixture *host = events->host;

	event_fixture_free(events);
	fixture_free(host);
	return 0;
}

static enum capsule_status publish(struct event_fixture *events, const char *topic, const char *payload)
{
	return CALL(events->host, "astrid_ipc_publish", span_text(topic), span_text(payload));
}

static enum capsule_status subscribe(struct event_fixture *events, const char *pattern)
{
	return CALL(events->host, "astrid_ipc_subscribe", span_text(pattern));
}

static enum capsule_status poll(struct event_fixture *events, const char *handle)
{
	return CALL(events->host, "astrid_ipc_poll", span_text(handle));
}

static void assert_ok(const struct event_fixture *events, enum capsule_status status)
{
	if (status != CAPSULE_OK)
		fail_msg("%s", events->host->err.text);
}

#define ASSERT_FAILS(events, call, status, text)                                                                       \
	do {                                                                                                           \
		assert_int_equal((call), (status));                                                                    \
		assert_error_says((events)->host, (text));                                                             \
	} while (0)

static void assert_at(const struct event_fixture *events, const char *pointer, const char *json)
{
	char *text = event_fixture_at(events, pointer);

	assert_string_equal(text, json);
	free(text);
}

/* ---- Publishing ---- */

static void what_is_not_declared_is_not_published(void **state) /* abi:113 rt:176 */
{
	struct event_fixture *events = *state;

	assert_ok(events, publish(events, "a.b", "1"));
	assert_int_equal(events->published, 1);
	ASSERT_FAILS(events, publish(events, "a.b.c", "1"), CAPSULE_EDENIED, "not allowed to publish");
	assert_error_says(events->host, "security denied publish: capsule 'testing'");
	assert_int_equal(events->host->refused, 1);
	assert_int_equal(events->host->refused_operation, GATE_PUBLISH);
	assert_string_equal(events->host->refused_operand, "a.b.c");
	fixture_grant(events->host, "ipc_publish = []");
	ASSERT_FAILS(events, publish(events, "a.b", "1"), CAPSULE_EDENIED, "no ipc_publish declarations");
	assert_int_equal(events->host->refused, 2);
	events->host->host.manifest = NULL;
	ASSERT_FAILS(events, publish(events, "a.b", "1"), CAPSULE_EDENIED, "ipc_publish");
	assert_int_equal(events->published, 1);
}

/* With a list and with none: what is wrong in itself is told first. */
static void topics_are_bounded(void **state) /* abi:114 rt:174 */
{
	static const char *const grants[] = { "ipc_publish = [\"*\", \"1.*.*.*.*.*.*.*\"]", "" };
	static const char *const empty[] = { "", ".", "a..b", ".a", "a." };
	struct event_fixture *events = *state;
	char topic[258];

	memset(topic, 'x', sizeof topic);
	topic[257] = '\0';
	for (size_t g = 0; g < sizeof grants / sizeof grants[0]; g++) {
		fixture_grant(events->host, grants[g]);
		ASSERT_FAILS(events, publish(events, topic, "1"), CAPSULE_ELIMIT,
			"ipc_publish failed: Topic exceeds maximum allowed length of 256 bytes: it has 257");
		for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++)
			ASSERT_FAILS(events, publish(events, empty[i], "1"), CAPSULE_EINVAL, "empty segments");
		ASSERT_FAILS(
			events, publish(events, "1.2.3.4.5.6.7.8.9", "1"), CAPSULE_ELIMIT, "maximum allowed segments");
	}
	assert_int_equal(events->host->refused, 0);
	fixture_grant(events->host, grants[0]);
	assert_ok(events, publish(events, "1.2.3.4.5.6.7.8", "1"));
	topic[256] = '\0';
	assert_ok(events, publish(events, topic, "1"));
	assert_int_equal(events->topic.len, 256);
}

static void topics_are_text_and_any_character_of_it(void **state)
{
	struct event_fixture *events = *state;
	char topic[257];

	ASSERT_FAILS(events, CALL(events->host, "astrid_ipc_publish", span_of("a.\xFF", 3), span_text("1")),
		CAPSULE_EINVAL, "astrid_ipc_publish topic is not valid UTF-8: byte 3 of 3 is 0xff");
	memset(topic, 0xFF, sizeof topic);
	ASSERT_FAILS(events, CALL(events->host, "astrid_ipc_publish", span_of(topic, sizeof topic), span_text("1")),
		CAPSULE_ELIMIT, "maximum allowed length");
	assert_ok(events, CALL(events->host, "astrid_ipc_publish", span_of("a.\0b", 4), span_text("1")));
	assert_true(span_equal(buffer_span(&events->topic), span_of("a.\0b", 4)));
	assert_ok(events, publish(events, "a.*", "1")); /* a literal */
}

static void a_payload_is_one_json_value(void **state) /* abi:115 rt:255 */
{
	static const char *const broken[] = { "not json", "", " ", "1 2", "{", "[1,]", "{\"a\":1}}", "{'a':1}", "nul",
		"\"\xFF\"", "{\"a\":1,\"a\":2}", "{\"type\":\"raw_json\",\"type\":\"connect\"}", "\"\x01\"", "NaN",
		"1e999999" };
	struct event_fixture *events = *state;

	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
		ASSERT_FAILS(events, publish(events, "a.b", broken[i]), CAPSULE_EINVAL, "not valid JSON");
	ASSERT_FAILS(events, CALL(events->host, "astrid_ipc_publish", span_text("a.b"), span_of("1\0", 2)),
		CAPSULE_EINVAL, "not valid JSON");
	assert_int_equal(events->published, 0);
}

/* `depth` arrays inside one another. */
static enum capsule_status publish_nested(struct event_fixture *events, size_t depth)
{
	char *text = malloc(2 * depth);
	enum capsule_status status;

	assert_non_null(text);
	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	status = CALL(events->host, "astrid_ipc_publish", span_text("a.b"), span_of(text, 2 * depth));
	free(text);
	return status;
}

static void a_payload_is_not_too_deep(void **state)
{
	struct event_fixture *events = *state;

	assert_ok(events, publish_nested(events, 127));
	assert_int_not_equal(publish_nested(events, 128), CAPSULE_OK);
	assert_error_says(events->host, "not valid JSON");
	assert_int_not_equal(publish_nested(events, 1000000), CAPSULE_OK);
	assert_error_says(events->host, "not valid JSON");
	assert_int_equal(events->published, 1);
}

static void publish_text(struct event_fixture *events, size_t len, enum capsule_status status)
{
	char *text = event_fixture_text(len);

	assert_int_equal(CALL(events->host, "astrid_ipc_publish", span_text("a.b"), span_of(text, len)), status);
	free(text);
}

static void a_payload_is_not_too_large(void **state) /* abi:116 */
{
	struct event_fixture *events = *state;

	publish_text(events, 5 * MIB, CAPSULE_OK);
	publish_text(events, 5 * MIB + 1, CAPSULE_ELIMIT);
	assert_error_says(events->host, "Payload too large");
	fixture_grant(events->host, "");
	publish_text(events, 5 * MIB + 1, CAPSULE_ELIMIT);
	assert_error_says(events->host, "Payload too large");
	publish_text(events, 5 * MIB, CAPSULE_EDENIED);
	publish_text(events, 20 * MIB, CAPSULE_ELIMIT);
}

static void ten_mib_a_second_are_the_limit(void **state) /* abi:117 */
{
	struct event_fixture *events = *state;

	publish_text(events, 5 * MIB, CAPSULE_OK);
	publish_text(events, 5 * MIB, CAPSULE_OK);
	publish_text(events, 5 * MIB, CAPSULE_ELIMIT);
	assert_error_says(events->host, "Rate limit exceeded");
	clock_manual_advance(&events->host->clock, NS_PER_S);
	publish_text(events, 5 * MIB, CAPSULE_OK);
	assert_int_equal(events->published, 3);
}

static void what_may_not_be_published_is_not_charged(void **state)
{
	struct event_fixture *events = *state;
	char *text = event_fixture_text(5 * MIB);

	for (int i = 0; i < 4; i++)
		assert_int_equal(CALL(events->host, "astrid_ipc_publish", span_text("b.c"), span_of(text, 5 * MIB)),
			CAPSULE_EDENIED);
	assert_ok(events, publish(events, "a.b", "1"));
	text[0] = ' '; /* what is no JSON is */
	for (int i = 0; i < 2; i++)
		(void)CALL(events->host, "astrid_ipc_publish", span_text("a.b"), span_of(text, 5 * MIB - 1));
	free(text);
	ASSERT_FAILS(events, publish(events, "a.b", "1234567890"), CAPSULE_ELIMIT, "Rate limit exceeded");
}

static void what_has_happened_is_told_by_the_runtime_alone(void **state)
{
	struct event_fixture *events = *state;
	int refused;

	fixture_grant(events->host,
		"ipc_publish = [\"astrid.v1.lifecycle.*\", \"astrid.v1.*\", \"astrid.v1.lifecycle.a.b\"]");
	ASSERT_FAILS(events, publish(events, "astrid.v1.lifecycle.tool_call_started", "1"), CAPSULE_EDENIED,
		"security denied publish: capsule 'testing'");
	assert_error_says(events->host, "the runtime alone says what has happened");
	assert_int_equal(events->host->refused_reason, GATE_PROTECTED);
	assert_string_equal(events->host->refused_operand, "astrid.v1.lifecycle.tool_call_started");
	assert_int_equal(publish(events, "astrid.v1.lifecycle.a.b", "1"), CAPSULE_EDENIED);
	refused = events->host->refused;
	events->host->host.gate = gate_allow_all();
	assert_int_equal(publish(events, "astrid.v1.lifecycle.tool_call_started", "1"), CAPSULE_EDENIED);
	assert_int_equal(events->host->refused, refused + 1);
	assert_int_equal(events->published, 0);
	assert_ok(events, publish(events, "astrid.v1.lifecycle", "1"));
	assert_ok(events, publish(events, "astrid.v1.lifecycles.x", "1"));
}

/* What a guest that is subscribed reads when it has published `payload`. */
static void assert_travels(struct event_fixture *events, const char *handle, const char *payload, const char *as)
{
	assert_ok(events, publish(events, "a.b", payload));
	assert_ok(events, poll(events, handle));
	assert_at(events, "/messages/0/payload", as);
}

static void payloads_travel_with_their_type(void **state) /* abi:118 abi:119 abi:120 rt:250 rt:251 rt:253 rt:254 */
{
	static const struct {
		const char *payload, *as;
	} rows[] = {
		{ "{\"foo\":1}", "{\"type\":\"custom\",\"data\":{\"foo\":1}}" },
		{ "{\"type\":\"user_input\",\"text\":\"t\",\"x\":1}",
			"{\"type\":\"user_input\",\"text\":\"t\",\"session_id\":\"default\"}" },
		{ "{\"type\":\"user_input\",\"text\":\"hi\",\"session_id\":\"s1\"}",
			"{\"type\":\"user_input\",\"text\":\"hi\",\"session_id\":\"s1\"}" },
		{ "{\"type\":\"user_input\"}", "{\"type\":\"custom\",\"data\":{\"type\":\"user_input\"}}" },
		{ "{\"type\":\"custom\",\"data\":5}", "{\"type\":\"custom\",\"data\":5}" },
		{ "{\"type\":\"custom\"}", "{\"type\":\"custom\",\"data\":{\"type\":\"custom\"}}" },
		{ "\"s\"", "{\"type\":\"custom\",\"data\":\"s\"}" },
		{ "null", "{\"type\":\"custom\",\"data\":null}" },
		{ "{\"type\":\"my_plugin_msg\",\"foo\":42}",
			"{\"type\":\"custom\",\"data\":{\"type\":\"my_plugin_msg\",\"foo\":42}}" },
		{ "{\"type\":\"raw_json\",\"method\":\"ListCapsules\"}",
			"{\"type\":\"raw_json\",\"method\":\"ListCapsules\"}" },
	};
	struct event_fixture *events = *state;
	const char *handle = event_fixture_subscribe(events, "a.*");

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_travels(events, handle, rows[i].payload, rows[i].as);
}

static void a_message_says_where_it_comes_from(void **state) /* abi:121 */
{
	struct event_fixture *events = *state;
	const char *handle = event_fixture_subscribe(events, "a.*");
	char session[UUID_TEXT_LEN + 3] = "\"";

	uuid_format(&events->host->host.session, session + 1);
	session[UUID_TEXT_LEN + 1] = '"';
	assert_ok(events, publish(events, "a.b", "{\"source_id\":\"me\"}"));
	assert_ok(events, poll(events, handle));
	assert_at(events, "/messages/0/source_id", session);
	assert_at(events, "/messages/0/signature", "null");
	assert_at(events, "/messages/0/timestamp", "\"2023-11-14T22:13:20.123Z\"");
	assert_at(events, "/messages/0/topic", "\"a.b\"");
}

/* rt-W-55: what a call leads to is put down to the call; what a run loop does to the messages that it took. */
static void publications_pass_on_who_asked(void **state)
{
	struct event_fixture *events = *state;
	struct host_call *call = &events->host->call;
	struct origin origin;
	const char *handle = event_fixture_subscribe(events, "a.*");

	assert_ok(events, publish(events, "a.b", "1"));
	assert_string_equal(events->origin.principal, "default");
	assert_int_equal(events->origin.hops, 0);
	assert_ok(events, poll(events, handle));
	event_fixture_publish(events, "a.b", span_text("1"), 6);
	event_fixture_publish(events, "a.b", span_text("1"), 4);
	assert_ok(events, poll(events, handle));
	assert_int_equal(events->host->host.received_hops, 6);
	assert_ok(events, publish(events, "a", "1"));
	assert_int_equal(events->origin.hops, 6);
	assert_ok(events, poll(events, handle)); /* "a" is not for "a.*": nothing came, and nobody waited */
	assert_ok(events, publish(events, "a", "1"));
	assert_int_equal(events->origin.hops, 6);

	origin_init(&origin);
	origin.hops = 9;
	call->origin = &origin;
	assert_ok(events, publish(events, "a", "1"));
	assert_int_equal(events->origin.hops, 9);
	origin.call_id = 17;
	origin.hops = 2;
	assert_ok(events, publish(events, "a", "1"));
	assert_int_equal(events->origin.hops, 2);
	assert_int_equal(events->origin.call_id, 17);
	call->origin = NULL;
}

static void who_publishes_waits_for_room(void **state)
{
	struct event_fixture *events = *state;
	const struct span args[] = { span_text("a.b"), span_text("1") };

	events->full = true;
	assert_int_equal(fixture_begin(events->host, "astrid_ipc_publish", 2, args), HOST_WAITING);
	op_finish(events->waiting);
	fixture_await(events->host);
	assert_int_equal(host_call_finish(&events->host->call, &events->host->err), CAPSULE_OK);
	assert_int_equal(events->host->call.result.len, 0);
	assert_int_equal(fixture_begin(events->host, "astrid_ipc_publish", 2, args), HOST_WAITING);
	host_call_cancel(&events->host->call);
	assert_int_equal(events->stopped, 1);
	events->full = false;
	assert_ok(events, publish(events, "a.b", "1"));
	assert_int_equal(events->host->resumed, 0);
	assert_int_equal(events->published, 3);
}

static void a_publication_that_fails_says_why(void **state)
{
	struct event_fixture *events = *state;

	(void)error_set(&events->refusal, CAPSULE_ESTATE, "a -> b -> a");
	ASSERT_FAILS(events, publish(events, "a.b", "1"), CAPSULE_ESTATE, "ipc_publish failed: a -> b -> a");
	events->host->host.services.publish = NULL;
	ASSERT_FAILS(events, publish(events, "a.b", "1"), CAPSULE_EUNSUPPORTED, "there are no events for 'testing'");
}

static void memory_of_a_payload_is_given_back(void **state)
{
	struct event_fixture *events = *state;

	publish_text(events, LIMIT_INLINE_WORK, CAPSULE_OK);
	assert_non_null(events->host->call.payload);
	host_call_trim(&events->host->call);
	assert_null(events->host->call.payload);
	assert_ok(events, publish(events, "a.b", "1"));
}

/* ---- Subscribing ---- */

/* What is read takes the most memory when it is many small values. */
static void a_guest_that_waits_or_runs_on_has_no_large_payload(void **state)
{
	struct event_fixture *events = *state;
	size_t len = LIMIT_INLINE_WORK + 3;
	char *json = event_fixture_text(len);
	const struct span args[] = { span_text("a.b"), span_of(json, len) };

	for (size_t i = 0; i < len; i++)
		json[i] = i % 2 == 0 ? ',' : '1';
	json[0] = '[';
	json[len - 1] = ']';
	assert_int_equal(fixture_begin(events->host, "astrid_ipc_publish", 2, args), HOST_READY);
	assert_null(events->host->call.payload);
	events->full = true;
	assert_int_equal(fixture_begin(events->host, "astrid_ipc_publish", 2, args), HOST_WAITING);
	assert_null(events->host->call.payload);
	assert_int_equal(events->published, 2);
	free(json);
}

static void what_is_not_declared_is_not_subscribed(void **state) /* abi:122 rt:167 rt:168 rt:169 rt:170 rt:171 */
{
	static const struct {
		const char *list, *pattern, *says; /* NULL: allowed */
	} rows[] = {
		{ "", "a.b", "no ipc_subscribe declarations" },
		{ "", "*", "no ipc_subscribe declarations" },
		{ "\"agent.v1.response\"", "agent.v1.response", NULL },
		{ "\"registry.v1.*\"", "registry.v1.providers", NULL },
		{ "\"registry.v1.*\"", "registry.v1.selection.callback", NULL },
		{ "\"registry.v1.providers\"", "registry.v1.selection.callback", "not allowed to subscribe" },
		{ "\"foo.*\"", "foo.*", NULL },
		{ "\"foo.bar\"", "foo.*", "not allowed to subscribe" },
		{ "\"agent.v1.*\", \"session.v1.response.*\"", "session.v1.response.abc", NULL },
	};
	struct event_fixture *events = *state;
	char lines[128];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		(void)snprintf(lines, sizeof lines, "ipc_subscribe = [%s]", rows[i].list);
		fixture_grant(events->host, lines);
		if (rows[i].says == NULL)
			assert_ok(events, subscribe(events, rows[i].pattern));
		else
			ASSERT_FAILS(events, subscribe(events, rows[i].pattern), CAPSULE_EDENIED, rows[i].says);
	}
	assert_int_equal(events->host->refused, 4);
	assert_int_equal(events->host->refused_operation, GATE_SUBSCRIBE);
	assert_string_equal(events->host->refused_operand, "foo.*");
}

static void patterns_are_checked_before_the_list_is_looked_at(void **state) /* abi:123 rt:173 */
{
	static const struct {
		const char *pattern;
		enum capsule_status status;
		const char *says;
	} rows[] = {
		{ "a.*.b", CAPSULE_EINVAL, "only supported as the last segment" },
		{ "*.b", CAPSULE_EINVAL, "only supported as the last segment" },
		{ "a..b", CAPSULE_EINVAL, "empty segments" },
		{ "", CAPSULE_EINVAL, "empty segments" },
		{ "1.2.3.4.5.6.7.8.9", CAPSULE_ELIMIT, "maximum allowed segments" },
		{ "1.2.3.*.5.6.7.8.9", CAPSULE_EINVAL, "only supported as the last segment" },
	};
	struct event_fixture *events = *state;
	char pattern[257];

	fixture_grant(events->host, "");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ASSERT_FAILS(events, subscribe(events, rows[i].pattern), rows[i].status, rows[i].says);
	memset(pattern, 'x', sizeof pattern);
	ASSERT_FAILS(events, CALL(events->host, "astrid_ipc_subscribe", span_of(pattern, sizeof pattern)),
		CAPSULE_ELIMIT, "maximum allowed length");
	ASSERT_FAILS(events, CALL(events->host, "astrid_ipc_subscribe", span_of("a.\xC3", 3)), CAPSULE_EINVAL,
		"astrid_ipc_subscribe pattern is not valid UTF-8");
	assert_int_equal(events->host->refused, 0);
	fixture_grant(events->host, "ipc_subscribe = [\"*\", \"a.*\"]");
	assert_ok(events, subscribe(events, "*"));
	assert_ok(events, subscribe(events, "a.*"));
	assert_ok(events, subscribe(events, "a.x*.y")); /* no wildcard: a part of a segment */
}

static void a_last_wildcard_is_one_segment_or_more(void **state) /* abi:124 */
{
	struct event_fixture *events = *state;
	const char *handle = event_fixture_subscribe(events, "foo.*");
	uint64_t lagged;

	event_fixture_publish(events, "foo", span_text("0"), 0);
	event_fixture_publish(events, "foo.a", span_text("1"), 0);
	event_fixture_publish(events, "foo.a.b", span_text("2"), 0);
	assert_ok(events, poll(events, handle));
	assert_int_equal(event_fixture_count(events, &lagged), 2);
	assert_at(events, "/messages/0/topic", "\"foo.a\"");
	assert_at(events, "/messages/1/topic", "\"foo.a.b\"");
}

static void handles_count_up_and_never_come_again(void **state) /* abi:122 abi:125 rt:175 */
{
	struct event_fixture *events = *state;
	char handle[24];

	for (int i = 1; i <= 128; i++) {
		(void)snprintf(handle, sizeof handle, "%d", i);
		assert_ok(events, subscribe(events, "foo.*"));
		assert_result(events->host, handle);
	}
	ASSERT_FAILS(
		events, subscribe(events, "foo.*"), CAPSULE_ELIMIT, "ipc_subscribe failed: Subscription limit reached");
	assert_ok(events, CALL(events->host, "astrid_ipc_unsubscribe", span_text("7")));
	assert_ok(events, subscribe(events, "foo.*"));
	assert_result(events->host, "129");
	ASSERT_FAILS(events, poll(events, "7"), CAPSULE_ENOTFOUND, "Subscription handle not found: 7");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(what_is_not_declared_is_not_published),
		CASE(topics_are_bounded),
		CASE(topics_are_text_and_any_character_of_it),
		CASE(a_payload_is_one_json_value),
		CASE(a_payload_is_not_too_deep),
		CASE(a_payload_is_not_too_large),
		CASE(ten_mib_a_second_are_the_limit),
		CASE(what_may_not_be_published_is_not_charged),
		CASE(what_has_happened_is_told_by_the_runtime_alone),
		CASE(payloads_travel_with_their_type),
		CASE(a_message_says_where_it_comes_from),
		CASE(publications_pass_on_who_asked),
		CASE(who_publishes_waits_for_room),
		CASE(a_publication_that_fails_says_why),
		CASE(memory_of_a_payload_is_given_back),
		CASE(a_guest_that_waits_or_runs_on_has_no_large_payload),
		CASE(what_is_not_declared_is_not_subscribed),
		CASE(patterns_are_checked_before_the_list_is_looked_at),
		CASE(a_last_wildcard_is_one_segment_or_more),
		CASE(handles_count_up_and_never_come_again),
	};
#undef CASE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
