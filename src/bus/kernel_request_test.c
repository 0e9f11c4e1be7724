/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests to the runtime itself, and its answers. */
#include "bus/kernel_request.h"

#include "bus/payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static enum capsule_status read_text(struct kernel_request *request, const char *json, struct capsule_error *err)
{
	*request = (struct kernel_request){ 0 };
	return kernel_request_read(request, span_text(json), err);
}

static void is_read(const char *json, enum kernel_method method)
{
	struct kernel_request request;
	struct capsule_error err;

	if (read_text(&request, json, &err) != CAPSULE_OK)
		fail_msg("%s: %s", json, err.text);
	assert_int_equal(request.method, method);
	kernel_request_fini(&request);
}

static void is_refused(const char *json, const char *token)
{
	struct kernel_request request;
	struct capsule_error err;

	assert_int_equal(read_text(&request, json, &err), CAPSULE_EINVAL);
	if (strstr(err.text, token) == NULL)
		fail_msg("%s: %s", json, err.text);
	kernel_request_fini(&request);
	kernel_request_fini(&request);
}

/* rt:261 */
static void methods_without_parameters_have_none(void **state)
{
	(void)state;
	is_read("{\"method\":\"ListCapsules\"}", KERNEL_LIST_CAPSULES);
	is_read("{\"method\":\"ListCapsules\",\"params\":null}", KERNEL_LIST_CAPSULES);
	is_refused("{\"method\":\"ListCapsules\",\"params\":{}}", "has no parameters");
	is_refused("{\"method\":\"list\"}", "unknown method `list`");
	is_refused("{\"method\":\"ListCapsules\",\"params\":[]}", "has no parameters");
	is_refused("{\"method\":\"ListCapsules\",\"params\":false}", "has no parameters");
	is_read("{\"more\":[1],\"params\":null,\"method\":\"ReloadCapsules\"}", KERNEL_RELOAD_CAPSULES);
	is_read("{\"method\":\"GetCommands\",\"type\":\"raw_json\"}", KERNEL_GET_COMMANDS);
	is_read("{\"method\":\"GetCapsuleMetadata\"}", KERNEL_GET_CAPSULE_METADATA);
}

static void what_is_no_request_is_refused(void **state)
{
	static const char *const bad[] = { "{}", "[]", "5", "\"ListCapsules\"", "{\"method\":5}", "{\"method\":null}",
		"{\"Method\":\"ListCapsules\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		is_refused(bad[i], "not an object with a text `method`");
	is_refused("{\"method\":\"ListCapsules\"", "request: line 1");
	is_refused("{\"method\":\"ListCapsules\",\"method\":\"ListCapsules\"}", "request: ");
	is_refused("{\"method\":\"ListCapsules\\u0000\"}", "unknown method");
	is_refused("{\"method\":\"listcapsules\"}", "unknown method");
	/* A name that is cut in a message is cut between characters. */
	is_refused(
		"{\"method\":\"0123456789012345678901234567890123456789012345678901234567890123\xC3\xA9\"}", "0123`;");
	is_refused(
		"{\"method\":\"012345678901234567890123456789012345678901234567890123456789012\xC3\xA9\"}", "9012`;");
}

static void every_method_has_its_name(void **state)
{
	(void)state;
	for (int i = 0; i < KERNEL_METHODS; i++) {
		char json[128];

		(void)snprintf(json, sizeof json, "{\"method\":\"%s\"%s}", kernel_method_name((enum kernel_method)i),
			i == KERNEL_INSTALL_CAPSULE ? ",\"params\":{\"source\":\"s\",\"workspace\":true}"
				: i == KERNEL_APPROVE_CAPABILITY
				? ",\"params\":{\"request_id\":\"r\",\"signature\":\"s\"}"
				: "");
		is_read(json, (enum kernel_method)i);
	}
}

static void parameters_are_read(void **state)
{
	struct kernel_request request;

	(void)state;
	assert_int_equal(
		read_text(&request,
			"{\"params\":{\"x\":1,\"workspace\":true,\"source\":\"./a b\"},\"method\":\"InstallCapsule\"}",
			NULL),
		CAPSULE_OK);
	assert_true(span_is(request.source, "./a b") && request.workspace);
	kernel_request_fini(&request);
	assert_int_equal(
		read_text(&request,
			"{\"method\":\"ApproveCapability\",\"params\":{\"request_id\":\"r\",\"signature\":\"\"}}",
			NULL),
		CAPSULE_OK);
	assert_true(span_is(request.request_id, "r") && span_is(request.signature, ""));
	kernel_request_fini(&request);
	is_refused("{\"method\":\"InstallCapsule\"}", "needs a text `source`");
	is_refused("{\"method\":\"InstallCapsule\",\"params\":null}", "needs a text `source`");
	is_refused("{\"method\":\"InstallCapsule\",\"params\":{\"source\":1,\"workspace\":true}}", "`source`");
	is_refused("{\"method\":\"InstallCapsule\",\"params\":{\"source\":\"s\"}}", "`workspace`");
	is_refused("{\"method\":\"InstallCapsule\",\"params\":{\"source\":\"s\",\"workspace\":0}}", "`workspace`");
	is_refused("{\"method\":\"InstallCapsule\",\"params\":[\"s\",true]}", "`source`");
	is_refused("{\"method\":\"ApproveCapability\",\"params\":{\"request_id\":\"r\"}}", "`signature`");
	is_refused("{\"method\":\"ApproveCapability\",\"params\":{\"signature\":\"r\"}}", "`request_id`");
}

static void a_request_has_at_most_64_kib(void **state)
{
	struct kernel_request request = { 0 };
	struct buffer json = { 0 };

	(void)state;
	assert_true(buffer_append_text(&json, "{\"method\":\"ListCapsules\"}"));
	while (json.len < KERNEL_REQUEST_MAX)
		assert_true(buffer_append_byte(&json, ' '));
	assert_int_equal(kernel_request_read(&request, buffer_span(&json), NULL), CAPSULE_OK);
	kernel_request_fini(&request);
	assert_true(buffer_append_byte(&json, ' '));
	assert_int_equal(kernel_request_read(&request, buffer_span(&json), NULL), CAPSULE_ELIMIT);
	kernel_request_fini(&request);
	buffer_fini(&json);
}

/* rt:262 */
static void an_error_is_a_text_with_its_status(void **state)
{
	struct buffer plain = { 0 }, tagged = { 0 };
	struct payload payload = { 0 };

	(void)state;
	assert_true(kernel_response_append_error(&plain, span_text("no \"x\" \xFF"), false));
	assert_string_equal(buffer_text(&plain), "{\"status\":\"Error\",\"data\":\"no \\\"x\\\" \xEF\xBF\xBD\"}");
	assert_true(kernel_response_append_error(&tagged, span_text("no \"x\" \xFF"), true));
	assert_string_equal(buffer_text(&tagged),
		"{\"type\":\"raw_json\",\"status\":\"Error\",\"data\":\"no \\\"x\\\" \xEF\xBF\xBD\"}");
	/* On the bus it is what it was. */
	assert_int_equal(payload_read(&payload, buffer_span(&tagged), NULL), CAPSULE_OK);
	assert_int_equal(payload.type, PAYLOAD_RAW_JSON);
	assert_true(span_equal(payload.tagged, buffer_span(&tagged)));
	assert_true(span_equal(payload.inner, buffer_span(&plain)));
	payload_fini(&payload);
	buffer_fini(&plain);
	buffer_fini(&tagged);
}

static void every_response_has_its_status(void **state)
{
	static const char *const names[] = { "Success", "Commands", "CapsuleMetadata", "Error", "ApprovalRequired" };
	struct buffer out = { 0 };

	(void)state;
	for (int i = 0; i < KERNEL_RESPONSES; i++) {
		char want[128];

		buffer_clear(&out);
		assert_true(kernel_response_append(&out, (enum kernel_response)i, span_text("[\"a\"]"), true));
		(void)snprintf(
			want, sizeof want, "{\"type\":\"raw_json\",\"status\":\"%s\",\"data\":[\"a\"]}", names[i]);
		assert_string_equal(buffer_text(&out), want);
	}
	buffer_fini(&out);
}

/* rt:265 */
static void a_tools_name_splits_at_its_first_colon(void **state)
{
	static const char *const whole[] = { "", ":", "read_file", ":read_file", "filesystem:" };
	struct span server, tool;

	(void)state;
	assert_true(tool_name_split(span_text("filesystem:read_file"), &server, &tool));
	assert_true(span_is(server, "filesystem") && span_is(tool, "read_file"));
	assert_true(tool_name_split(span_text("a:b:c"), &server, &tool));
	assert_true(span_is(server, "a") && span_is(tool, "b:c"));
	for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
		assert_false(tool_name_split(span_text(whole[i]), &server, &tool));
	assert_false(tool_name_split(span_of(NULL, 0), &server, &tool));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(methods_without_parameters_have_none),
		cmocka_unit_test(what_is_no_request_is_refused),
		cmocka_unit_test(every_method_has_its_name),
		cmocka_unit_test(parameters_are_read),
		cmocka_unit_test(a_request_has_at_most_64_kib),
		cmocka_unit_test(an_error_is_a_text_with_its_status),
		cmocka_unit_test(every_response_has_its_status),
		cmocka_unit_test(a_tools_name_splits_at_its_first_colon),
	};

	return cmocka_run_group_tests_name("bus_kernel_request", tests, NULL, NULL);
}
