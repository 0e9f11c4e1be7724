/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* MCP servers: which are warned of since they would not be started, and what of them is refused. */
#include "manifest/parse_testing.h"

#define GRANT "[capabilities]\nhost_process = [\"files\"]\n"
#define SERVER "[[mcp_server]]\nid = \"s\"\ntype = \"stdio\"\ncommand = \"files\"\n"
#define DIGITS "0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789abcdef"

/* A server that has the one line `line`, the 10th of the file, must be refused for what stands in `column`. */
static void assert_line_refused(const char *line, uint32_t column, const char *says)
{
	HOLD(parsed_fini) struct parsed parsed = { 0 };
	const struct diagnostic *item;
	char text[2048];

	(void)snprintf(text, sizeof(text), HEADER GRANT SERVER "%s\n", line);
	parsed = parse_text(text);
	item = find_problem(&parsed, SEVERITY_ERROR, says);
	assert_int_equal(parsed.status, CAPSULE_EMANIFEST);
	assert_int_equal(parsed.found.errors, 1);
	assert_int_equal(item->line, 10);
	assert_int_equal(item->column, column);
	assert_non_null(item->fix);
}

static void assert_line_good(const char *line)
{
	HOLD(parsed_fini) struct parsed parsed = { 0 };
	char text[2048];

	(void)snprintf(text, sizeof(text), HEADER GRANT SERVER "%s\n", line);
	parsed = parse_good(text);
	assert_int_equal(parsed.found.count, 0);
}

static void a_server_that_is_granted_is_good(void **state)
{
	(void)state;
	assert_line_good("");
	assert_line_good("args = [\"./server.py\"]\nconsent = \"ask\"\nallow = [\"read_*\", \"list\"]\ndeny = [\"*\"]");
	assert_line_good("hash = \"blake3:" DIGITS "\"");
	assert_line_good("hash = \"sha256:" DIGITS "\"");
	assert_line_good("integrity = [\"server.py=blake3:" DIGITS "\", \"./lib=tree:" DIGITS "\"]");
}

static void servers_that_would_not_start_are_warned_of(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(HEADER "[[mcp_server]]\nid = \"a\"\ntype = \"sse\"\ncommand = \"x\"\n"
						 "[[mcp_server]]\nid = \"b\"\ncommand = \"x\"\n"
						 "[[mcp_server]]\nid = \"c\"\ntype = \"stido\"\ncommand = \"x\"\n"
						 "[[mcp_server]]\nid = \"d\"\ntype = \"stdio\"\n");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_int_equal(parsed.found.count, 4);
	assert_int_equal(find_problem(&parsed, SEVERITY_WARNING, "unknown type `sse`")->line, 6);
	(void)find_problem(&parsed, SEVERITY_WARNING, "`b` has no `type` and is not started; types: `stdio`");
	assert_string_equal(
		find_problem(&parsed, SEVERITY_WARNING, "unknown type `stido`")->fix, "did you mean `stdio`?");
	(void)find_problem(&parsed, SEVERITY_WARNING, "`d` has no `command`");
}

static void only_what_may_be_started_is_granted(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(
		HEADER GRANT SERVER "[[mcp_server]]\nid = \"t\"\ntype = \"stdio\"\ncommand = \"./files\"\n"
				    "[[mcp_server]]\nid = \"u\"\ntype = \"stdio\"\ncommand = \"files -v\"\n"
				    "[[mcp_server]]\nid = \"v\"\ntype = \"stdio\"\ncommand = \"\"\n");
	const struct diagnostic *item;

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_int_equal(parsed.found.count, 3);
	item = find_problem(&parsed, SEVERITY_WARNING, "`t` can't be started: `host_process` does not grant `./files`");
	assert_int_equal(item->line, 13);
	assert_string_equal(item->fix, "add \"./files\" to host_process in [capabilities]");
	item = find_problem(&parsed, SEVERITY_WARNING, "`u` is one name, blanks included");
	assert_string_equal(item->fix, "write the program alone; arguments belong in `args`");
	(void)find_problem(&parsed, SEVERITY_WARNING, "`v` has no `command`");
}

static void a_network_is_declared_twice(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(HEADER GRANT "net = [\"example.com\", \"*\"]\n" SERVER "network = true\n");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_line_refused("network = true", 11, "`net` does not hold `*`");
	assert_line_good("network = false");
}

static void hashes_are_digests_of_files(void **state)
{
	(void)state;
	assert_line_refused("hash = \"" DIGITS "\"", 8, "is no digest: one is `blake3:`, `sha256:`");
	assert_line_refused("hash = \"blake3:0\"", 8, "does not have 64 hexadecimal digits");
	assert_line_refused("hash = \"tree:" DIGITS "\"", 8, "is that of a folder");
	assert_line_refused("hash = \"\"", 8, "is no digest");
}

static void integrity_names_files_of_the_folder(void **state)
{
	(void)state;
	assert_line_refused("integrity = [\"a=blake3:" DIGITS "\", \"b\"]",
		(uint32_t)strlen("integrity = [\"a=blake3:" DIGITS "\", ") + 1, "`b` has no `=`");
	assert_line_refused("integrity = [\"/etc/passwd=blake3:" DIGITS "\"]", 14, "is absolute");
	assert_line_refused("integrity = [\"a/../../b=blake3:" DIGITS "\"]", 14, "holds `..`");
	assert_line_refused("integrity = [\"a=sha1:" DIGITS "\"]", 14, "is no digest");
	assert_line_refused("integrity = [\"a=blake3:" DIGITS "\", \"./a/=tree:" DIGITS "\"]",
		(uint32_t)strlen("integrity = [\"a=blake3:" DIGITS "\", ") + 1,
		"`a` stands twice in `integrity`, already on line 10");
}

static void a_star_stands_at_the_end(void **state)
{
	static const char *const keys[] = { "expose", "allow", "ask", "deny" };

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		uint32_t column = (uint32_t)strlen(keys[i]) + 5;
		char line[128];

		(void)snprintf(line, sizeof(line), "%s = [\"a*b\"]", keys[i]);
		assert_line_refused(line, column, "only at the end");
		(void)snprintf(line, sizeof(line), "%s = [\"*a*\"]", keys[i]);
		assert_line_refused(line, column, "only at the end");
		(void)snprintf(line, sizeof(line), "%s = [\"\"]", keys[i]);
		assert_line_refused(line, column, "names no tool");
		(void)snprintf(line, sizeof(line), "%s = [\"a*\", \"*\", \"b\"]", keys[i]);
		assert_line_good(line);
	}
}

static void ids_are_names_of_servers(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(HEADER "[[mcp_server]]\nid = \"a b\"\ntype = \"sse\"\ncommand = \"x\"\n");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_OK);
	(void)find_problem(&parsed, SEVERITY_WARNING, "invalid characters");
	assert_refused(HEADER GRANT "[[mcp_server]]\nid = \"a b\"\ntype = \"stdio\"\ncommand = \"files\"\n", 7, 6, 5,
		"`id` of an MCP server: server name contains invalid characters");
	assert_refused(HEADER GRANT "[[mcp_server]]\nid = \"\"\ntype = \"stdio\"\ncommand = \"files\"\n", 7, 6, 2,
		"must not be empty");
	assert_refused(HEADER GRANT "[[mcp_server]]\nid = \"a:b\"\ntype = \"stdio\"\ncommand = \"files\"\n", 7, 6, 5,
		"holds a `:`");
	assert_refused(HEADER GRANT "[[mcp_server]]\nid = \".a\"\ntype = \"stdio\"\ncommand = \"files\"\n", 7, 6, 4,
		"start with '.'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_that_is_granted_is_good),
		cmocka_unit_test(servers_that_would_not_start_are_warned_of),
		cmocka_unit_test(only_what_may_be_started_is_granted),
		cmocka_unit_test(a_network_is_declared_twice),
		cmocka_unit_test(hashes_are_digests_of_files),
		cmocka_unit_test(integrity_names_files_of_the_folder),
		cmocka_unit_test(a_star_stands_at_the_end),
		cmocka_unit_test(ids_are_names_of_servers),
	};

	return cmocka_run_group_tests_name("manifest_validate_servers", tests, NULL, NULL);
}
