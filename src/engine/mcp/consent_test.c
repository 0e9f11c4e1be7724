/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the manifest says, and what people said. */
#include "engine/mcp/consent.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static enum server_consent decide(const struct manifest_mcp_server *server, const char *name, const char **entry)
{
	const struct mcp_tool tool = { .raw = span_text(name), .name = name };

	return mcp_consent_decide(server, &tool, entry);
}

static void deny_goes_before_ask_before_allow_before_the_rest(void **state)
{
	char *deny[] = { (char[]){ "delete_*" } }, *ask[] = { (char[]){ "delete_one" }, (char[]){ "write*" } };
	char *allow[] = { (char[]){ "write" }, (char[]){ "read" }, (char[]){ "delete_all" } };
	const struct manifest_mcp_server server = { .consent = SERVER_DENIES,
		.deny = { .items = deny, .count = 1 },
		.ask = { .items = ask, .count = 2 },
		.allow = { .items = allow, .count = 3 } };
	const char *entry;

	(void)state;
	assert_int_equal(decide(&server, "delete_one", &entry), SERVER_DENIES);
	assert_string_equal(entry, "delete_*");
	assert_int_equal(decide(&server, "delete_all", &entry), SERVER_DENIES);
	assert_int_equal(decide(&server, "write", &entry), SERVER_ASKS);
	assert_string_equal(entry, "write*");
	assert_int_equal(decide(&server, "read", &entry), SERVER_ALLOWS);
	assert_string_equal(entry, "read");
	assert_int_equal(decide(&server, "read_file", &entry), SERVER_DENIES);
	assert_null(entry);
}

static void nothing_said_means_allowed(void **state)
{
	const struct manifest_mcp_server server = { .id = NULL };
	const char *entry;

	(void)state;
	assert_int_equal(decide(&server, "anything", &entry), SERVER_ALLOWS);
	assert_null(entry);
}

static void both_names_of_a_tool_count(void **state)
{
	char *deny[] = { (char[]){ "wipe all" }, (char[]){ "drop_x20*" } };
	const struct manifest_mcp_server server = { .deny = { .items = deny, .count = 2 } };
	const struct mcp_tool wipe = { .raw = span_text("wipe all"), .name = "wipe_x20all" };
	const struct mcp_tool drop = { .raw = span_text("drop it"), .name = "drop_x20it" };
	const char *entry;

	(void)state;
	assert_int_equal(mcp_consent_decide(&server, &wipe, &entry), SERVER_DENIES);
	assert_int_equal(mcp_consent_decide(&server, &drop, &entry), SERVER_DENIES);
}

static void a_session_answer_holds_for_one_principal_and_one_description(void **state)
{
	struct mcp_consent_use use = { .principal = "ada", .tool = "t", .description = HASH_A, .arguments = HASH_A };
	struct mcp_consents consents;

	(void)state;
	mcp_consents_init(&consents);
	assert_false(mcp_consents_remembered(&consents, &use));
	mcp_consents_remember(&consents, &use);
	use.arguments = HASH_B;
	assert_true(mcp_consents_remembered(&consents, &use));
	use.principal = "bob";
	assert_false(mcp_consents_remembered(&consents, &use));
	use.principal = "ada";
	use.tool = "u";
	assert_false(mcp_consents_remembered(&consents, &use));
	use.tool = "t";
	use.description = HASH_B;
	assert_false(mcp_consents_remembered(&consents, &use));
	mcp_consents_remember(&consents, &use);
	assert_true(mcp_consents_remembered(&consents, &use));
	mcp_consents_fini(&consents);
}

static void an_unused_use_is_taken_once_by_the_same_call(void **state)
{
	struct mcp_consent_use use = { .principal = "ada", .tool = "t", .description = HASH_A, .arguments = HASH_A };
	struct mcp_consents consents;

	(void)state;
	mcp_consents_init(&consents);
	mcp_consents_keep(&consents, &use, 0);
	use.arguments = HASH_B;
	assert_false(mcp_consents_take(&consents, &use, 1));
	use.arguments = HASH_A;
	assert_true(mcp_consents_take(&consents, &use, 1));
	assert_false(mcp_consents_take(&consents, &use, 1));
	mcp_consents_keep(&consents, &use, 0);
	assert_false(mcp_consents_take(&consents, &use, (int64_t)MCP_UNUSED_MS * NS_PER_MS));
	assert_int_equal(consents.unused_count, 0);
	mcp_consents_fini(&consents);
}

static void the_oldest_unused_use_goes_when_there_are_too_many(void **state)
{
	struct mcp_consent_use use = { .principal = "ada", .description = HASH_A, .arguments = HASH_A };
	struct mcp_consents consents;
	char name[16];

	(void)state;
	mcp_consents_init(&consents);
	use.tool = name;
	for (int i = 0; i <= MCP_UNUSED_MAX; i++) {
		(void)snprintf(name, sizeof name, "t%d", i);
		mcp_consents_keep(&consents, &use, 0);
	}
	assert_int_equal(consents.unused_count, MCP_UNUSED_MAX);
	use.tool = "t0";
	assert_false(mcp_consents_take(&consents, &use, 1));
	use.tool = "t1";
	assert_true(mcp_consents_take(&consents, &use, 1));
	mcp_consents_fini(&consents);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deny_goes_before_ask_before_allow_before_the_rest),
		cmocka_unit_test(nothing_said_means_allowed),
		cmocka_unit_test(both_names_of_a_tool_count),
		cmocka_unit_test(a_session_answer_holds_for_one_principal_and_one_description),
		cmocka_unit_test(an_unused_use_is_taken_once_by_the_same_call),
		cmocka_unit_test(the_oldest_unused_use_goes_when_there_are_too_many),
	};

	return cmocka_run_group_tests_name("mcp_consent", tests, NULL, NULL);
}
