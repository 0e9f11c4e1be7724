/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an operator says about events, and what whoever audits is told of interceptors that decide. */
#include "runtime/runtime_fixture.h"

#include <stdio.h>
#include <string.h>

#define INBOX(messages, bytes) "[events]\ninbox_messages = " messages "\ninbox_bytes = " bytes "\n"
#define GUARD(event, action) "[[interceptor]]\nevent = \"" event "\"\naction = \"" action "\"\nmode = \"guard\"\n"

static void load(struct fixture *fixture, const char *name, const char *more)
{
	fixture_capsule_of(fixture, name, more, fixture_event_guest);
	(void)fixture_load(fixture, fixture_path(fixture, name));
}

static void publish(struct fixture *fixture, const char *topic, struct outcome *outcome)
{
	*outcome = (struct outcome){ 0 };
	assert_status(fixture,
		capsule_publish(fixture->runtime, topic, "1", 1, fixture_note, outcome, &outcome->op, fixture->err),
		CAPSULE_OK);
	while (outcome->done == 0)
		assert_true(capsule_runtime_turn(fixture->runtime, -1) || outcome->done != 0);
}

static void expect_budget(struct fixture *fixture, const char *name, const char *budget)
{
	char capsule[64];
	const char *stats = strstr(capsule_event_stats_json(fixture->runtime), "\"capsules\"");

	(void)snprintf(capsule, sizeof capsule, "{\"capsule\":\"%s\"", name);
	stats = strstr(stats, capsule);
	assert_non_null(stats);
	stats = strstr(stats, "\"max_messages\"");
	assert_non_null(stats);
	if (strncmp(stats, budget, strlen(budget)) != 0)
		fail_msg("%s: %.60s", name, stats);
}

static void an_inbox_has_what_the_manifest_asks_for_and_the_operator_gives(void **state)
{
	struct fixture *fixture = *state;

	load(fixture, "silent", "");
	load(fixture, "modest", INBOX("7", "70000"));
	load(fixture, "greedy", INBOX("1000000", "1000000000"));
	expect_budget(fixture, "silent", "\"max_messages\":1024,\"max_bytes\":16777216}");
	expect_budget(fixture, "modest", "\"max_messages\":7,\"max_bytes\":70000}");
	expect_budget(fixture, "greedy", "\"max_messages\":1000000,\"max_bytes\":1000000000}");
	fixture_restart(fixture,
		(struct capsule_runtime_options){ .memory_store = true, .inbox_messages = 9, .inbox_bytes = 90000 });
	(void)fixture_load(fixture, fixture_path(fixture, "silent"));
	(void)fixture_load(fixture, fixture_path(fixture, "modest"));
	(void)fixture_load(fixture, fixture_path(fixture, "greedy"));
	expect_budget(fixture, "silent", "\"max_messages\":9,\"max_bytes\":90000}");
	expect_budget(fixture, "modest", "\"max_messages\":7,\"max_bytes\":70000}");
	expect_budget(fixture, "greedy", "\"max_messages\":9,\"max_bytes\":90000}");
}

static void options_that_can_not_be_are_refused(void **state)
{
	struct fixture *fixture = *state;
	const struct capsule_runtime_options wrong[] = {
		{ .size = sizeof wrong[0], .inbox_messages = UINT64_C(1) << 32 },
		{ .size = sizeof wrong[0], .chain_ms = UINT64_MAX },
		{ .size = sizeof wrong[0], .hook_ms = UINT64_MAX },
		{ .size = sizeof wrong[0], .lag_notice_ms = UINT64_MAX },
	};
	static const char *const names[] = { "inbox_messages", "chain_ms", "hook_ms", "lag_notice_ms" };

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct capsule_runtime *runtime = NULL;

		assert_status(fixture, capsule_runtime_new(&runtime, &wrong[i], fixture->err), CAPSULE_EINVAL);
		assert_says(fixture, names[i]);
		assert_null(runtime);
	}
}

static void those_who_decide_have_the_time_that_the_operator_gives(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcome;

	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true, .chain_ms = 20 });
	load(fixture, "slow", GUARD("a.b", "wait"));
	publish(fixture, "a.b", &outcome);
	assert_string_equal(capsule_op_result(outcome.op, NULL),
		"{\"matched\":1,\"delivered\":0,\"failed\":1,\"vetoed\":0,\"dropped\":0}");
	capsule_op_free(outcome.op);
}

struct audited {
	int count;
	char text[256];
};

static void audit(void *user, const struct capsule_audit_record *record)
{
	struct audited *audited = user;

	audited->count++;
	(void)snprintf(audited->text, sizeof audited->text, "%s %s %s %s %s", record->capsule, record->principal,
		record->operation, record->operand, record->key);
}

static void whoever_audits_is_told_of_decisions(void **state)
{
	struct fixture *fixture = *state;
	struct audited audited = { 0 };
	struct outcome outcome;

	fixture_restart(fixture,
		(struct capsule_runtime_options){ .memory_store = true, .audit = audit, .audit_user = &audited });
	load(fixture, "guard", GUARD("a.b", "deny") GUARD("a.c", "nothing"));
	publish(fixture, "a.c", &outcome);
	capsule_op_free(outcome.op);
	assert_int_equal(audited.count, 0);
	publish(fixture, "a.b", &outcome);
	capsule_op_free(outcome.op);
	assert_int_equal(audited.count, 1);
	assert_string_equal(audited.text, "guard default veto a.b interceptor");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_inbox_has_what_the_manifest_asks_for_and_the_operator_gives,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(options_that_can_not_be_are_refused, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			those_who_decide_have_the_time_that_the_operator_gives, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(whoever_audits_is_told_of_decisions, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("runtime_events_options", tests, NULL, NULL);
}
