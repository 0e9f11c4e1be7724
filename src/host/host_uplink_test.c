/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Registering uplinks: words, the gate, what whoever keeps them gets. */
#include "host/host_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define REGISTER(fixture, name, platform, profile)                                                                     \
	CALL(fixture, "astrid_uplink_register", span_text(name), span_text(platform), span_text(profile))

static int set_up(void **state)
{
	struct fixture *fixture = fixture_new(false);

	fixture_open_files(fixture, false);
	fixture_grant(fixture,
		"[[uplink]]\nname = \"n\"\nplatform = \"Discord\"\nprofile = \"chat\"\n"
		"[[uplink]]\nname = \"twice\"\nplatform = \"discord\"\nprofile = \"chat\"\n");
	fixture->uplink.bytes[0] = 0xAB;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	fixture_free(*state);
	return 0;
}

static void an_uplink_gets_an_id(void **state) /* abi:132 */
{
	struct fixture *fixture = *state;

	if (REGISTER(fixture, "n", " Discord ", "CHAT") != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	assert_result(fixture, "ab000000-0000-0000-0000-000000000000");
	assert_string_equal(fixture->uplink_name, "n");
	assert_string_equal(fixture->uplink_platform, "discord");
	assert_int_equal(REGISTER(fixture, "twice", "discord", "chat"), CAPSULE_EINVAL);
	assert_error_says(fixture, "uplink_register failed: duplicate uplink");
}

static void profiles_are_words_in_any_case(void **state) /* abi:132 */
{
	static const struct {
		const char *word;
		enum uplink_profile profile;
	} words[] = { { "chat", UPLINK_CHAT }, { "human", UPLINK_CHAT }, { "Interactive", UPLINK_INTERACTIVE },
		{ "NOTIFY", UPLINK_NOTIFY }, { "bridge", UPLINK_BRIDGE } };
	static const char *const others[] = { " chat", "chat ", "", "chats", "interactively", "chat\xC3\xA9" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		assert_int_equal(REGISTER(fixture, "n", "discord", words[i].word), CAPSULE_OK);
		assert_int_equal(fixture->uplink_profile, words[i].profile);
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_int_equal(REGISTER(fixture, "n", "discord", others[i]), CAPSULE_EINVAL);
		assert_error_says(fixture, "uplink_register failed: invalid uplink profile");
	}
}

static void what_the_manifest_does_not_declare_is_refused(void **state) /* abi:133 */
{
	static const struct {
		const char *name, *platform;
	} rows[] = { { "n", "irc" }, { "m", "discord" }, { "", "" }, { "N", "discord" } };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(REGISTER(fixture, rows[i].name, rows[i].platform, "chat"), CAPSULE_EDENIED);
		assert_error_says(fixture, "security denied uplink registration: ");
		assert_int_equal(fixture->refused, (int)i + 1);
		assert_int_equal(fixture->refused_operation, GATE_UPLINK);
		assert_string_equal(fixture->refused_operand, rows[i].name);
	}
	assert_string_equal(fixture->uplink_name, "");
	fixture->host.gate = NULL;
	assert_int_equal(REGISTER(fixture, "n", "discord", "chat"), CAPSULE_EDENIED);
}

static void a_source_begins_and_ends_with_a_letter_or_digit(void **state)
{
	struct fixture *fixture = *state;

	fixture->host.capsule_id = "-x";
	assert_int_equal(REGISTER(fixture, "n", "discord", "chat"), CAPSULE_EINVAL);
	assert_error_says(fixture, "failed to create uplink source");
	fixture->host.capsule_id = "x-";
	assert_int_equal(REGISTER(fixture, "n", "discord", "chat"), CAPSULE_EINVAL);
	fixture->host.capsule_id = "x-1";
	assert_int_equal(REGISTER(fixture, "n", "discord", "chat"), CAPSULE_OK);
}

static void somebody_has_to_keep_uplinks(void **state)
{
	struct fixture *fixture = *state;

	fixture->host.services.uplink = NULL;
	assert_int_equal(REGISTER(fixture, "n", "discord", "chat"), CAPSULE_EUNSUPPORTED);
	assert_error_says(fixture, "nobody keeps uplinks here");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(an_uplink_gets_an_id),
		CASE(profiles_are_words_in_any_case),
		CASE(what_the_manifest_does_not_declare_is_refused),
		CASE(a_source_begins_and_ends_with_a_letter_or_digit),
		CASE(somebody_has_to_keep_uplinks),
	};
#undef CASE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
