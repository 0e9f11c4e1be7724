/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lists of tools as servers send them, and as they should not. */
#include "engine/mcp/catalog.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SCHEMA "\"inputSchema\":{\"type\":\"object\"}"

struct seen {
	size_t count;
	struct buffer texts; /* a line each */
};

static void note(void *user, struct span text)
{
	struct seen *seen = user;

	seen->count++;
	assert_true(buffer_append_span(&seen->texts, text) && buffer_append_byte(&seen->texts, '\n'));
}

static struct manifest_mcp_server server(void)
{
	static char id[] = "files";

	return (struct manifest_mcp_server){ .id = id };
}

static void read_list(struct mcp_catalog *catalog, const char *list, struct seen *seen)
{
	const struct manifest_mcp_server declared = server();

	assert_int_equal(mcp_catalog_read(catalog, span_text(list), &declared, note, seen, NULL), CAPSULE_OK);
}

static struct mcp_tool *find(const struct mcp_catalog *catalog, const char *name)
{
	const struct manifest_mcp_server declared = server();

	return mcp_catalog_find(catalog, &declared, name);
}

static void assert_warned(struct seen *seen, const char *expected)
{
	assert_string_equal(buffer_text(&seen->texts), expected);
	buffer_fini(&seen->texts);
	seen->count = 0;
}

static void tools_keep_their_order_and_their_texts(void **state)
{
	HOLD(mcp_catalog_fini) struct mcp_catalog catalog = { 0 };
	HOLD(buffer_fini) struct buffer out = { 0 };
	const struct manifest_mcp_server declared = server();
	struct seen seen = { 0 };

	(void)state;
	read_list(&catalog,
		"[{\"name\":\"read_file\",\"title\":\"Read\",\"description\":\"Reads\\na file.\",\"inputSchema\":{ \"type\": "
		"\"object\"},\"outputSchema\":{\"o\":1},\"annotations\":{\"readOnlyHint\":true},\"icons\":[1]},"
		"{\"name\":\"b\",\"description\":7,\"title\":null," SCHEMA "}]",
		&seen);
	assert_int_equal(seen.count, 0);
	assert_int_equal(mcp_catalog_append(&catalog, &declared, "capsule:c:files", true, NULL, &out), 2);
	assert_string_equal(buffer_text(&out),
		"{\"name\":\"read_file\",\"description\":\"Reads\\na file.\",\"input_schema\":{\"type\":\"object\"},"
		"\"origin\":{\"server\":\"capsule:c:files\",\"tool\":\"read_file\"},\"title\":\"Read\",\"output_schema\":{\"o\":1},"
		"\"annotations\":{\"readOnlyHint\":true}},"
		"{\"name\":\"b\",\"description\":\"\",\"input_schema\":{\"type\":\"object\"},"
		"\"origin\":{\"server\":\"capsule:c:files\",\"tool\":\"b\"}}");
}

static void the_long_form_always_works(void **state)
{
	HOLD(mcp_catalog_fini) struct mcp_catalog catalog = { 0 };
	struct seen seen = { 0 };

	(void)state;
	read_list(&catalog, "[{\"name\":\"read_file\"," SCHEMA "}]", &seen);
	assert_non_null(find(&catalog, "read_file"));
	assert_ptr_equal(find(&catalog, "files:read_file"), find(&catalog, "read_file"));
	assert_null(find(&catalog, "file:read_file"));
	assert_null(find(&catalog, "files:files:read_file"));
	assert_null(find(&catalog, "files:"));
	assert_null(find(&catalog, "files"));
	assert_null(find(&catalog, ""));
}

static void a_taken_name_is_given_out_in_its_long_form(void **state)
{
	HOLD(mcp_catalog_fini) struct mcp_catalog catalog = { 0 };
	HOLD(buffer_fini) struct buffer out = { 0 };
	const struct manifest_mcp_server declared = server();
	struct map taken = { 0 };
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(map_put(&taken, span_text("a"), &seen, NULL, NULL), CAPSULE_OK);
	read_list(&catalog, "[{\"name\":\"a\"," SCHEMA "},{\"name\":\"b\"," SCHEMA "}]", &seen);
	assert_int_equal(mcp_catalog_append(&catalog, &declared, "o", false, &taken, &out), 2);
	assert_non_null(strstr(buffer_text(&out), ",{\"name\":\"files:a\","));
	assert_non_null(strstr(buffer_text(&out), ",{\"name\":\"b\","));
	assert_non_null(map_get(&taken, span_text("files:a")));
	assert_non_null(map_get(&taken, span_text("b")));
	map_fini(&taken);
}

static void names_outside_the_alphabet_are_escaped_and_still_callable(void **state)
{
	HOLD(mcp_catalog_fini) struct mcp_catalog catalog = { 0 };
	struct seen seen = { 0 };
	struct mcp_tool *tool;

	(void)state;
	read_list(&catalog,
		"[{\"name\":\"read file\"," SCHEMA "},{\"name\":\"a:b/\\u00e9\\u0000\"," SCHEMA
		"},{\"name\":\"A-z_0.9\"," SCHEMA "}]",
		&seen);
	assert_int_equal(seen.count, 0);
	tool = find(&catalog, "read_x20file");
	assert_non_null(tool);
	assert_true(span_is(tool->raw, "read file"));
	tool = find(&catalog, "files:a_x3ab_x2f_xc3_xa9_x00");
	assert_non_null(tool);
	assert_true(span_equal(tool->raw, span_of("a:b/\xc3\xa9\0", 7)));
	assert_non_null(find(&catalog, "A-z_0.9"));
}

static void long_names_are_cut_and_stay_apart(void **state)
{
	HOLD(mcp_catalog_fini) struct mcp_catalog catalog = { 0 };
	char most[129], longer[130], list[2048], other[130];
	struct seen seen = { 0 };

	(void)state;
	memset(most, 'a', 128);
	most[128] = '\0';
	memset(longer, 'a', 129);
	longer[129] = '\0';
	memcpy(other, longer, sizeof other);
	other[128] = 'b';
	(void)snprintf(list, sizeof list,
		"[{\"name\":\"%s\"," SCHEMA "},{\"name\":\"%s\"," SCHEMA "},{\"name\":\"%s\"," SCHEMA "}]", most,
		longer, other);
	read_list(&catalog, list, &seen);
	assert_int_equal(seen.count, 0);
	assert_int_equal(catalog.count, 3);
	assert_string_equal(catalog.tools[0]->name, most);
	assert_int_equal(strlen(catalog.tools[1]->name), 128);
	assert_int_equal(catalog.tools[1]->name[111], '_');
	assert_string_not_equal(catalog.tools[1]->name, catalog.tools[2]->name);
}

/* mv:87 */
static void what_is_no_tool_is_skipped_with_a_warning(void **state)
{
	HOLD(mcp_catalog_fini) struct mcp_catalog catalog = { 0 };
	struct seen seen = { 0 };

	(void)state;
	read_list(&catalog,
		"[{\"name\":\"a\"},{\"name\":\"b\",\"inputSchema\":null},{\"name\":\"c\",\"inputSchema\":[]},7,null,"
		"{\"name\":\"\"," SCHEMA "},{\"name\":3," SCHEMA "},{\"name\":\"ok\"," SCHEMA
		"},{\"name\":\"x\\ny\\u001b\"}]",
		&seen);
	assert_int_equal(catalog.count, 1);
	assert_non_null(find(&catalog, "ok"));
	assert_warned(&seen,
		"tool `a` is skipped: it has no `inputSchema` object\n"
		"tool `b` is skipped: it has no `inputSchema` object\n"
		"tool `c` is skipped: it has no `inputSchema` object\n"
		"tool number 4 is skipped: it has no name\n"
		"tool number 5 is skipped: it has no name\n"
		"tool number 6 is skipped: it has no name\n"
		"tool number 7 is skipped: it has no name\n"
		"tool `x\ny?` is skipped: it has no `inputSchema` object\n");
}

static void the_first_of_two_counts(void **state)
{
	HOLD(mcp_catalog_fini) struct mcp_catalog catalog = { 0 };
	struct seen seen = { 0 };

	(void)state;
	read_list(&catalog,
		"[{\"name\":\"a\",\"description\":\"1\"," SCHEMA "},{\"name\":\"a\",\"description\":\"2\"," SCHEMA
		"},{\"name\":\"b c\"," SCHEMA "},{\"name\":\"b_x20c\"," SCHEMA "}]",
		&seen);
	assert_int_equal(catalog.count, 2);
	assert_string_equal(find(&catalog, "a")->description, "1");
	assert_true(span_is(find(&catalog, "b_x20c")->raw, "b c"));
	assert_warned(&seen,
		"tool `a` is listed twice: the first one counts\ntool `b_x20c` is listed twice: the first one counts\n");
}

static void warnings_are_counted_beyond_the_fifteenth(void **state)
{
	HOLD(mcp_catalog_fini) struct mcp_catalog catalog = { 0 };
	HOLD(buffer_fini) struct buffer list = { 0 };
	struct seen seen = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_true(buffer_append_text(&list, i == 0 ? "[{}" : ",{}"));
	assert_true(buffer_append_text(&list, "]"));
	read_list(&catalog, buffer_text(&list), &seen);
	assert_int_equal(seen.count, 16);
	assert_non_null(strstr(buffer_text(&seen.texts), "85 more warnings about its list of tools\n"));
	buffer_fini(&seen.texts);
}

static void at_most_ten_thousand_are_taken(void **state)
{
	HOLD(mcp_catalog_fini) struct mcp_catalog catalog = { 0 };
	HOLD(buffer_fini) struct buffer list = { 0 };
	struct seen seen = { 0 };

	(void)state;
	for (int i = 0; i <= MCP_TOOLS_MAX; i++)
		assert_true(buffer_printf(&list, "%c{\"name\":\"t%d\"," SCHEMA "}", i == 0 ? '[' : ',', i));
	assert_true(buffer_append_text(&list, "]"));
	read_list(&catalog, buffer_text(&list), &seen);
	assert_int_equal(catalog.count, MCP_TOOLS_MAX);
	assert_warned(&seen, "tool `t10000` is skipped: 10000 tools or 8388608 bytes are the most\n");
}

static void texts_of_one_tool_and_of_all_are_bounded(void **state)
{
	HOLD(mcp_catalog_fini) struct mcp_catalog catalog = { 0 };
	HOLD(buffer_fini) struct buffer list = { 0 }, filler = { 0 };
	struct seen seen = { 0 };

	(void)state;
	for (size_t i = 0; i < MCP_TOOL_BYTES - 256; i++)
		assert_true(buffer_append_byte(&filler, 'x'));
	for (int i = 0; i < 10; i++)
		assert_true(buffer_printf(&list, "%c{\"name\":\"t%d\"," SCHEMA ",\"description\":\"",
				    i == 0 ? '[' : ',', i) &&
			buffer_append_span(&list, buffer_span(&filler)) && buffer_append_text(&list, "\"}"));
	assert_true(buffer_append_text(&list, ",{\"name\":\"big\"," SCHEMA ",\"description\":\"") &&
		buffer_append_span(&list, buffer_span(&filler)) && buffer_append_span(&list, buffer_span(&filler)) &&
		buffer_append_text(&list, "\"},{\"name\":\"small\"," SCHEMA "}]"));
	read_list(&catalog, buffer_text(&list), &seen);
	assert_int_equal(seen.count, 3);
	assert_null(find(&catalog, "t8"));
	assert_null(find(&catalog, "big"));
	assert_non_null(
		strstr(buffer_text(&seen.texts), "tool `big` is skipped: its texts have more than 1048576 bytes\n"));
	assert_non_null(find(&catalog, "small"));
	buffer_fini(&seen.texts);
}

static void a_list_that_is_none_is_refused(void **state)
{
	static const char *const lists[] = { "", "{}", "null", "[", "[{\"name\":\"a\",\"name\":\"b\"}]" };
	const struct manifest_mcp_server declared = server();
	struct seen seen = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		struct mcp_catalog catalog;

		assert_int_equal(
			mcp_catalog_read(&catalog, span_text(lists[i]), &declared, note, &seen, NULL), CAPSULE_EINVAL);
		mcp_catalog_fini(&catalog);
	}
	assert_int_equal(seen.count, 0);
}

static void a_tool_that_needs_a_task_is_listed_as_not_callable(void **state)
{
	HOLD(mcp_catalog_fini) struct mcp_catalog catalog = { 0 };
	HOLD(buffer_fini) struct buffer out = { 0 };
	const struct manifest_mcp_server declared = server();
	struct seen seen = { 0 };

	(void)state;
	read_list(&catalog,
		"[{\"name\":\"a\",\"execution\":{\"taskSupport\":\"required\"}," SCHEMA
		"},{\"name\":\"b\",\"execution\":{\"taskSupport\":\"optional\"}," SCHEMA
		"},{\"name\":\"c\",\"execution\":\"required\"," SCHEMA "}]",
		&seen);
	assert_non_null(mcp_tool_refusal(find(&catalog, "a")));
	assert_null(mcp_tool_refusal(find(&catalog, "b")));
	assert_null(mcp_tool_refusal(find(&catalog, "c")));
	assert_int_equal(mcp_catalog_append(&catalog, &declared, "o", true, NULL, &out), 3);
	assert_non_null(strstr(buffer_text(&out),
		"\"callable\":false,\"why\":\"it can only be called as a task, which is not supported\"},{\"name\":\"b\""));
}

static void what_is_not_exposed_is_not_listed(void **state)
{
	HOLD(mcp_catalog_fini) struct mcp_catalog catalog = { 0 };
	HOLD(buffer_fini) struct buffer out = { 0 };
	struct manifest_mcp_server declared = server();
	char *expose[] = { (char[]){ "read*" }, (char[]){ "list files" } };
	struct seen seen = { 0 };

	(void)state;
	declared.expose = (struct string_list){ .items = expose, .count = 2 };
	assert_int_equal(mcp_catalog_read(&catalog,
				 span_text("[{\"name\":\"read\"," SCHEMA "},{\"name\":\"write\"," SCHEMA
					   "},{\"name\":\"read_file\"," SCHEMA "},{\"name\":\"list files\"," SCHEMA
					   "},{\"name\":\"list\"," SCHEMA "}]"),
				 &declared, note, &seen, NULL),
		CAPSULE_OK);
	assert_int_equal(mcp_catalog_append(&catalog, &declared, "o", true, NULL, &out), 3);
	assert_true(find(&catalog, "write")->hidden && find(&catalog, "list")->hidden);
	assert_false(find(&catalog, "list_x20files")->hidden);
}

static void the_tool_for_interceptors_is_no_tool(void **state)
{
	HOLD(mcp_catalog_fini) struct mcp_catalog catalog = { 0 };
	struct seen seen = { 0 };

	(void)state;
	read_list(&catalog, "[{\"name\":\"a\"," SCHEMA "}]", &seen);
	assert_false(catalog.intercepts);
	mcp_catalog_fini(&catalog);
	read_list(&catalog, "[{\"name\":\"astrid_hook_intercept\"," SCHEMA "}]", &seen);
	assert_true(catalog.intercepts);
	assert_int_equal(catalog.count, 0);
	assert_null(find(&catalog, "astrid_hook_intercept"));
	assert_int_equal(seen.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tools_keep_their_order_and_their_texts),
		cmocka_unit_test(the_long_form_always_works),
		cmocka_unit_test(a_taken_name_is_given_out_in_its_long_form),
		cmocka_unit_test(names_outside_the_alphabet_are_escaped_and_still_callable),
		cmocka_unit_test(long_names_are_cut_and_stay_apart),
		cmocka_unit_test(what_is_no_tool_is_skipped_with_a_warning),
		cmocka_unit_test(the_first_of_two_counts),
		cmocka_unit_test(warnings_are_counted_beyond_the_fifteenth),
		cmocka_unit_test(at_most_ten_thousand_are_taken),
		cmocka_unit_test(texts_of_one_tool_and_of_all_are_bounded),
		cmocka_unit_test(a_list_that_is_none_is_refused),
		cmocka_unit_test(a_tool_that_needs_a_task_is_listed_as_not_callable),
		cmocka_unit_test(what_is_not_exposed_is_not_listed),
		cmocka_unit_test(the_tool_for_interceptors_is_no_tool),
	};

	return cmocka_run_group_tests_name("mcp_catalog", tests, NULL, NULL);
}
