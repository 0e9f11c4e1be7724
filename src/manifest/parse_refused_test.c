/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a manifest is refused for: each error is told once, at its place, with the words that help. */
#include "manifest/parse_testing.h"

/* rt:37 rt:38 */
static void other_topic_directions_are_unknown_variants(void **state)
{
	(void)state;
	assert_refused(HEADER "[[topic]]\nname = \"a\"\ndirection = \"bidirectional\"\n", 6, 13, 15, "unknown variant");
	assert_refused(HEADER "[[topic]]\nname = \"a\"\ndirection = \"Publish\"\n", 6, 13, 9, "`publish`, `subscribe`");
}

/* rt:59 */
static void other_uplink_profiles_are_unknown_variants(void **state)
{
	(void)state;
	assert_refused(HEADER "[[uplink]]\nname = \"a\"\nplatform = \"p\"\nprofile = \"human\"\n", 7, 11, 7,
		"unknown variant `human`");
	assert_refused(HEADER "[[uplink]]\nname = \"a\"\nplatform = \"p\"\nprofile = \"Chat\"\n", 7, 11, 6,
		"`chat`, `interactive`, `notify`, `bridge`");
}

static void word_in_another_case_is_offered_in_the_right_one(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(HEADER "[[topic]]\nname = \"a\"\ndirection = \"Publish\"\n");

	(void)state;
	assert_string_equal(parsed.found.items[0].fix, "did you mean `publish`?");
}

/* rt:51 */
static void file_and_entrypoint_together_are_refused(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(HEADER "[[component]]\nentrypoint = \"a.wasm\"\nfile = \"a.wasm\"\n");
	const struct diagnostic *item = find_problem(&parsed, SEVERITY_ERROR, "`file` and `entrypoint`");

	(void)state;
	assert_int_equal(item->line, 6);
	assert_int_equal(parsed.found.errors, 1);
}

/* rt:52 */
static void component_without_a_file_is_refused(void **state)
{
	(void)state;
	assert_refused(HEADER "[[component]]\nid = \"a\"\n", 4, 1, 13, "missing key `file` in [[component]]");
}

/* abi:5 */
static void second_component_is_refused_and_both_are_named(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(
		HEADER "[[component]]\nfile = \"a.wasm\"\n[[component]]\nfile = \"b.wasm\"\n");
	const struct diagnostic *item = find_problem(&parsed, SEVERITY_ERROR, "`a.wasm` (line 4) and `b.wasm`");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_EMANIFEST);
	assert_int_equal(item->line, 6);
	assert_non_null(strstr(parsed.err.text, "a.wasm"));
	assert_non_null(strstr(parsed.err.text, "b.wasm"));
}

/* rt:55 */
static void text_is_not_a_boolean(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text(HEADER "[capabilities]\nuplink = \"true\"\n");

	(void)state;
	find_problem(&parsed, SEVERITY_ERROR, "`uplink` in [capabilities] must be true or false, found a string");
	assert_string_equal(parsed.found.items[0].fix, "write `uplink = true`, without quotes");
}

/* rt:56 */
static void text_is_not_a_list(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text(HEADER "[capabilities]\nipc_publish = \"a.b\"\n");

	(void)state;
	find_problem(
		&parsed, SEVERITY_ERROR, "`ipc_publish` in [capabilities] must be an array of strings, found a string");
	assert_string_equal(parsed.found.items[0].fix, "write `ipc_publish = [\"a.b\"]`");
}

static void number_is_not_a_text(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text("[package]\nname = \"a\"\nversion = 1.0\n");

	(void)state;
	find_problem(&parsed, SEVERITY_ERROR, "`version` in [package] must be a string, found a float");
	assert_string_equal(parsed.found.items[0].fix, "write `version = \"1.0\"`");
}

static void entries_of_a_list_must_be_texts(void **state)
{
	(void)state;
	assert_refused(HEADER "[capabilities]\nnet = [\"a\", \"b\", 3, \"c\"]\n", 5, 18, 1,
		"entry 3 of `net` in [capabilities] must be a string, found an integer");
}

static void each_kind_of_value_is_named(void **state)
{
	static const struct {
		const char *value, *kind;
	} rows[] = {
		{ "1", "found an integer" },
		{ "1.5", "found a float" },
		{ "true", "found a boolean" },
		{ "1979-05-27", "found a date or time" },
		{ "[]", "found an array" },
		{ "{}", "found a table" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), HEADER "description = %s\n", rows[i].value);
		assert_refused(text, 4, 15, (uint32_t)strlen(rows[i].value), rows[i].kind);
	}
}

/* rt:58 */
static void package_table_and_its_keys_are_required(void **state)
{
	(void)state;
	assert_refused("", 0, 0, 0, "missing table [package] with its keys `name` and `version`");
	assert_refused("[package]\nversion = \"1.0.0\"\n", 1, 1, 9, "missing key `name` in [package]");
	assert_refused("[package]\nname = \"a\"\n", 1, 1, 9, "missing key `version` in [package]");
}

/* rt:60 */
static void uplink_without_platform_is_refused(void **state)
{
	(void)state;
	assert_refused(HEADER "[[uplink]]\nname = \"a\"\nprofile = \"chat\"\n", 4, 1, 10, "missing key `platform`");
}

/* rt:62 */
static void env_without_type_is_refused(void **state)
{
	(void)state;
	assert_refused(HEADER "[env.K]\nrequest = \"?\"\n", 4, 1, 7, "missing key `type` in [env.K]");
}

static void env_entry_must_be_a_table(void **state)
{
	(void)state;
	assert_refused(HEADER "[env]\nK = \"v\"\n", 5, 5, 3, "[env.K] must be a table, found a string");
	assert_refused("env = 3\n" HEADER, 1, 7, 1, "[env.KEY] must be a table of tables, found an integer");
}

static void env_key_must_be_a_name(void **state)
{
	(void)state;
	assert_refused(HEADER "[env.\"\"]\ntype = \"s\"\n", 4, 6, 2, "the name of a setting is empty");
	assert_refused(HEADER "[env.\"a\\u0000\"]\ntype = \"s\"\n", 4, 6, 9, "NUL");
}

static void table_must_have_its_shape(void **state)
{
	(void)state;
	assert_refused("package = 3\n", 1, 11, 1, "[package] must be a single table, found an integer");
	assert_refused("[[package]]\nname = \"a\"\n", 1, 1, 11, "[package] must be a single table, found an array");
	assert_refused("tool = \"x\"\n" HEADER, 1, 8, 3, "[[tool]] must be an array of tables, found a string");
	assert_refused("tool = [3]\n" HEADER, 1, 9, 1, "[[tool]] must be a table, found an integer");
	assert_refused(HEADER "[[component]]\nfile = \"a\"\ncapabilities = []\n", 6, 16, 2,
		"`capabilities` in [[component]] must be a table");
}

/* rt:65 */
static void package_name_must_be_a_capsule_id(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text("[package]\nname = \"Bad_Name\"\nversion = \"1.0.0\"\n");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_EMANIFEST);
	assert_string_equal(parsed.err.text,
		"Capsule.toml:2:8: `Bad_Name` is not a capsule id: only a-z, 0-9 and `-` may be in `name` in [package]");
	assert_string_equal(parsed.found.items[0].fix, "write for example `name = \"bad-name\"`");
}

/* rt:66 */
static void name_is_an_id_of_one_character_or_more(void **state)
{
	static const char *const good[] = { "a", "a-1", "-a", "9" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char text[96];

		(void)snprintf(text, sizeof(text), "[package]\nname = \"%s\"\nversion = \"1.0.0\"\n", good[i]);
		HOLD(parsed_fini) struct parsed parsed = parse_good(text);
		assert_string_equal(parsed.manifest->package.name, good[i]);
	}
	assert_refused("[package]\nname = \"\"\nversion = \"1.0.0\"\n", 2, 8, 2, "`name` in [package] is empty");
}

static void empty_file_and_tool_name_are_refused(void **state)
{
	(void)state;
	assert_refused(HEADER "[[component]]\nfile = \"\"\n", 5, 8, 2, "`file` in [[component]] is empty");
	assert_refused(HEADER "[[tool]]\nname = \"\"\ndescription = \"\"\ninput_schema = {}\n", 5, 8, 2,
		"`name` in [[tool]] is empty");
}

static void schema_must_be_a_table(void **state)
{
	(void)state;
	assert_refused(HEADER "[[tool]]\nname = \"t\"\ndescription = \"d\"\ninput_schema = \"{}\"\n", 7, 16, 4,
		"`input_schema` in [[tool]] must be a table, found a string");
}

static void nul_in_a_text_is_refused(void **state)
{
	(void)state;
	assert_refused(HEADER "description = \"a\\u0000b\"\n", 4, 15, 10, "`description` in [package] contains a NUL");
	assert_refused(HEADER "[capabilities]\nnet = [\"a\", \"\\u0000\"]\n", 5, 13, 8,
		"entry 2 of `net` in [capabilities] contains a NUL");
}

static void repeated_key_is_refused(void **state)
{
	(void)state;
	assert_refused(HEADER "name = \"b\"\n", 4, 1, 4, "duplicate key");
	assert_refused(HEADER "[package]\n", 4, 2, 7, "duplicate key");
}

/* rt:64 */
static void text_that_is_not_utf8_is_refused_with_path_and_place(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text("[package]\nname = \"\xC3\xA4\xFF\"\n");

	(void)state;
	assert_string_equal(parsed.err.text, "Capsule.toml:2:11: not UTF-8: byte 0xff at offset 20");
	assert_string_equal(parsed.found.items[0].fix, "save the file as UTF-8");
}

static void syntax_error_is_told_with_its_place(void **state)
{
	(void)state;
	assert_refused("[package]\nname = test\nversion = \"1.0.0\"\n", 2, 8, 4, "invalid TOML");
	assert_refused("[package\nname = \"a\"\nversion = \"1.0.0\"\n", 1, 9, 1, "invalid TOML: unclosed table");
}

static void nothing_is_called_missing_when_the_syntax_is_broken(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text("[package]\nname = \n[[tool]]\n");

	(void)state;
	assert_int_equal(parsed.found.count, 1);
	assert_non_null(strstr(parsed.found.items[0].text, "invalid TOML"));
}

static void several_syntax_errors_are_told_in_one_run(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text("[package]\nname = test\nversion = \"1\ndescription = \"\\q\"\n");

	(void)state;
	assert_int_equal(parsed.found.errors, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(parsed.found.items[i].line, i + 2);
}

static void what_an_open_bracket_swallows_is_not_complained_about(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(
		HEADER "[capabilities]\nnet = [\"a\"\n\n# a comment\n[[tool]]\nname = \"x\"\n");

	(void)state;
	assert_int_equal(parsed.found.count, 1);
	assert_int_equal(parsed.found.items[0].line, 8);
	assert_non_null(strstr(parsed.found.items[0].text, "invalid TOML"));
	assert_string_equal(parsed.found.items[0].fix, "the value of `net` begins on line 5; is it closed?");
}

static void keys_below_a_broken_header_are_not_complained_about(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(HEADER "[capabilities\nnet = \"x\"\n[dependencies]\nrequires = 3\n");

	(void)state;
	assert_int_equal(parsed.found.count, 2);
	assert_int_equal(parsed.found.items[0].line, 4);
	assert_int_equal(parsed.found.items[1].line, 7);
}

static void problems_of_syntax_and_meaning_are_told_together_in_order(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(
		"[package]\nname = \"a\"\nversion = 3\nkeywords = [\nreadme = true\n\n[zzz]\n");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_EMANIFEST);
	for (size_t i = 1; i < parsed.found.count; i++)
		assert_true(parsed.found.items[i - 1].line <= parsed.found.items[i].line);
	assert_int_equal(parsed.found.items[0].line, 3);
}

static void earlier_problems_of_another_file_do_not_matter(void **state)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	struct manifest *manifest = NULL;

	(void)state;
	diagnostics_add(&found, SEVERITY_ERROR, 1, 1, 1, NULL, "of another file");
	assert_int_equal(manifest_parse(&manifest, span_text(HEADER), "Capsule.toml", &found, NULL), CAPSULE_OK);
	assert_int_equal(found.count, 1);
	manifest_free(manifest);
}

static void columns_count_from_behind_a_byte_order_mark(void **state)
{
	(void)state;
	assert_refused("\xEF\xBB\xBFpackage = 3\n", 1, 11, 1, "[package]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_topic_directions_are_unknown_variants),
		cmocka_unit_test(other_uplink_profiles_are_unknown_variants),
		cmocka_unit_test(word_in_another_case_is_offered_in_the_right_one),
		cmocka_unit_test(file_and_entrypoint_together_are_refused),
		cmocka_unit_test(component_without_a_file_is_refused),
		cmocka_unit_test(second_component_is_refused_and_both_are_named),
		cmocka_unit_test(text_is_not_a_boolean),
		cmocka_unit_test(text_is_not_a_list),
		cmocka_unit_test(number_is_not_a_text),
		cmocka_unit_test(entries_of_a_list_must_be_texts),
		cmocka_unit_test(each_kind_of_value_is_named),
		cmocka_unit_test(package_table_and_its_keys_are_required),
		cmocka_unit_test(uplink_without_platform_is_refused),
		cmocka_unit_test(env_without_type_is_refused),
		cmocka_unit_test(env_entry_must_be_a_table),
		cmocka_unit_test(env_key_must_be_a_name),
		cmocka_unit_test(table_must_have_its_shape),
		cmocka_unit_test(package_name_must_be_a_capsule_id),
		cmocka_unit_test(name_is_an_id_of_one_character_or_more),
		cmocka_unit_test(empty_file_and_tool_name_are_refused),
		cmocka_unit_test(schema_must_be_a_table),
		cmocka_unit_test(nul_in_a_text_is_refused),
		cmocka_unit_test(repeated_key_is_refused),
		cmocka_unit_test(text_that_is_not_utf8_is_refused_with_path_and_place),
		cmocka_unit_test(syntax_error_is_told_with_its_place),
		cmocka_unit_test(nothing_is_called_missing_when_the_syntax_is_broken),
		cmocka_unit_test(several_syntax_errors_are_told_in_one_run),
		cmocka_unit_test(what_an_open_bracket_swallows_is_not_complained_about),
		cmocka_unit_test(keys_below_a_broken_header_are_not_complained_about),
		cmocka_unit_test(problems_of_syntax_and_meaning_are_told_together_in_order),
		cmocka_unit_test(earlier_problems_of_another_file_do_not_matter),
		cmocka_unit_test(columns_count_from_behind_a_byte_order_mark),
	};

	return cmocka_run_group_tests_name("manifest_parse_refused", tests, NULL, NULL);
}
