/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Descriptions that change, and those that can't be compared. */
#include "engine/mcp/pins.h"

#include "store/kv_fixture.h"

#define TOOL(name, text) "{\"name\":\"" name "\",\"description\":\"" text "\",\"inputSchema\":{\"type\":\"object\"}}"

struct seen {
	int changes;
	char last[MCP_TOOL_NAME_MAX + 1];
};

static void changed(void *user, const struct mcp_tool *tool)
{
	struct seen *seen = user;

	seen->changes++;
	(void)snprintf(seen->last, sizeof seen->last, "%s", tool->name);
}

static void quiet(void *user, struct span text)
{
	(void)user;
	fail_msg("%.*s", SPAN_ARG(text));
}

static enum capsule_status check(struct mcp_pins *pins, const struct fixture *fixture, struct mcp_catalog *catalog,
	const char *list, bool strict, struct seen *seen)
{
	const struct manifest_mcp_server server = { .id = (char[]){ "s" } };

	mcp_catalog_fini(catalog);
	assert_int_equal(mcp_catalog_read(catalog, span_text(list), &server, quiet, NULL, NULL), CAPSULE_OK);
	return mcp_pins_check(pins, fixture->scope, fixture->loop, "s", catalog, strict, changed, seen, NULL);
}

static void first_sight_is_pinned_and_a_change_is_told_once(void **state)
{
	struct fixture *fixture = *state;
	struct mcp_catalog catalog = { 0 };
	struct mcp_pins pins = { 0 }, later = { 0 };
	struct seen seen = { 0 };

	fixture_open(fixture, true);
	assert_int_equal(
		check(&pins, fixture, &catalog, "[" TOOL("a", "one") "," TOOL("b", "one") "]", false, &seen), 0);
	assert_int_equal(seen.changes, 0);
	assert_int_equal(
		check(&pins, fixture, &catalog, "[" TOOL("a", "one") "," TOOL("b", "two") "]", false, &seen), 0);
	assert_int_equal(
		check(&pins, fixture, &catalog, "[" TOOL("a", "one") "," TOOL("b", "two") "]", false, &seen), 0);
	assert_int_equal(seen.changes, 1);
	assert_string_equal(seen.last, "b");
	assert_true(catalog.tools[1]->changed);
	assert_null(mcp_tool_refusal(catalog.tools[1]));
	assert_int_equal(
		check(&pins, fixture, &catalog, "[" TOOL("a", "one") "," TOOL("b", "three") "]", false, &seen), 0);
	assert_int_equal(seen.changes, 2);
	/* The next process knows it too. */
	assert_int_equal(
		check(&later, fixture, &catalog, "[" TOOL("a", "one") "," TOOL("b", "two") "]", true, &seen), 0);
	assert_int_equal(seen.changes, 3);
	assert_non_null(strstr(mcp_tool_refusal(catalog.tools[1]), "not the one that was approved"));
	assert_null(mcp_tool_refusal(catalog.tools[0]));
	mcp_pins_fini(&pins);
	mcp_pins_fini(&later);
	mcp_catalog_fini(&catalog);
}

static void approving_pins_what_there_is_now(void **state)
{
	struct fixture *fixture = *state;
	struct mcp_catalog catalog = { 0 };
	struct mcp_pins pins = { 0 }, later = { 0 };
	struct seen seen = { 0 };
	size_t count = 9;

	fixture_open(fixture, true);
	assert_int_equal(check(&pins, fixture, &catalog, "[" TOOL("a", "one") "]", true, &seen), 0);
	assert_int_equal(check(&pins, fixture, &catalog, "[" TOOL("a", "two") "]", true, &seen), 0);
	assert_non_null(catalog.tools[0]->blocked);
	assert_int_equal(
		mcp_pins_approve(&pins, fixture->scope, fixture->loop, "s", &catalog, &count, NULL), CAPSULE_OK);
	assert_int_equal(count, 1);
	assert_null(catalog.tools[0]->blocked);
	assert_int_equal(check(&later, fixture, &catalog, "[" TOOL("a", "two") "]", true, &seen), 0);
	assert_null(catalog.tools[0]->blocked);
	assert_int_equal(check(&later, fixture, &catalog, "[" TOOL("a", "one") "]", true, &seen), 0);
	assert_non_null(catalog.tools[0]->blocked);
	mcp_pins_fini(&pins);
	mcp_pins_fini(&later);
	mcp_catalog_fini(&catalog);
}

static void a_tool_that_was_gone_is_known_again(void **state)
{
	struct fixture *fixture = *state;
	struct mcp_catalog catalog = { 0 };
	struct mcp_pins pins = { 0 };
	struct seen seen = { 0 };

	fixture_open(fixture, false);
	assert_int_equal(check(&pins, fixture, &catalog, "[" TOOL("a", "one") "]", true, &seen), 0);
	assert_int_equal(check(&pins, fixture, &catalog, "[" TOOL("b", "one") "]", true, &seen), 0);
	assert_null(catalog.tools[0]->blocked);
	assert_int_equal(
		check(&pins, fixture, &catalog, "[" TOOL("a", "two") "," TOOL("b", "one") "]", true, &seen), 0);
	assert_int_equal(seen.changes, 1);
	assert_non_null(catalog.tools[0]->blocked);
	assert_null(catalog.tools[1]->blocked);
	mcp_pins_fini(&pins);
	mcp_catalog_fini(&catalog);
}

static void every_text_that_is_passed_on_counts(void **state)
{
	static const char *const others[] = {
		"[{\"name\":\"a\",\"inputSchema\":{\"x\":1}}]",
		"[{\"name\":\"a\",\"inputSchema\":{},\"title\":\"t\"}]",
		"[{\"name\":\"a\",\"inputSchema\":{},\"outputSchema\":{}}]",
		"[{\"name\":\"a\",\"inputSchema\":{},\"annotations\":{}}]",
		"[{\"name\":\"a\",\"inputSchema\":{},\"description\":\"\"}]",
	};
	struct fixture *fixture = *state;
	struct mcp_catalog catalog = { 0 };
	struct mcp_pins pins = { 0 };
	struct seen seen = { 0 };
	const char *same = "[{\"icons\":[],\"inputSchema\":{ },\"name\":\"a\"}]";

	fixture_open(fixture, false);
	assert_int_equal(check(&pins, fixture, &catalog, "[{\"name\":\"a\",\"inputSchema\":{}}]", true, &seen), 0);
	assert_int_equal(check(&pins, fixture, &catalog, same, true, &seen), 0);
	assert_int_equal(seen.changes, 0);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_int_equal(check(&pins, fixture, &catalog, others[i], true, &seen), 0);
		assert_int_equal(seen.changes, i + 1);
	}
	mcp_pins_fini(&pins);
	mcp_catalog_fini(&catalog);
}

static void without_a_store_strict_blocks_all_and_others_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct mcp_catalog catalog = { 0 };
	struct mcp_pins pins = { 0 };
	struct seen seen = { 0 };
	size_t count;

	assert_int_equal(check(&pins, fixture, &catalog, "[" TOOL("a", "one") "]", true, &seen), CAPSULE_ESTATE);
	assert_non_null(catalog.tools[0]->blocked);
	assert_int_equal(check(&pins, fixture, &catalog, "[" TOOL("a", "one") "]", false, &seen), CAPSULE_ESTATE);
	assert_null(catalog.tools[0]->blocked);
	assert_int_equal(mcp_pins_approve(&pins, NULL, fixture->loop, "s", &catalog, &count, NULL), CAPSULE_ESTATE);
	mcp_pins_fini(&pins);
	mcp_catalog_fini(&catalog);
}

static void damaged_pins_fail_closed(void **state)
{
	static const char *const stored[] = { "[]", "{\"a\":1}", "{\"a\"" };
	struct fixture *fixture = *state;
	struct mcp_catalog catalog = { 0 };
	struct seen seen = { 0 };

	fixture_open(fixture, false);
	for (size_t i = 0; i < sizeof stored / sizeof stored[0]; i++) {
		struct kv_request request = { .verb = KV_SET, .key = span_text("mcp.pins:s") };
		struct mcp_pins pins = { 0 };

		request.value = span_text(stored[i]);
		op_init(&request.op, fixture->loop);
		assert_int_equal(kv_run(fixture->scope, &request, NULL), CAPSULE_OK);
		op_fini(&request.op);
		assert_int_equal(
			check(&pins, fixture, &catalog, "[" TOOL("a", "one") "]", true, &seen), CAPSULE_ESTORE);
		assert_non_null(catalog.tools[0]->blocked);
		mcp_pins_fini(&pins);
	}
	mcp_catalog_fini(&catalog);
}

#define PINS_TEST(fact) cmocka_unit_test_setup_teardown(fact, fixture_new, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PINS_TEST(first_sight_is_pinned_and_a_change_is_told_once),
		PINS_TEST(approving_pins_what_there_is_now),
		PINS_TEST(a_tool_that_was_gone_is_known_again),
		PINS_TEST(every_text_that_is_passed_on_counts),
		PINS_TEST(without_a_store_strict_blocks_all_and_others_nothing),
		PINS_TEST(damaged_pins_fail_closed),
	};

	return cmocka_run_group_tests_name("mcp_pins", tests, NULL, NULL);
}
