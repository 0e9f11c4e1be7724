/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "vfs/overlay_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <time.h>
#include <unistd.h>

const char *path_of(const char *format, ...)
{
	static char buffers[4][2048];
	static unsigned next;
	char *buffer = buffers[next++ % 4];
	va_list arguments;

	va_start(arguments, format);
	assert_in_range(vsnprintf(buffer, sizeof buffers[0], format, arguments), 1, (int)sizeof buffers[0] - 1);
	va_end(arguments);
	return buffer;
}

enum capsule_status fixture_try_open(struct fixture *fixture)
{
	error_clear(&fixture->error);
	return overlay_open(&fixture->overlay, &fixture->lower, fixture->lower_path, fixture->overlay_path, true,
		&fixture->limits, &fixture->error);
}

void fixture_open(struct fixture *fixture)
{
	if (fixture_try_open(fixture) != CAPSULE_OK)
		fail_msg("%s", fixture->error.text);
}

void fixture_close(struct fixture *fixture)
{
	overlay_close(fixture->overlay);
	fixture->overlay = NULL;
}

void fixture_reopen(struct fixture *fixture)
{
	fixture_close(fixture);
	fixture_open(fixture);
}

int fixture_new(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	/* In memory where there is such a place: what is put on the disk for good costs too much for thousands of files. */
	(void)snprintf(fixture->dir, sizeof fixture->dir, "%s/overlay-test-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(fixture->dir));
	(void)snprintf(fixture->lower_path, sizeof fixture->lower_path, "%s/lower", fixture->dir);
	(void)snprintf(fixture->overlay_path, sizeof fixture->overlay_path, "%s/home/deep/overlay", fixture->dir);
	assert_int_equal(mkdir(fixture->lower_path, 0755), 0);
	assert_int_equal(tree_open(&fixture->lower, fixture->lower_path), 0);
	fixture_open(fixture);
	*state = fixture;
	return 0;
}

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *where)
{
	(void)info;
	(void)flag;
	(void)where;
	return remove(path);
}

int fixture_free(void **state)
{
	struct fixture *fixture = *state;

	fixture_close(fixture);
	tree_close(&fixture->lower);
	buffer_fini(&fixture->result);
	assert_int_equal(nftw(fixture->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(fixture);
	return 0;
}

enum capsule_status run_verb(struct fixture *fixture, enum vfs_verb verb, const char *path, const char *data)
{
	buffer_clear(&fixture->result);
	error_clear(&fixture->error);
	fixture->work = (struct vfs_work){ .verb = verb,
		.relative = path,
		.result = &fixture->result,
		.data = data != NULL ? span_text(data) : span_of(NULL, 0) };
	return overlay_run(fixture->overlay, &fixture->work, &fixture->error);
}

static const char *must(struct fixture *fixture, enum vfs_verb verb, const char *path, const char *data)
{
	if (run_verb(fixture, verb, path, data) != CAPSULE_OK)
		fail_msg("verb %d of `%s`: %s", verb, path, fixture->error.text);
	return fixture->result.len > 0 ? buffer_text(&fixture->result) : "";
}

void put(struct fixture *fixture, const char *path, const char *data)
{
	(void)must(fixture, VFS_WRITE, path, data);
}

void make_dir(struct fixture *fixture, const char *path)
{
	(void)must(fixture, VFS_MKDIR, path, NULL);
}

void drop(struct fixture *fixture, const char *path)
{
	(void)must(fixture, VFS_UNLINK, path, NULL);
}

const char *get(struct fixture *fixture, const char *path)
{
	return must(fixture, VFS_READ, path, NULL);
}

bool there(struct fixture *fixture, const char *path)
{
	(void)must(fixture, VFS_EXISTS, path, NULL);
	return fixture->work.exists;
}

const char *names(struct fixture *fixture, const char *path)
{
	(void)must(fixture, VFS_LIST, path, NULL);
	for (size_t i = 0; i + 1 < fixture->result.len; i++)
		if (fixture->result.data[i] == '\0')
			fixture->result.data[i] = ' ';
	return fixture->result.len > 0 ? (const char *)fixture->result.data : "";
}

const char *dirty(struct fixture *fixture)
{
	static char text[4096];
	const struct json_limits limits = { .bytes_max = BUFFER_MAX };
	yyjson_doc *doc = NULL;
	yyjson_arr_iter items;
	yyjson_val *each;
	size_t len = 0;

	(void)must(fixture, VFS_DIFF, "", NULL);
	assert_int_equal(json_parse(&doc, buffer_span(&fixture->result), &limits, "diff", NULL), CAPSULE_OK);
	items = yyjson_arr_iter_with(yyjson_doc_get_root(doc));
	text[0] = '\0';
	while ((each = yyjson_arr_iter_next(&items)) != NULL && len < sizeof text)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s:%s%s", len > 0 ? " " : "",
			yyjson_get_str(yyjson_obj_get(each, "path")), yyjson_get_str(yyjson_obj_get(each, "status")),
			yyjson_get_bool(yyjson_obj_get(each, "conflict")) ? "!" : "");
	assert_true(len < sizeof text);
	json_doc_drop(&doc);
	return text;
}

const char *commit_all(struct fixture *fixture)
{
	return must(fixture, VFS_COMMIT, "", NULL);
}

const char *rollback_all(struct fixture *fixture)
{
	return must(fixture, VFS_ROLLBACK, "", NULL);
}

static const char *below(const struct fixture *fixture, const char *path)
{
	return path_of("%s/%s", fixture->lower_path, path);
}

void below_put(const struct fixture *fixture, const char *path, const char *data)
{
	const char *slash = strrchr(path, '/');
	FILE *file;

	if (slash != NULL)
		assert_int_equal(tree_mkdirs(&fixture->lower, path_of("%.*s", (int)(slash - path), path), NULL), 0);
	file = fopen(below(fixture, path), "w");
	assert_non_null(file);
	assert_true(fputs(data, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void below_put_old(const struct fixture *fixture, const char *path, const char *data)
{
	struct timespec times[2];

	below_put(fixture, path, data);
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &times[0]), 0);
	times[0].tv_sec -= 60;
	times[1] = times[0];
	assert_int_equal(utimensat(AT_FDCWD, below(fixture, path), times, 0), 0);
}

void below_mkdir(const struct fixture *fixture, const char *path)
{
	assert_int_equal(tree_mkdirs(&fixture->lower, path, NULL), 0);
}

void below_remove(const struct fixture *fixture, const char *path)
{
	assert_int_equal(remove(below(fixture, path)), 0);
}

const char *below_get(struct fixture *fixture, const char *path)
{
	uint64_t size;

	buffer_clear(&fixture->result);
	if (tree_read(&fixture->lower, path, 1 << 20, &fixture->result, &size) != 0)
		return NULL;
	return fixture->result.len > 0 ? buffer_text(&fixture->result) : "";
}

bool below_there(const struct fixture *fixture, const char *path)
{
	return access(below(fixture, path), F_OK) == 0;
}

static void append_file(struct buffer *out, const char *path)
{
	uint8_t bytes[4096];
	FILE *file = fopen(path, "r");
	size_t got;

	assert_non_null(file);
	while ((got = fread(bytes, 1, sizeof bytes, file)) > 0)
		(void)buffer_append(out, bytes, got);
	(void)fclose(file);
}

static void append_folder(struct buffer *out, const char *dir, size_t skip)
{
	struct dirent **entries;
	int count = scandir(dir, &entries, NULL, alphasort);

	assert_true(count >= 0);
	for (int i = 0; i < count; i++) {
		char *path = NULL;
		struct stat info;

		if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0) {
			assert_true(asprintf(&path, "%s/%s", dir, entries[i]->d_name) > 0);
			assert_int_equal(lstat(path, &info), 0);
			(void)buffer_printf(out, "%s%s ", path + skip, S_ISDIR(info.st_mode) ? "/" : "");
			if (S_ISREG(info.st_mode))
				append_file(out, path);
			(void)buffer_append_byte(out, '\n');
			if (S_ISDIR(info.st_mode))
				append_folder(out, path, skip);
			free(path);
		}
		free(entries[i]);
	}
	free(entries);
}

char *snapshot(const char *dir)
{
	struct buffer out = { 0 };

	append_folder(&out, dir, strlen(dir) + 1);
	(void)buffer_append_text(&out, "");
	return buffer_steal(&out);
}
