/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Workspace, home and global folder of public options. */
#include "runtime/discover.h"
#include "runtime/runtime_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct places {
	char *workspace, *home, *global;
};

static void places_fini(struct places *places)
{
	free(places->workspace);
	free(places->home);
	free(places->global);
	*places = (struct places){ 0 };
}

static enum capsule_status resolve(
	struct fixture *fixture, struct places *places, const char *workspace, const char *home)
{
	places_fini(places);
	return places_resolve(workspace, home, &places->workspace, &places->home, &places->global, fixture->err);
}

static void set_variable(const char *name, const char *value)
{
	assert_int_equal(value == NULL ? unsetenv(name) : setenv(name, value, 1), 0);
}

static void the_home_comes_from_the_environment(void **state)
{
	struct fixture *fixture = *state;
	struct places places = { 0 };

	set_variable("ASTRID_HOME", "/h");
	set_variable("HOME", "/u");
	assert_int_equal(resolve(fixture, &places, NULL, NULL), CAPSULE_OK);
	assert_string_equal(places.home, "/h");
	assert_null(places.global);
	set_variable("ASTRID_HOME", NULL);
	assert_int_equal(resolve(fixture, &places, NULL, NULL), CAPSULE_OK);
	assert_string_equal(places.home, "/u/.astrid");
	set_variable("HOME", NULL);
	assert_int_equal(resolve(fixture, &places, NULL, NULL), CAPSULE_OK);
	assert_null(places.home);
	places_fini(&places);
}

/* rt:99, for $HOME too: what is no absolute path resolves to no home at all */
static void homes_that_are_relative_or_climb_are_none(void **state)
{
	static const char *const bad[] = { "", "relative", "/a/../b", "..", "/.." };
	struct fixture *fixture = *state;
	struct places places = { 0 };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		set_variable("ASTRID_HOME", bad[i]);
		assert_int_equal(resolve(fixture, &places, NULL, NULL), CAPSULE_EINVAL);
		assert_says(fixture, "ASTRID_HOME");
		set_variable("ASTRID_HOME", NULL);
		set_variable("HOME", bad[i]);
		assert_int_equal(resolve(fixture, &places, NULL, NULL), CAPSULE_OK);
		assert_null(places.home);
		assert_int_equal(resolve(fixture, &places, NULL, bad[i]), CAPSULE_EINVAL);
		assert_null(places.workspace);
	}
	places_fini(&places);
}

static void paths_are_canonical_where_they_exist(void **state)
{
	struct fixture *fixture = *state;
	struct places places = { 0 };

	assert_int_equal(mkdir(fixture_path(fixture, "home"), 0700), 0);
	assert_int_equal(mkdir(fixture_path(fixture, "home/shared"), 0700), 0);
	assert_int_equal(symlink("home", fixture_path(fixture, "link")), 0);
	assert_int_equal(
		resolve(fixture, &places, fixture_path(fixture, "link"), fixture_path(fixture, "link/")), CAPSULE_OK);
	assert_string_equal(places.workspace, fixture_path(fixture, "home"));
	assert_string_equal(places.home, fixture_path(fixture, "home"));
	assert_string_equal(places.global, fixture_path(fixture, "home/shared"));
	assert_int_equal(rmdir(fixture_path(fixture, "home/shared")), 0);
	fixture_write(fixture, "home/shared", "a file");
	assert_int_equal(
		resolve(fixture, &places, fixture_path(fixture, "home"), fixture_path(fixture, "home")), CAPSULE_OK);
	assert_null(places.global);
	places_fini(&places);
}

static void a_workspace_that_is_none_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct places places = { 0 };

	assert_int_equal(resolve(fixture, &places, fixture_path(fixture, "nowhere"), "/h"), CAPSULE_ENOTFOUND);
	assert_says(fixture, "nowhere");
	fixture_write(fixture, "file", "x");
	assert_int_equal(resolve(fixture, &places, fixture_path(fixture, "file"), "/h"), CAPSULE_EINVAL);
	assert_says(fixture, "not a folder");
	assert_int_equal(resolve(fixture, &places, "", "/h"), CAPSULE_EINVAL);
	places_fini(&places);
}

static void the_working_directory_is_the_workspace_while_there_is_one(void **state)
{
	struct fixture *fixture = *state;
	struct places places = { 0 };
	char *before = getcwd(NULL, 0);

	assert_non_null(before);
	assert_int_equal(mkdir(fixture_path(fixture, "gone"), 0700), 0);
	assert_int_equal(chdir(fixture_path(fixture, "gone")), 0);
	assert_int_equal(resolve(fixture, &places, NULL, "/h"), CAPSULE_OK);
	assert_string_equal(places.workspace, fixture_path(fixture, "gone"));
	assert_int_equal(rmdir(fixture_path(fixture, "gone")), 0);
	assert_int_equal(resolve(fixture, &places, NULL, "/h"), CAPSULE_OK);
	assert_null(places.workspace);
	assert_int_equal(chdir(before), 0);
	free(before);
	places_fini(&places);
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
		TEST(the_home_comes_from_the_environment),
		TEST(homes_that_are_relative_or_climb_are_none),
		TEST(paths_are_canonical_where_they_exist),
		TEST(a_workspace_that_is_none_is_refused),
		TEST(the_working_directory_is_the_workspace_while_there_is_one),
	};

	set_variable("ASTRID_HOME", NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
