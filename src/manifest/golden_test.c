/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every tests/manifests/bad/NAME.toml must be answered with exactly what NAME.stderr holds: one test a file.
 * GOLDEN_UPDATE=1 in the environment writes the answers anew, to be looked at in the difference. */
#include "base/cleanup.h"
#include "manifest/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define CASES_MAX 256
#define PATH_BYTES 1024

static const char this_file[] = "src/manifest/golden_test.c";
static char folder[PATH_BYTES];

/* The folder of the cases, beside this source file; tests run where its path, as the compiler saw it, is valid. */
static void find_folder(void)
{
	size_t above = strlen(__FILE__) - strlen(this_file);

	(void)snprintf(folder, sizeof(folder), "%.*stests/manifests/bad", (int)above, __FILE__);
}

static int is_manifest(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return end != NULL && strcmp(end, ".toml") == 0;
}

static void read_file(const char *path, struct buffer *out)
{
	HOLD(fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = 1;

	if (fd < 0)
		fail_msg("%s: %s; GOLDEN_UPDATE=1 writes it", path, strerror(errno));
	while (got > 0) {
		assert_true(buffer_reserve(out, 65536));
		got = read(fd, out->data + out->len, 65536);
		assert_true(got >= 0);
		out->len += (size_t)got;
	}
}

static void write_file(const char *path, struct span text)
{
	HOLD(fd_drop) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.data, text.len), text.len);
}

/* What is said about the manifest `name`. */
static void answer(const char *name, struct buffer *out)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(buffer_fini) struct buffer source = { 0 };
	HOLD(manifest_drop) struct manifest *manifest = NULL;
	struct capsule_error err = { 0 };
	char path[PATH_BYTES * 2];
	enum capsule_status status;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	status = manifest_load(&manifest, path, &source, &found, &err);
	assert_true(status == CAPSULE_OK || status == CAPSULE_EMANIFEST);
	assert_true(found.count > 0);
	assert_true(diagnostics_print(&found, name, buffer_span(&source), false, out));
}

static void answer_is_as_written(void **state)
{
	const char *name = *state;
	HOLD(buffer_fini) struct buffer said = { 0 };
	HOLD(buffer_fini) struct buffer expected = { 0 };
	char path[PATH_BYTES * 2];

	answer(name, &said);
	(void)snprintf(path, sizeof(path), "%s/%.*s.stderr", folder, (int)(strlen(name) - strlen(".toml")), name);
	if (getenv("GOLDEN_UPDATE") != NULL)
		write_file(path, buffer_span(&said));
	read_file(path, &expected);
	assert_string_equal(buffer_text(&said), buffer_text(&expected));
}

int main(void)
{
	struct CMUnitTest tests[CASES_MAX] = { 0 };
	struct dirent **entries = NULL;
	int count, failed;

	find_folder();
	count = scandir(folder, &entries, is_manifest, alphasort);
	if (count <= 0 || count > CASES_MAX) {
		(void)fprintf(stderr, "%s: %s\n", folder, count < 0 ? strerror(errno) : "no cases, or too many");
		return 1;
	}
	for (int i = 0; i < count; i++)
		tests[i] = (struct CMUnitTest){ entries[i]->d_name, answer_is_as_written, NULL, NULL,
			entries[i]->d_name };
	failed = _cmocka_run_group_tests("manifest_golden", tests, (size_t)count, NULL, NULL);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	return failed;
}
