/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Results of tools as their callers get them. JSON is written with ' for ". */
#include "mcp/result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static char *quoted(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	for (char *at = copy; *at != '\0'; at++) {
		if (*at == '\'')
			*at = '"';
	}
	return copy;
}

/* `json`, a result without blanks, is handed on as `head` and itself as the original. */
static void becomes(const char *json, const char *head)
{
	char *input = quoted(json), *expected = quoted(head);
	struct mcp_result result;
	struct buffer out = { 0 };

	assert_int_equal(mcp_result_read(&result, span_text(input), NULL), CAPSULE_OK);
	assert_true(mcp_result_append_json(&result, &out));
	assert_true(json_scan_whole(buffer_span(&out), 0, NULL));
	(void)buffer_text(&out);
	assert_true(span_starts(buffer_span(&out), span_text(expected)));
	assert_memory_equal(out.data + strlen(expected), ",\"original\":", 12);
	assert_memory_equal(out.data + strlen(expected) + 12, input, strlen(input));
	assert_int_equal(out.len, strlen(expected) + 12 + strlen(input) + 1);
	buffer_fini(&out);
	free(input);
	free(expected);
}

static void text_is(const char *json, const char *between, const char *text)
{
	char *input = quoted(json);
	struct mcp_result result;
	struct buffer out = { 0 };

	assert_int_equal(mcp_result_read(&result, span_text(input), NULL), CAPSULE_OK);
	assert_true(mcp_result_append_text(&result, span_text(between), &out));
	assert_string_equal(buffer_text(&out), text);
	buffer_fini(&out);
	free(input);
}

/* mv:106 */
static void texts_are_joined(void **state)
{
	const char *json = "{'content':[{'type':'text','text':'a'},{'type':'text','text':'b'}]}";

	(void)state;
	text_is(json, "\n", "a\nb");
	text_is(json, "", "ab");
	becomes(json,
		"{'success':true,'is_error':false,'error':null,'content':[{'type':'text','text':'a'},"
		"{'type':'text','text':'b'}]");
}

/* mv:107 */
static void an_error_has_its_texts(void **state)
{
	(void)state;
	becomes("{'isError':true,'content':[{'type':'text','text':'x\\n'},{'type':'text','text':'y'}]}",
		"{'success':false,'is_error':true,'error':'x\\n\\ny','content':[{'type':'text','text':'x\\n'},"
		"{'type':'text','text':'y'}]");
	becomes("{'isError':true,'content':[{'type':'image','data':'AA==','mimeType':'image/png'}]}",
		"{'success':false,'is_error':true,'error':'Unknown error','content':[{'type':'image','data':'AA==',"
		"'mime_type':'image/png'}]");
	becomes("{'isError':'true','content':[]}", "{'success':true,'is_error':false,'error':null,'content':[]");
}

/* mv:108 */
static void audio_is_kept_whole(void **state)
{
	(void)state;
	becomes("{'content':[{'type':'audio','data':'AAA=','mimeType':'audio/wav','annotations':{'priority':0.50}}]}",
		"{'success':true,'is_error':false,'error':null,'content':[{'type':'audio','data':'AAA=',"
		"'mime_type':'audio/wav','annotations':{'priority':0.50}}]");
}

/* mv:109 */
static void resources_and_links_are_told_apart(void **state)
{
	(void)state;
	becomes("{'content':[{'type':'resource','resource':{'uri':'a:b','blob':'AA==','mimeType':'x/y'}},"
		"{'type':'resource','resource':{'uri':'a:c','text':'t'}},"
		"{'type':'resource_link','uri':'a:d','name':'n','mimeType':'x/z','size':3}]}",
		"{'success':true,'is_error':false,'error':null,'content':[{'type':'resource','uri':'a:b','data':'AA==',"
		"'encoding':'base64','mime_type':'x/y'},{'type':'resource','uri':'a:c','data':'t','encoding':'text'},"
		"{'type':'resource_link','uri':'a:d','name':'n','data':null,'mime_type':'x/z'}]");
}

/* mv:110 */
static void nothing_is_a_success(void **state)
{
	struct mcp_result result;

	(void)state;
	becomes("{'content':[]}", "{'success':true,'is_error':false,'error':null,'content':[]");
	becomes("{}", "{'success':true,'is_error':false,'error':null,'content':[]");
	assert_int_equal(mcp_result_read(&result, span_text("{\"content\":[ ]}"), NULL), CAPSULE_OK);
	assert_false(result.has_content);
}

static void what_is_unknown_or_incomplete_is_kept_as_it_is(void **state)
{
	(void)state;
	becomes("{'content':[{'type':'video','n':1e999},{'type':'text','text':7},7,{'type':'resource','resource':{}},"
		"{'type':'image','data':'AA=='}],'structuredContent':{'n':1.0,'big':123456789012345678901234567890}}",
		"{'success':true,'is_error':false,'error':null,'content':[{'type':'video','n':1e999},"
		"{'type':'text','text':7},7,{'type':'resource','resource':{}},{'type':'image','data':'AA=='}],"
		"'structured':{'n':1.0,'big':123456789012345678901234567890}");
	becomes("{'structuredContent':[1]}", "{'success':true,'is_error':false,'error':null,'content':[]");
}

static void blanks_and_line_breaks_are_left_out(void **state)
{
	struct mcp_result result;
	struct buffer out = { 0 };

	(void)state;
	assert_int_equal(
		mcp_result_read(&result,
			span_text("{ \"content\" : [ { \"type\" : \"text\" ,\n \"text\" : \"a b\" } ] }"), NULL),
		CAPSULE_OK);
	assert_true(result.has_content);
	assert_true(mcp_result_append_json(&result, &out));
	assert_string_equal(buffer_text(&out),
		"{\"success\":true,\"is_error\":false,\"error\":null,\"content\":[{\"type\":\"text\",\"text\":\"a b\"}],"
		"\"original\":{\"content\":[{\"type\":\"text\",\"text\":\"a b\"}]}}");
	buffer_fini(&out);
}

static void what_is_no_result_is_refused(void **state)
{
	static const char *const wrong[] = { "", "[]", "{", "{\"content\":{}}", "{\"content\":null}", "\"\xFF\"" };
	struct capsule_error err;
	struct mcp_result result;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(mcp_result_read(&result, span_text(wrong[i]), &err), CAPSULE_EINVAL);
}

static void a_limit_is_kept(void **state)
{
	struct buffer out = { .limit = 60 };
	struct mcp_result result;

	(void)state;
	assert_int_equal(
		mcp_result_read(&result, span_text("{\"isError\":true,\"content\":[{\"type\":\"text\"}]}"), NULL),
		CAPSULE_OK);
	assert_false(mcp_result_append_json(&result, &out));
	buffer_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_joined),
		cmocka_unit_test(an_error_has_its_texts),
		cmocka_unit_test(audio_is_kept_whole),
		cmocka_unit_test(resources_and_links_are_told_apart),
		cmocka_unit_test(nothing_is_a_success),
		cmocka_unit_test(what_is_unknown_or_incomplete_is_kept_as_it_is),
		cmocka_unit_test(blanks_and_line_breaks_are_left_out),
		cmocka_unit_test(what_is_no_result_is_refused),
		cmocka_unit_test(a_limit_is_kept),
	};

	return cmocka_run_group_tests_name("mcp_result", tests, NULL, NULL);
}
