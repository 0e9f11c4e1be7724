/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Public discovery: which places are searched, what became of what was found there, what options may be. */
#include "runtime/discover.h"
#include "runtime/runtime_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void set_variable(const char *name, const char *value)
{
	assert_int_equal(value == NULL ? unsetenv(name) : setenv(name, value, 1), 0);
}

/* `<folder>/<name>` and the folders above it. */
static void add_folder(const struct fixture *fixture, const char *name)
{
	char path[256];

	for (const char *end = strchr(name, '/');; end = strchr(end + 1, '/')) {
		(void)snprintf(path, sizeof path, "%s/%.*s", fixture->folder,
			end != NULL ? (int)(end - name) : (int)strlen(name), name);
		(void)mkdir(path, 0700);
		if (end == NULL)
			return;
	}
}

static void add_capsule(const struct fixture *fixture, const char *name, const char *id)
{
	char path[256], text[512];

	add_folder(fixture, name);
	(void)snprintf(path, sizeof path, "%s/Capsule.toml", name);
	(void)snprintf(text, sizeof text,
		"[package]\nname = \"%s\"\nversion = \"1.2.3\"\ndescription = \"For a test\"\n"
		"[[component]]\nfile = \"guest.wasm\"\n"
		"[[tool]]\nname = \"one\"\ndescription = \"d\"\n[[tool]]\nname = \"two\"\ndescription = \"d\"\n",
		id);
	fixture_write(fixture, path, text);
}

static struct capsule_discovery *discover(struct fixture *fixture, struct capsule_discover_options options)
{
	struct capsule_discovery *discovery = NULL;

	options.size = sizeof options;
	assert_status(fixture, capsule_discover(&discovery, &options, fixture->err), CAPSULE_OK);
	assert_non_null(discovery);
	return discovery;
}

/* The workspace `work` and the home `home`. */
static struct capsule_discovery *discover_usual(struct fixture *fixture, bool trust)
{
	return discover(fixture,
		(struct capsule_discover_options){ .workspace = fixture_path(fixture, "work"),
			.home = fixture_path(fixture, "home"),
			.trust = trust });
}

static void assert_found(const struct fixture *fixture, const struct capsule_discovery *discovery, size_t index,
	const char *dir, const char *origin, const char *state)
{
	struct capsule_found found;

	assert_true(index < capsule_discovery_count(discovery));
	capsule_discovery_item(discovery, index, &found);
	assert_string_equal(found.dir, fixture_path(fixture, dir));
	assert_string_equal(found.origin, origin);
	assert_string_equal(found.state, state);
	assert_int_equal(found.problem == NULL, strcmp(state, "good") == 0);
}

static const char *problem_of(const struct capsule_discovery *discovery, size_t index)
{
	struct capsule_found found;

	capsule_discovery_item(discovery, index, &found);
	assert_non_null(found.problem);
	return found.problem;
}

static void assert_searched(const struct capsule_discovery *discovery, const char *first, const char *second)
{
	assert_string_equal(capsule_discovery_searched(discovery, 0), first);
	if (second != NULL)
		assert_string_equal(capsule_discovery_searched(discovery, 1), second);
	assert_null(capsule_discovery_searched(discovery, second != NULL ? 2 : 1));
}

/* rt:98 */
static void the_home_of_the_environment_is_searched(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_discovery *discovery;

	set_variable("ASTRID_HOME", "/h");
	set_variable("HOME", "/u");
	add_folder(fixture, "work");
	discovery = discover(fixture, (struct capsule_discover_options){ .workspace = fixture_path(fixture, "work") });
	assert_searched(discovery, fixture_path(fixture, "work/.astrid/capsules"), "/h/capsules");
	capsule_discovery_free(discovery);
	set_variable("ASTRID_HOME", NULL);
	discovery = discover(fixture, (struct capsule_discover_options){ .workspace = fixture_path(fixture, "work") });
	assert_searched(discovery, fixture_path(fixture, "work/.astrid/capsules"), "/u/.astrid/capsules");
	capsule_discovery_free(discovery);
	set_variable("HOME", NULL);
	discovery = discover(fixture, (struct capsule_discover_options){ .workspace = fixture_path(fixture, "work") });
	assert_searched(discovery, fixture_path(fixture, "work/.astrid/capsules"), NULL);
	assert_int_equal(capsule_discovery_count(discovery), 0);
	assert_string_equal(capsule_discovery_warnings(discovery), "");
	capsule_discovery_free(discovery);
}

/* rt:99 */
static void a_home_that_can_not_be_one_is_refused(void **state)
{
	static const char *const bad[] = { "", "relative", "/tmp/../h" };
	struct fixture *fixture = *state;
	struct capsule_discovery *discovery = NULL;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		set_variable("ASTRID_HOME", bad[i]);
		assert_status(fixture, capsule_discover(&discovery, NULL, fixture->err), CAPSULE_EINVAL);
		assert_says(fixture, "ASTRID_HOME");
		assert_null(discovery);
		set_variable("ASTRID_HOME", NULL);
		set_variable("HOME", bad[i]);
		discovery = discover(fixture, (struct capsule_discover_options){ .workspace = fixture->folder });
		assert_null(capsule_discovery_searched(discovery, 1));
		capsule_discovery_free(discovery);
		discovery = NULL;
	}
}

static void the_working_directory_is_the_workspace(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_discovery *discovery = NULL;
	char *before = getcwd(NULL, 0);

	set_variable("ASTRID_HOME", fixture_path(fixture, "home"));
	add_capsule(fixture, "work/.astrid/capsules/a", "a");
	assert_non_null(before);
	assert_int_equal(chdir(fixture_path(fixture, "work")), 0);
	assert_status(fixture, capsule_discover(&discovery, NULL, fixture->err), CAPSULE_OK);
	assert_int_equal(chdir(before), 0);
	free(before);
	assert_found(fixture, discovery, 0, "work/.astrid/capsules/a", "workspace", "unapproved");
	capsule_discovery_free(discovery);
}

static void the_workspace_comes_first_and_waits_for_approval(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_discovery *discovery;
	char command[256];

	add_capsule(fixture, "work/.astrid/capsules/a", "a");
	add_capsule(fixture, "work/.astrid/capsules/b", "b");
	add_capsule(fixture, "home/capsules/a", "a");
	discovery = discover_usual(fixture, false);
	assert_int_equal(capsule_discovery_count(discovery), 3);
	assert_found(fixture, discovery, 0, "work/.astrid/capsules/a", "workspace", "unapproved");
	assert_found(fixture, discovery, 1, "work/.astrid/capsules/b", "workspace", "unapproved");
	assert_found(fixture, discovery, 2, "home/capsules/a", "home", "good"); /* which the first one does not hide */
	(void)snprintf(command, sizeof command, "capsule approve %s", fixture_path(fixture, "work/.astrid/capsules/b"));
	assert_non_null(strstr(problem_of(discovery, 1), command));
	capsule_discovery_free(discovery);
	discovery = discover_usual(fixture, true);
	assert_int_equal(capsule_discovery_count(discovery), 3);
	assert_found(fixture, discovery, 0, "work/.astrid/capsules/a", "workspace", "good");
	assert_found(fixture, discovery, 1, "work/.astrid/capsules/b", "workspace", "good");
	assert_found(fixture, discovery, 2, "home/capsules/a", "home", "duplicate");
	assert_non_null(strstr(problem_of(discovery, 2), fixture_path(fixture, "work/.astrid/capsules/a")));
	capsule_discovery_free(discovery);
}

static void what_is_named_is_all_there_is(void **state)
{
	struct fixture *fixture = *state;
	const char *const roots[] = { fixture_path(fixture, "set"), fixture_path(fixture, "one") };
	struct capsule_discovery *discovery;

	add_capsule(fixture, "set/a", "a");
	add_capsule(fixture, "one", "b");
	add_capsule(fixture, "one/inner", "c");
	add_capsule(fixture, "work/.astrid/capsules/d", "d");
	add_capsule(fixture, "home/capsules/e", "e");
	discovery = discover(fixture,
		(struct capsule_discover_options){ .roots = roots,
			.root_count = 2,
			.workspace = fixture_path(fixture, "work"),
			.home = fixture_path(fixture, "home") });
	assert_int_equal(capsule_discovery_count(discovery), 2);
	assert_found(fixture, discovery, 0, "set/a", "named", "good");
	assert_found(fixture, discovery, 1, "one", "named", "good");
	assert_searched(discovery, roots[0], roots[1]);
	capsule_discovery_free(discovery);
}

static void a_workspace_around_the_home_has_what_is_installed(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_discovery *discovery;

	add_capsule(fixture, "user/.astrid/capsules/a", "a");
	discovery = discover(fixture,
		(struct capsule_discover_options){
			.workspace = fixture_path(fixture, "user"), .home = fixture_path(fixture, "user/.astrid") });
	assert_int_equal(capsule_discovery_count(discovery), 1);
	assert_found(fixture, discovery, 0, "user/.astrid/capsules/a", "home", "good");
	assert_searched(discovery, fixture_path(fixture, "user/.astrid/capsules"), NULL);
	capsule_discovery_free(discovery);
}

/* What a workspace brings stays what it brings, also behind a link to what is installed. */
static void a_link_out_of_the_workspace_is_of_the_workspace(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_discovery *discovery;

	add_capsule(fixture, "home/capsules/a", "a");
	add_folder(fixture, "work/.astrid/capsules");
	assert_int_equal(
		symlink(fixture_path(fixture, "home/capsules/a"), fixture_path(fixture, "work/.astrid/capsules/a")), 0);
	discovery = discover_usual(fixture, false);
	assert_int_equal(capsule_discovery_count(discovery), 2);
	assert_found(fixture, discovery, 0, "work/.astrid/capsules/a", "workspace", "unapproved");
	assert_found(fixture, discovery, 1, "home/capsules/a", "home", "good");
	capsule_discovery_free(discovery);
}

static void an_item_tells_what_the_manifest_says(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_discovery *discovery;
	struct capsule_found found;

	add_capsule(fixture, "home/capsules/a", "a");
	add_folder(fixture, "home/capsules/broken");
	fixture_write(fixture, "home/capsules/broken/Capsule.toml", "[package]\nname = \"x\"\nversion = 1\n");
	add_folder(fixture, "work");
	discovery = discover_usual(fixture, false);
	assert_int_equal(capsule_discovery_count(discovery), 2);
	capsule_discovery_item(discovery, 0, &found);
	assert_string_equal(found.id, "a");
	assert_string_equal(found.version, "1.2.3");
	assert_string_equal(found.description, "For a test");
	assert_int_equal(found.tools, 2);
	capsule_discovery_item(discovery, 1, &found);
	assert_found(fixture, discovery, 1, "home/capsules/broken", "home", "broken");
	assert_null(found.id);
	assert_null(found.version);
	assert_non_null(strstr(found.problem, "broken/Capsule.toml:3:"));
	capsule_discovery_item(discovery, 2, &found);
	assert_null(found.dir);
	assert_null(found.state);
	capsule_discovery_free(discovery);
}

static void problems_of_places_are_lines(void **state)
{
	struct fixture *fixture = *state;
	const char *const roots[] = { fixture_path(fixture, "file"), fixture_path(fixture, "nowhere") };
	struct capsule_discovery *discovery;
	char expected[512];

	fixture_write(fixture, "file", "x");
	discovery = discover(fixture, (struct capsule_discover_options){ .roots = roots, .root_count = 2 });
	assert_int_equal(capsule_discovery_count(discovery), 0);
	(void)snprintf(
		expected, sizeof expected, "%s: Not a directory\n%s: there is no such folder", roots[0], roots[1]);
	assert_string_equal(capsule_discovery_warnings(discovery), expected);
	capsule_discovery_free(discovery);
}

static enum capsule_status try_size(struct fixture *fixture, size_t size, size_t set)
{
	struct capsule_discover_options options = { .size = size, .workspace = fixture->folder };
	unsigned char *block = calloc(1, size > sizeof options ? size : sizeof options);
	struct capsule_discovery *discovery = NULL;
	enum capsule_status status;

	assert_non_null(block);
	memcpy(block, &options, sizeof options);
	if (set > 0)
		block[set] = 1;
	status = capsule_discover(&discovery, (const struct capsule_discover_options *)(void *)block, fixture->err);
	assert_int_equal(discovery != NULL, status == CAPSULE_OK);
	capsule_discovery_free(discovery);
	free(block);
	return status;
}

static void options_of_every_release_are_taken_and_no_other_size(void **state)
{
	struct fixture *fixture = *state;
	const size_t known = sizeof(struct capsule_discover_options);

	for (size_t size = 0; size <= known + 64; size++) {
		bool right = size >= known && size % sizeof(void *) == 0;

		assert_status(fixture, try_size(fixture, size, 0), right ? CAPSULE_OK : CAPSULE_EINVAL);
		if (!right)
			assert_says(fixture, "options.size is");
	}
	assert_status(fixture, try_size(fixture, 4104, 0), CAPSULE_EINVAL);
	assert_status(fixture, try_size(fixture, known + 8, known + 7), CAPSULE_EINVAL);
	assert_says(fixture, "does not know");
}

static void what_is_missing_is_refused(void **state)
{
	struct fixture *fixture = *state;
	const char *const none[] = { NULL }, *const empty[] = { "" };
	struct capsule_discover_options options = { .size = sizeof options, .root_count = 1 };
	struct capsule_discovery *discovery = NULL;

	assert_status(fixture, capsule_discover(NULL, &options, fixture->err), CAPSULE_EINVAL);
	assert_status(fixture, capsule_discover(&discovery, &options, fixture->err), CAPSULE_EINVAL);
	options.roots = none;
	assert_status(fixture, capsule_discover(&discovery, &options, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "options.roots[0] is NULL");
	options.roots = empty;
	assert_status(fixture, capsule_discover(&discovery, &options, fixture->err), CAPSULE_EINVAL);
	options = (struct capsule_discover_options){ .size = sizeof options, .workspace = "/no/such/folder" };
	assert_status(fixture, capsule_discover(&discovery, &options, fixture->err), CAPSULE_ENOTFOUND);
	assert_says(fixture, "/no/such/folder");
	assert_null(discovery);
	capsule_discovery_free(NULL);
	assert_int_equal(capsule_discovery_count(NULL), 0);
	assert_null(capsule_discovery_searched(NULL, 0));
	assert_string_equal(capsule_discovery_warnings(NULL), "");
}

static int restore(void **state)
{
	set_variable("ASTRID_HOME", NULL);
	return fixture_teardown(state);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, restore)
	const struct CMUnitTest tests[] = {
		TEST(the_home_of_the_environment_is_searched),
		TEST(a_home_that_can_not_be_one_is_refused),
		TEST(the_working_directory_is_the_workspace),
		TEST(the_workspace_comes_first_and_waits_for_approval),
		TEST(what_is_named_is_all_there_is),
		TEST(a_workspace_around_the_home_has_what_is_installed),
		TEST(a_link_out_of_the_workspace_is_of_the_workspace),
		TEST(an_item_tells_what_the_manifest_says),
		TEST(problems_of_places_are_lines),
		TEST(options_of_every_release_are_taken_and_no_other_size),
		TEST(what_is_missing_is_refused),
	};

	set_variable("ASTRID_HOME", NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
