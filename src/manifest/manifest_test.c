/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Manifests in the file system, and what a manifest is asked. */
#include "manifest/manifest.h"
#include "base/limits.h"
#include "manifest/parse_testing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MAX_BYTES 256

struct fixture {
	char folder[PATH_MAX_BYTES];
	char file[PATH_MAX_BYTES + 16];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const char *base = getenv("TMPDIR");

	assert_non_null(fixture);
	(void)snprintf(
		fixture->folder, sizeof(fixture->folder), "%s/capsule-manifest-XXXXXX", base != NULL ? base : "/tmp");
	assert_non_null(mkdtemp(fixture->folder));
	(void)snprintf(fixture->file, sizeof(fixture->file), "%s/Capsule.toml", fixture->folder);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	(void)unlink(fixture->file);
	(void)rmdir(fixture->file);
	assert_int_equal(rmdir(fixture->folder), 0);
	free(fixture);
	return 0;
}

static void write_file(const struct fixture *fixture, const char *text)
{
	int fd = open(fixture->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static struct parsed load(const char *path, struct buffer *source)
{
	struct parsed parsed = { 0 };

	parsed.status = manifest_load(&parsed.manifest, path, source, &parsed.found, &parsed.err);
	assert_int_equal(parsed.status == CAPSULE_OK, parsed.manifest != NULL);
	return parsed;
}

static void folder_is_loaded_by_the_manifest_in_it(void **state)
{
	const struct fixture *fixture = *state;
	char with_slash[PATH_MAX_BYTES + 1];

	write_file(fixture, HEADER);
	(void)snprintf(with_slash, sizeof(with_slash), "%s/", fixture->folder);
	HOLD(parsed_fini) struct parsed parsed = load(fixture->folder, NULL);
	HOLD(parsed_fini) struct parsed again = load(with_slash, NULL);
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_string_equal(parsed.manifest->path, fixture->file);
	assert_string_equal(again.manifest->path, fixture->file);
}

static void file_is_loaded_by_its_own_name(void **state)
{
	const struct fixture *fixture = *state;

	write_file(fixture, HEADER);
	HOLD(parsed_fini) struct parsed parsed = load(fixture->file, NULL);
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_string_equal(parsed.manifest->package.name, "test-capsule");
}

static void folder_without_a_manifest_is_named(void **state)
{
	const struct fixture *fixture = *state;
	HOLD(parsed_fini) struct parsed parsed = load(fixture->folder, NULL);

	assert_int_equal(parsed.status, CAPSULE_ENOTFOUND);
	assert_non_null(strstr(parsed.err.text, fixture->folder));
	assert_non_null(strstr(parsed.err.text, "has no Capsule.toml"));
}

static void missing_path_is_named(void **state)
{
	const struct fixture *fixture = *state;
	HOLD(parsed_fini) struct parsed parsed = load(fixture->file, NULL);

	assert_int_equal(parsed.status, CAPSULE_ENOTFOUND);
	assert_non_null(strstr(parsed.err.text, fixture->file));
}

static void pipe_is_refused_and_not_waited_for(void **state)
{
	const struct fixture *fixture = *state;

	assert_int_equal(mkfifo(fixture->file, 0600), 0);
	HOLD(parsed_fini) struct parsed parsed = load(fixture->folder, NULL);
	assert_int_equal(parsed.status, CAPSULE_EIO);
	assert_non_null(strstr(parsed.err.text, "is not a regular file"));
}

static void folder_in_the_place_of_the_manifest_is_refused(void **state)
{
	const struct fixture *fixture = *state;

	assert_int_equal(mkdir(fixture->file, 0700), 0);
	HOLD(parsed_fini) struct parsed parsed = load(fixture->folder, NULL);
	assert_int_equal(parsed.status, CAPSULE_EIO);
}

static void large_file_is_refused_unread_with_its_size(void **state)
{
	const struct fixture *fixture = *state;
	HOLD(buffer_fini) struct buffer source = { 0 };

	write_file(fixture, "");
	assert_int_equal(truncate(fixture->file, (off_t)4 << 30), 0);
	HOLD(parsed_fini) struct parsed parsed = load(fixture->folder, &source);
	assert_int_equal(parsed.status, CAPSULE_EMANIFEST);
	assert_int_equal(parsed.found.errors, 1);
	assert_non_null(strstr(parsed.err.text, "has 4294967296 bytes, at most 1048576 are allowed"));
	assert_int_equal(source.len, 0);
}

static void source_is_given_back_when_parsing_fails(void **state)
{
	const struct fixture *fixture = *state;
	HOLD(buffer_fini) struct buffer source = { 0 };

	write_file(fixture, "[package]\nname = 3\n");
	HOLD(parsed_fini) struct parsed parsed = load(fixture->folder, &source);
	assert_int_equal(parsed.status, CAPSULE_EMANIFEST);
	assert_string_equal(buffer_text(&source), "[package]\nname = 3\n");
}

/* rt:64 */
static void file_that_is_not_utf8_is_refused_with_its_path(void **state)
{
	const struct fixture *fixture = *state;

	write_file(fixture, HEADER "description = \"\xFF\"\n");
	HOLD(parsed_fini) struct parsed parsed = load(fixture->folder, NULL);
	assert_int_equal(parsed.status, CAPSULE_EMANIFEST);
	assert_int_equal(strncmp(parsed.err.text, fixture->file, strlen(fixture->file)), 0);
	assert_non_null(strstr(parsed.err.text, ":4:16: not UTF-8"));
}

static void tool_is_found_by_its_name(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(HEADER "[[tool]]\nname = \"a\"\ndescription = \"1\"\ninput_schema = {}\n"
						 "[[tool]]\nname = \"b\"\ndescription = \"2\"\ninput_schema = {}\n");

	(void)state;
	assert_string_equal(manifest_tool_find(parsed.manifest, "b")->description, "2");
	assert_null(manifest_tool_find(parsed.manifest, "c"));
}

static void grants_are_booleans_that_are_true_and_lists_that_hold_something(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(
		HEADER "[capabilities]\nuplink = true\nallow_prompt_injection = false\nnet = [\"a\"]\nkv = []\n");

	(void)state;
	assert_true(manifest_grants(parsed.manifest, "uplink"));
	assert_false(manifest_grants(parsed.manifest, "allow_prompt_injection"));
	assert_true(manifest_grants(parsed.manifest, "net"));
	assert_false(manifest_grants(parsed.manifest, "kv"));
	assert_false(manifest_grants(parsed.manifest, "fs_read"));
}

static void unknown_capability_is_not_granted(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text(HEADER "[capabilities]\nroot = true\n");

	(void)state;
	assert_false(manifest_grants(parsed.manifest, "root"));
	assert_false(manifest_grants(parsed.manifest, ""));
}

static void capabilities_of_a_component_grant_nothing(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(
		HEADER "[[component]]\nfile = \"a\"\n[component.capabilities]\nnet = [\"x\"]\n");

	(void)state;
	assert_false(manifest_grants(parsed.manifest, "net"));
}

/* rt:66 */
static void ids_are_of_small_letters_digits_and_hyphens(void **state)
{
	char longest[LIMIT_NAME + 2];

	(void)state;
	assert_true(manifest_id_valid("a"));
	assert_true(manifest_id_valid("a-1"));
	assert_true(manifest_id_valid("-a"));
	assert_true(manifest_id_valid("9"));
	assert_false(manifest_id_valid(""));
	assert_false(manifest_id_valid("A"));
	assert_false(manifest_id_valid("a_b"));
	assert_false(manifest_id_valid("a.b"));
	assert_false(manifest_id_valid("../x"));
	assert_false(manifest_id_valid("\xC3\xA4"));
	memset(longest, 'a', LIMIT_NAME + 1);
	longest[LIMIT_NAME + 1] = '\0';
	assert_false(manifest_id_valid(longest));
	longest[LIMIT_NAME] = '\0';
	assert_true(manifest_id_valid(longest));
}

static void drop_empties_the_holder(void **state)
{
	struct manifest *manifest = NULL;
	struct diagnostics found = { 0 };

	(void)state;
	assert_int_equal(manifest_parse(&manifest, span_text(HEADER), "f", &found, NULL), CAPSULE_OK);
	manifest_drop(&manifest);
	assert_null(manifest);
	manifest_drop(&manifest);
	manifest_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(folder_is_loaded_by_the_manifest_in_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(file_is_loaded_by_its_own_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(folder_without_a_manifest_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(missing_path_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pipe_is_refused_and_not_waited_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(folder_in_the_place_of_the_manifest_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(large_file_is_refused_unread_with_its_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(source_is_given_back_when_parsing_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(file_that_is_not_utf8_is_refused_with_its_path, set_up, tear_down),
		cmocka_unit_test(tool_is_found_by_its_name),
		cmocka_unit_test(grants_are_booleans_that_are_true_and_lists_that_hold_something),
		cmocka_unit_test(unknown_capability_is_not_granted),
		cmocka_unit_test(capabilities_of_a_component_grant_nothing),
		cmocka_unit_test(ids_are_of_small_letters_digits_and_hyphens),
		cmocka_unit_test(drop_empties_the_holder),
	};

	return cmocka_run_group_tests_name("manifest_manifest", tests, NULL, NULL);
}
