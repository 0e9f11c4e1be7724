/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Policies through the public functions: real folders, links among them. */
#include "runtime/runtime_fixture.h"

#include <capsule/policy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct subject {
	struct fixture *fixture;
	struct capsule_policy *policy;
	struct capsule_decision decision;
};

/* A capsule with these lines behind its tools, asked about in workspace `w` and home `h` of the fixture's folder. */
static struct capsule_policy *policy_of(struct fixture *fixture, const char *name, const char *lines)
{
	struct capsule_policy_options options = { .size = sizeof options };
	struct capsule_policy *policy = NULL;
	const char *dir = fixture_capsule(fixture, name, lines);

	(void)mkdir(fixture_path(fixture, "w"), 0700);
	(void)mkdir(fixture_path(fixture, "h"), 0700);
	options.workspace = fixture_path(fixture, "w");
	options.home = fixture_path(fixture, "h");
	if (capsule_policy_new(&policy, dir, &options, fixture->err) != CAPSULE_OK)
		fail_msg("%s", capsule_error_text(fixture->err));
	return policy;
}

static struct subject subject_of(void **state, const char *lines)
{
	struct fixture *fixture = *state;

	return (struct subject){ .fixture = fixture, .policy = policy_of(fixture, "demo", lines) };
}

static void subject_fini(struct subject *subject)
{
	capsule_policy_free(subject->policy);
}

static bool decide(struct subject *subject, const char *action, const char *operand)
{
	if (capsule_policy_decide(subject->policy, action, operand, &subject->decision, subject->fixture->err) !=
		CAPSULE_OK)
		fail_msg("%s", capsule_error_text(subject->fixture->err));
	return subject->decision.allowed;
}

static void assert_has(const char *text, const char *part)
{
	if (text == NULL || strstr(text, part) == NULL)
		fail_msg("`%s` is not in: %s", part, text != NULL ? text : "NULL");
}

static void a_decision_names_file_line_rule_and_operand(void **state)
{
	__attribute__((cleanup(subject_fini))) struct subject subject = subject_of(
		state, "[capabilities]\nfs_read = [\"workspace://notes\"]\n");

	assert_true(decide(&subject, "read", "workspace://notes/a"));
	assert_string_equal(subject.decision.key, "fs_read");
	assert_string_equal(subject.decision.rule, "workspace://notes");
	assert_has(subject.decision.file, "demo/Capsule.toml");
	assert_true(subject.decision.line > 4);
	assert_has(subject.decision.operand, "/w/notes/a");
	assert_null(subject.decision.fix);
	assert_true(decide(&subject, "read", "notes/./a/../b"));
	assert_has(subject.decision.operand, "/w/notes/b");
	assert_false(decide(&subject, "read", "workspace://src/a"));
	assert_has(subject.decision.reason, "not declared in manifest");
	assert_has(subject.decision.fix, "add \"workspace://src/a\" to fs_read");
	assert_null(subject.decision.rule);
	assert_false(decide(&subject, "write", subject.decision.operand)); /* the text that is being replaced */
	assert_has(subject.decision.reason, "write access");
}

/* rt:165 in the words of the policy: whatever is granted, a guest's path stays below its root. */
static void a_path_that_leaves_its_root_is_denied(void **state)
{
	__attribute__((cleanup(subject_fini))) struct subject subject = subject_of(
		state, "[capabilities]\nfs_read = [\"/\"]\n");

	assert_false(decide(&subject, "read", "../../../../etc/passwd"));
	assert_has(subject.decision.reason, "escapes root boundary");
	assert_false(decide(&subject, "read", "workspace://a/../../b"));
	assert_true(decide(&subject, "read", "workspace://a/../b"));
	assert_true(decide(&subject, "read", "workspace:///etc/passwd"));
	assert_has(subject.decision.operand, "/w/etc/passwd");
	assert_true(decide(&subject, "read", "/etc/passwd"));
	assert_string_equal(subject.decision.operand, "/etc/passwd");
	assert_false(decide(&subject, "read", "/no-such-folder/../etc"));
	assert_false(decide(&subject, "read", "global://a"));
	assert_has(subject.decision.reason, "no shared folder");
}

/* S6: what is asked about is what would be opened. */
static void links_are_followed_before_the_last_answer(void **state)
{
	struct fixture *fixture = *state;
	__attribute__((cleanup(subject_fini))) struct subject subject = subject_of(
		state, "[capabilities]\nfs_read = [\"workspace://notes\", \"/etc\"]\n");

	assert_int_equal(mkdir(fixture_path(fixture, "w/notes"), 0700), 0);
	assert_int_equal(mkdir(fixture_path(fixture, "w/other"), 0700), 0);
	assert_int_equal(symlink("../other", fixture_path(fixture, "w/notes/inside")), 0);
	assert_int_equal(symlink("/etc", fixture_path(fixture, "w/notes/outside")), 0);
	assert_true(decide(&subject, "read", "notes/plain"));
	assert_false(decide(&subject, "read", "notes/inside/a"));
	assert_has(subject.decision.operand, "/w/other/a");
	assert_has(subject.decision.reason, "not declared");
	assert_false(decide(&subject, "read", "notes/outside/passwd"));
	assert_has(subject.decision.reason, "escapes root boundary");
	assert_string_equal(subject.decision.operand, "/etc/passwd");
}

/* S16: the home is closed, its shared folder is not. */
static void the_home_is_closed_but_for_its_shared_folder(void **state)
{
	struct fixture *fixture = *state;
	char shared[128];

	(void)mkdir(fixture_path(fixture, "h"), 0700);
	(void)mkdir(fixture_path(fixture, "h/shared"), 0700);
	__attribute__((cleanup(subject_fini))) struct subject subject = subject_of(
		state, "[capabilities]\nfs_read = [\"/\"]\n");

	assert_false(decide(&subject, "read", fixture_path(fixture, "h/capsule.db")));
	assert_has(subject.decision.reason, "closed to every capsule");
	assert_null(subject.decision.fix);
	(void)snprintf(shared, sizeof shared, "%s", fixture_path(fixture, "h/shared/a"));
	assert_true(decide(&subject, "read", shared));
	assert_true(decide(&subject, "read", "global://a"));
}

static void every_action_can_be_asked_about(void **state)
{
	__attribute__((cleanup(subject_fini))) struct subject subject = subject_of(state,
		"[capabilities]\nnet = [\"a.test\"]\nhost_process = [\"rg\"]\nnet_bind = [\"unix:///s\"]\n"
		"identity = [\"link\"]\nipc_publish = [\"a.*\"]\nipc_subscribe = [\"a.*\"]\nfs_write = [\"out\"]\n"
		"[[uplink]]\nname = \"u\"\nplatform = \"matrix\"\nprofile = \"chat\"\n");
	static const struct {
		const char *action, *good, *bad, *part;
	} cases[] = {
		{ "write", "out/a", "in/a", "write access" },
		{ "http", "https://x.a.test:80/", "https://b.test/", "`b.test`" },
		{ "http", "a.test", "not a url", "no URL and no host" },
		{ "http", "A.TEST", "file:///etc", "no URL and no host" },
		{ "process", "rg", "rg -l x", "arguments" },
		{ "bind", "", NULL, NULL },
		{ "uplink", "u@Matrix", "u@irc", "not declared" },
		{ "identity", "resolve", "admin", "not declared" },
		{ "publish", "a.b", "a.b.c", "not allowed to publish" },
		{ "subscribe", "a.b.c", "*", "not allowed to subscribe" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (!decide(&subject, cases[i].action, cases[i].good))
			fail_msg("%s", subject.decision.reason);
		assert_has(subject.decision.reason, "allowed: ");
		if (cases[i].bad == NULL)
			continue;
		if (decide(&subject, cases[i].action, cases[i].bad))
			fail_msg("%s", subject.decision.reason);
		assert_has(subject.decision.reason, cases[i].part);
	}
}

static void a_wrong_action_is_answered_with_those_that_exist(void **state)
{
	__attribute__((cleanup(subject_fini))) struct subject subject = subject_of(state, "");
	struct capsule_error *err = subject.fixture->err;

	assert_int_equal(capsule_policy_decide(subject.policy, "delete", "a", &subject.decision, err), CAPSULE_EUSAGE);
	assert_has(capsule_error_text(err), "read, write, http, process");
	assert_int_equal(capsule_policy_decide(subject.policy, "uplink", "u", &subject.decision, err), CAPSULE_EUSAGE);
	assert_has(capsule_error_text(err), "NAME@PLATFORM");
	assert_int_equal(capsule_policy_decide(subject.policy, "read", NULL, &subject.decision, err), CAPSULE_EINVAL);
}

static void a_broken_manifest_is_no_policy(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_policy *policy = NULL;
	struct capsule_policy_options options = { 0 };

	fixture_write(fixture, "Capsule.toml", "[package]\nname = 1\n");
	assert_int_equal(capsule_policy_new(&policy, fixture_path(fixture, "Capsule.toml"), NULL, fixture->err),
		CAPSULE_EMANIFEST);
	assert_int_equal(
		capsule_policy_new(&policy, fixture_path(fixture, "none"), NULL, fixture->err), CAPSULE_ENOTFOUND);
	assert_int_equal(capsule_policy_new(&policy, "", NULL, fixture->err), CAPSULE_EINVAL);
	assert_int_equal(capsule_policy_new(&policy, fixture_path(fixture, "Capsule.toml"), &options, fixture->err),
		CAPSULE_EINVAL);
	assert_null(policy);
	capsule_policy_free(NULL);
}

static void text_and_json_tell_the_whole_manifest(void **state)
{
	__attribute__((cleanup(subject_fini))) struct subject subject = subject_of(state,
		"[dependencies]\nrequires = [\"topic:x.y\"]\n[capabilities]\nnet = [\"*\"]\nkv = [\"a\"]\n"
		"[[interceptor]]\nevent = \"a.b\"\naction = \"act\"\n");
	const char *text = capsule_policy_text(subject.policy, false);

	assert_has(text, "\ncapabilities (2)\n");
	assert_has(text, "dangerous: it may send anything to any host");
	assert_has(text, "\nprovides (");
	assert_has(text, "\nrequires (1)\n  topic:x.y\n");
	assert_has(text, "\n  a.b: act (observe)\n");
	assert_has(text, "\n1 dangerous, 1 unused\n");
	assert_has(capsule_policy_text(subject.policy, true), "\033[1mcapabilities\033[0m");
	text = capsule_policy_json(subject.policy);
	assert_has(text, "{\"id\":\"demo\",\"version\":\"");
	assert_has(text, "\"requires\":[\"topic:x.y\"]");
	assert_has(text,
		"\"interceptors\":[{\"event\":\"a.b\",\"action\":\"act\",\"mode\":\"observe\",\"priority\":0,"
		"\"timeout_ms\":0,\"on_error\":\"deny\",\"on_full\":\"drop-oldest\"}],"
		"\"events\":{\"inbox_messages\":null,\"inbox_bytes\":null},\"servers\":[],\"commands\":[],\"dangerous\":1,\"unused\":1}");
}

static void interceptors_that_decide_are_told_as_rights(void **state)
{
	__attribute__((cleanup(subject_fini))) struct subject subject = subject_of(state,
		"[events]\ninbox_messages = 5\n[[interceptor]]\nevent = \"user.v1.*\"\naction = \"act\"\n"
		"mode = \"guard\"\npriority = -3\ntimeout_ms = 250\non_error = \"allow\"\non_full = \"fail\"\n");
	const char *text = capsule_policy_text(subject.policy, false);

	assert_has(text, "\ncapabilities (1)\n");
	assert_has(text, "`user.v1.*`: decides about events: user.v1.* (guard) (");
	assert_has(text, "\n  user.v1.*: act (guard, priority -3, 250 ms, on error allow, on full fail)\n");
	assert_has(text, "\nevents (1)\n  inbox_messages: 5\n");
	text = capsule_policy_json(subject.policy);
	assert_has(text, "\"capabilities\":[{\"key\":\"interceptor\",\"entry\":\"user.v1.*\",");
	assert_has(text,
		"\"mode\":\"guard\",\"priority\":-3,\"timeout_ms\":250,\"on_error\":\"allow\",\"on_full\":\"fail\"}]");
	assert_has(text, "\"events\":{\"inbox_messages\":5,\"inbox_bytes\":null}");
}

static void a_difference_tells_what_is_wider_and_what_is_not(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_policy *before = policy_of(
		fixture, "old", "[capabilities]\nnet = [\"a.test\"]\nidentity = [\"link\"]\n");
	struct capsule_policy *after = policy_of(fixture, "new", "[capabilities]\nnet = [\"*\"]\n");
	struct capsule_policy_difference *difference = NULL;
	const char *text;

	assert_int_equal(capsule_policy_compare(&difference, before, after, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_policy_widened(difference), 1);
	assert_int_equal(capsule_policy_narrowed(difference), 1);
	text = capsule_policy_difference_text(difference, false);
	assert_has(text, "+ net `*`: every host (");
	assert_has(text, "dangerous: it may send anything");
	assert_has(text, "- identity `link`: ");
	assert_has(text, "1 widened, 1 narrowed\n");
	assert_has(capsule_policy_difference_json(difference),
		"[{\"change\":\"widened\",\"key\":\"net\",\"entry\":\"*\","
		"\"meaning\":\"every host\",\"line\":");
	capsule_policy_difference_free(difference);
	assert_int_equal(capsule_policy_compare(&difference, before, before, fixture->err), CAPSULE_OK);
	assert_string_equal(capsule_policy_difference_text(difference, false), "both allow the same\n");
	assert_string_equal(capsule_policy_difference_json(difference), "[]");
	capsule_policy_difference_free(difference);
	capsule_policy_difference_free(NULL);
	capsule_policy_free(before);
	capsule_policy_free(after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_decision_names_file_line_rule_and_operand),
		TEST(a_path_that_leaves_its_root_is_denied),
		TEST(links_are_followed_before_the_last_answer),
		TEST(the_home_is_closed_but_for_its_shared_folder),
		TEST(every_action_can_be_asked_about),
		TEST(a_wrong_action_is_answered_with_those_that_exist),
		TEST(a_broken_manifest_is_no_policy),
		TEST(text_and_json_tell_the_whole_manifest),
		TEST(interceptors_that_decide_are_told_as_rights),
		TEST(a_difference_tells_what_is_wider_and_what_is_not),
	};

	return cmocka_run_group_tests_name("runtime_policy", tests, NULL, NULL);
}
