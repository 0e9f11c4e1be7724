/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files of a capsule in a real folder: what is served, and every reason for which it is not. */
#include "engine/static/static.h"

#include "base/limits.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char head[] = "[package]\nname = \"demo\"\nversion = \"1.0.0\"\n";

struct fixture {
	char dir[64];
	struct manifest *manifest;
	struct content content;
	struct diagnostics diagnostics;
	struct capsule_error err;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	(void)snprintf(fixture->dir, sizeof fixture->dir, "/tmp/capsule-content-XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	*state = fixture;
	return 0;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info;
	(void)kind;
	(void)walk;
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	content_fini(&fixture->content);
	manifest_free(fixture->manifest);
	diagnostics_fini(&fixture->diagnostics);
	assert_int_equal(nftw(fixture->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(fixture);
	return 0;
}

static const char *path_of(const struct fixture *fixture, const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", fixture->dir, name);
	return path;
}

static void write_bytes(const struct fixture *fixture, const char *name, const void *bytes, size_t len)
{
	FILE *file = fopen(path_of(fixture, name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void write_text(const struct fixture *fixture, const char *name, const char *text)
{
	write_bytes(fixture, name, text, strlen(text));
}

static enum capsule_status load(struct fixture *fixture, const char *more)
{
	char text[4096];

	(void)snprintf(text, sizeof text, "%s%s", head, more);
	content_fini(&fixture->content);
	diagnostics_fini(&fixture->diagnostics);
	manifest_free(fixture->manifest);
	fixture->manifest = NULL;
	assert_int_equal(manifest_parse(&fixture->manifest, span_text(text), "Capsule.toml", &fixture->diagnostics,
				 &fixture->err),
		CAPSULE_OK);
	error_clear(&fixture->err);
	return content_load(&fixture->content, fixture->manifest, fixture->dir, &fixture->diagnostics, &fixture->err);
}

static void everything_is_served(void **state)
{
	struct fixture *fixture = *state;
	const struct content_item *item;
	struct buffer json = { 0 };

	write_text(fixture, "rules.md", "Be kind.\n");
	write_text(fixture, "SKILL.md", "---\nname: notes\ndescription: Keeps notes\ntags: [a]\n---\n# Notes\n");
	write_text(fixture, "go.md", "Go.\n");
	assert_int_equal(load(fixture,
				 "[[context_file]]\nname = \"rules\"\nfile = \"rules.md\"\n"
				 "[[skill]]\nname = \"notes\"\nfile = \"SKILL.md\"\n"
				 "[[command]]\nname = \"go\"\nfile = \"go.md\"\n"
				 "[[command]]\nname = \"//twice\"\ndescription = \"No file\"\n"),
		CAPSULE_OK);
	assert_int_equal(fixture->content.count, 4);
	item = content_find(&fixture->content, CONTENT_SKILL, "notes");
	assert_non_null(item);
	assert_string_equal(item->text, "# Notes\n");
	assert_string_equal(item->description, "Keeps notes");
	assert_string_equal(item->meta, "{\"name\":\"notes\",\"description\":\"Keeps notes\",\"tags\":[\"a\"]}");
	assert_null(content_find(&fixture->content, CONTENT_SKILL, "rules"));
	assert_non_null(content_find(&fixture->content, CONTENT_COMMAND, "/go"));
	item = content_find(&fixture->content, CONTENT_COMMAND, "/twice");
	assert_non_null(item);
	assert_null(item->text);
	assert_true(content_append_json(&fixture->content, CONTENT_CONTEXT, true, &json));
	assert_string_equal(buffer_text(&json),
		"[{\"name\":\"rules\",\"description\":null,\"file\":\"rules.md\",\"bytes\":9,\"blake3\":"
		"\"060af460962d3dc1b90ea7cacf82e098c0b6fb3b7306cffdb0d64873b845ee98\",\"meta\":null,\"text\":\"Be kind.\\n\"}]");
	buffer_clear(&json);
	assert_true(content_append_json(&fixture->content, CONTENT_COMMAND, false, &json));
	assert_non_null(strstr(buffer_text(&json),
		"{\"name\":\"/twice\",\"description\":\"No file\",\"file\":null,\"bytes\":0,\"blake3\":null,\"meta\":null}"));
	buffer_fini(&json);
}

static void manifest_describes_before_front_matter(void **state)
{
	struct fixture *fixture = *state;

	write_text(fixture, "a.md", "---\ndescription: of the file\n---\n");
	assert_int_equal(load(fixture, "[[skill]]\nname = \"a\"\nfile = \"a.md\"\ndescription = \"of the manifest\"\n"),
		CAPSULE_OK);
	assert_string_equal(fixture->content.items[0].description, "of the manifest");
}

static void nothing_to_serve(void **state)
{
	struct fixture *fixture = *state;
	struct buffer json = { 0 };

	assert_int_equal(load(fixture, ""), CAPSULE_OK);
	assert_int_equal(fixture->content.count, 0);
	assert_true(content_append_json(&fixture->content, CONTENT_SKILL, true, &json));
	assert_string_equal(buffer_text(&json), "[]");
	buffer_fini(&json);
}

/* Load one context file `name` and have it refused with `says`; nothing may be left. */
static void refused(struct fixture *fixture, const char *name, const char *says)
{
	char more[256];

	(void)snprintf(more, sizeof more, "[[context_file]]\nname = \"c\"\nfile = \"%s\"\n", name);
	assert_int_equal(load(fixture, more), CAPSULE_EMANIFEST);
	if (strstr(fixture->err.text, says) == NULL)
		fail_msg("'%s' lacks '%s'", fixture->err.text, says);
	assert_non_null(strstr(fixture->err.text, "Capsule.toml:6:"));
	assert_int_equal(fixture->content.count, 0);
	assert_null(fixture->content.items);
}

static void hostile_files(void **state)
{
	struct fixture *fixture = *state;
	char *large = calloc(1, LIMIT_CONTENT_FILE + 1);

	assert_non_null(large);
	memset(large, 'x', LIMIT_CONTENT_FILE + 1);
	write_bytes(fixture, "large", large, LIMIT_CONTENT_FILE + 1);
	write_bytes(fixture, "fits", large, LIMIT_CONTENT_FILE);
	write_bytes(fixture, "bad", "ab\xff", 3);
	assert_int_equal(mkdir(path_of(fixture, "folder"), 0755), 0);
	assert_int_equal(mkfifo(path_of(fixture, "fifo"), 0600), 0);
	assert_int_equal(symlink("/etc/passwd", path_of(fixture, "link")), 0);
	assert_int_equal(symlink("fits", path_of(fixture, "inside")), 0);
	assert_int_equal(symlink("loop", path_of(fixture, "loop")), 0);
	refused(fixture, "missing", "No such file");
	refused(fixture, "../x", "outside the capsule's folder");
	refused(fixture, "/etc/passwd", "outside the capsule's folder");
	refused(fixture, "link", "outside the capsule's folder");
	refused(fixture, "loop", "links");
	refused(fixture, "folder", "not a regular file");
	refused(fixture, "fifo", "not a regular file");
	refused(fixture, "large", "larger than 1048576 bytes");
	refused(fixture, "bad", "not UTF-8: byte 2");
	assert_int_equal(load(fixture, "[[context_file]]\nname = \"c\"\nfile = \"inside\"\n"), CAPSULE_OK);
	assert_int_equal(fixture->content.items[0].len, LIMIT_CONTENT_FILE);
	free(large);
}

static void total_is_limited(void **state)
{
	struct fixture *fixture = *state;
	char *large = calloc(1, LIMIT_CONTENT_FILE), more[4096] = "";
	size_t len = 0;

	assert_non_null(large);
	memset(large, 'x', LIMIT_CONTENT_FILE);
	write_bytes(fixture, "full", large, LIMIT_CONTENT_FILE);
	write_text(fixture, "one", "1");
	for (size_t i = 0; i < LIMIT_CONTENT_TOTAL / LIMIT_CONTENT_FILE; i++)
		len += (size_t)snprintf(
			more + len, sizeof more - len, "[[context_file]]\nname = \"c%zu\"\nfile = \"full\"\n", i);
	assert_int_equal(load(fixture, more), CAPSULE_OK);
	(void)snprintf(more + len, sizeof more - len, "[[context_file]]\nname = \"last\"\nfile = \"one\"\n");
	assert_int_equal(load(fixture, more), CAPSULE_EMANIFEST);
	assert_non_null(strstr(fixture->err.text, "serves more than 16777216 bytes"));
	free(large);
}

static void every_problem_is_told(void **state)
{
	struct fixture *fixture = *state;

	write_text(fixture, "a.md", "---\nno end\n");
	assert_int_equal(
		load(fixture, "[[skill]]\nname = \"a\"\nfile = \"a.md\"\n[[skill]]\nname = \"b\"\nfile = \"b.md\"\n"),
		CAPSULE_EMANIFEST);
	assert_int_equal(fixture->diagnostics.errors, 2);
	assert_non_null(strstr(fixture->diagnostics.items[0].text, "the skill `a.md`: the front matter"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everything_is_served, setup, teardown),
		cmocka_unit_test_setup_teardown(manifest_describes_before_front_matter, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_to_serve, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_files, setup, teardown),
		cmocka_unit_test_setup_teardown(total_is_limited, setup, teardown),
		cmocka_unit_test_setup_teardown(every_problem_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
