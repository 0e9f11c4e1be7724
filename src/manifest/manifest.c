/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Manifests as a whole: read from a folder, released, asked for a tool or a grant. */
#include "manifest/manifest.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/limits.h"
#include "manifest/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "Capsule.toml"
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) /* a pipe must not make us wait for its writer */

/* Opens `path`, or the manifest in it when it is a folder; `shown` becomes the path of what was opened. */
static enum capsule_status open_manifest(
	int *out, const char *path, struct buffer *shown, struct stat *info, struct capsule_error *err)
{
	HOLD(fd_drop) int fd = open(path, OPEN_FLAGS);
	size_t len = strlen(path);

	if (fd < 0 && errno == ENOENT)
		return error_set(err, CAPSULE_ENOTFOUND, "there is no file or folder '%s'", path);
	if (fd < 0 || fstat(fd, info) != 0)
		return error_os(err, errno, "open '%s'", path);
	buffer_append_text(shown, path);
	if (S_ISDIR(info->st_mode)) {
		int folder = fd;

		fd = openat(folder, FILE_NAME, OPEN_FLAGS);
		buffer_append_text(shown, len > 0 && path[len - 1] == '/' ? FILE_NAME : "/" FILE_NAME);
		if (fd < 0 || fstat(fd, info) != 0) {
			int cause = errno;

			(void)close(folder);
			if (cause == ENOENT)
				return error_set(err, CAPSULE_ENOTFOUND, "the folder '%s' has no " FILE_NAME, path);
			return error_os(err, cause, "open '%s/" FILE_NAME "'", path);
		}
		(void)close(folder);
	}
	if (buffer_text(shown) == NULL)
		return error_set(err, CAPSULE_ENOMEM, "open '%s'", path);
	if (!S_ISREG(info->st_mode))
		return error_set(err, CAPSULE_EIO, "'%s' is not a regular file", buffer_text(shown));
	*out = fd_give(&fd);
	return CAPSULE_OK;
}

static enum capsule_status refuse_size(
	size_t size, const char *path, struct diagnostics *diagnostics, struct capsule_error *err)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	enum capsule_status status = CAPSULE_OK;

	if (!reader_check_size(size, &found))
		status = reader_fail(&found, path, err);
	diagnostics_take(diagnostics, &found);
	return status;
}

enum capsule_status manifest_load(struct manifest **out, const char *path, struct buffer *source,
	struct diagnostics *diagnostics, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer shown = { 0 };
	HOLD(buffer_fini) struct buffer own = { 0 };
	HOLD(fd_drop) int fd = -1;
	struct buffer *text = source != NULL ? source : &own;
	struct stat info = { 0 };
	enum capsule_status status = open_manifest(&fd, path, &shown, &info, err);

	if (status != CAPSULE_OK)
		return status;
	status = refuse_size((size_t)info.st_size, buffer_text(&shown), diagnostics, err);
	if (status != CAPSULE_OK)
		return status;
	buffer_clear(text);
	/* One that has grown meanwhile is refused for its size by the parser. */
	if (fd_read_all(fd, LIMIT_MANIFEST_BYTES, text) != 0 && errno != EFBIG)
		return error_os(err, errno, "read '%s'", buffer_text(&shown));
	return manifest_parse(out, buffer_span(text), buffer_text(&shown), diagnostics, err);
}

void manifest_free(struct manifest *manifest)
{
	size_t table_count;
	const struct key_table *tables = keys_tables(&table_count);

	if (manifest == NULL)
		return;
	for (size_t i = 0; i < table_count; i++) {
		size_t count;
		char *entries = keys_entries(&tables[i], manifest, &count);

		for (size_t j = 0; j < count; j++)
			keys_entry_fini(&tables[i], entries + j * tables[i].entry_size);
		if (tables[i].shape != SHAPE_SINGLE)
			free(entries);
	}
	free(manifest->path);
	free(manifest);
}

void manifest_drop(struct manifest **manifest)
{
	manifest_free(*manifest);
	*manifest = NULL;
}

const struct manifest_tool *manifest_tool_find(const struct manifest *manifest, const char *name)
{
	for (size_t i = 0; i < manifest->tools.count; i++)
		if (strcmp(manifest->tools.items[i].name, name) == 0)
			return &manifest->tools.items[i];
	return NULL;
}

static bool table_grants(const struct manifest_capabilities *capabilities, const char *key)
{
	const struct key_row *row = keys_find(keys_table_find(span_text("capabilities")), span_text(key));
	const char *member;

	if (row == NULL)
		return false;
	member = (const char *)capabilities + row->offset;
	if (row->type == KEY_BOOL)
		return *(const bool *)member;
	return ((const struct string_list *)(const void *)member)->count > 0;
}

bool manifest_grants(const struct manifest *manifest, const char *key)
{
	return table_grants(&manifest->capabilities, key);
}

bool manifest_component_grants(const struct manifest *manifest, const char *key)
{
	return table_grants(&manifest->capabilities, key) ||
		(manifest->components.count > 0 && table_grants(&manifest->components.items[0].capabilities, key));
}

bool manifest_id_valid(const char *id)
{
	size_t len = 0; /* strspn() makes a table each time, which costs more than most ids */

	while ((id[len] >= 'a' && id[len] <= 'z') || (id[len] >= '0' && id[len] <= '9') || id[len] == '-')
		len++;
	return len >= 1 && len <= LIMIT_NAME && id[len] == '\0';
}
