/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The field that a setting becomes, as JSON text. */
#include "manifest/onboarding.h"
#include "manifest/parse_testing.h"

/* [env.someKey] with `lines` becomes the object `expected`. */
static void assert_field(const char *lines, const char *expected)
{
	HOLD(parsed_fini) struct parsed parsed = { 0 };
	HOLD(buffer_fini) struct buffer json = { 0 };
	char text[1024];

	(void)snprintf(text, sizeof(text), HEADER "[env.someKey]\n%s\n", lines);
	parsed = parse_text(text);
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_true(onboarding_append(&json, &parsed.manifest->env.items[0]));
	assert_string_equal(buffer_text(&json), expected);
}

#define ASKED "{\"key\":\"someKey\",\"prompt\":\"Please enter value for someKey\""

/* rt:73 */
static void text_with_a_question(void **state)
{
	(void)state;
	assert_field("type = \"string\"\nrequest = \"Which \\\"one\\\"?\"\ndescription = \"d\"",
		"{\"key\":\"someKey\",\"prompt\":\"Which \\\"one\\\"?\",\"description\":\"d\",\"field_type\":\"Text\"}");
}

/* rt:74 mv:25 */
static void secret_with_choices_is_a_secret(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(HEADER "[env.K]\ntype = \"secret\"\nenum_values = [\"a\", \"b\"]\n");

	(void)state;
	assert_field("type = \"secret\"\nenum_values = [\"a\"]", ASKED ",\"field_type\":\"Secret\",\"default\":\"a\"}");
	assert_field("type = \"secret\"\nenum_values = [\"a\", \"b\"]", ASKED ",\"field_type\":\"Secret\"}");
	assert_int_equal(parsed.found.count, 1);
	assert_int_equal(find_problem(&parsed, SEVERITY_WARNING, "`enum_values` of [env.K] is ignored")->line, 6);
}

/* rt:75 mv:22 */
static void choices_with_a_default(void **state)
{
	(void)state;
	assert_field("type = \"string\"\nenum_values = [\"testnet\", \"mainnet\"]\ndefault = \"testnet\"",
		ASKED ",\"field_type\":{\"Enum\":[\"testnet\",\"mainnet\"]},\"default\":\"testnet\"}");
}

/* rt:76 rt:79 */
static void question_names_the_key_when_there_is_none(void **state)
{
	(void)state;
	assert_field("type = \"string\"", ASKED ",\"field_type\":\"Text\"}");
	assert_field("type = \"string\"\nenum_values = []", ASKED ",\"field_type\":\"Text\"}");
}

/* rt:77 mv:26 */
static void one_choice_is_a_default(void **state)
{
	(void)state;
	assert_field(
		"type = \"string\"\nenum_values = [\"only\"]", ASKED ",\"field_type\":\"Text\",\"default\":\"only\"}");
	assert_field("type = \"string\"\nenum_values = [\"only\"]\ndefault = \"x\"",
		ASKED ",\"field_type\":\"Text\",\"default\":\"x\"}");
}

/* rt:78 */
static void array_is_an_array(void **state)
{
	(void)state;
	assert_field("type = \"array\"\nplaceholder = \"a, b\"",
		ASKED ",\"field_type\":\"Array\",\"placeholder\":\"a, b\"}");
	assert_field("type = \"array\"\nenum_values = [\"a\", \"b\"]", ASKED ",\"field_type\":\"Array\"}");
}

static void default_that_is_no_string_is_its_json_text(void **state)
{
	(void)state;
	assert_field("type = \"string\"\ndefault = 5", ASKED ",\"field_type\":\"Text\",\"default\":\"5\"}");
	assert_field("type = \"string\"\ndefault = { a = \"b\" }",
		ASKED ",\"field_type\":\"Text\",\"default\":\"{\\\"a\\\":\\\"b\\\"}\"}");
	assert_field("type = \"string\"\ndefault = nan", ASKED ",\"field_type\":\"Text\"}");
	assert_field("type = \"string\"\ndefault = \"\\\"\"", ASKED ",\"field_type\":\"Text\",\"default\":\"\\\"\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_with_a_question),
		cmocka_unit_test(secret_with_choices_is_a_secret),
		cmocka_unit_test(choices_with_a_default),
		cmocka_unit_test(question_names_the_key_when_there_is_none),
		cmocka_unit_test(one_choice_is_a_default),
		cmocka_unit_test(array_is_an_array),
		cmocka_unit_test(default_that_is_no_string_is_its_json_text),
	};

	return cmocka_run_group_tests_name("manifest_onboarding", tests, NULL, NULL);
}
