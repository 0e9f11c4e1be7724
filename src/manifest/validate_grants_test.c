/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What authors are told about the entries of their capability tables; which of them are refused; names of variables. */
#include "manifest/env_name.h"
#include "manifest/parse_testing.h"

/* [capabilities] with the one line `line` must be accepted with one warning that says `says` and offers `fix`. */
static void assert_warned(const char *line, uint32_t column, const char *says, const char *fix)
{
	HOLD(parsed_fini) struct parsed parsed = { 0 };
	const struct diagnostic *item;
	char text[512];

	(void)snprintf(text, sizeof(text), HEADER "[capabilities]\n%s\n", line);
	parsed = parse_text(text);
	item = find_problem(&parsed, SEVERITY_WARNING, says);
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_int_equal(parsed.found.count, 1);
	assert_int_equal(item->line, 5);
	assert_int_equal(item->column, column);
	assert_string_equal(item->fix, fix);
}

static void assert_silent(const char *line)
{
	HOLD(parsed_fini) struct parsed parsed = { 0 };
	char text[512];

	(void)snprintf(text, sizeof(text), HEADER "[capabilities]\n%s\n", line);
	parsed = parse_good(text);
	assert_int_equal(parsed.found.count, 0);
}

static void empty_entries_grant_nothing(void **state)
{
	static const char *const keys[] = { "net", "fs_read", "fs_write", "host_process", "net_bind", "identity" };

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char line[64], says[128];

		(void)snprintf(line, sizeof(line), "%s = [\"\"]", keys[i]);
		(void)snprintf(says, sizeof(says), "an empty entry in `%s` of [capabilities] grants nothing", keys[i]);
		assert_warned(line, (uint32_t)strlen(keys[i]) + 5, says, "remove it");
	}
}

static void paths_that_leave_are_refused(void **state)
{
	static const char *const paths[] = { "..", "../x", "/a/../b", "workspace://..", "workspace://a/..",
		"global://../x" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		HOLD(parsed_fini) struct parsed parsed = { 0 };
		char text[256];

		(void)snprintf(text, sizeof(text), HEADER "[capabilities]\nfs_write = [\"%s\"]\n", paths[i]);
		parsed = parse_text(text);
		assert_int_equal(parsed.found.errors, 1);
		assert_int_equal(find_problem(&parsed, SEVERITY_ERROR, "has a segment '..'")->column, 13);
	}
	assert_silent(
		"fs_read = [\"/a/...\", \"..b/c\", \"workspace://a..b\", \"workspace://\", \"global://x\", \"src\", \"*\"]");
}

static void paths_that_do_not_say_what_they_seem_to(void **state)
{
	(void)state;
	assert_warned("fs_read = [\"/ws/*\"]", 12, "is no pattern", "write `/ws`");
	assert_warned("fs_read = [\"/ws/**/x\"]", 12, "is no pattern", "write `/ws`");
	assert_warned("fs_read = [\"workspace://*\"]", 12, "is no pattern", "write `workspace://`");
	assert_warned("fs_read = [\"workspace://a/*.md\"]", 12, "is no pattern", "write `workspace://a`");
	assert_warned("fs_read = [\"notes*.md\"]", 12, "is no pattern",
		"write `*` for the whole workspace, or name a folder: all below it is included");
	assert_warned("fs_read = [\"**\"]", 12, "is no pattern",
		"write `*` for the whole workspace, or name a folder: all below it is included");
	assert_warned("fs_read = [\"workspace:///etc\"]", 12, "has no meaning",
		"remove the third `/`, or the scheme when you mean a folder of the machine");
	assert_warned("fs_read = [\"Workspace://a\"]", 12, "unknown scheme", "did you mean `workspace://a`?");
	assert_warned(
		"fs_read = [\"~/notes\"]", 12, "`~` are not replaced", "write `workspace://` or an absolute path");
	assert_warned("fs_write = [\"$HOME\"]", 13, "are not replaced", "write `workspace://` or an absolute path");
}

static void paths_that_grant_very_much(void **state)
{
	const char *fix = "name the folders that it needs, as `workspace://notes`";

	(void)state;
	assert_warned("fs_read = [\"/\"]", 12, "read files of the whole machine", fix);
	assert_warned("fs_write = [\"/home/me/\"]", 13, "change files of the whole machine", fix);
	assert_warned("fs_write = [\"/etc/.\"]", 13, "change files", fix);
	assert_warned("fs_read = [\"/root\"]", 12, "read files", fix);
	assert_silent("fs_read = [\"/home/me/notes\", \"/srv/x\"]");
}

static void hosts_that_match_nothing_or_everything(void **state)
{
	(void)state;
	assert_warned("net = [\"*\"]", 8, "anything to any host", "name the hosts that it needs");
	assert_warned("net = [\"*.x.y\"]", 8, "a host includes all names below it", "write `x.y`");
	assert_warned("net = [\"https://api.x.y\"]", 8, "more than a host name", "write `api.x.y`");
	assert_warned("net = [\"https://u:p@api.x.y:443/v1?q\"]", 8, "more than a host name", "write `api.x.y`");
	assert_warned("net = [\"api.x.y/v1\"]", 8, "more than a host name", "write `api.x.y`");
	assert_warned("net = [\"x.y:8080\"]", 8, "more than a host name", "write `x.y`");
	assert_warned("net = [\"[::1]:80\"]", 8, "more than a host name", "write `[::1]`");
	assert_warned("net = [\"API.x.y\"]", 8, "is taken in lower case", "write it in lower case");
	assert_warned("net = [\"a b\"]", 8, "is not a host name",
		"write the name alone, as `api.example.com`; one with other letters in its `xn--` form");
	assert_warned("net = [\"://\"]", 8, "is not a host name",
		"write the name alone, as `api.example.com`; one with other letters in its `xn--` form");
	assert_silent("net = [\"api.x.y\", \"localhost\", \"127.0.0.1\", \"[::1]\", \"x-1.example\"]");
}

static void programs_that_run_any_code(void **state)
{
	const char *fix = "name the program that does the work, or deliver it with the capsule as `./name`";

	(void)state;
	assert_warned("host_process = [\"sh\"]", 17, "runs any code", fix);
	assert_warned("host_process = [\"/usr/bin/python3\"]", 17, "runs any code", fix);
	assert_warned("host_process = [\"npx -y thing\"]", 17, "without its arguments", "write `npx`");
	assert_silent("host_process = [\"git\", \"npx\", \"./sh\", \"/usr/bin/git\"]");
}

static void words_of_identity(void **state)
{
	(void)state;
	assert_warned("identity = [\"admin\"]", 13, "create users and act for all of them",
		"write `resolve` to look users up, `link` to connect accounts to them");
	assert_warned("identity = [\"Admin\"]", 13, "is unknown and grants nothing", "did you mean `admin`?");
	assert_warned("identity = [\"resolv\"]", 13, "is unknown", "did you mean `resolve`?");
	assert_warned("identity = [\"everything\"]", 13, "is unknown", "remove it");
	assert_silent("identity = [\"resolve\", \"link\"]");
}

static void prompt_injection_is_warned_of(void **state)
{
	(void)state;
	assert_warned("allow_prompt_injection = true", 26, "change what the agent is told to do",
		"remove it unless changing prompts is what the capsule is for");
	assert_silent("allow_prompt_injection = false");
}

static void grants_of_the_component_are_looked_at_too(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(
		HEADER "[[component]]\nfile = \"a\"\n[component.capabilities]\nnet = [\"*\"]\nuplink = true\n");

	(void)state;
	(void)find_problem(&parsed, SEVERITY_WARNING, "`*` in `net` of [component.capabilities]");
	assert_false(manifest_grants(parsed.manifest, "net"));
	assert_true(manifest_component_grants(parsed.manifest, "net"));
	assert_true(manifest_component_grants(parsed.manifest, "uplink"));
	assert_false(manifest_component_grants(parsed.manifest, "fs_read"));
	assert_false(manifest_component_grants(parsed.manifest, "no_such_key"));
}

static void grants_of_the_capsule_are_those_of_the_component(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good(HEADER "[capabilities]\nnet = [\"x.y\"]\n");

	(void)state;
	assert_true(manifest_component_grants(parsed.manifest, "net"));
	assert_false(manifest_component_grants(parsed.manifest, "uplink"));
}

/* rt:277 */
static void names_of_variables_that_no_program_gets(void **state)
{
	static const char *const blocked[] = { "LD_PRELOAD", "ld_debug", "npm_config_registry", "Home", "PATH",
		"DYLD_X", "ASTRID_SESSION_TOKEN", "no_proxy", "Env" };
	static const char *const allowed[] = { "LDFLAGS", "CUSTOM_VAR", "LANG", "TERM", "", "HOM", "HOMES", "LD",
		"MY_PATH" };

	(void)state;
	for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
		assert_true(env_name_blocked(span_text(blocked[i])));
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		assert_false(env_name_blocked(span_text(allowed[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_entries_grant_nothing),
		cmocka_unit_test(paths_that_leave_are_refused),
		cmocka_unit_test(paths_that_do_not_say_what_they_seem_to),
		cmocka_unit_test(paths_that_grant_very_much),
		cmocka_unit_test(hosts_that_match_nothing_or_everything),
		cmocka_unit_test(programs_that_run_any_code),
		cmocka_unit_test(words_of_identity),
		cmocka_unit_test(prompt_injection_is_warned_of),
		cmocka_unit_test(grants_of_the_component_are_looked_at_too),
		cmocka_unit_test(grants_of_the_capsule_are_those_of_the_component),
		cmocka_unit_test(names_of_variables_that_no_program_gets),
	};

	return cmocka_run_group_tests_name("manifest_validate_grants", tests, NULL, NULL);
}
