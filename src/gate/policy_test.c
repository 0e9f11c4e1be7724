/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The policy in words: meanings, notes, and comparing by meaning. */
#include "gate/policy.h"

#include "base/json.h"
#include "gate/gate_fixture.h"

static const struct gate_roots roots = {
	.workspace = "/workspace", .global = "/home/user/.astrid/shared", .forbidden = "/home/user/.astrid"
};

struct made {
	struct manifest *manifest;
	struct policy policy;
};

static void made_fini(struct made *made)
{
	policy_fini(&made->policy);
	manifest_free(made->manifest);
}

static struct made make_text(const char *text)
{
	struct made made = { .manifest = fixture_manifest(text) };
	struct capsule_error err;

	if (policy_make(&made.policy, made.manifest, &roots, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	return made;
}

static struct made make(const char *line)
{
	char text[1024];

	(void)snprintf(text, sizeof text, "[capabilities]\n%s\n", line);
	return make_text(text);
}

/* The one row of a manifest with this line must have this note, and a reason that says `why`. */
static void check_note(const char *line, enum policy_note note, const char *why)
{
	HOLD(made_fini) struct made made = make(line);
	const struct policy_row *row = &made.policy.rows[0];

	assert_int_equal(made.policy.count, 1);
	if (row->note != note || (row->why != NULL) != (note != POLICY_PLAIN) ||
		(why != NULL && strstr(row->why, why) == NULL))
		fail_msg("%s: %d, %s", line, row->note, row->why != NULL ? row->why : "no reason");
	assert_int_equal(made.policy.dangerous, note == POLICY_DANGEROUS);
	assert_int_equal(made.policy.unused, note == POLICY_UNUSED);
}

static void dangerous_entries_are_marked_with_the_reason(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
		{ "fs_read = [\"/\"]", "whole disk" },
		{ "fs_write = [\"/usr/local\"]", "" },
		{ "net = [\"com\"]", "every host whose name ends in this one" },
		{ "ipc_publish = [\"astrid.*.x*\"]", "topics of the runtime itself" }, /* and only oddly written */
		{ "fs_write = [\"/\"]", "whole disk" },
		{ "fs_read = [\"/home/user\"]", "home of the runtime" },
		{ "fs_read = [\"/home/user/.astrid\"]", "home of the runtime" },
		{ "fs_read = [\"/home\"]", "home of the runtime" },
		{ "fs_read = [\"/home/other\"]", "belongs to a user" },
		{ "fs_read = [\"/etc\"]", "files of the system" },
		{ "fs_read = [\"/etc/ssl/certs\"]", "files of the system" },
		{ "fs_read = [\"/home/other/.ssh\"]", "keys" },
		{ "fs_write = [\"*\"]", "every file of the workspace" },
		{ "fs_write = [\"workspace://\"]", "every file of the workspace" },
		{ "net = [\"*\"]", "any host" },
		{ "host_process = [\"bash\"]", "whatever code" },
		{ "host_process = [\"/usr/bin/python3.11\"]", "whatever code" },
		{ "host_process = [\"./env\"]", "any other program" },
		{ "host_process = [\"npx\"]", "from the network" },
		{ "host_process = [\"sudo\"]", "other rights" },
		{ "host_process = [\"curl\"]", "whatever `net` says" },
		{ "identity = [\"admin\"]", "users" },
		{ "allow_prompt_injection = true", "prompts" },
		{ "ipc_publish = [\"astrid.v1.approval.response.*\"]", "runtime itself" },
		{ "ipc_publish = [\"*.v1.a\"]", "runtime itself" },
		{ "ipc_subscribe = [\"*.*\"]", "runtime itself" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check_note(cases[i].line, POLICY_DANGEROUS, cases[i].why);
}

static void entries_that_grant_nothing_are_marked_with_the_reason(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
		{ "kv = [\"a\"]", "store of its own" },
		{ "fs_read = [\"\"]", "empty" },
		{ "fs_read = [\"a/^^/b\"]", "`..`" },
		{ "fs_read = [\"home://x\"]", "no such scheme" },
		{ "fs_read = [\"workspace://*\"]", "no pattern" },
		{ "fs_read = [\"/home/user/.astrid/trust\"]", "closed to every capsule" },
		{ "net = [\"\"]", "empty" },
		{ "net = [\"https://a.test\"]", "URL" },
		{ "net = [\"*.a.test\"]", "subdomains" },
		{ "net = [\"a.test:80\"]", "port" },
		{ "net = [\"a.test/x\"]", "path" },
		{ "net = [\".a.test\"]", "empty parts" },
		{ "net = [\"a^^test\"]", "empty parts" },
		{ "net = [\"a b\"]", "no host name" },
		{ "host_process = [\"\"]", "empty" },
		{ "host_process = [\"npx -y x\"]", "arguments" },
		{ "net_bind = [\"\"]", "empty" },
		{ "ipc_publish = [\"a^^b\"]", "empty segments" },
		{ "ipc_publish = [\"1.2.3.4.5.6.7.8.9\"]", "8 segments" },
		{ "ipc_subscribe = [\"a.b*\"]", "whole segment" },
		{ "identity = [\"Admin\"]", "lower case" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check_note(cases[i].line, POLICY_UNUSED, cases[i].why);
}

static void ordinary_entries_have_no_note(void **state)
{
	static const char *const lines[] = { "fs_read = [\"*\"]", "fs_write = [\"workspace://notes\"]",
		"fs_read = [\"global://skills\"]", "fs_read = [\"/opt/data\"]", "net = [\"api.github.com\"]",
		"host_process = [\"rg\"]", "net_bind = [\"unix:///x\"]", "ipc_publish = [\"notes.v1.added\"]",
		"ipc_subscribe = [\"notes.*\"]", "identity = [\"resolve\"]", "uplink = true" };

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		check_note(lines[i], POLICY_PLAIN, NULL);
}

static void entries_are_told_with_what_they_mean(void **state)
{
	static const struct {
		const char *line, *meaning;
	} cases[] = {
		{ "fs_read = [\"*\"]", "/workspace" },
		{ "fs_read = [\"src//./a\"]", "/workspace/src/a" },
		{ "fs_read = [\"global:///skills\"]", "/home/user/.astrid/shared/skills" },
		{ "fs_read = [\"\"]", "nothing" },
		{ "net = [\"Api.Test\"]", "api.test and its subdomains" },
		{ "net = [\"*\"]", "every host" },
		{ "host_process = [\"rg\"]", "the program rg, with any arguments" },
		{ "identity = [\"link\"]", "look up users; link, unlink and list their accounts" },
		{ "ipc_publish = [\"a.*\"]", "topics a.*, each * any one segment" },
		{ "ipc_subscribe = [\"a.*\"]", "topics below a, at any depth" },
		{ "ipc_subscribe = [\"a.b\"]", "the topic a.b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		HOLD(made_fini) struct made made = make(cases[i].line);

		assert_string_equal(made.policy.rows[0].meaning, cases[i].meaning);
	}
}

static void rows_come_in_the_order_of_keys_and_name_their_lines(void **state)
{
	HOLD(made_fini)
	struct made made = make_text(
		"[capabilities]\nidentity = [\"resolve\"]\nfs_read = [\"b\", \"a\"]\nnet = [\"a.test\"]\n"
		"[[component]]\nfile = \"a.wasm\"\n[component.capabilities]\nnet = [\"b.test\"]\n"
		"[[uplink]]\nname = \"u\"\nplatform = \"Matrix\"\nprofile = \"chat\"\n");
	static const struct {
		const char *key, *entry;
		uint32_t line;
		bool by_component;
	} rows[] = { { "net", "a.test", 7, false }, { "fs_read", "b", 6, false }, { "fs_read", "a", 6, false },
		{ "identity", "resolve", 5, false }, { "net", "b.test", 11, true }, { "uplink", "u", 12, false } };

	(void)state;
	assert_int_equal(made.policy.count, sizeof rows / sizeof rows[0]);
	for (size_t i = 0; i < made.policy.count; i++) {
		assert_string_equal(made.policy.rows[i].key, rows[i].key);
		assert_string_equal(made.policy.rows[i].entry, rows[i].entry);
		assert_int_equal(made.policy.rows[i].place.line, rows[i].line);
		assert_int_equal(made.policy.rows[i].by_component, rows[i].by_component);
	}
}

/* ---- Comparing ---- */

static void check_change(const char *before, const char *after, size_t widened, size_t narrowed)
{
	HOLD(made_fini) struct made old = make(before);
	HOLD(made_fini) struct made new = make(after);
	HOLD(free_drop) struct policy_difference *found = NULL;
	size_t count = 0, wide = 0;

	assert_int_equal(policy_compare(&old.policy, &new.policy, &found, &count, NULL), CAPSULE_OK);
	for (size_t i = 0; i < count; i++)
		wide += found[i].change == POLICY_WIDENED;
	if (wide != widened || count - wide != narrowed)
		fail_msg("%s -> %s: %zu widened, %zu narrowed", before, after, wide, count - wide);
}

/* Both ways: what widens in one direction narrows in the other. */
static void check_wider(const char *narrow, const char *wide)
{
	check_change(narrow, wide, 1, 0);
	check_change(wide, narrow, 0, 1);
}

static void policies_are_compared_by_what_they_allow(void **state)
{
	(void)state;
	check_change("", "", 0, 0);
	check_wider("", "net = [\"a.test\"]");
	check_change("fs_read = [\"a\", \"b\"]", "fs_read = [\"workspace://b/\", \"/workspace/a\"]", 0, 0);
	check_change("net = [\"A.test\"]", "net = [\"a.test\", \"x.a.test\"]", 0, 0);
	check_change("fs_read = [\"*\"]", "fs_read = [\"*\", \"src\", \"workspace://\"]", 0, 0);
	check_wider("fs_read = [\"src\"]", "fs_read = [\"*\"]");
	check_change("fs_read = [\"src\", \"*\"]", "fs_read = [\"*\"]", 0, 0);
	check_change("fs_read = [\"a\"]", "fs_write = [\"a\"]", 1, 1);
	check_change("identity = [\"admin\"]", "identity = [\"admin\", \"link\", \"resolve\"]", 0, 0);
	check_wider("identity = [\"link\"]", "identity = [\"admin\"]");
	check_change("net = [\"a.test\", \"*\"]", "net = [\"*\"]", 0, 0);
	check_change("net_bind = [\"unix:///a\"]", "net_bind = [\"unix:///b\"]", 0, 0);
	check_change("net_bind = [\"\"]", "net_bind = [\"unix:///b\"]", 1, 0);
	check_change("host_process = [\"rg\"]", "host_process = [\"rgx\"]", 1, 1);
	check_wider("host_process = [\"rg\"]", "host_process = [\"rg\", \"fd\"]");
	check_wider("", "allow_prompt_injection = true");
	check_wider("uplink = true", "uplink = true\nallow_prompt_injection = true");
}

static void topics_are_compared_as_their_lists_read_them(void **state)
{
	(void)state;
	check_change("ipc_publish = [\"a.*\"]", "ipc_publish = [\"a.*\", \"a.b\"]", 0, 0);
	check_wider("ipc_publish = [\"a.*\"]", "ipc_publish = [\"a.*\", \"a.b.c\"]");
	check_change("ipc_subscribe = [\"a.*\"]", "ipc_subscribe = [\"a.*\", \"a.b.c\"]", 0, 0);
	check_change("ipc_subscribe = [\"a.*\"]", "ipc_subscribe = [\"a.*\", \"a.b.*\"]", 0, 0);
	check_wider("ipc_subscribe = [\"a.b\"]", "ipc_subscribe = [\"a.*\"]");
}

static void what_grants_nothing_is_no_difference(void **state)
{
	(void)state;
	check_change("", "kv = [\"a\"]", 0, 0);
	check_change("", "fs_read = [\"\", \"a/^^\", \"/home/user/.astrid/keys\"]\nidentity = [\"Admin\"]", 0, 0);
	check_change("net = [\"https://a.test\"]", "net = [\"*.a.test\"]", 0, 0);
}

#define INTERCEPTS(event, mode) "[[interceptor]]\nevent = \"" event "\"\naction = \"a\"\nmode = \"" mode "\"\n"

static void check_interceptors(const char *before, const char *after, size_t widened, size_t narrowed)
{
	HOLD(made_fini) struct made old = make_text(before);
	HOLD(made_fini) struct made new = make_text(after);
	HOLD(free_drop) struct policy_difference *found = NULL;
	size_t count = 0, wide = 0;

	assert_int_equal(policy_compare(&old.policy, &new.policy, &found, &count, NULL), CAPSULE_OK);
	for (size_t i = 0; i < count; i++)
		wide += found[i].change == POLICY_WIDENED;
	if (wide != widened || count - wide != narrowed)
		fail_msg("%s -> %s: %zu widened, %zu narrowed", before, after, wide, count - wide);
}

static void deciding_about_more_events_is_more(void **state)
{
	(void)state;
	check_interceptors("", INTERCEPTS("a.b", "observe"), 0, 0);
	check_interceptors("", INTERCEPTS("a.b", "guard"), 1, 0);
	check_interceptors(INTERCEPTS("a.b", "observe"), INTERCEPTS("a.b", "guard"), 1, 0);
	check_interceptors(INTERCEPTS("a.b", "guard"), "", 0, 1);
	check_interceptors(INTERCEPTS("a.b", "guard"), INTERCEPTS("a.b", "guard") "priority = 7\n", 0, 0);
	check_interceptors(INTERCEPTS("a.b", "guard"), INTERCEPTS("a.c", "guard"), 1, 1);
	check_interceptors(INTERCEPTS("a.b", "guard"), INTERCEPTS("a.*", "guard"), 1, 0);
	check_interceptors(INTERCEPTS("a.*", "guard"), INTERCEPTS("a.b", "guard"), 0, 1);
	check_interceptors(INTERCEPTS("a.*", "guard"), INTERCEPTS("a.b.c", "guard"), 1, 1);
	check_interceptors(INTERCEPTS("a.b", "guard"), INTERCEPTS("a.b", "rewrite"), 1, 0);
	check_interceptors(INTERCEPTS("a.*", "rewrite"), INTERCEPTS("a.b", "guard"), 0, 1);
	check_interceptors(INTERCEPTS("a.b", "rewrite"), INTERCEPTS("a.b", "rewrite") INTERCEPTS("a.b", "guard"), 0, 0);
	check_interceptors("[capabilities]\nallow_prompt_injection = true\n", INTERCEPTS("a.b", "guard"), 1, 1);
}

static void deciding_about_events_is_told_with_its_dangers(void **state)
{
	static const struct {
		const char *text, *meaning;
		enum policy_note note;
		const char *why;
	} cases[] = {
		{ INTERCEPTS("user.v1.*", "guard"), "decides about events: user.v1.* (guard)", POLICY_PLAIN, NULL },
		{ INTERCEPTS("user.v1.*", "rewrite"), "decides about events: user.v1.* (rewrite)", POLICY_DANGEROUS,
			"it may change what others publish, and it still counts as theirs" },
		{ INTERCEPTS("astrid.v1.approval", "guard"), "decides about events: astrid.v1.approval (guard)",
			POLICY_DANGEROUS, "it may keep events of the runtime itself from everybody" },
		{ INTERCEPTS("*.v1", "guard"), "decides about events: *.v1 (guard)", POLICY_DANGEROUS,
			"it may keep events of the runtime itself from everybody" },
		{ INTERCEPTS("a.b*", "guard"), "decides about events: a.b* (guard)", POLICY_UNUSED,
			"`*` is a wildcard only as a whole segment" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		HOLD(made_fini) struct made made = make_text(cases[i].text);
		const struct policy_row *row = &made.policy.rows[0];

		assert_int_equal(made.policy.count, 1);
		assert_string_equal(row->key, "interceptor");
		assert_string_equal(row->meaning, cases[i].meaning);
		assert_int_equal(row->place.line, 7);
		assert_int_equal(row->note, cases[i].note);
		if (cases[i].why != NULL)
			assert_string_equal(row->why, cases[i].why);
	}
}

#define COMPONENT "[[component]]\nfile = \"a.wasm\"\n[component.capabilities]\n"

static void check_component(const char *before, const char *after, size_t widened)
{
	HOLD(made_fini) struct made old = make_text(before);
	HOLD(made_fini) struct made new = make_text(after);
	HOLD(free_drop) struct policy_difference *found = NULL;
	size_t count = 0, wide = 0;

	assert_int_equal(policy_compare(&old.policy, &new.policy, &found, &count, NULL), CAPSULE_OK);
	for (size_t i = 0; i < count; i++)
		wide += found[i].change == POLICY_WIDENED;
	assert_int_equal(wide, widened);
}

/* What the component alone had, its servers get too when it moves to the capsule. */
static void a_right_of_the_component_is_less_than_one_of_the_capsule(void **state)
{
	static const char *const lines[] = { "net = [\"a.test\"]\n", "net = [\"*\"]\n", "fs_read = [\"/opt\"]\n",
		"ipc_publish = [\"a.b\"]\n" };

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		char own[256], component[256];

		(void)snprintf(own, sizeof own, "[capabilities]\n%s%s", lines[i], COMPONENT);
		(void)snprintf(component, sizeof component, "%s%s", COMPONENT, lines[i]);
		check_component(component, own, 1);
		check_component(own, component, 0);
	}
}

/* ---- Printing ---- */

static void text_and_json_hold_every_row_and_no_control_character(void **state)
{
	HOLD(made_fini) struct made made = make("net = [\"*\", \"\\u001B[2J\"]\nfs_read = [\"a\"]");
	HOLD(buffer_fini) struct buffer text = { 0 }, colour = { 0 }, json = { 0 };
	const struct json_limits limits = { .bytes_max = 65536 };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;

	(void)state;
	assert_true(policy_append_text(&made.policy, "Capsule.toml", false, &text));
	assert_non_null(strstr(buffer_text(&text), "`*`: every host (Capsule.toml:5)\n"));
	assert_non_null(strstr(buffer_text(&text), "dangerous: it may send anything to any host\n"));
	assert_non_null(strstr(buffer_text(&text), "`?[2J`: nothing"));
	assert_null(memchr(text.data, '\033', text.len));
	assert_true(policy_append_text(&made.policy, NULL, true, &colour));
	assert_non_null(strstr(buffer_text(&colour), "\033[1;31mdangerous\033[0m: "));
	assert_true(policy_append_json(&made.policy, &json));
	assert_int_equal(json_parse(&doc, buffer_span(&json), &limits, "policy", NULL), CAPSULE_OK);
	assert_int_equal(yyjson_arr_size(yyjson_doc_get_root(doc)), 3);
	assert_non_null(strstr(buffer_text(&json),
		"{\"key\":\"fs_read\",\"entry\":\"a\",\"meaning\":\"/workspace/a\",\"note\":\"plain\",\"line\":6,"
		"\"component\":false}"));
	assert_non_null(
		strstr(buffer_text(&json), "\"note\":\"dangerous\",\"why\":\"it may send anything to any host\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dangerous_entries_are_marked_with_the_reason),
		cmocka_unit_test(entries_that_grant_nothing_are_marked_with_the_reason),
		cmocka_unit_test(ordinary_entries_have_no_note),
		cmocka_unit_test(entries_are_told_with_what_they_mean),
		cmocka_unit_test(rows_come_in_the_order_of_keys_and_name_their_lines),
		cmocka_unit_test(policies_are_compared_by_what_they_allow),
		cmocka_unit_test(topics_are_compared_as_their_lists_read_them),
		cmocka_unit_test(deciding_about_more_events_is_more),
		cmocka_unit_test(deciding_about_events_is_told_with_its_dangers),
		cmocka_unit_test(what_grants_nothing_is_no_difference),
		cmocka_unit_test(a_right_of_the_component_is_less_than_one_of_the_capsule),
		cmocka_unit_test(text_and_json_hold_every_row_and_no_control_character),
	};

	return cmocka_run_group_tests_name("gate_policy", tests, NULL, NULL);
}
