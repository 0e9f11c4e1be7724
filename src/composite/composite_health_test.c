/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Several engines of which one ends by itself and comes back, or not; whose tools, and who is called. */
#include "composite/composite_fixture.h"

static void assert_reason(const struct composite *composite, enum composite_state state, const char *text)
{
	struct capsule_error why = { 0 };

	assert_int_equal(composite_health(composite, &why), state);
	assert_string_equal(why.text, text);
}

static void end_unseen(struct op *op, void *user)
{
	(void)op;
	(void)user;
}

/* Make the engines ones that offer their tools by name. */
static void offer(struct fixture *fixture, size_t index, const char *tool)
{
	fixture->fakes[index]->engine.ops = &offering_ops;
	fixture->fakes[index]->takes_calls = true;
	fixture->fakes[index]->tool = tool;
}

static enum capsule_status call_tool(struct fixture *fixture, enum engine_call_kind kind, const char *name,
	struct engine_call *call, struct capsule_error *err)
{
	memset(call, 0, sizeof *call);
	op_init(&call->op, fixture->loop);
	call->kind = kind;
	call->name = name;
	return composite_call(fixture->composite, call, end_unseen, NULL, err);
}

static void assert_called(struct fixture *fixture, const char *tool, size_t index)
{
	struct engine_call call;
	struct capsule_error err = { 0 };

	assert_int_equal(call_tool(fixture, ENGINE_TOOL, tool, &call, &err), CAPSULE_OK);
	assert_ptr_equal(call.engine, &fixture->fakes[index]->engine);
	list_remove(&call.link);
	fixture->fakes[index]->call_count--;
	op_fini(&call.op);
}

static void an_engine_that_recovers_leaves_the_capsule_ready_and_not_well(void **state) /* mv:116 */
{
	struct fixture *fixture = *state;

	composite_fixture_make(fixture, 2);
	offer(fixture, 0, "one");
	offer(fixture, 1, "two");
	composite_fixture_load(fixture);
	assert_int_equal(composite_health(fixture->composite, NULL), COMPOSITE_READY);
	recover_by_itself(fixture->fakes[1], "MCP server 'capsule:x:s' is no longer running");
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_READY);
	assert_reason(fixture->composite, COMPOSITE_FAILED, "MCP server 'capsule:x:s' is no longer running");
	assert_int_equal(fixture->changes, 2);
	assert_int_equal(fixture->retooled, 1);
	assert_called(fixture, "one", 0);
	recover_by_itself(fixture->fakes[1], NULL);
	assert_int_equal(composite_health(fixture->composite, NULL), COMPOSITE_READY);
	assert_int_equal(fixture->retooled, 2);
}

static void an_engine_that_gives_up_makes_the_capsule_fail(void **state)
{
	struct fixture *fixture = *state;

	composite_fixture_make(fixture, 2);
	composite_fixture_load(fixture);
	recover_by_itself(fixture->fakes[0], "is no longer running");
	fail_by_itself(fixture->fakes[0], "given up");
	assert_int_equal(composite_state(fixture->composite, NULL), COMPOSITE_FAILED);
	assert_reason(fixture->composite, COMPOSITE_FAILED, "given up");
	assert_tools(fixture, "[]", 0);
}

static void a_tool_is_called_where_it_is_offered(void **state) /* rt:188 */
{
	struct fixture *fixture = *state;
	struct engine_call call;
	struct capsule_error err = { 0 };

	composite_fixture_make(fixture, 3);
	offer(fixture, 0, "same");
	offer(fixture, 1, "same");
	offer(fixture, 2, "other");
	composite_fixture_load(fixture);
	assert_called(fixture, "same", 0);
	assert_called(fixture, "b:same", 1);
	assert_called(fixture, "other", 2);
	assert_true(composite_offers(fixture->composite, "c:other"));
	assert_false(composite_offers(fixture->composite, "a:other"));
	assert_int_equal(call_tool(fixture, ENGINE_TOOL, "none", &call, &err), CAPSULE_EUNSUPPORTED);
	op_fini(&call.op);
}

static void a_name_that_is_taken_is_told_to_the_engines_behind(void **state)
{
	struct fixture *fixture = *state;

	composite_fixture_make(fixture, 3);
	fixture->fakes[0]->tool = "same";
	fixture->fakes[1]->tool = "same";
	fixture->fakes[2]->tool = "other";
	composite_fixture_load(fixture);
	assert_tools(fixture, "[{\"name\":\"same\"},{\"name\":\"b:same\"},{\"name\":\"other\"}]", 3);
}

static void an_interceptor_is_asked_of_the_next_engine_when_one_has_none(void **state) /* mv:237 */
{
	struct fixture *fixture = *state;
	struct engine_call call;
	struct capsule_error err = { 0 };

	composite_fixture_make(fixture, 2);
	fixture->fakes[0]->takes_calls = fixture->fakes[1]->takes_calls = true;
	composite_fixture_load(fixture);
	buffer_clear(&fixture->notes);
	assert_int_equal(call_tool(fixture, ENGINE_INTERCEPTOR, "act", &call, &err), CAPSULE_OK);
	assert_notes(fixture, "call a");
	call_finish(&call);
	composite_fixture_turn(fixture);
	op_fini(&call.op);
	fixture->fakes[0]->interceptor_unknown = true;
	assert_int_equal(call_tool(fixture, ENGINE_INTERCEPTOR, "act", &call, &err), CAPSULE_OK);
	assert_notes(fixture, "call a, call b");
	call_finish(&call);
	composite_fixture_turn(fixture);
	op_fini(&call.op);
	fixture->fakes[1]->takes_calls = false;
	assert_int_equal(call_tool(fixture, ENGINE_INTERCEPTOR, "act", &call, &err), CAPSULE_ENOTFOUND);
	assert_string_equal(err.text, "Function not found: a");
	op_fini(&call.op);
}

static void other_tools_are_told_while_it_is_ready(void **state)
{
	struct fixture *fixture = *state;
	struct engine *engine;

	composite_fixture_make(fixture, 1);
	engine = &fixture->fakes[0]->engine;
	engine->retooled(engine, engine->user);
	assert_int_equal(fixture->retooled, 0);
	composite_fixture_load(fixture);
	engine->retooled(engine, engine->user);
	assert_int_equal(fixture->retooled, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, composite_setup, composite_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_engine_that_recovers_leaves_the_capsule_ready_and_not_well),
		TEST(an_engine_that_gives_up_makes_the_capsule_fail),
		TEST(a_tool_is_called_where_it_is_offered),
		TEST(a_name_that_is_taken_is_told_to_the_engines_behind),
		TEST(an_interceptor_is_asked_of_the_next_engine_when_one_has_none),
		TEST(other_tools_are_told_while_it_is_ready),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
