/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Registering uplinks: words, the gate, what whoever keeps them gets; and their messages. */
#include "host/host_event_fixture.h"

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

/* ---- Messages that come in ---- */

#define ID "ab000000-0000-0000-0000-000000000000"

#define SEND(fixture, id, user, content)                                                                               \
	CALL(fixture, "astrid_uplink_send", span_text(id), span_text(user), span_text(content))

static int set_up_sending(void **state)
{
	struct fixture *fixture = fixture_new(false);

	event_fixture_new(fixture)->uplink.bytes[0] = 0xAB;
	*state = fixture;
	return 0;
}

static int tear_down_sending(void **state)
{
	struct fixture *fixture = *state;

	event_fixture_free(fixture->events);
	fixture_free(fixture);
	return 0;
}

static void a_message_is_taken_or_dropped(void **state) /* abi:134 */
{
	struct fixture *fixture = *state;
	struct event_fixture *events = fixture->events;

	events->room = true;
	assert_int_equal(SEND(fixture, ID, "u\xFF", "hi"), CAPSULE_OK);
	assert_result(fixture, "{\"ok\":true}");
	assert_true(span_is(buffer_span(&events->user), "u\xEF\xBF\xBD"));
	assert_true(span_is(buffer_span(&events->content), "hi"));
	events->room = false;
	assert_int_equal(SEND(fixture, "AB000000000000000000000000000000", "", ""), CAPSULE_OK);
	assert_result(fixture, "{\"dropped\":true,\"ok\":false}");
	assert_int_equal(events->sent, 2);
}

static void a_message_is_of_an_uplink_of_the_capsule(void **state) /* abi:134 */
{
	static const char *const broken[] = { "xyz", "", "ab000000-0000-0000-0000-000000000000 ", "\xFF",
		"ab000000-0000-0000-0000-00000000000" };
	struct fixture *fixture = *state;
	char id[65];

	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		assert_int_equal(SEND(fixture, broken[i], "u", "hi"), CAPSULE_EINVAL);
		assert_error_says(fixture, "uplink_send failed: invalid uplink_id");
	}
	memset(id, 'a', sizeof id);
	assert_int_equal(
		CALL(fixture, "astrid_uplink_send", span_of(id, 65), span_text("u"), span_text("hi")), CAPSULE_ELIMIT);
	assert_error_says(fixture, "uplink_id too long");
	assert_int_equal(
		CALL(fixture, "astrid_uplink_send", span_of(id, 64), span_text("u"), span_text("hi")), CAPSULE_EINVAL);
	assert_int_equal(SEND(fixture, "ac000000-0000-0000-0000-000000000000", "u", "hi"), CAPSULE_ENOTFOUND);
	assert_error_says(fixture, "not registered");
	fixture->host.services.uplink_send = NULL;
	assert_int_equal(SEND(fixture, ID, "u", "hi"), CAPSULE_EUNSUPPORTED);
	assert_error_says(fixture, "no inbound channel");
	assert_int_equal(fixture->events->sent, 0);
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
#undef CASE
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_sending, tear_down_sending)
		CASE(a_message_is_taken_or_dropped),
		CASE(a_message_is_of_an_uplink_of_the_capsule),
	};
#undef CASE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
