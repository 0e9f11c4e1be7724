/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a manifest is accepted with all the same, and what the author is told about it. */
#include "manifest/parse_testing.h"

/* `text` must be accepted with one warning alone, at `line`:`column`, that says `says` and offers `fix`. */
static void assert_warned(const char *text, uint32_t line, uint32_t column, const char *says, const char *fix)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text(text);
	const struct diagnostic *item = find_problem(&parsed, SEVERITY_WARNING, says);

	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_int_equal(parsed.found.count, 1);
	assert_int_equal(item->line, line);
	assert_int_equal(item->column, column);
	assert_string_equal(item->fix, fix);
}

/* rt:57 */
static void unknown_table_and_key_are_accepted(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text(HEADER "zzz = 1\n[qqq]\nx = 1\n");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_int_equal(parsed.found.count, 2);
	assert_string_equal(parsed.found.items[0].text, "unknown key `zzz` in [package]");
	assert_string_equal(parsed.found.items[1].text, "unknown table `qqq`");
}

/* rt:18 */
static void underscore_for_hyphen_is_an_unknown_key(void **state)
{
	(void)state;
	assert_warned(HEADER "astrid_version = \">=99.0.0\"\n", 4, 1, "unknown key `astrid_version` in [package]",
		"did you mean `astrid-version`?");
	assert_warned(
		HEADER "[capabilities]\nfs-read = []\n", 5, 1, "unknown key `fs-read`", "did you mean `fs_read`?");
}

static void plural_table_is_offered_as_the_singular(void **state)
{
	(void)state;
	assert_warned(HEADER "[[tools]]\nname = \"x\"\n", 4, 3, "unknown table `tools`", "did you mean [[tool]]?");
	assert_warned(HEADER "[[mcp_servers]]\n", 4, 3, "unknown table `mcp_servers`", "did you mean [[mcp_server]]?");
}

static void slip_of_the_pen_is_offered_as_the_nearest_key(void **state)
{
	(void)state;
	assert_warned(HEADER "[capabilities]\nnte = []\n", 5, 1, "unknown key `nte`", "did you mean `net`?");
	assert_warned(HEADER "DESCRIPTION = \"\"\n", 4, 1, "unknown key `DESCRIPTION`", "did you mean `description`?");
}

static void key_of_another_table_is_sent_there(void **state)
{
	(void)state;
	assert_warned(HEADER "[capabilities]\nrequires = []\n", 5, 1, "unknown key `requires`",
		"`requires` is a key of [dependencies]; move it there");
	assert_warned("version = \"1.0.0\"\n" HEADER, 1, 1, "unknown key `version`",
		"`version` is a key of [package]; move it there");
}

static void table_in_a_table_is_told_to_stand_alone(void **state)
{
	(void)state;
	assert_warned(HEADER "[package.cron]\nx = 1\n", 4, 10, "unknown key `cron` in [package]",
		"[[cron]] is a table of its own");
}

static void far_key_is_answered_with_all_keys_of_the_table(void **state)
{
	(void)state;
	assert_warned(HEADER "[dependencies]\nq = 1\n", 5, 1, "unknown key `q`",
		"it is ignored; keys of [dependencies]: provides, requires");
}

static void unknown_key_in_an_entry_names_the_entry(void **state)
{
	(void)state;
	assert_warned(HEADER "[env.TOKEN]\ntype = \"secret\"\nrequestx = \"?\"\n", 6, 1,
		"unknown key `requestx` in [env.TOKEN]", "did you mean `request`?");
	assert_warned(HEADER "[[component]]\nfile = \"a\"\n[component.capabilities]\nnets = []\n", 7, 1,
		"unknown key `nets` in [component.capabilities]", "did you mean `net`?");
}

static void unknown_key_with_control_characters_is_shown_without_them(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text(HEADER "\"\\u001b[31m\\n\" = 1\n");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_string_equal(parsed.found.items[0].text, "unknown key `?[31m?` in [package]");
}

static void long_unknown_key_is_cut(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = { 0 };
	char text[1024];

	(void)state;
	(void)snprintf(text, sizeof(text), HEADER "%0500d = 1\n", 7);
	parsed = parse_text(text);
	assert_int_equal(parsed.found.count, 1);
	assert_true(strlen(parsed.found.items[0].text) < 100);
}

/* rt:61 */
static void tool_without_a_schema_takes_any_object(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text(HEADER "[[tool]]\nname = \"t\"\ndescription = \"d\"\n");
	const struct diagnostic *item = find_problem(
		&parsed, SEVERITY_WARNING, "missing key `input_schema` in [[tool]]");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_int_equal(item->line, 4);
	assert_string_equal(parsed.manifest->tools.items[0].input_schema, "{\"type\":\"object\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_table_and_key_are_accepted),
		cmocka_unit_test(underscore_for_hyphen_is_an_unknown_key),
		cmocka_unit_test(plural_table_is_offered_as_the_singular),
		cmocka_unit_test(slip_of_the_pen_is_offered_as_the_nearest_key),
		cmocka_unit_test(key_of_another_table_is_sent_there),
		cmocka_unit_test(table_in_a_table_is_told_to_stand_alone),
		cmocka_unit_test(far_key_is_answered_with_all_keys_of_the_table),
		cmocka_unit_test(unknown_key_in_an_entry_names_the_entry),
		cmocka_unit_test(unknown_key_with_control_characters_is_shown_without_them),
		cmocka_unit_test(long_unknown_key_is_cut),
		cmocka_unit_test(tool_without_a_schema_takes_any_object),
	};

	return cmocka_run_group_tests_name("manifest_parse_warned", tests, NULL, NULL);
}
