/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each limit of a manifest: what just fits is accepted, one more is refused with its size and what is allowed. */
#include "base/limits.h"
#include "manifest/parse_testing.h"

static void append_repeated(struct buffer *out, const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_true(buffer_append_text(out, text));
}

/* HEADER, `before`, `count` times `repeated`, `after`: parsed. */
static struct parsed parse_repeated(const char *before, const char *repeated, size_t count, const char *after)
{
	HOLD(buffer_fini) struct buffer text = { 0 };

	buffer_append_text(&text, HEADER);
	buffer_append_text(&text, before);
	append_repeated(&text, repeated, count);
	assert_true(buffer_append_text(&text, after));
	return parse_text(buffer_text(&text));
}

static void assert_limit(const char *before, const char *repeated, size_t limit, const char *after, const char *says)
{
	HOLD(parsed_fini) struct parsed fits = parse_repeated(before, repeated, limit, after);
	HOLD(parsed_fini) struct parsed exceeds = parse_repeated(before, repeated, limit + 1, after);

	assert_int_equal(fits.status, CAPSULE_OK);
	assert_int_equal(exceeds.status, CAPSULE_EMANIFEST);
	assert_int_equal(exceeds.found.errors, 1);
	find_problem(&exceeds, SEVERITY_ERROR, says);
}

static void text_of_64_kib_fits(void **state)
{
	(void)state;
	assert_limit("description = \"", "x", LIMIT_MANIFEST_TEXT, "\"\n",
		"`description` in [package] has 65537 bytes, at most 65536 are allowed");
}

static void entry_of_a_list_of_64_kib_fits(void **state)
{
	(void)state;
	assert_limit("keywords = [\"", "x", LIMIT_MANIFEST_TEXT, "\"]\n",
		"entry 1 of `keywords` in [package] has 65537 bytes, at most 65536 are allowed");
}

static void tool_name_of_128_bytes_fits(void **state)
{
	(void)state;
	assert_limit("[[tool]]\ndescription = \"\"\ninput_schema = {}\nname = \"", "x", LIMIT_NAME, "\"\n",
		"`name` in [[tool]] has 129 bytes, at most 128 are allowed");
}

static void path_of_4096_bytes_fits(void **state)
{
	(void)state;
	assert_limit("[[component]]\nfile = \"", "x", LIMIT_PATH, "\"\n",
		"`file` in [[component]] has 4097 bytes, at most 4096 are allowed");
}

static void env_key_of_4096_bytes_fits(void **state)
{
	(void)state;
	assert_limit("[env.", "x", LIMIT_KEY, "]\ntype = \"s\"\n",
		"the name of a setting has 4097 bytes, at most 4096 are allowed");
}

static void list_of_4096_entries_fits(void **state)
{
	(void)state;
	assert_limit("[capabilities]\nnet = [", "\"\",", LIMIT_MANIFEST_ENTRIES, "]\n",
		"`net` in [capabilities] has 4097 entries, at most 4096 are allowed");
}

static void table_of_4096_entries_fits(void **state)
{
	(void)state;
	assert_limit("", "[[interceptor]]\nevent = \"e\"\naction = \"a\"\n", LIMIT_MANIFEST_ENTRIES, "",
		"there are 4097 entries of [[interceptor]], at most 4096 are allowed");
}

static void manifest_of_1_mib_fits(void **state)
{
	size_t rest = LIMIT_MANIFEST_BYTES - strlen(HEADER "#\n");

	(void)state;
	assert_limit("#", "x", rest, "\n", "the manifest has 1048577 bytes, at most 1048576 are allowed");
}

static void value_that_grows_over_1_mib_as_json_is_refused(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_repeated("metadata = \"", "\\u0001", 170000, "\"\n");
	HOLD(parsed_fini) struct parsed longer = parse_repeated("metadata = [", "1e20,", 100000, "]\n");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_int_equal(longer.status, CAPSULE_EMANIFEST);
	find_problem(&longer, SEVERITY_ERROR, "`metadata` in [package] is too large");
}

static void deep_value_is_refused(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_repeated("metadata = ", "[", 5000, "\n");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_EMANIFEST);
	find_problem(&parsed, SEVERITY_ERROR, "nested too deeply");
}

static void many_warnings_are_counted_and_do_not_refuse(void **state)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	HOLD(parsed_fini) struct parsed parsed = { 0 };

	(void)state;
	buffer_append_text(&text, HEADER);
	for (int i = 0; i < 20000; i++)
		buffer_printf(&text, "unknown_key_%d = 1\n", i);
	parsed = parse_text(buffer_text(&text));
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_int_equal(parsed.found.count, LIMIT_MANIFEST_DIAGNOSTICS);
	assert_int_equal(parsed.found.skipped, 20000 - LIMIT_MANIFEST_DIAGNOSTICS);
}

static void error_behind_many_warnings_is_kept(void **state)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	HOLD(parsed_fini) struct parsed parsed = { 0 };

	(void)state;
	buffer_append_text(&text, HEADER);
	for (int i = 0; i < 1000; i++)
		buffer_printf(&text, "unknown_key_%d = 1\n", i);
	buffer_append_text(&text, "[[component]]\n");
	parsed = parse_text(buffer_text(&text));
	assert_int_equal(parsed.status, CAPSULE_EMANIFEST);
	assert_string_equal(parsed.err.text, "Capsule.toml:1004:1: missing key `file` in [[component]]");
	find_problem(&parsed, SEVERITY_ERROR, "missing key `file`");
}

/* Whatever is made of it, the answer is an error with a place, soon. */
static void assert_hostile(const struct buffer *text, const char *says)
{
	HOLD(parsed_fini) struct parsed parsed = parse_bytes((const char *)text->data, text->len);

	(void)find_problem(&parsed, SEVERITY_ERROR, says);
	assert_int_equal(parsed.status, CAPSULE_EMANIFEST);
}

static void hostile_documents_are_refused(void **state)
{
	HOLD(buffer_fini) struct buffer text = { 0 };

	(void)state;
	buffer_append_text(&text, HEADER "metadata = ");
	for (int i = 0; i < 500000; i++)
		buffer_append_byte(&text, '[');
	assert_hostile(&text, "nested too deeply");
	buffer_clear(&text);
	buffer_append_text(&text, HEADER "[package.metadata]\n");
	for (int i = 0; i < 400000; i++)
		buffer_append_text(&text, "a.");
	buffer_append_text(&text, "a = 1\n");
	assert_hostile(&text, "nested too deeply");
	buffer_clear(&text);
	for (int i = 0; i < 1000000; i++)
		buffer_printf(&text, "k%d=0\n", i);
	assert_hostile(&text, "bytes, at most");
	text.len = LIMIT_MANIFEST_BYTES;
	while (text.data[text.len - 1] != '\n')
		text.len--;
	assert_hostile(&text, "missing table [package]"); /* all other keys are warnings, of which few are kept */
	buffer_clear(&text);
	buffer_append_text(&text, HEADER "publish = 99999999999999999999999999\n");
	assert_hostile(&text, "does not fit into 64 bits");
	buffer_clear(&text);
	buffer_append_text(&text, HEADER "metadata = 1e999999999\n");
	assert_hostile(&text, "too large");
	buffer_clear(&text);
	buffer_append(&text, HEADER "license = \"a\0b\"\n", sizeof(HEADER "license = \"a\0b\"\n") - 1);
	assert_hostile(&text, "invalid TOML");
}

static void line_ends_may_be_mixed(void **state)
{
	HOLD(parsed_fini) struct parsed good = parse_good("[package]\r\nname = \"a\"\nversion = \"1.0.0\"\r\n");
	HOLD(parsed_fini) struct parsed bad = parse_text("[package]\r\nname = \"a\"\nversion = \"1\"\r\n");
	HOLD(parsed_fini) struct parsed lone = parse_text("[package]\rname = \"a\"\n");

	(void)state;
	assert_string_equal(good.manifest->package.version, "1.0.0");
	assert_int_equal(find_problem(&bad, SEVERITY_ERROR, "invalid version")->line, 3);
	assert_int_equal(lone.status, CAPSULE_EMANIFEST);
}

static void as_many_names_as_there_may_be_are_compared_soon(void **state)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	struct parsed parsed;

	(void)state;
	buffer_append_text(&text, HEADER);
	for (int i = 0; i < LIMIT_MANIFEST_ENTRIES; i++)
		buffer_printf(&text, "[[tool]]\nname=\"tool%d\"\ndescription=\"\"\ninput_schema={}\n", i / 2);
	parsed = parse_bytes((const char *)text.data, text.len);
	assert_int_equal(parsed.found.errors, LIMIT_MANIFEST_ENTRIES / 2);
	assert_int_equal(parsed.found.items[0].line, 9);
	parsed_fini(&parsed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_64_kib_fits),
		cmocka_unit_test(entry_of_a_list_of_64_kib_fits),
		cmocka_unit_test(tool_name_of_128_bytes_fits),
		cmocka_unit_test(path_of_4096_bytes_fits),
		cmocka_unit_test(env_key_of_4096_bytes_fits),
		cmocka_unit_test(list_of_4096_entries_fits),
		cmocka_unit_test(table_of_4096_entries_fits),
		cmocka_unit_test(manifest_of_1_mib_fits),
		cmocka_unit_test(value_that_grows_over_1_mib_as_json_is_refused),
		cmocka_unit_test(deep_value_is_refused),
		cmocka_unit_test(many_warnings_are_counted_and_do_not_refuse),
		cmocka_unit_test(error_behind_many_warnings_is_kept),
		cmocka_unit_test(hostile_documents_are_refused),
		cmocka_unit_test(line_ends_may_be_mixed),
		cmocka_unit_test(as_many_names_as_there_may_be_are_compared_soon),
	};

	return cmocka_run_group_tests_name("manifest_parse_limits", tests, NULL, NULL);
}
