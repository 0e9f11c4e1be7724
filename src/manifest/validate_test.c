/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The checks behind the types: what is refused with which words at which place, what is accepted, which error comes first. */
#include "manifest/validate.h"
#include "manifest/parse_testing.h"

#define VERSION(version) "[package]\nname = \"a\"\nversion = \"" version "\"\n"
#define ASTRID(requirement) HEADER "astrid-version = \"" requirement "\"\n"
#define TOPIC(name, more) "[[topic]]\nname = \"" name "\"\ndirection = \"publish\"\n" more
#define SERVER "[[mcp_server]]\nid = \"s\"\ntype = \"stdio\"\ncommand = \"files\"\n"

/* Each of `texts`, put for the `%s` of `format`, is refused with one error that says `says`. */
static void assert_each_refused(const char *format, const char *const *texts, size_t count, const char *says)
{
	for (size_t i = 0; i < count; i++) {
		HOLD(parsed_fini) struct parsed parsed = { 0 };
		char text[1024];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(text, sizeof(text), format, texts[i]);
#pragma GCC diagnostic pop
		parsed = parse_text(text);
		(void)find_problem(&parsed, SEVERITY_ERROR, says);
		assert_int_equal(parsed.found.errors, 1);
		assert_int_equal(parsed.found.items[0].line > 0 && parsed.found.items[0].column > 0, 1);
		assert_non_null(strstr(parsed.err.text, says));
	}
}

#define ASSERT_EACH_REFUSED(format, says, ...)                                                                         \
	assert_each_refused(format, (const char *const[]){ __VA_ARGS__ },                                              \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *), says)

static void assert_accepted(const char *text)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good(text);

	assert_non_null(parsed.manifest);
}

#define BAD_SEGMENTS "a..b", ".a.b", "a.b.", "", ".", "a...b"

/* rt:2 rt:5 */
static void good_topics_are_accepted(void **state)
{
	(void)state;
	assert_accepted(HEADER "[capabilities]\nipc_publish = [\"registry.*\", \"llm.stream.anthropic\"]\n");
	assert_accepted(HEADER "[[interceptor]]\nevent = \"user.prompt\"\naction = \"handle\"\n");
}

/* rt:3 rt:4 abi:25 */
static void empty_segments_are_refused(void **state)
{
	(void)state;
	ASSERT_EACH_REFUSED(HEADER "[capabilities]\nipc_publish = [\"%s\"]\n", "empty segments", BAD_SEGMENTS);
	ASSERT_EACH_REFUSED(HEADER "[capabilities]\nipc_subscribe = [\"%s\"]\n", "empty segments", BAD_SEGMENTS);
	ASSERT_EACH_REFUSED(HEADER "[[interceptor]]\nevent = \"%s\"\naction = \"a\"\n", "empty segments", BAD_SEGMENTS);
	ASSERT_EACH_REFUSED(HEADER "[[component]]\nfile = \"a\"\n[component.capabilities]\nipc_publish = [\"%s\"]\n",
		"empty segments", BAD_SEGMENTS);
}

static void bad_topic_is_shown_where_it_stands_with_what_was_meant(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(HEADER "[capabilities]\nipc_publish = [\"a.b\", \".c..d.\"]\n");
	const struct diagnostic *item = find_problem(&parsed, SEVERITY_ERROR, "`.c..d.` in `ipc_publish`");

	(void)state;
	assert_int_equal(item->line, 5);
	assert_int_equal(item->column, 23);
	assert_int_equal(item->length, 8);
	assert_string_equal(item->fix, "did you mean `c.d`?");
	assert_refused(HEADER "[[interceptor]]\nevent = \"a..b\"\naction = \"x\"\n", 5, 9, 6, "empty segments");
}

/* rt:6 rt:7 rt:8 */
static void versions_are_accepted(void **state)
{
	(void)state;
	assert_accepted(VERSION("1.2.3"));
	assert_accepted(VERSION("1.0.0-alpha.1"));
	assert_accepted(VERSION("1.0.0+build.7"));
	assert_accepted(VERSION("18446744073709551615.0.0"));
}

/* rt:9 rt:10 rt:11 rt:12 */
static void what_is_no_version_is_refused(void **state)
{
	(void)state;
	ASSERT_EACH_REFUSED("[package]\nname = \"a\"\nversion = \"%s\"\n", "invalid version", "1.0", "latest", "v1.0.0",
		"01.0.0", "1.0.0 ", "", "1.0.0-01", "18446744073709551616.0.0", "1.0.0-", "1..0");
	assert_refused(VERSION("1.0"), 3, 11, 5, "invalid version `1.0`");
}

static void version_that_was_meant_is_offered(void **state)
{
	static const char *const versions[][2] = { { "1.0", "write `1.0.0`" }, { "v1.2.3", "write `1.2.3`" },
		{ " 1.0.0 ", "write `1.0.0`" }, { "7", "write `7.0.0`" },
		{ "latest", "write three numbers, as `1.2.3`" } };

	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		HOLD(parsed_fini) struct parsed parsed = { 0 };
		char text[128];

		(void)snprintf(text, sizeof(text), "[package]\nname = \"a\"\nversion = \"%s\"\n", versions[i][0]);
		parsed = parse_text(text);
		assert_string_equal(find_problem(&parsed, SEVERITY_ERROR, "invalid version")->fix, versions[i][1]);
	}
}

/* rt:13 rt:16 */
static void requirements_that_this_runtime_meets_are_accepted(void **state)
{
	(void)state;
	assert_accepted(ASTRID(">=0.1.0"));
	assert_accepted(ASTRID("0.3"));
	assert_accepted(ASTRID("~0.3"));
	assert_accepted(ASTRID("*"));
	assert_accepted(ASTRID(">=0.1, <0.4"));
	assert_accepted(ASTRID("=0.3"));
	assert_accepted(ASTRID("0.3.x"));
}

/* rt:14 rt:16 */
static void requirements_that_it_does_not_meet_are_refused(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text(ASTRID(">=99.0.0"));

	(void)state;
	assert_non_null(strstr(parsed.err.text, "astrid-version"));
	assert_non_null(strstr(parsed.err.text, "99.0.0"));
	assert_refused(ASTRID("^0.2"), 4, 18, 6, "does not include 0.3.0");
}

/* rt:15 rt:17 */
static void what_is_no_requirement_is_refused(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text(ASTRID("v0.3"));

	(void)state;
	ASSERT_EACH_REFUSED(
		HEADER "astrid-version = \"%s\"\n", "invalid astrid-version", "not-semver", "", "v0.3", "0.3 ,");
	assert_string_equal(parsed.found.items[0].fix, "write `0.3`, without the letter");
}

/* rt:19 rt:20 */
static void the_order_of_the_checks_decides_what_is_told_first(void **state)
{
	HOLD(parsed_fini)
	struct parsed versions = parse_text("[package]\nname = \"a\"\nversion = \"1\"\nastrid-version = \"1 2\"\n");
	HOLD(parsed_fini)
	struct parsed topics = parse_text("[capabilities]\nipc_publish = [\"\"]\n" VERSION("1"));
	HOLD(parsed_fini)
	struct parsed twins = parse_text(HEADER TOPIC("a", "") TOPIC("a", "") TOPIC("b", "schema = \"/b\"\n"));

	(void)state;
	assert_non_null(strstr(versions.err.text, "Capsule.toml:4:18: invalid astrid-version"));
	assert_int_equal(versions.found.errors, 2);
	assert_int_equal(versions.found.items[0].line, 3); /* all of them are listed by place */
	assert_non_null(strstr(topics.err.text, "invalid version"));
	assert_int_equal(topics.found.errors, 2);
	assert_non_null(strstr(twins.err.text, "duplicate"));
	assert_int_equal(twins.found.errors, 2);
}

static void what_can_not_be_read_is_told_before_what_is_wrong(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(VERSION("1") "[[tool]]\nname = 7\ndescription = \"\"\ninput_schema = {}\n");

	(void)state;
	assert_non_null(strstr(parsed.err.text, "must be a string"));
	assert_int_equal(parsed.found.errors, 2);
	(void)find_problem(&parsed, SEVERITY_ERROR, "invalid version");
}

/* rt:21 rt:22 rt:31 rt:32 */
static void capability_strings_are_accepted(void **state)
{
	(void)state;
	assert_accepted(HEADER "[dependencies]\nprovides = [\"topic:identity.response.ready\"]\n"
			       "requires = [\"topic:llm.stream.*\"]\n");
	assert_accepted(HEADER "[dependencies]\nprovides = [\"topic:foo\", \"tool:bar\"]\n");
	assert_accepted(HEADER "[dependencies]\nrequires = [\"topic:a:b\", \"llm:x\", \"uplink:y\"]\n");
}

/* rt:23 rt:24 rt:25 rt:26 rt:27 rt:28 rt:29 rt:30 */
static void capability_strings_are_refused(void **state)
{
	(void)state;
	ASSERT_EACH_REFUSED(HEADER "[dependencies]\nrequires = [\"%s\"]\n", "empty capability string", "");
	ASSERT_EACH_REFUSED(HEADER "[dependencies]\nprovides = [\"%s\"]\n", "must have a type prefix", "no_prefix");
	ASSERT_EACH_REFUSED(
		HEADER "[dependencies]\nrequires = [\"%s\"]\n", "unknown prefix", "service:foo", "Topic:foo", ":foo");
	ASSERT_EACH_REFUSED(HEADER "[dependencies]\nprovides = [\"%s\"]\n", "empty segments", "topic:a..b", "topic:.");
	ASSERT_EACH_REFUSED(HEADER "[dependencies]\nrequires = [\"%s\"]\n", "empty segments", "tool:");
	ASSERT_EACH_REFUSED(
		HEADER "[dependencies]\nprovides = [\"%s\"]\n", "wildcard", "topic:llm.stream.*", "tool:foo*bar");
	assert_refused(HEADER "[dependencies]\nrequires = [\"a:b\"]\n", 5, 13, 5, "unknown prefix `a`");
}

static void provides_is_checked_before_requires(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(HEADER "[dependencies]\nrequires = [\"\"]\nprovides = [\"a\", \"tool:\"]\n");

	(void)state;
	assert_non_null(strstr(parsed.err.text, "type prefix"));
	assert_int_equal(parsed.found.errors, 3);
}

/* rt:33 rt:34 rt:35 */
static void uplink_capsules_require_nothing(void **state)
{
	(void)state;
	assert_refused(HEADER "[capabilities]\nuplink = true\n[dependencies]\nrequires = [\"topic:foo\"]\n", 7, 13, 11,
		"not allowed on uplink");
	assert_accepted(HEADER "[capabilities]\nuplink = true\n");
	assert_accepted(HEADER "[capabilities]\nuplink = true\n[dependencies]\nprovides = [\"uplink:cli\"]\n");
}

/* rt:39 rt:40 rt:41 rt:42 */
static void topic_names_are_refused(void **state)
{
	const char *form = HEADER "[[topic]]\nname = \"%s\"\ndirection = \"publish\"\n";

	(void)state;
	ASSERT_EACH_REFUSED(form, "empty segments", "a..b", ".a.b", "a.b.", "", ".");
	ASSERT_EACH_REFUSED(form, "wildcard", "llm.v1.*", "*.response", "a.*.b", "a b.*");
	ASSERT_EACH_REFUSED(form, "invalid characters", "llm response", "foo@bar", "a/b/c", "topic!bang", "\u00c9lan");
}

/* rt:43 rt:44 rt:45 rt:46 */
static void topic_schemas_stay_in_the_folder(void **state)
{
	(void)state;
	assert_refused(HEADER TOPIC("a", "schema = \"/etc/passwd\"\n"), 7, 10, 13, "must be relative");
	assert_refused(HEADER TOPIC("a", "schema = \"../escape.json\"\n"), 7, 10, 16, "'..'");
	assert_refused(HEADER TOPIC("a", "schema = \"schemas/../a.json\"\n"), 7, 10, 19, "'..'");
	assert_refused(HEADER TOPIC("a", "schema = \"a/..\"\n"), 7, 10, 6, "'..'");
	assert_accepted(HEADER TOPIC("a", "schema = \"a/.../b.json\"\n"));
	assert_accepted(HEADER TOPIC("a", "schema = \"a/..b\"\n"));
	assert_accepted(HEADER TOPIC("a", "schema = \"schemas/chunk.json\"\n"));
}

/* rt:47 rt:48 */
static void topics_stand_once_for_each_direction(void **state)
{
	HOLD(parsed_fini)
	struct parsed both = parse_good(HEADER TOPIC("a", "") "[[topic]]\nname = \"a\"\ndirection = \"subscribe\"\n");

	(void)state;
	assert_refused(HEADER TOPIC("a", "") TOPIC("b", "") TOPIC("a", ""), 11, 8, 3, "duplicate topic `a`");
	assert_int_equal(both.manifest->topics.count, 2);
}

static void half_wildcards_are_warned_of(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(
		HEADER "[capabilities]\nipc_publish = [\"a.*.b\", \"a.b*\", \"**\", \"*\"]\n");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_int_equal(parsed.found.count, 2);
	assert_int_equal(find_problem(&parsed, SEVERITY_WARNING, "`a.b*` in `ipc_publish`")->column, 25);
	(void)find_problem(&parsed, SEVERITY_WARNING, "`**` in");
}

static void names_that_things_are_called_by_stand_once(void **state)
{
	const char *tool = "[[tool]]\nname = \"t\"\ndescription = \"d\"\ninput_schema = {}\n";
	const char *uplink = "[[uplink]]\nname = \"u\"\nplatform = \"%s\"\nprofile = \"chat\"\n";
	char text[512];

	(void)state;
	(void)snprintf(text, sizeof(text), HEADER "%s%s", tool, tool);
	assert_refused(text, 9, 8, 3, "duplicate tool `t`, already on line 5");
	assert_refused(HEADER SERVER SERVER, 8, 1, 14, "duplicate MCP server `s`");
	(void)snprintf(text, sizeof(text), HEADER "[[uplink]]\nname = \"u\"\nplatform = \"p\"\nprofile = \"chat\"\n%s",
		uplink);
	ASSERT_EACH_REFUSED(text, "duplicate uplink `u` on the platform `p`", "p");
	assert_accepted(HEADER "[[uplink]]\nname = \"u\"\nplatform = \"p\"\nprofile = \"chat\"\n"
			       "[[uplink]]\nname = \"u\"\nplatform = \"q\"\nprofile = \"chat\"\n");
}

static void other_names_that_stand_twice_are_warned_of(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(HEADER
		"[[command]]\nname = \"c\"\n[[command]]\nname = \"/c\"\n"
		"[[skill]]\nname = \"s\"\nfile = \"s\"\n[[skill]]\nname = \"s\"\nfile = \"s\"\n"
		"[[context_file]]\nname = \"f\"\nfile = \"f\"\n[[context_file]]\nname = \"f\"\nfile = \"f\"\n"
		"[[interceptor]]\nevent = \"e\"\naction = \"a\"\n[[interceptor]]\nevent = \"e\"\naction = \"a\"\n"
		"[[interceptor]]\nevent = \"e\"\naction = \"b\"\n");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_int_equal(parsed.found.count, 4);
	(void)find_problem(&parsed, SEVERITY_WARNING, "duplicate command `c`, already on line 4");
	(void)find_problem(&parsed, SEVERITY_WARNING, "duplicate skill `s`");
	(void)find_problem(&parsed, SEVERITY_WARNING, "duplicate context file `f`");
	(void)find_problem(&parsed, SEVERITY_WARNING, "duplicate interceptor `e` with the action `a`");
}

static void slash_of_a_command_is_left_out(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good(HEADER "[[command]]\nname = \"/stats\"\n");

	(void)state;
	assert_string_equal(parsed.manifest->commands.items[0].name, "stats");
}

static void names_of_programs_variables_are_refused_where_programs_run(void **state)
{
	const char *env = "[env.%s]\ntype = \"string\"\n";
	char text[512];

	(void)state;
	(void)snprintf(text, sizeof(text), HEADER SERVER "%s", env);
	ASSERT_EACH_REFUSED(text, "no program may get it", "PATH", "ld_preload", "npm_config_registry", "Home");
	(void)snprintf(text, sizeof(text), HEADER "[capabilities]\nhost_process = [\"git\"]\n%s", env);
	ASSERT_EACH_REFUSED(text, "no program may get it", "PATH");
	assert_refused(HEADER SERVER "[env.PATH]\ntype = \"string\"\n", 8, 1, 10, "the setting `PATH`");
	assert_accepted(HEADER "[capabilities]\nhost_process = [\"files\"]\n" SERVER
			       "[env.LDFLAGS]\ntype = \"string\"\n[env.LANG]\ntype = \"string\"\n");
}

static void names_of_programs_variables_are_warned_of_elsewhere(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(
		HEADER "[env.PATH]\ntype = \"string\"\n[env.ASTRID_SOCKET_PATH]\ntype = \"string\"\n");
	HOLD(parsed_fini)
	struct parsed socket = parse_text(HEADER SERVER "[env.ASTRID_SOCKET_PATH]\ntype = \"string\"\n");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_int_equal(parsed.found.count, 2);
	assert_int_equal(find_problem(&parsed, SEVERITY_WARNING, "only the guest can read it")->line, 4);
	assert_int_equal(find_problem(&parsed, SEVERITY_WARNING, "belongs to the runtime")->line, 6);
	assert_int_equal(socket.status, CAPSULE_OK);
}

static void hashes_have_64_digits(void **state)
{
	const char *form = HEADER "[[component]]\nfile = \"a\"\nhash = \"%s\"\n";

	(void)state;
	ASSERT_EACH_REFUSED(form, "is not a BLAKE3 hash", "", "abc",
		"0123456789012345678901234567890123456789012345678901234567890123 ",
		"x123456789012345678901234567890123456789012345678901234567890123");
	assert_accepted(HEADER "[[component]]\nfile = \"a\"\n"
			       "hash = \"012345678901234567890123456789012345678901234567890123456789abCD\"\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_topics_are_accepted),
		cmocka_unit_test(empty_segments_are_refused),
		cmocka_unit_test(bad_topic_is_shown_where_it_stands_with_what_was_meant),
		cmocka_unit_test(versions_are_accepted),
		cmocka_unit_test(what_is_no_version_is_refused),
		cmocka_unit_test(version_that_was_meant_is_offered),
		cmocka_unit_test(requirements_that_this_runtime_meets_are_accepted),
		cmocka_unit_test(requirements_that_it_does_not_meet_are_refused),
		cmocka_unit_test(what_is_no_requirement_is_refused),
		cmocka_unit_test(the_order_of_the_checks_decides_what_is_told_first),
		cmocka_unit_test(what_can_not_be_read_is_told_before_what_is_wrong),
		cmocka_unit_test(capability_strings_are_accepted),
		cmocka_unit_test(capability_strings_are_refused),
		cmocka_unit_test(provides_is_checked_before_requires),
		cmocka_unit_test(uplink_capsules_require_nothing),
		cmocka_unit_test(topic_names_are_refused),
		cmocka_unit_test(topic_schemas_stay_in_the_folder),
		cmocka_unit_test(topics_stand_once_for_each_direction),
		cmocka_unit_test(half_wildcards_are_warned_of),
		cmocka_unit_test(names_that_things_are_called_by_stand_once),
		cmocka_unit_test(other_names_that_stand_twice_are_warned_of),
		cmocka_unit_test(slash_of_a_command_is_left_out),
		cmocka_unit_test(names_of_programs_variables_are_refused_where_programs_run),
		cmocka_unit_test(names_of_programs_variables_are_warned_of_elsewhere),
		cmocka_unit_test(hashes_have_64_digits),
	};

	return cmocka_run_group_tests_name("manifest_validate", tests, NULL, NULL);
}
