/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What becomes of a published value: the typed forms, and everything else as `custom`. */
#include "bus/payload.h"

#include "base/json.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ID_WRITTEN "6F9619FF-8B86-D011-B42D-00C04FC964FF"
#define ID_READ "6f9619ff-8b86-d011-b42d-00c04fc964ff"

static struct payload payload;

static int tear_down(void **state)
{
	(void)state;
	payload_fini(&payload);
	return 0;
}

static void read_text(const char *json)
{
	struct capsule_error err;

	if (payload_read(&payload, span_text(json), &err) != CAPSULE_OK)
		fail_msg("%s: %s", json, err.text);
	assert_true(payload.type < PAYLOAD_UNKNOWN);
}

static void same(struct span have, const char *want, const char *json)
{
	if (!span_is(have, want))
		fail_msg("%s\n  became %.*s\n  and not %s", json, SPAN_ARG(have), want);
}

/* `json` travels as `want`. */
static void travels_as(const char *json, const char *want)
{
	read_text(json);
	same(payload.tagged, want, json);
}

/* It has its type, and is written again as it was. */
static void stays(const char *json, enum payload_type type)
{
	travels_as(json, json);
	assert_int_equal(payload.type, type);
}

/* It is not as its type has it, or has none. */
static void is_custom(const char *json)
{
	char want[4096];

	(void)snprintf(want, sizeof want, "{\"type\":\"custom\",\"data\":%s}", json);
	travels_as(json, want);
	assert_int_equal(payload.type, PAYLOAD_CUSTOM);
	same(payload.inner, json, json);
}

/* rt:249 */
static void eighteen_tags_are_known(void **state)
{
	static const char *const known[] = { "raw_json", "user_input", "agent_response", "approval_required",
		"approval_response", "onboarding_required", "llm_request", "llm_stream_event", "llm_response",
		"tool_execute_request", "tool_execute_result", "tool_cancel_request", "selection_required",
		"elicit_request", "elicit_response", "connect", "disconnect", "custom" };
	static const char *const unknown[] = { "unknown", "", "Raw_Json", "my_plugin_msg", "custom ", "connec" };

	(void)state;
	assert_int_equal(sizeof known / sizeof known[0], 18);
	assert_int_equal(PAYLOAD_UNKNOWN, 18);
	for (size_t i = 0; i < 18; i++) {
		enum payload_type type = payload_type_find(span_text(known[i]));

		assert_int_not_equal(type, PAYLOAD_UNKNOWN);
		assert_string_equal(payload_type_name(type), known[i]);
	}
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
		assert_int_equal(payload_type_find(span_text(unknown[i])), PAYLOAD_UNKNOWN);
}

/* rt:250 rt:253 */
static void what_has_no_known_form_is_custom_as_a_whole(void **state)
{
	(void)state;
	is_custom("{\"type\":\"my_plugin_msg\",\"foo\":42}");
	is_custom("{\"foo\":1}");
	is_custom("\"hello\"");
	is_custom("{\"type\":\"custom\"}");
	is_custom("{\"type\":\"unknown\"}");
	is_custom("{\"type\":5}");
	is_custom("{\"type\":null,\"text\":\"t\"}");
	is_custom("{\"type\":\"\"}");
	is_custom("null");
	is_custom("[{\"type\":\"connect\"}]");
	is_custom("-1.5e-7");
	is_custom("{}");
}

static void custom_keeps_the_text_but_for_blanks(void **state)
{
	(void)state;
	travels_as(" {\"a b\" : [ 1 ,\t2.0,\n123456789012345678901234567890 ] }\r\n",
		"{\"type\":\"custom\",\"data\":{\"a b\":[1,2.0,123456789012345678901234567890]}}");
	is_custom("\"\\u0041 \\\" \\\\ \\/ \\u0000\"");
}

/* rt:251 rt:252 rt:256 */
static void typed_forms_are_read_by_their_fields(void **state)
{
	(void)state;
	stays("{\"type\":\"user_input\",\"text\":\"hi\",\"session_id\":\"s1\"}", PAYLOAD_USER_INPUT);
	is_custom("{\"type\":\"user_input\",\"session_id\":\"s1\"}");
	is_custom("{\"type\":\"user_input\",\"text\":5}");
	is_custom("{\"type\":\"user_input\",\"text\":null}");
	is_custom("{\"type\":\"user_input\",\"text\":\"t\",\"session_id\":null}");
	stays("{\"type\":\"connect\"}", PAYLOAD_CONNECT);
	travels_as("{\"type\":\"connect\",\"more\":1}", "{\"type\":\"connect\"}");
	stays("{\"type\":\"custom\",\"data\":{\"foo\":1}}", PAYLOAD_CUSTOM);
	same(payload.inner, "{\"foo\":1}", "inner");
	travels_as("{\"type\":\"user_input\",\"text\":\"t\"}",
		"{\"type\":\"user_input\",\"text\":\"t\",\"session_id\":\"default\"}");
	travels_as("{\"context\":{\"k\":[1]},\"session_id\":\"s\",\"x\":1,\"text\":\"t\",\"type\":\"user_input\"}",
		"{\"type\":\"user_input\",\"text\":\"t\",\"session_id\":\"s\",\"context\":{\"k\":[1]}}");
	travels_as("{\"type\":\"user_input\",\"text\":\"t\",\"context\":null}",
		"{\"type\":\"user_input\",\"text\":\"t\",\"session_id\":\"default\"}");
}

/* rt:254 */
static void raw_json_keeps_the_members_beside_its_type(void **state)
{
	(void)state;
	stays("{\"type\":\"raw_json\",\"method\":\"ListCapsules\"}", PAYLOAD_RAW_JSON);
	same(payload.inner, "{\"method\":\"ListCapsules\"}", "inner");
	travels_as("{ \"a\":{\"type\":1}, \"type\":\"raw_json\", \"b\":[true,null] }",
		"{\"type\":\"raw_json\",\"a\":{\"type\":1},\"b\":[true,null]}");
	same(payload.inner, "{\"a\":{\"type\":1},\"b\":[true,null]}", "inner");
	stays("{\"type\":\"raw_json\"}", PAYLOAD_RAW_JSON);
	same(payload.inner, "{}", "inner");
}

/* rt:259 */
static void interceptors_get_what_is_inside(void **state)
{
	(void)state;
	travels_as("{\"type\":\"custom\",\"data\":5}", "{\"type\":\"custom\",\"data\":5}");
	same(payload.inner, "5", "custom");
	travels_as("{\"data\": null ,\"type\":\"custom\",\"x\":1}", "{\"type\":\"custom\",\"data\":null}");
	same(payload.inner, "null", "custom");
	read_text("{\"type\":\"raw_json\",\"k\":1}");
	same(payload.inner, "{\"k\":1}", "raw_json");
	read_text("{\"type\":\"user_input\",\"text\":\"t\"}");
	same(payload.inner, "{\"type\":\"user_input\",\"text\":\"t\",\"session_id\":\"default\"}", "user_input");
	read_text("{\"type\":\"connect\"}");
	same(payload.inner, "{\"type\":\"connect\"}", "connect");
}

/* rt:257 rt:258 */
static void absent_options_are_not_written(void **state)
{
	(void)state;
	stays("{\"type\":\"disconnect\",\"reason\":\"bye\"}", PAYLOAD_DISCONNECT);
	stays("{\"type\":\"disconnect\"}", PAYLOAD_DISCONNECT);
	travels_as("{\"type\":\"disconnect\",\"reason\":null}", "{\"type\":\"disconnect\"}");
	is_custom("{\"type\":\"disconnect\",\"reason\":1}");
	stays("{\"type\":\"elicit_response\",\"request_id\":\"" ID_READ "\",\"value\":\"v\"}", PAYLOAD_ELICIT_RESPONSE);
	stays("{\"type\":\"elicit_response\",\"request_id\":\"" ID_READ "\",\"values\":[\"a\",\"b\"]}",
		PAYLOAD_ELICIT_RESPONSE);
	stays("{\"type\":\"elicit_response\",\"request_id\":\"" ID_READ "\"}", PAYLOAD_ELICIT_RESPONSE);
	is_custom("{\"type\":\"elicit_response\",\"request_id\":\"" ID_READ "\",\"values\":[\"a\",1]}");
	is_custom("{\"type\":\"elicit_response\",\"request_id\":\"" ID_READ "\",\"values\":\"a\"}");
}

static void identifiers_are_written_in_one_form(void **state)
{
	(void)state;
	static const char *const forms[] = { ID_WRITTEN, "6f9619ff8b86d011b42d00c04fc964ff", "{" ID_WRITTEN "}",
		"urn:uuid:" ID_WRITTEN };

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		char json[256];

		(void)snprintf(json, sizeof json, "{\"type\":\"elicit_response\",\"request_id\":\"%s\"}", forms[i]);
		travels_as(json, "{\"type\":\"elicit_response\",\"request_id\":\"" ID_READ "\"}");
	}
	is_custom("{\"type\":\"elicit_response\",\"request_id\":\"6f9619ff\"}");
	is_custom("{\"type\":\"elicit_response\",\"request_id\":7}");
	is_custom("{\"type\":\"elicit_response\"}");
}

#define ONBOARDING(field_type) "{\"key\":\"k\",\"prompt\":\"p\",\"field_type\":" field_type "}"
#define REQUIRED(field_type)                                                                                           \
	"{\"type\":\"onboarding_required\",\"capsule_id\":\"c\",\"fields\":[" ONBOARDING(field_type) "]}"

/* rt:260 */
static void onboarding_fields_have_a_type(void **state)
{
	(void)state;
	stays(REQUIRED("\"Secret\""), PAYLOAD_ONBOARDING_REQUIRED);
	stays(REQUIRED("\"Text\""), PAYLOAD_ONBOARDING_REQUIRED);
	stays(REQUIRED("\"Array\""), PAYLOAD_ONBOARDING_REQUIRED);
	stays(REQUIRED("{\"Enum\":[\"testnet\",\"mainnet\"]}"), PAYLOAD_ONBOARDING_REQUIRED);
	stays(REQUIRED("{\"Enum\":[]}"), PAYLOAD_ONBOARDING_REQUIRED);
	is_custom(REQUIRED("\"secret\""));
	is_custom(REQUIRED("\"Enum\""));
	is_custom(REQUIRED("\"\""));
	is_custom(REQUIRED("\"Text Secret\""));
	is_custom(REQUIRED("\" \""));
	is_custom(REQUIRED("{\"Enum\":[1]}"));
	is_custom(REQUIRED("{\"Enum\":[],\"x\":1}"));
	is_custom(REQUIRED("{\"Text\":[]}"));
	is_custom(REQUIRED("{}"));
	is_custom(REQUIRED("null"));
	stays("{\"type\":\"elicit_request\",\"request_id\":\"" ID_READ
	      "\",\"capsule_id\":\"c\",\"field\":{\"key\":\"k\","
	      "\"prompt\":\"p\",\"description\":\"d\",\"field_type\":\"Text\",\"default\":\"x\",\"placeholder\":\"y\"}}",
		PAYLOAD_ELICIT_REQUEST);
	travels_as("{\"type\":\"onboarding_required\",\"capsule_id\":\"c\",\"fields\":[{\"description\":null,\"z\":1,"
		   "\"field_type\":\"Text\",\"prompt\":\"p\",\"key\":\"k\"}]}",
		REQUIRED("\"Text\""));
}

static void the_other_forms_are_complete(void **state)
{
	(void)state;
	stays("{\"type\":\"agent_response\",\"text\":\"t\",\"is_final\":true,\"session_id\":\"s\"}",
		PAYLOAD_AGENT_RESPONSE);
	is_custom("{\"type\":\"agent_response\",\"text\":\"t\",\"is_final\":1,\"session_id\":\"s\"}");
	stays("{\"type\":\"approval_required\",\"request_id\":\"r\",\"action\":\"a\",\"resource\":\"x\",\"reason\":\"y\","
	      "\"risk_level\":\"low\"}",
		PAYLOAD_APPROVAL_REQUIRED);
	is_custom(
		"{\"type\":\"approval_required\",\"request_id\":\"r\",\"action\":\"a\",\"resource\":\"x\",\"reason\":\"y\"}");
	stays("{\"type\":\"approval_response\",\"request_id\":\"r\",\"decision\":\"approve\"}",
		PAYLOAD_APPROVAL_RESPONSE);
	stays("{\"type\":\"approval_response\",\"request_id\":\"r\",\"decision\":\"deny\",\"reason\":\"no\"}",
		PAYLOAD_APPROVAL_RESPONSE);
	stays("{\"type\":\"tool_execute_request\",\"call_id\":\"c\",\"tool_name\":\"s:t\",\"arguments\":null}",
		PAYLOAD_TOOL_EXECUTE_REQUEST);
	is_custom("{\"type\":\"tool_execute_request\",\"call_id\":\"c\",\"tool_name\":\"s:t\"}");
	travels_as(
		"{\"type\":\"tool_execute_result\",\"call_id\":\"c\",\"result\":{\"call_id\":\"c\",\"content\":\"x\"}}",
		"{\"type\":\"tool_execute_result\",\"call_id\":\"c\",\"result\":{\"call_id\":\"c\",\"content\":\"x\","
		"\"is_error\":false}}");
	stays("{\"type\":\"tool_cancel_request\",\"call_ids\":[]}", PAYLOAD_TOOL_CANCEL_REQUEST);
	stays("{\"type\":\"tool_cancel_request\",\"call_ids\":[\"a\",\"b\"]}", PAYLOAD_TOOL_CANCEL_REQUEST);
	is_custom("{\"type\":\"tool_cancel_request\",\"call_ids\":{}}");
	stays("{\"type\":\"selection_required\",\"request_id\":\"r\",\"title\":\"t\",\"options\":[{\"id\":\"i\","
	      "\"label\":\"l\"},{\"id\":\"j\",\"label\":\"m\",\"description\":\"d\"}],\"callback_topic\":\"c\"}",
		PAYLOAD_SELECTION_REQUIRED);
}

#define STREAM(event) "{\"type\":\"llm_stream_event\",\"request_id\":\"" ID_READ "\",\"event\":" event "}"

/* rt:263 */
static void stream_events_are_words_or_variants(void **state)
{
	(void)state;
	stays(STREAM("\"Done\""), PAYLOAD_LLM_STREAM_EVENT);
	stays(STREAM("{\"TextDelta\":\"x\"}"), PAYLOAD_LLM_STREAM_EVENT);
	stays(STREAM("{\"ToolCallStart\":{\"id\":\"i\",\"name\":\"n\"}}"), PAYLOAD_LLM_STREAM_EVENT);
	stays(STREAM("{\"ToolCallDelta\":{\"id\":\"i\",\"args_delta\":\"{\"}}"), PAYLOAD_LLM_STREAM_EVENT);
	stays(STREAM("{\"ToolCallEnd\":{\"id\":\"i\"}}"), PAYLOAD_LLM_STREAM_EVENT);
	stays(STREAM("{\"ReasoningDelta\":\"r\"}"), PAYLOAD_LLM_STREAM_EVENT);
	stays(STREAM("{\"Usage\":{\"input_tokens\":0,\"output_tokens\":18446744073709551615}}"),
		PAYLOAD_LLM_STREAM_EVENT);
	stays(STREAM("{\"Error\":\"e\"}"), PAYLOAD_LLM_STREAM_EVENT);
	is_custom(STREAM("\"TextDelta\""));
	is_custom(STREAM("\"done\""));
	is_custom(STREAM("{\"Other\":\"x\"}"));
	is_custom(STREAM("{\"TextDelta\":\"x\",\"Error\":\"e\"}"));
	is_custom(STREAM("{\"Usage\":{\"input_tokens\":-1,\"output_tokens\":2}}"));
	is_custom(STREAM("{\"Usage\":{\"input_tokens\":1.0,\"output_tokens\":2}}"));
	is_custom(STREAM("[]"));
}

#define CALL "{\"id\":\"i\",\"name\":\"n\",\"arguments\":{\"a\":1}}"
#define ASK(content)                                                                                                   \
	"{\"type\":\"llm_request\",\"request_id\":\"" ID_READ                                                          \
	"\",\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":" content                                     \
	"}],\"tools\":[{\"name\":\"n\",\"description\":null,\"input_schema\":{}}],\"system\":\"s\"}"

/* rt:264 */
static void content_is_the_first_form_that_fits(void **state)
{
	(void)state;
	stays(ASK("\"hi\""), PAYLOAD_LLM_REQUEST);
	stays(ASK("[]"), PAYLOAD_LLM_REQUEST);
	stays(ASK("[{\"type\":\"text\",\"text\":\"t\"}]"), PAYLOAD_LLM_REQUEST);
	stays(ASK("[{\"type\":\"image\",\"data\":\"QQ==\",\"media_type\":\"image/png\"},{\"type\":\"text\",\"text\":\"t\"}]"),
		PAYLOAD_LLM_REQUEST);
	stays(ASK("[" CALL "," CALL "]"), PAYLOAD_LLM_REQUEST);
	stays(ASK("{\"call_id\":\"c\",\"content\":\"x\",\"is_error\":true}"), PAYLOAD_LLM_REQUEST);
	/* What fits as a call is one, whatever else it has: its `type` and `text` go. */
	travels_as(ASK("[{\"type\":\"text\",\"text\":\"t\",\"id\":\"i\",\"name\":\"n\",\"arguments\":{\"a\":1}}]"),
		ASK("[" CALL "]"));
	/* The second one fits no call, so all are read as parts, and the first one is none. */
	is_custom(ASK("[" CALL ",{\"type\":\"text\",\"text\":\"t\"}]"));
	is_custom(ASK("[{\"type\":\"audio\",\"data\":\"\"}]"));
	is_custom(ASK("null"));
	is_custom(ASK("{\"content\":\"x\"}"));
	travels_as(
		"{\"type\":\"llm_request\",\"request_id\":\"" ID_WRITTEN
		"\",\"model\":\"m\",\"messages\":[],\"tools\":[{\"name\":\"n\",\"input_schema\":{}}],\"system\":\"s\"}",
		"{\"type\":\"llm_request\",\"request_id\":\"" ID_READ
		"\",\"model\":\"m\",\"messages\":[],\"tools\":[{\"name\":\"n\",\"description\":null,\"input_schema\":{}}],"
		"\"system\":\"s\"}");
}

static void roles_and_reasons_are_words(void **state)
{
	static const char *const roles[] = { "system", "user", "assistant", "tool" };
	static const char *const reasons[] = { "EndTurn", "MaxTokens", "ToolUse", "StopSequence" };
	static const char form[] =
		"{\"type\":\"llm_response\",\"request_id\":\"" ID_READ
		"\",\"response\":{\"message\":{\"role\":\"%s\",\"content\":\"c\"},\"has_tool_calls\":"
		"false,\"stop_reason\":\"%s\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}";
	char json[512];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(json, sizeof json, form, roles[i], reasons[i]);
		stays(json, PAYLOAD_LLM_RESPONSE);
	}
	(void)snprintf(json, sizeof json, form, "User", "EndTurn");
	is_custom(json);
	(void)snprintf(json, sizeof json, form, "user", "end_turn");
	is_custom(json);
}

/* rt:255 */
static void invalid_json_is_an_error(void **state)
{
	static const char *const bad[] = { "", "{", "{\"a\":1,}", "nul", "\"\xFF\"", "{\"a\":1}{}", "{\"a\":1,\"a\":2}",
		"{\"type\":\"connect\",\"type\":\"custom\"}", "{\"a\":{\"b\":1,\"\\u0062\":2}}", "NaN" };
	struct capsule_error err;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(payload_read(&payload, span_text(bad[i]), &err), CAPSULE_EINVAL);
		assert_non_null(strstr(err.text, "not valid JSON: "));
		assert_int_equal(payload_read_tagged(&payload, span_text(bad[i]), &err), CAPSULE_EINVAL);
	}
}

static void nesting_ends_at_127_levels(void **state)
{
	struct buffer json = { 0 };
	struct capsule_error err;

	(void)state;
	for (size_t depth = 127; depth <= 128; depth++) {
		buffer_clear(&json);
		for (size_t i = 0; i < depth; i++)
			(void)buffer_append_byte(&json, '[');
		for (size_t i = 0; i < depth; i++)
			(void)buffer_append_byte(&json, ']');
		assert_int_equal(
			payload_read(&payload, buffer_span(&json), &err), depth == 127 ? CAPSULE_OK : CAPSULE_ELIMIT);
	}
	assert_non_null(strstr(err.text, "not valid JSON: "));
	buffer_fini(&json);
}

static void size_ends_at_5_mib(void **state)
{
	struct buffer json = { 0 };

	(void)state;
	assert_true(buffer_reserve(&json, LIMIT_PUBLISH + 1));
	memset(json.data, 'x', LIMIT_PUBLISH + 1);
	json.data[0] = json.data[LIMIT_PUBLISH - 1] = '"';
	json.len = LIMIT_PUBLISH;
	assert_int_equal(payload_read(&payload, buffer_span(&json), NULL), CAPSULE_OK);
	assert_int_equal(payload.inner.len, LIMIT_PUBLISH);
	json.data[LIMIT_PUBLISH - 1] = 'x';
	json.data[LIMIT_PUBLISH] = '"';
	json.len = LIMIT_PUBLISH + 1;
	assert_int_equal(payload_read(&payload, buffer_span(&json), NULL), CAPSULE_ELIMIT);
	buffer_fini(&json);
}

static void tagged_as(const char *json, enum payload_type type, const char *want)
{
	struct capsule_error err;

	if (payload_read_tagged(&payload, span_text(json), &err) != CAPSULE_OK)
		fail_msg("%s: %s", json, err.text);
	assert_int_equal(payload.type, type);
	same(payload.tagged, want, json);
}

/* rt:248 */
static void plain_reading_knows_the_unknown(void **state)
{
	static const char *const bad[] = { "{\"type\":\"user_input\"}", "{\"type\":\"custom\"}", "{\"some_data\":42}",
		"5", "\"type\"", "[]", "{\"type\":1}", "{\"type\":\"llm_request\",\"request_id\":\"x\"}" };
	struct capsule_error err;

	(void)state;
	tagged_as("{\"type\":\"future_variant\",\"some_data\":42}", PAYLOAD_UNKNOWN, "{\"type\":\"unknown\"}");
	tagged_as("{\"type\":\"unknown\"}", PAYLOAD_UNKNOWN, "{\"type\":\"unknown\"}");
	assert_string_equal(payload_type_name(PAYLOAD_UNKNOWN), "unknown");
	tagged_as("{\"type\":\"raw_json\",\"a\":1}", PAYLOAD_RAW_JSON, "{\"type\":\"raw_json\",\"a\":1}");
	tagged_as("{\"text\":\"t\",\"type\":\"user_input\"}", PAYLOAD_USER_INPUT,
		"{\"type\":\"user_input\",\"text\":\"t\",\"session_id\":\"default\"}");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(payload_read_tagged(&payload, span_text(bad[i]), &err), CAPSULE_EINVAL);
		assert_memory_equal(err.text, "payload: ", 9);
	}
}

static void requests_for_an_answer_are_noted(void **state)
{
	static const struct {
		const char *json;
		enum payload_request request;
		const char *id;
	} rows[] = {
		{ "{\"req_id\":\"a-B_9\"}", PAYLOAD_REQUEST, "a-B_9" },
		{ "{\"type\":\"custom\",\"data\":{\"req_id\":\"r\"}}", PAYLOAD_REQUEST, "r" },
		{ "{\"_astrid_delivery_id\":\"d\"}", PAYLOAD_DELIVERY, "d" },
		{ "{\"_astrid_delivery_id\":\"d\",\"req_id\":\"r\"}", PAYLOAD_REQUEST, "r" },
		{ "{\"type\":\"raw_json\",\"req_id\":\"r\"}", PAYLOAD_REQUEST, "r" },
		{ "{\"req_id\":\"a.b\"}", PAYLOAD_NO_REQUEST, "" },
		{ "{\"req_id\":\"*\"}", PAYLOAD_NO_REQUEST, "" },
		{ "{\"req_id\":\"\"}", PAYLOAD_NO_REQUEST, "" },
		{ "{\"req_id\":7}", PAYLOAD_NO_REQUEST, "" },
		{ "{\"req_id\":\"a\\u0000\"}", PAYLOAD_NO_REQUEST, "" },
		{ "[{\"req_id\":\"r\"}]", PAYLOAD_NO_REQUEST, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		read_text(rows[i].json);
		if (payload.request != rows[i].request)
			fail_msg("%s: %d", rows[i].json, (int)payload.request);
		same(payload.request_id, rows[i].id, rows[i].json);
	}
}

static void an_id_has_at_most_128_bytes(void **state)
{
	char json[PAYLOAD_REQUEST_ID_MAX + 64], id[PAYLOAD_REQUEST_ID_MAX + 2];

	(void)state;
	for (size_t len = PAYLOAD_REQUEST_ID_MAX; len <= PAYLOAD_REQUEST_ID_MAX + 1; len++) {
		memset(id, 'i', len);
		id[len] = '\0';
		(void)snprintf(json, sizeof json, "{\"req_id\":\"%s\"}", id);
		read_text(json);
		assert_int_equal(payload.request_id.len, len == PAYLOAD_REQUEST_ID_MAX ? len : 0);
	}
}

static void a_failure_leaves_nothing_of_the_one_before(void **state)
{
	(void)state;
	read_text("{\"req_id\":\"r\"}");
	assert_int_equal(payload_read_tagged(&payload, span_text("{\"type\":\"user_input\"}"), NULL), CAPSULE_EINVAL);
	assert_int_equal(payload.tagged.len, 0);
	assert_int_equal(payload.inner.len, 0);
	assert_int_equal(payload.request, PAYLOAD_NO_REQUEST);
	read_text("true");
	same(payload.tagged, "{\"type\":\"custom\",\"data\":true}", "after a failure");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eighteen_tags_are_known),
		cmocka_unit_test(what_has_no_known_form_is_custom_as_a_whole),
		cmocka_unit_test(custom_keeps_the_text_but_for_blanks),
		cmocka_unit_test(typed_forms_are_read_by_their_fields),
		cmocka_unit_test(raw_json_keeps_the_members_beside_its_type),
		cmocka_unit_test(interceptors_get_what_is_inside),
		cmocka_unit_test(absent_options_are_not_written),
		cmocka_unit_test(identifiers_are_written_in_one_form),
		cmocka_unit_test(onboarding_fields_have_a_type),
		cmocka_unit_test(the_other_forms_are_complete),
		cmocka_unit_test(stream_events_are_words_or_variants),
		cmocka_unit_test(content_is_the_first_form_that_fits),
		cmocka_unit_test(roles_and_reasons_are_words),
		cmocka_unit_test(invalid_json_is_an_error),
		cmocka_unit_test(nesting_ends_at_127_levels),
		cmocka_unit_test(size_ends_at_5_mib),
		cmocka_unit_test(plain_reading_knows_the_unknown),
		cmocka_unit_test(requests_for_an_answer_are_noted),
		cmocka_unit_test(an_id_has_at_most_128_bytes),
		cmocka_unit_test(a_failure_leaves_nothing_of_the_one_before),
	};

	return cmocka_run_group_tests_name("bus_payload", tests, NULL, tear_down);
}
