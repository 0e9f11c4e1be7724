/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Events and their JSON forms. */
#include "bus/event.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NOON INT64_C(1785585600123456789) /* 2026-08-01T12:00:00.123456789Z */

static struct event_source source = {
	.origin = { .source = { { 0x6f, 0x96, 0x19, 0xff, 0x8b, 0x86, 0xd0, 0x11, 0xb4, 0x2d, 0, 0xc0, 0x4f, 0xc9, 0x64,
			    0xff } } },
	.source = "wasm_guest",
	.realtime_ns = NOON,
	.published_ns = 5,
};

static struct event *message(const char *topic, const char *json)
{
	struct payload payload = { 0 };
	struct event *event = NULL;

	assert_int_equal(payload_read(&payload, span_text(json), NULL), CAPSULE_OK);
	assert_int_equal(event_new_ipc(&event, &source, span_text(topic), &payload, NULL), CAPSULE_OK);
	payload_fini(&payload); /* all was copied */
	return event;
}

static void same(struct span have, const char *want)
{
	if (!span_is(have, want))
		fail_msg("have %.*s\nwant %s", SPAN_ARG(have), want);
}

static void a_message_has_copies_of_everything(void **state)
{
	static const char *const forms[] = { "{\"req_id\":\"r1\"}", "{\"type\":\"raw_json\",\"req_id\":\"r1\"}",
		"{\"type\":\"custom\",\"data\":{\"req_id\":\"r1\"}}" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct event *event = message("a.b", forms[i]);

		same(event->topic, "a.b");
		same(event->inner, "{\"req_id\":\"r1\"}");
		same(event->request_id, "r1");
		assert_int_equal(event->request, PAYLOAD_REQUEST);
		assert_int_equal(event->charge, EVENT_OVERHEAD + 3 + event->payload.len);
		assert_int_equal(event->type, EVENT_IPC);
		assert_ptr_equal(event_books(event), event);
		event_release(event_hold(event));
		event_release(event);
	}
}

static void an_envelope_says_who_and_when(void **state)
{
	struct event *event = message("a.\"b\"", "{\"type\":\"user_input\",\"text\":\"t\"}");
	struct span first = event_envelope(event);

	(void)state;
	same(first,
		"{\"payload\":{\"type\":\"user_input\",\"text\":\"t\",\"session_id\":\"default\"},\"signature\":null,"
		"\"source_id\":\"6f9619ff-8b86-d011-b42d-00c04fc964ff\",\"timestamp\":"
		"\"2026-08-01T12:00:00.123456789Z\",\"topic\":\"a.\\\"b\\\"\"}");
	assert_ptr_equal(event_envelope(event).data, first.data); /* made once */
	event_release(event);
}

static void time_has_as_many_digits_as_it_needs(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 1, "1970-01-01T00:00:00.000000001Z" },
		{ 1000, "1970-01-01T00:00:00.000001Z" },
		{ 1000000, "1970-01-01T00:00:00.001Z" },
		{ 999999999, "1970-01-01T00:00:00.999999999Z" },
		{ 120 * NS_PER_MS, "1970-01-01T00:00:00.120Z" },
		{ 120 * NS_PER_MS + 7000, "1970-01-01T00:00:00.120007Z" },
		{ -1, "1969-12-31T23:59:59.999999999Z" },
		{ -NS_PER_S, "1969-12-31T23:59:59Z" },
		{ -86400 * NS_PER_S, "1969-12-31T00:00:00Z" },
		{ NOON, "2026-08-01T12:00:00.123456789Z" },
		{ INT64_C(951782400) * NS_PER_S, "2000-02-29T00:00:00Z" },
		{ INT64_C(951868799) * NS_PER_S, "2000-02-29T23:59:59Z" },
		{ INT64_C(951868800) * NS_PER_S, "2000-03-01T00:00:00Z" },
		{ INT64_C(4107542400) * NS_PER_S, "2100-03-01T00:00:00Z" },
		{ INT64_C(4107542399) * NS_PER_S, "2100-02-28T23:59:59Z" },
		{ INT64_C(1735689599) * NS_PER_S, "2024-12-31T23:59:59Z" },
		{ INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
		{ INT64_MIN, "1677-09-21T00:12:43.145224192Z" },
	};
	struct buffer out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buffer_clear(&out);
		assert_true(event_append_time(&out, rows[i].ns));
		same(buffer_span(&out), rows[i].text);
	}
	buffer_fini(&out);
}

/* Every day of two centuries and a half, one after the other, as a calendar is counted by hand. */
static void the_calendar_is_right_on_every_day(void **state)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	struct buffer out = { 0 };
	int year = 1970, month = 1, day = 1;

	(void)state;
	for (int64_t days = 0; year < 2262; days++) {
		bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
		char want[64];

		buffer_clear(&out);
		assert_true(event_append_time(&out, days * 86400 * NS_PER_S));
		(void)snprintf(want, sizeof want, "%04d-%02d-%02dT00:00:00Z", year, month, day);
		same(buffer_span(&out), want);
		if (++day > lengths[month - 1] + (month == 2 && leap)) {
			day = 1;
			year += month == 12;
			month = month % 12 + 1;
		}
	}
	buffer_fini(&out);
}

static void metadata_writes_what_is_absent_as_null(void **state)
{
	struct event *event = message("a", "1");
	struct buffer out = { 0 };
	char want[512], text[UUID_TEXT_LEN + 1];
	struct uuid id;

	(void)state;
	assert_int_equal(event_id(event, &id, NULL), CAPSULE_OK);
	uuid_format(&id, text);
	assert_true(event_append_metadata(event, &out));
	(void)snprintf(want, sizeof want,
		"{\"event_id\":\"%s\",\"timestamp\":\"2026-08-01T12:00:00.123456789Z\",\"correlation_id\":null,"
		"\"session_id\":\"6f9619ff-8b86-d011-b42d-00c04fc964ff\",\"user_id\":null,\"source\":\"wasm_guest\"}",
		text);
	same(buffer_span(&out), want);
	assert_int_equal(text[14], '4');
	memset(&event->origin.source, 0, sizeof event->origin.source);
	event->source = "runtime";
	buffer_clear(&out);
	assert_true(event_append_metadata(event, &out));
	assert_non_null(strstr(buffer_text(&out), "\"session_id\":null,\"user_id\":null,\"source\":\"runtime\"}"));
	assert_non_null(strstr(buffer_text(&out), text)); /* the same id again */
	buffer_fini(&out);
	event_release(event);
}

/* ---- Lifecycle events ---- */

static const char *const fields_of[EVENT_TYPES] = {
#define LIFECYCLE(id, tag, fields) [EVENT_##id] = fields,
#include "bus/lifecycle.def"
#undef LIFECYCLE
};

/* Values for a row, or nulls where it may have them; how many. */
static size_t values_for(const char *fields, bool nulls, struct event_value values[static 8])
{
	size_t count = 0;

	for (const char *at = strchr(fields, ':'); at != NULL; at = strchr(at + 1, ':')) {
		struct event_value *value = &values[count++];

		*value = (struct event_value){ .kind = EVENT_NULL };
		if (nulls && at[2] == '?')
			continue;
		switch (at[1]) {
		case 's':
			*value = (struct event_value){ .kind = EVENT_TEXT, .text = span_text("a \"text\" \xFF") };
			break;
		case 'u':
			*value = (struct event_value){ .kind = EVENT_NUMBER, .number = UINT64_MAX };
			break;
		case 'r':
			*value = (struct event_value){ .kind = EVENT_REAL, .real = 80.5 };
			break;
		case 'b':
			*value = (struct event_value){ .kind = EVENT_BOOL, .truth = true };
			break;
		case 'U':
			*value = (struct event_value){ .kind = EVENT_UUID, .uuid = source.origin.source };
			break;
		default:
			assert_int_equal(at[1], 'j');
			*value = (struct event_value){ .kind = EVENT_JSON, .text = span_text("{\"a\":[1]}") };
		}
	}
	return count;
}

static void check_field(const struct event_value *value, const yyjson_val *have)
{
	yyjson_val *read = json_reader(have);

	switch (value->kind) {
	case EVENT_TEXT:
		assert_string_equal(yyjson_get_str(read), "a \"text\" \xEF\xBF\xBD");
		break;
	case EVENT_NUMBER:
		assert_true(yyjson_get_uint(read) == UINT64_MAX);
		break;
	case EVENT_REAL:
		assert_true(yyjson_is_real(read) && yyjson_get_real(read) == 80.5);
		break;
	case EVENT_BOOL:
		assert_true(yyjson_is_true(read));
		break;
	case EVENT_UUID:
		assert_string_equal(yyjson_get_str(read), "6f9619ff-8b86-d011-b42d-00c04fc964ff");
		break;
	case EVENT_JSON:
		assert_int_equal(yyjson_get_uint(yyjson_arr_get_first(yyjson_obj_get(read, "a"))), 1);
		break;
	default:
		assert_true(yyjson_is_null(read));
	}
}

/* The members of `json` are `type`, `metadata` and those of the row, in this order. */
static void check_json(struct span json, enum event_type type, const struct event_value *values, size_t count)
{
	const struct json_limits limits = { .bytes_max = MIB };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	const char *fields = fields_of[type];
	size_t index, members;
	yyjson_val *key, *value;

	assert_int_equal(json_parse(&doc, json, &limits, "event", NULL), CAPSULE_OK);
	assert_int_equal(yyjson_obj_size(doc->root), 2 + count);
	yyjson_obj_foreach(doc->root, index, members, key, value)
	{
		if (index == 0) {
			assert_string_equal(yyjson_get_str(key), "type");
			assert_string_equal(yyjson_get_str(value), event_type_name(type));
		} else if (index == 1) {
			assert_string_equal(yyjson_get_str(key), "metadata");
			assert_true(yyjson_is_null(yyjson_obj_get(value, "correlation_id")));
			assert_string_equal(yyjson_get_str(yyjson_obj_get(value, "source")), "wasm_guest");
		} else {
			size_t len = strcspn(fields, ":");

			assert_true(span_equal(span_text(yyjson_get_str(key)), span_of(fields, len)));
			check_field(&values[index - 2], value);
			fields += len + strcspn(fields + len, " ");
			fields += *fields == ' ';
		}
	}
	assert_int_equal(*fields, '\0');
}

static void every_lifecycle_event_is_written_as_its_row_says(void **state)
{
	size_t types = 0;

	(void)state;
	for (int type = EVENT_IPC + 1; type < EVENT_TYPES; type++, types++) {
		for (int nulls = 0; nulls <= 1; nulls++) {
			struct event_value values[8];
			size_t count = values_for(fields_of[type], nulls == 1, values);
			struct event *event = NULL;

			assert_int_equal(
				event_new_lifecycle(&event, &source, (enum event_type)type, values, count, NULL),
				CAPSULE_OK);
			check_json(event->payload, (enum event_type)type, values, count);
			assert_true(span_equal(event->payload, event->inner));
			same(event->topic, event_type_topic((enum event_type)type));
			assert_int_equal(event->charge, EVENT_OVERHEAD + event->topic.len + event->payload.len);
			event_release(event);
		}
	}
	assert_int_equal(types, 56 + 1); /* the last one is `custom` */
}

/* rt:266 */
static void a_tool_call_of_a_server_is_told(void **state)
{
	const struct event_value values[] = {
		{ .kind = EVENT_TEXT, .text = span_text("files") },
		{ .kind = EVENT_TEXT, .text = span_text("read") },
		{ .kind = EVENT_NULL },
	};
	struct buffer json = { 0 };
	struct event *event = NULL;
	const char *text;

	(void)state;
	assert_int_equal(event_new_lifecycle(&event, &source, EVENT_MCP_TOOL_CALLED, values, 3, NULL), CAPSULE_OK);
	assert_true(buffer_append_span(&json, event->payload));
	text = buffer_text(&json);
	assert_non_null(strstr(text, "\"type\":\"mcp_tool_called\""));
	assert_non_null(strstr(text, "\"metadata\":{\"event_id\":\""));
	assert_non_null(strstr(text, "\"correlation_id\":null"));
	assert_non_null(strstr(text, ",\"server_name\":\"files\",\"tool_name\":\"read\",\"arguments\":null}"));
	buffer_fini(&json);
	event_release(event);
}

static void a_real_that_json_does_not_know_is_null(void **state)
{
	static const double reals[] = { NAN, INFINITY, -INFINITY };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct event_value values[] = {
			{ .kind = EVENT_UUID, .uuid = source.origin.source },
			{ .kind = EVENT_NUMBER, .number = 1 },
			{ .kind = EVENT_REAL, .real = reals[i] },
		};
		struct buffer json = { 0 };
		struct event *event = NULL;

		assert_int_equal(
			event_new_lifecycle(&event, &source, EVENT_BUDGET_WARNING, values, 3, NULL), CAPSULE_OK);
		assert_true(buffer_append_span(&json, event->payload));
		assert_non_null(strstr(buffer_text(&json), "\"percent_used\":null}"));
		buffer_fini(&json);
		event_release(event);
	}
}

static void types_are_found_by_their_tags(void **state)
{
	(void)state;
	for (int type = 0; type < EVENT_TYPES; type++) {
		const char *tag = event_type_name((enum event_type)type);
		char topic[128];

		assert_int_equal(event_type_find(span_text(tag)), type);
		(void)snprintf(topic, sizeof topic, "%s%s",
			type == EVENT_IPC || type == EVENT_CUSTOM ? "" : "astrid.v1.lifecycle.", tag);
		assert_string_equal(event_type_topic((enum event_type)type), topic);
	}
	assert_int_equal(event_type_find(span_text("tool_call_starte")), EVENT_TYPES);
	assert_int_equal(event_type_find(span_text("")), EVENT_TYPES);
	assert_int_equal(event_type_find(span_text("astrid.v1.lifecycle.custom")), EVENT_TYPES);
	assert_int_equal(event_type_find(span_text("ipc")), EVENT_IPC);
}

/* ---- Rewritten ones ---- */

static void a_rewritten_event_has_the_books_of_the_first(void **state)
{
	struct event *first = message("a.b", "{\"req_id\":\"r\"}"), *second = NULL, *third = NULL;
	struct payload payload = { 0 };

	(void)state;
	first->sequence = 9;
	assert_int_equal(payload_read(&payload, span_text("{\"k\":2}"), NULL), CAPSULE_OK);
	assert_int_equal(event_new_rewritten(&second, first, &payload, NULL), CAPSULE_OK);
	assert_int_equal(payload_read(&payload, span_text("3"), NULL), CAPSULE_OK);
	assert_int_equal(event_new_rewritten(&third, second, &payload, NULL), CAPSULE_OK);
	payload_fini(&payload);
	assert_ptr_equal(event_books(second), first);
	assert_ptr_equal(event_books(third), first); /* never a chain of them */
	same(second->topic, "a.b");
	same(second->inner, "{\"k\":2}");
	same(third->payload, "{\"type\":\"custom\",\"data\":3}");
	assert_int_equal(third->sequence, 9);
	assert_int_equal(third->realtime_ns, NOON);
	assert_memory_equal(&third->origin, &first->origin, sizeof first->origin);
	/* The first stays as long as one of the others. */
	event_release(second);
	event_release(first);
	same(event_books(third)->inner, "{\"req_id\":\"r\"}");
	event_release(third);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_has_copies_of_everything),
		cmocka_unit_test(an_envelope_says_who_and_when),
		cmocka_unit_test(time_has_as_many_digits_as_it_needs),
		cmocka_unit_test(the_calendar_is_right_on_every_day),
		cmocka_unit_test(metadata_writes_what_is_absent_as_null),
		cmocka_unit_test(every_lifecycle_event_is_written_as_its_row_says),
		cmocka_unit_test(a_tool_call_of_a_server_is_told),
		cmocka_unit_test(a_real_that_json_does_not_know_is_null),
		cmocka_unit_test(types_are_found_by_their_tags),
		cmocka_unit_test(a_rewritten_event_has_the_books_of_the_first),
	};

	return cmocka_run_group_tests_name("bus_event", tests, NULL, NULL);
}
