/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What meets what, and what a manifest offers. */
#include "manifest/provides.h"
#include "manifest/parse_testing.h"

static bool match(const char *requirement, const char *provided)
{
	return capability_match(span_text(requirement), span_text(provided));
}

/* rt:101 rt:102 rt:103 rt:108 rt:109 rt:110 rt:111 */
static void equal_segments_and_stars_match(void **state)
{
	(void)state;
	assert_true(match("topic:foo.bar", "topic:foo.bar"));
	assert_true(match("topic:llm.stream.*", "topic:llm.stream.anthropic"));
	assert_true(match("topic:llm.request.generate.anthropic", "topic:llm.request.generate.*"));
	assert_true(match("foo", "foo"));
	assert_true(match("topic:*.stream", "topic:llm.*"));
	assert_true(match("topic:llm.*.anthropic", "topic:llm.stream.anthropic"));
	assert_true(match("", ""));
	assert_true(match("topic:", "topic:"));
	assert_true(match("topic:a:b", "topic:a:b"));
}

/* rt:104 rt:105 rt:106 rt:107 rt:108 rt:110 rt:111 rt:112 */
static void other_types_segments_and_counts_do_not(void **state)
{
	(void)state;
	assert_false(match("topic:foo", "tool:foo"));
	assert_false(match("topic:a.b", "topic:a.b.c"));
	assert_false(match("topic:a.b", "topic:a"));
	assert_false(match("topic:a.b.c", "topic:a"));
	assert_false(match("foo", "bar"));
	assert_false(match("topic:llm.*.anthropic", "topic:llm.stream.openai"));
	assert_false(match("topic:", "tool:"));
	assert_false(match("topic:foo*", "topic:foobar"));
	assert_false(match("*:a", "topic:a"));
	assert_false(match("topic:*", "topic:a.b"));
	assert_false(match("foo", "topic:foo"));
}

/* The offers of the manifest HEADER and `more`. */
static void assert_offers(const char *more, size_t count, const char *const *expected)
{
	HOLD(parsed_fini) struct parsed parsed = { 0 };
	HOLD(string_list_fini) struct string_list list = { 0 };
	char text[1024];

	(void)snprintf(text, sizeof(text), HEADER "%s", more);
	parsed = parse_good(text);
	assert_int_equal(manifest_provides(parsed.manifest, &list, NULL), CAPSULE_OK);
	assert_strings(&list, count, expected);
	for (size_t i = 0; i < list.count; i++)
		assert_true(list.places[i].line > 3);
}

#define TOOL(name) "[[tool]]\nname = \"" name "\"\ndescription = \"d\"\ninput_schema = {}\n"

/* rt:67 rt:69 rt:70 rt:71 rt:72 */
static void offers_are_derived(void **state)
{
	(void)state;
	assert_offers("[capabilities]\nipc_publish = [\"foo.bar\", \"baz\"]\n", 2,
		(const char *[]){ "topic:foo.bar", "topic:baz" });
	assert_offers(TOOL("run_shell"), 1, (const char *[]){ "tool:run_shell" });
	assert_offers("", 0, NULL);
	assert_offers(
		"[[uplink]]\nname = \"u\"\nplatform = \"x\"\nprofile = \"chat\"\n[[llm_provider]]\nid = \"l\"\n" TOOL(
			"t") "[capabilities]\nipc_publish = [\"p\"]\n",
		4, (const char *[]){ "topic:p", "tool:t", "llm:l", "uplink:u" });
	assert_offers("[[topic]]\nname = \"a\"\ndirection = \"publish\"\n", 0, NULL);
}

/* rt:68 */
static void explicit_offers_hide_derived_ones(void **state)
{
	char publish[] = "foo.bar", custom[] = "custom:cap";
	char *publish_items[] = { publish }, *custom_items[] = { custom };
	struct place places[] = { { 1, 1, 1 } };
	struct manifest manifest = { .provides = { custom_items, places, 1 },
		.capabilities.ipc_publish = { publish_items, places, 1 } };
	HOLD(string_list_fini) struct string_list list = { 0 };

	(void)state;
	assert_int_equal(manifest_provides(&manifest, &list, NULL), CAPSULE_OK);
	assert_strings(&list, 1, (const char *[]){ "custom:cap" });
}

static void a_list_that_was_freed_is_empty(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good(HEADER TOOL("t"));
	struct string_list list = { 0 };

	(void)state;
	assert_int_equal(manifest_provides(parsed.manifest, &list, NULL), CAPSULE_OK);
	string_list_fini(&list);
	assert_int_equal(list.count, 0);
	string_list_fini(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_segments_and_stars_match),
		cmocka_unit_test(other_types_segments_and_counts_do_not),
		cmocka_unit_test(offers_are_derived),
		cmocka_unit_test(explicit_offers_hide_derived_ones),
		cmocka_unit_test(a_list_that_was_freed_is_empty),
	};

	return cmocka_run_group_tests_name("manifest_provides", tests, NULL, NULL);
}
