/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Questions to a person about calls of tools: answered at once, later, too late, never. */
#include "runtime/servers_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ASKING(id) MAY_START SERVER(id) "consent = \"ask\"\n"

/* A person who answers at once, or whose answer the test gives. */
struct person {
	bool at_once;
	enum capsule_answer answer;
	int asked;
	struct capsule_question *question;
	char shown[256];
};

static void ask(void *user, struct capsule_question *question, const struct capsule_prompt *prompt)
{
	struct person *person = user;

	person->asked++;
	(void)snprintf(person->shown, sizeof person->shown, "%s %s %s %.*s", prompt->capsule, prompt->server,
		prompt->tool, (int)prompt->arguments_len, prompt->arguments);
	if (person->at_once)
		capsule_prompt_answer(question, person->answer);
	else
		person->question = question;
}

static bool was_asked(void *user)
{
	return ((struct person *)user)->asked > 0;
}

static struct capsule *load_asking(struct fixture *fixture, struct person *person)
{
	fixture_restart(fixture,
		(struct capsule_runtime_options){ .memory_store = true, .prompt = ask, .prompt_user = person });
	return fixture_load(fixture, servers_capsule(fixture, "demo", ASKING("s")));
}

static void what_is_allowed_once_is_asked_again(void **state)
{
	struct fixture *fixture = *state;
	struct person person = { .at_once = true, .answer = CAPSULE_ANSWER_ONCE };
	struct capsule *capsule = load_asking(fixture, &person);

	(void)fixture_call(fixture, capsule, "echo", "{\"text\":\"a\"}");
	assert_string_equal(person.shown, "demo capsule:demo:s echo {\"text\":\"a\"}");
	(void)fixture_call(fixture, capsule, "echo", "{}");
	assert_int_equal(person.asked, 2);
}

static void what_is_allowed_for_the_session_is_remembered_across_loads(void **state)
{
	struct fixture *fixture = *state;
	struct person person = { .at_once = true, .answer = CAPSULE_ANSWER_SESSION };
	struct capsule *capsule = load_asking(fixture, &person);

	(void)fixture_call(fixture, capsule, "echo", "{}");
	(void)fixture_call(fixture, capsule, "echo", "{}");
	assert_int_equal(person.asked, 1);
	capsule = fixture_load_again(fixture, capsule, fixture_path(fixture, "demo"));
	(void)fixture_call(fixture, capsule, "s:echo", "{}");
	assert_int_equal(person.asked, 1);
	(void)fixture_call(fixture, capsule, "more", "{}");
	assert_int_equal(person.asked, 2);
}

static void what_is_denied_is_not_called(void **state)
{
	struct fixture *fixture = *state;
	struct person person = { .at_once = true, .answer = CAPSULE_ANSWER_DENY };
	struct capsule *capsule = load_asking(fixture, &person);

	assert_status(fixture, fixture_call_fails(fixture, capsule, "echo"), CAPSULE_EDENIED);
	person.answer = (enum capsule_answer)99;
	assert_status(fixture, fixture_call_fails(fixture, capsule, "echo"), CAPSULE_EDENIED);
	assert_int_equal(person.asked, 2);
}

static void an_answer_may_come_later_or_too_late(void **state)
{
	struct fixture *fixture = *state;
	struct person person = { 0 };
	struct capsule *capsule = load_asking(fixture, &person);
	struct outcome outcome;

	fixture_start(fixture, capsule, "echo", &outcome);
	servers_turn_until(fixture, was_asked, &person);
	assert_int_equal(outcome.done, 0);
	capsule_prompt_answer(person.question, CAPSULE_ANSWER_ONCE);
	assert_status(fixture, capsule_op_wait(outcome.op, fixture->err), CAPSULE_OK);
	capsule_op_free(outcome.op);
	person.asked = 0;
	fixture_start(fixture, capsule, "echo", &outcome);
	servers_turn_until(fixture, was_asked, &person);
	capsule_op_cancel(outcome.op);
	assert_status(fixture, capsule_op_wait(outcome.op, fixture->err), CAPSULE_ECANCELLED);
	capsule_op_free(outcome.op);
	capsule_prompt_answer(person.question, CAPSULE_ANSWER_SESSION);
	/* Nobody waited for it, so it is not remembered either. */
	person.asked = 0;
	fixture_start(fixture, capsule, "echo", &outcome);
	servers_turn_until(fixture, was_asked, &person);
	fixture_unload(fixture, capsule);
	capsule_op_free(outcome.op);
	capsule_prompt_answer(person.question, CAPSULE_ANSWER_ONCE);
	capsule_prompt_answer(NULL, CAPSULE_ANSWER_ONCE);
}

static void the_runtime_may_go_with_a_question_open(void **state)
{
	struct fixture *fixture = *state;
	struct person person = { 0 };
	struct capsule *capsule = load_asking(fixture, &person);
	struct outcome outcome;

	fixture_start(fixture, capsule, "echo", &outcome);
	servers_turn_until(fixture, was_asked, &person);
	capsule_runtime_free(fixture->runtime);
	fixture->runtime = NULL;
	assert_int_equal(outcome.done, 0);
}

static void without_anybody_to_ask_the_call_is_refused_with_the_fix(void **state)
{
	struct fixture *fixture = *state;
	struct audited audited = { 0 };
	struct capsule *capsule;
	struct capsule_op *op = NULL;
	enum capsule_status status;

	fixture_restart(fixture,
		(struct capsule_runtime_options){
			.memory_store = true, .audit = servers_audited, .audit_user = &audited });
	capsule = fixture_load(fixture, servers_capsule(fixture, "demo", ASKING("s")));
	status = capsule_call(capsule, "echo", "{}", 2, NULL, NULL, &op, fixture->err);
	if (status == CAPSULE_OK)
		status = capsule_op_wait(op, fixture->err);
	capsule_op_free(op);
	assert_status(fixture, status, CAPSULE_EDENIED);
	assert_says(fixture, "`allow`");
	assert_non_null(strstr(audited.detail, "\"stage\":\"refused\""));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_allowed_once_is_asked_again),
		TEST(what_is_allowed_for_the_session_is_remembered_across_loads),
		TEST(what_is_denied_is_not_called),
		TEST(an_answer_may_come_later_or_too_late),
		TEST(the_runtime_may_go_with_a_question_open),
		TEST(without_anybody_to_ask_the_call_is_refused_with_the_fix),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
