/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* MCP servers in the policy: in words, and which of two may do more, also against the definition of consent. */
#include "gate/policy.h"
#include "gate/policy_server.h"

#include "gate/gate_fixture.h"

#define DIGEST "blake3:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "blake3:1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define GRANTS "[capabilities]\nnet = [\"*\"]\nhost_process = [\"python3\", \"./server\"]\n"
#define SERVER                                                                                                         \
	GRANTS "[[mcp_server]]\nid = \"m\"\ntype = \"stdio\"\ncommand = \"python3\"\nargs = [\"./server.py\", \"a b\"]\n"

static const struct gate_roots roots = { .workspace = "/workspace", .forbidden = "/home/user/.astrid" };

struct made {
	struct manifest *manifest;
	struct policy policy;
};

static void made_fini(struct made *made)
{
	policy_fini(&made->policy);
	manifest_free(made->manifest);
}

static struct made make(const char *text)
{
	struct made made = { .manifest = fixture_manifest(text) };
	struct capsule_error err;

	if (policy_make(&made.policy, made.manifest, &roots, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	return made;
}

static const struct policy_row *server_row(const struct made *made)
{
	const struct policy_row *row = &made->policy.rows[made->policy.count - 1];

	assert_string_equal(row->key, "mcp_server");
	assert_string_equal(row->entry, "m");
	return row;
}

static void assert_meaning(const char *text, const char *meaning, enum policy_note note, const char *target)
{
	HOLD(made_fini) struct made made = make(text);
	const struct policy_row *row = server_row(&made);

	assert_string_equal(row->meaning, meaning);
	assert_int_equal(row->note, note);
	if (target == NULL)
		assert_null(row->target);
	else
		assert_string_equal(row->target, target);
}

static void servers_are_told_with_what_they_run(void **state)
{
	(void)state;
	assert_meaning(SERVER,
		"runs python3 ./server.py \"a b\" in a sandbox without a network; its tools are called without asking; "
		"nothing is verified",
		POLICY_PLAIN, "{\"command\":\"python3\",\"args\":[\"./server.py\",\"a b\"]}");
	assert_meaning(SERVER "network = true\nhash = \"" DIGEST
			      "\"\nconsent = \"ask\"\nallow = [\"read_*\"]\npin_tools = true\n",
		"runs python3 ./server.py \"a b\" in a sandbox with a network; a person is asked about its tools, apart "
		"from those that `allow`, `ask` and `deny` name; the program is verified",
		POLICY_DANGEROUS,
		"{\"command\":\"python3\",\"args\":[\"./server.py\",\"a b\"],\"hash\":\"" DIGEST
		"\",\"network\":true,\"consent\":\"ask\",\"allow\":[\"read_*\"],\"pin_tools\":true}");
	assert_meaning(SERVER "integrity = [\"x=" DIGEST "\"]\nconsent = \"deny\"\n",
		"runs python3 ./server.py \"a b\" in a sandbox without a network; its tools are not called; only files of "
		"`integrity` are verified",
		POLICY_PLAIN,
		"{\"command\":\"python3\",\"args\":[\"./server.py\",\"a b\"],\"integrity\":[\"x=" DIGEST
		"\"],\"consent\":\"deny\"}");
}

static void assert_unused(const char *text, const char *why)
{
	HOLD(made_fini) struct made made = make(text);

	assert_meaning(text, "nothing", POLICY_UNUSED, NULL);
	assert_string_equal(server_row(&made)->why, why);
}

static void servers_that_are_not_started_grant_nothing(void **state)
{
	(void)state;
	assert_unused(GRANTS "[[mcp_server]]\nid = \"m\"\ncommand = \"python3\"\n",
		"it is not started: its type is not `stdio`");
	assert_unused(GRANTS "[[mcp_server]]\nid = \"m\"\ntype = \"sse\"\ncommand = \"python3\"\n",
		"it is not started: its type is not `stdio`");
	assert_unused(
		GRANTS "[[mcp_server]]\nid = \"m\"\ntype = \"stdio\"\n", "it is not started: it has no `command`");
	assert_unused(GRANTS "[[mcp_server]]\nid = \"m\"\ntype = \"stdio\"\ncommand = \"server\"\n",
		"it is not started: `host_process` does not grant its command");
}

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

/* From the server with the lines `before` to the one with `after`: it may do more, and the way back is less. */
static void check_wider(const char *before, const char *after)
{
	char from[2048], to[2048];

	(void)snprintf(from, sizeof from, SERVER "%s", before);
	(void)snprintf(to, sizeof to, SERVER "%s", after);
	check_change(from, to, 1, 0);
	check_change(to, from, 0, 1);
	check_change(from, from, 0, 0);
}

static void servers_that_may_do_more_are_wider(void **state)
{
	(void)state;
	check_change(GRANTS, SERVER, 1, 0);
	check_wider("", "network = true");
	check_wider("hash = \"" DIGEST "\"", "");
	check_wider("integrity = [\"a=" DIGEST "\", \"b=" DIGEST "\"]", "integrity = [\"b=" DIGEST "\"]");
	check_wider("consent = \"ask\"", "");
	check_wider("consent = \"deny\"", "consent = \"ask\"");
	check_wider("expose = [\"a\"]", "expose = [\"a\", \"b\"]");
	check_wider("expose = [\"a\"]", "expose = [\"a*\"]");
	check_wider("expose = [\"a\"]", "");
	check_wider("deny = [\"a\"]", "");
	check_wider("deny = [\"a\"]", "ask = [\"a\"]");
	check_wider("deny = [\"a*\"]", "deny = [\"ab\"]");
	check_wider("ask = [\"a\"]", "");
	check_wider("consent = \"ask\"", "consent = \"ask\"\nallow = [\"a\"]");
	check_wider("consent = \"deny\"", "consent = \"deny\"\nask = [\"a\"]");
	check_wider("pin_tools = true", "");
}

static void servers_that_are_others_are_both(void **state)
{
	(void)state;
	check_change(SERVER "hash = \"" DIGEST "\"", SERVER "hash = \"" OTHER "\"", 1, 1);
	check_change(SERVER "integrity = [\"a=" DIGEST "\"]", SERVER "integrity = [\"a=" OTHER "\"]", 1, 1);
	check_change(SERVER,
		GRANTS "[[mcp_server]]\nid = \"m\"\ntype = \"stdio\"\ncommand = \"python3\"\nargs = [\"./b.py\"]\n", 1,
		1);
	check_change(SERVER, GRANTS "[[mcp_server]]\nid = \"m\"\ntype = \"stdio\"\ncommand = \"./server\"\n", 1, 1);
	check_change(SERVER,
		GRANTS
		"[[mcp_server]]\nid = \"n\"\ntype = \"stdio\"\ncommand = \"python3\"\nargs = [\"./server.py\", \"a b\"]\n",
		1, 1);
	check_change(SERVER, SERVER "restart = \"never\"\ntimeout_ms = 5\ndescription = \"d\"\n", 0, 0);
}

/* ---- Consent against its definition ---- */

static bool stands_for(const struct string_list *list, const char *tool)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *pattern = list->items[i];
		size_t len = strlen(pattern);

		if (strcmp(pattern, tool) == 0 ||
			(len > 0 && pattern[len - 1] == '*' && strncmp(pattern, tool, len - 1) == 0))
			return true;
	}
	return false;
}

/* 2: it is called, 1: a person is asked, 0: it is not called or not seen. */
static int level(const struct manifest_mcp_server *server, const char *tool)
{
	if ((server->expose.count > 0 && !stands_for(&server->expose, tool)) || stands_for(&server->deny, tool))
		return 0;
	if (stands_for(&server->ask, tool))
		return 1;
	if (stands_for(&server->allow, tool))
		return 2;
	return server->consent == SERVER_ALLOWS ? 2 : server->consent == SERVER_ASKS ? 1 : 0;
}

static bool may_do_no_more(const struct manifest_mcp_server *wide, const struct manifest_mcp_server *server)
{
	static const char *const tools[] = { "a", "ab", "b", "other" };

	for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++)
		if (level(server, tools[i]) > level(wide, tools[i]))
			return false;
	return true;
}

/* One of few lists, by a number that is used up. */
static struct string_list take_list(unsigned *number)
{
	static char a[] = "a", ab[] = "ab", b[] = "b", a_star[] = "a*", star[] = "*";
	static char *lists[][2] = { { NULL, NULL }, { a, NULL }, { a_star, NULL }, { b, ab }, { star, NULL } };
	unsigned which = *number % 5;
	struct string_list list = { .items = lists[which], .count = which == 0 ? 0 : which == 3 ? 2 : 1 };

	*number /= 5;
	return list;
}

static struct manifest_mcp_server take_server(unsigned number)
{
	struct manifest_mcp_server server = { .consent = (enum server_consent)(number % 3) };
	static char command[] = "c";

	server.command = command;
	number /= 3;
	server.expose = take_list(&number);
	server.allow = take_list(&number);
	server.ask = take_list(&number);
	server.deny = take_list(&number);
	return server;
}

/* What is told to be covered must be. */
static void no_wider_consent_is_taken_for_a_narrower_one(void **state)
{
	const unsigned all = 3 * 5 * 5 * 5 * 5;
	uint64_t random = 88172645463325252u;
	size_t told = 0, is = 0;

	(void)state;
	for (size_t i = 0; i < 20000; i++) {
		struct manifest_mcp_server a, b;
		struct policy_server *left, *right;
		bool covers;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		a = take_server((unsigned)(random % all));
		b = take_server((unsigned)((random >> 32) % all));
		left = policy_server_new(&a);
		right = policy_server_new(&b);
		assert_true(left != NULL && right != NULL);
		covers = policy_server_covers(left, right);
		if (covers && !may_do_no_more(&a, &b))
			fail_msg("pair %zu is told to be covered and is not", i);
		assert_true(policy_server_covers(left, left));
		told += covers;
		is += may_do_no_more(&a, &b);
		policy_server_free(left);
		policy_server_free(right);
	}
	assert_true(told > 100 && is > told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_are_told_with_what_they_run),
		cmocka_unit_test(servers_that_are_not_started_grant_nothing),
		cmocka_unit_test(servers_that_may_do_more_are_wider),
		cmocka_unit_test(servers_that_are_others_are_both),
		cmocka_unit_test(no_wider_consent_is_taken_for_a_narrower_one),
	};

	return cmocka_run_group_tests_name("gate_policy_server", tests, NULL, NULL);
}
