/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Programs, sockets, identities and uplinks; gates that need no manifest; what a decision tells. */
#include "gate/gate_fixture.h"

static struct gate_question question_of(enum gate_operation operation)
{
	static const char *const operands[GATE_OPERATIONS] = { "/a", "/a", "a.test", "npx", "", "u", "admin", "a.b",
		"a.b" };

	return (struct gate_question){
		.operation = operation, .operand = span_text(operands[operation]), .more = span_text("p")
	};
}

/* rt:154, W-69. S21: a command is its exact text, never a beginning of it. */
static void a_program_is_granted_by_its_exact_text(void **state)
{
	static const char *const others[] = { "npxx", "np", "./bin/npx", "./npx", "/usr/bin/npx", "NPX", "/opt/my" };
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("host_process = [\"npx\", \"/opt/my tools/run\"]");

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_PROCESS, "npx");
	ASSERT_ALLOWED(&fixture, GATE_PROCESS, "/opt/my tools/run");
	ASSERT_DENIED(&fixture, GATE_PROCESS, "", GATE_MALFORMED);
	ASSERT_DENIED(&fixture, GATE_PROCESS, "npx\t-y", GATE_ARGUMENTS);
	ASSERT_DENIED(&fixture, GATE_PROCESS, "npx -y x", GATE_ARGUMENTS);
	ASSERT_SAYS(&fixture, "args");
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		ASSERT_DENIED(&fixture, GATE_PROCESS, others[i], GATE_NOT_DECLARED);
	assert_false(fixture_ask_more(&fixture, GATE_PROCESS, span_of("npx\0", 4), NULL));
}

/* Arguments are refused as such even where they stand in the grant. */
static void a_grant_with_arguments_does_not_match(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("host_process = [\"npx -y x\", \"\"]");

	(void)state;
	ASSERT_DENIED(&fixture, GATE_PROCESS, "npx -y x", GATE_ARGUMENTS);
	ASSERT_DENIED(&fixture, GATE_PROCESS, "npx", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_PROCESS, "", GATE_MALFORMED);
	ASSERT_DENIED(&fixture, GATE_PROCESS, " x", GATE_ARGUMENTS);
	ASSERT_DENIED(&fixture, GATE_PROCESS, "cat /etc/passwd", GATE_ARGUMENTS);
}

/* rt:155 */
static void without_entries_no_program_is_started(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("host_process = []");

	(void)state;
	ASSERT_DENIED(&fixture, GATE_PROCESS, "npx", GATE_NOT_DECLARED);
	ASSERT_SAYS(&fixture, "not declared in manifest");
}

/* rt:156, W-33 */
static void one_address_that_is_not_empty_grants_listening(void **state)
{
	HOLD(fixture_fini) struct gate_fixture none = fixture_of("net_bind = []");
	HOLD(fixture_fini) struct gate_fixture one = fixture_of("net_bind = [\"unix:///tmp/sock\"]");
	HOLD(fixture_fini) struct gate_fixture empty = fixture_of("net_bind = [\"\"]");
	HOLD(fixture_fini) struct gate_fixture second = fixture_of("net_bind = [\"\", \"unix:///tmp/sock\"]");

	(void)state;
	ASSERT_DENIED(&none, GATE_BIND, "", GATE_NOT_DECLARED);
	ASSERT_ALLOWED(&one, GATE_BIND, "");
	ASSERT_DENIED(&empty, GATE_BIND, "", GATE_NOT_DECLARED);
	ASSERT_ALLOWED(&second, GATE_BIND, "");
	assert_string_equal(second.decision.rule, "unix:///tmp/sock");
}

static void check_levels(const char *line, bool resolve, bool link, bool admin)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of(line);

	assert_int_equal(fixture_ask(&fixture, GATE_IDENTITY, "resolve"), resolve);
	assert_int_equal(fixture_ask(&fixture, GATE_IDENTITY, "link"), link);
	assert_int_equal(fixture_ask(&fixture, GATE_IDENTITY, "admin"), admin);
	if (!admin)
		ASSERT_SAYS(&fixture, "`admin` not declared in manifest");
	ASSERT_DENIED(&fixture, GATE_IDENTITY, "", GATE_MALFORMED);
	ASSERT_DENIED(&fixture, GATE_IDENTITY, "root", GATE_MALFORMED);
}

/* rt:157, rt:158, rt:159, rt:160, rt:161 */
static void an_identity_level_stands_for_those_below(void **state)
{
	(void)state;
	check_levels("identity = []", false, false, false);
	check_levels("identity = [\"resolve\"]", true, false, false);
	check_levels("identity = [\"link\"]", true, true, false);
	check_levels("identity = [\"admin\"]", true, true, true);
	check_levels("identity = [\"resolve\", \"admin\"]", true, true, true);
	check_levels("identity = [\"Admin\", \"\", \"admin \", \"adminx\"]", false, false, false);
}

/* rt:162, W-08: an uplink must be declared by name and platform. */
static void an_uplink_is_granted_by_name_and_platform(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_make(
		"[capabilities]\nuplink = true\n"
		"[[uplink]]\nname = \"chat\"\nplatform = \" Matrix \"\nprofile = \"chat\"\n",
		(struct gate_roots){ 0 }, GATE_FOR_COMPONENT);
	HOLD(fixture_fini) struct gate_fixture none = fixture_of("uplink = true");

	(void)state;
	assert_true(fixture_ask_more(&fixture, GATE_UPLINK, span_text("chat"), "matrix"));
	assert_string_equal(fixture.decision.rule, "chat");
	assert_int_equal(fixture.decision.place.line, 6);
	assert_false(fixture_ask_more(&fixture, GATE_UPLINK, span_text("chat"), "irc"));
	assert_int_equal(fixture.decision.reason, GATE_NOT_DECLARED);
	assert_false(fixture_ask_more(&fixture, GATE_UPLINK, span_text("Chat"), "matrix"));
	assert_false(fixture_ask_more(&fixture, GATE_UPLINK, span_text("chat"), NULL));
	assert_false(fixture_ask_more(&none, GATE_UPLINK, span_text("chat"), "matrix"));
	ASSERT_SAYS(&none, "[[uplink]] with name = \"chat\", platform = \"matrix\"");
}

/* rt:163, rt:164: what nobody declared - sockets, identities, uplinks - is denied, as everything else is. */
static void fixed_gates_answer_every_question_alike(void **state)
{
	HOLD(fixture_fini) struct gate_fixture empty = fixture_make("", (struct gate_roots){ 0 }, GATE_FOR_COMPONENT);

	(void)state;
	for (size_t i = 0; i < GATE_OPERATIONS; i++) {
		struct gate_question question = question_of((enum gate_operation)i);
		struct gate_decision decision;
		struct capsule_error err;

		gate_ask(gate_allow_all(), &question, &decision);
		assert_true(decision.allowed);
		assert_int_equal(decision.reason, GATE_BY_ALL);
		gate_ask(gate_deny_all(), &question, &decision);
		assert_false(decision.allowed);
		assert_int_equal(decision.reason, GATE_BY_ALL);
		assert_non_null(decision.key);
		assert_int_equal(gate_refuse(&err, gate_deny_all(), "demo", &question, &decision), CAPSULE_EDENIED);
		assert_non_null(strstr(err.text, "demo"));
		gate_ask(empty.gate, &question, &decision);
		assert_false(decision.allowed);
		assert_int_equal(decision.reason, GATE_NOT_DECLARED);
		assert_true(decision.none_declared);
	}
	gate_free(gate_allow_all());
	gate_free(gate_deny_all());
	gate_free(NULL);
}

static void a_question_that_does_not_exist_is_denied(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("net = [\"*\"]\nfs_read = [\"/\"]");

	(void)state;
	assert_false(fixture_ask(&fixture, GATE_OPERATIONS, "/a"));
	assert_int_equal(fixture.decision.reason, GATE_MALFORMED);
}

static void a_narrower_gate_takes_away_and_never_adds(void **state)
{
	HOLD(fixture_fini) struct gate_fixture inner = fixture_of("fs_read = [\"/b\", \"/c\"]");
	HOLD(fixture_fini) struct gate_fixture outer = fixture_of("fs_read = [\"/a\", \"/b\"]");
	struct gate *narrow = gate_new_narrow(outer.gate, inner.gate);
	struct gate_decision decision;

	(void)state;
	assert_non_null(narrow);
	outer.gate = narrow; /* both are taken; dropped before the manifest of the other */
	inner.gate = NULL;
	ASSERT_ALLOWED(&outer, GATE_READ, "/b/x");
	ASSERT_DENIED(&outer, GATE_READ, "/a/x", GATE_BY_EMBEDDER);
	ASSERT_DENIED(&outer, GATE_READ, "/c/x", GATE_NOT_DECLARED);
	ASSERT_DENIED(
		&outer, GATE_READ, "/d/x", GATE_NOT_DECLARED); /* both deny: the manifest is what can be changed */
	assert_false(gate_allows(narrow, GATE_WRITE, span_text("/b"), &decision));
	narrow = gate_new_narrow(gate_deny_all(), gate_allow_all());
	assert_false(gate_allows(narrow, GATE_READ, span_text("/b"), &decision));
	gate_free(narrow);
}

#define COMPONENT                                                                                                      \
	"[capabilities]\nnet = [\"a.test\"]\nidentity = [\"resolve\"]\n"                                               \
	"[[component]]\nfile = \"a.wasm\"\n[component.capabilities]\n"                                                 \
	"net = [\"b.test\"]\nfs_read = [\"/b\"]\nidentity = [\"link\"]\n"

/* W-23, S9: all lists of the component count, for it alone. */
static void a_component_may_do_more_than_its_capsule(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture component = fixture_make(COMPONENT, (struct gate_roots){ 0 }, GATE_FOR_COMPONENT);
	HOLD(fixture_fini)
	struct gate_fixture capsule = fixture_make(COMPONENT, (struct gate_roots){ 0 }, GATE_FOR_CAPSULE);

	(void)state;
	ASSERT_ALLOWED(&component, GATE_HTTP, "a.test");
	assert_false(component.decision.by_component);
	assert_int_equal(component.decision.place.line, 5);
	ASSERT_ALLOWED(&component, GATE_HTTP, "b.test");
	assert_true(component.decision.by_component);
	assert_int_equal(component.decision.place.line, 10);
	ASSERT_ALLOWED(&component, GATE_READ, "/b/x");
	ASSERT_ALLOWED(&component, GATE_IDENTITY, "link");
	assert_true(component.decision.by_component);
	ASSERT_ALLOWED(&capsule, GATE_HTTP, "a.test");
	ASSERT_DENIED(&capsule, GATE_HTTP, "b.test", GATE_NOT_DECLARED);
	ASSERT_DENIED(&capsule, GATE_READ, "/b/x", GATE_NOT_DECLARED);
	ASSERT_DENIED(&capsule, GATE_IDENTITY, "link", GATE_NOT_DECLARED);
}

/* S9: no list is forgotten when a component's are added. */
static void every_list_of_a_component_counts(void **state)
{
	static const char manifest[] =
		"[[component]]\nfile = \"a.wasm\"\n[component.capabilities]\nnet = [\"a.test\"]\nfs_read = [\"/a\"]\n"
		"fs_write = [\"/a\"]\nhost_process = [\"npx\"]\nnet_bind = [\"unix:///a\"]\nipc_publish = [\"a.b\"]\n"
		"ipc_subscribe = [\"a.b\"]\nidentity = [\"admin\"]\n";
	HOLD(fixture_fini)
	struct gate_fixture component = fixture_make(manifest, (struct gate_roots){ 0 }, GATE_FOR_COMPONENT);
	HOLD(fixture_fini)
	struct gate_fixture capsule = fixture_make(manifest, (struct gate_roots){ 0 }, GATE_FOR_CAPSULE);

	(void)state;
	for (size_t i = 0; i < GATE_OPERATIONS; i++) {
		struct gate_question question = question_of((enum gate_operation)i);
		struct gate_decision decision;

		gate_ask(component.gate, &question, &decision);
		assert_int_equal(decision.allowed, i != GATE_UPLINK);
		gate_ask(capsule.gate, &question, &decision);
		assert_false(decision.allowed);
	}
}

static void a_decision_names_rule_place_and_fix(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_of("fs_read = [\n  \"workspace://notes\",\n  \"workspace://src\",\n]");
	HOLD(buffer_fini) struct buffer text = { 0 };
	struct gate_question question = { .operation = GATE_READ, .operand = span_text("/workspace/src/a") };

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_READ, "/workspace/src/a");
	assert_string_equal(fixture.decision.key, "fs_read");
	assert_string_equal(fixture.decision.rule, "workspace://src");
	assert_int_equal(fixture.decision.place.line, 7);
	assert_true(gate_append_reason(fixture.gate, &question, &fixture.decision, &text));
	assert_string_equal(buffer_text(&text), "allowed: fs_read entry `workspace://src` (Capsule.toml:7)");
	ASSERT_DENIED(&fixture, GATE_READ, "/workspace//lib/a", GATE_NOT_DECLARED);
	assert_int_equal(fixture.decision.place.line, 6);
	assert_string_equal(fixture.text,
		"capsule 'test': read access to `/workspace//lib/a` not declared in manifest (Capsule.toml:6); "
		"add \"workspace://lib/a\" to fs_read in [capabilities]");
	ASSERT_DENIED(&fixture, GATE_WRITE, "/etc/x", GATE_NOT_DECLARED);
	ASSERT_SAYS(&fixture, "write access to `/etc/x` not declared in manifest (Capsule.toml:4)");
	ASSERT_SAYS(&fixture, "add \"/etc/x\" to fs_write in [capabilities]");
}

static void hostile_operands_are_cleaned_and_cut(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("");
	HOLD(buffer_fini) struct buffer operand = { 0 };

	(void)state;
	ASSERT_DENIED(&fixture, GATE_READ, "/\033[2J\xE2\x80\xAE\"\xFF", GATE_NOT_DECLARED);
	ASSERT_SAYS(&fixture, "`/?[2J?\"?`");
	ASSERT_SAYS(&fixture, "add an entry for it to fs_read");
	assert_true(buffer_append_byte(&operand, '/'));
	while (operand.len < 100000)
		assert_true(buffer_append_text(&operand, "abcdefgh/"));
	assert_false(fixture_ask_more(&fixture, GATE_READ, buffer_span(&operand), NULL));
	ASSERT_SAYS(&fixture, "...` not declared in manifest");
	assert_true(strlen(fixture.text) < 600);
}

static void operations_have_names(void **state)
{
	enum gate_operation operation;

	(void)state;
	for (size_t i = 0; i < GATE_OPERATIONS; i++) {
		assert_true(gate_operation_find(gate_operation_name((enum gate_operation)i), &operation));
		assert_int_equal(operation, i);
	}
	assert_string_equal(gate_operation_name(GATE_HTTP), "http");
	assert_false(gate_operation_find("delete", &operation));
	assert_false(gate_operation_find("", &operation));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_granted_by_its_exact_text),
		cmocka_unit_test(a_grant_with_arguments_does_not_match),
		cmocka_unit_test(without_entries_no_program_is_started),
		cmocka_unit_test(one_address_that_is_not_empty_grants_listening),
		cmocka_unit_test(an_identity_level_stands_for_those_below),
		cmocka_unit_test(an_uplink_is_granted_by_name_and_platform),
		cmocka_unit_test(fixed_gates_answer_every_question_alike),
		cmocka_unit_test(a_question_that_does_not_exist_is_denied),
		cmocka_unit_test(a_narrower_gate_takes_away_and_never_adds),
		cmocka_unit_test(a_component_may_do_more_than_its_capsule),
		cmocka_unit_test(every_list_of_a_component_counts),
		cmocka_unit_test(a_decision_names_rule_place_and_fix),
		cmocka_unit_test(hostile_operands_are_cleaned_and_cut),
		cmocka_unit_test(operations_have_names),
	};

	return cmocka_run_group_tests_name("gate_gate", tests, NULL, NULL);
}
