/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "vfs/overlay_index.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/limits.h"
#include "vfs/overlay_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define NAME "index"
#define NAME_NEW "index.new"
#define LINES_SLACK 4096 /* lines that the file may have over twice the entries before it is written anew */
#define LENGTHY (LIMIT_OVERLAY_INDEX / 4 * 3) /* bytes that it may have before that */
#define REST_OF_LINE 256                      /* what a line has beside the path */

static_assert(LENGTHY >= 6ull * LIMIT_OVERLAY_NAMES + (uint64_t)REST_OF_LINE * LIMIT_OVERLAY_ENTRIES,
	"an index of long names, all of them escaped, is shorter than that when it was written anew");

void overlay_index_close(struct overlay_index *index)
{
	size_t cursor = 0;
	void *entry;

	while (map_next(&index->entries, &cursor, NULL, &entry))
		free(entry);
	map_fini(&index->entries);
	pthread_mutex_destroy(&index->lock);
	buffer_fini(&index->line);
	if (index->fd >= 0)
		(void)close(index->fd);
	index->fd = -1;
}

struct overlay_entry *overlay_index_find(const struct overlay_index *index, struct span path)
{
	return map_get(&index->entries, path);
}

void overlay_index_become(struct overlay_index *index, struct overlay_entry *entry, enum overlay_kind kind)
{
	pthread_mutex_lock(&index->lock);
	entry->kind = kind;
	pthread_mutex_unlock(&index->lock);
}

void overlay_index_forget(struct overlay_index *index, struct overlay_entry *entry)
{
	pthread_mutex_lock(&index->lock);
	(void)map_remove(&index->entries, span_of(entry->path, entry->len));
	pthread_mutex_unlock(&index->lock);
	index->names -= entry->len;
	free(entry);
}

static enum capsule_status add_entry(
	struct overlay_index *index, struct span path, struct overlay_entry **out, struct capsule_error *err)
{
	struct overlay_entry *entry = calloc(1, sizeof *entry + path.len + 1);
	enum capsule_status status;

	if (entry == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an entry of the overlay %.256s", index->dir);
	memcpy(entry->path, path.data, path.len);
	entry->len = path.len;
	pthread_mutex_lock(&index->lock);
	status = map_put(&index->entries, path, entry, NULL, err);
	pthread_mutex_unlock(&index->lock);
	if (status != CAPSULE_OK) {
		free(entry);
		return status;
	}
	index->names += path.len;
	*out = entry;
	return CAPSULE_OK;
}

/* Remove what a failed append left behind the last whole line. */
static enum capsule_status mend(struct overlay_index *index, struct capsule_error *err)
{
	if (index->torn && ftruncate(index->fd, index->len) != 0)
		return error_os(err, errno, "the overlay's index %.512s/" NAME, index->dir);
	index->torn = false;
	return CAPSULE_OK;
}

/* Append the line in index->line. */
static enum capsule_status append(struct overlay_index *index, struct capsule_error *err)
{
	enum capsule_status status = buffer_check(&index->line, err);
	struct capsule_error ignored;

	if (status != CAPSULE_OK)
		return error_in(err, "the overlay's index");
	if (index->lines > 2 * index->entries.count + LINES_SLACK ||
		(uint64_t)index->len + index->line.len > index->lengthy)
		status = overlay_index_rewrite(index, err);
	if (status == CAPSULE_OK)
		status = mend(index, err);
	if (status != CAPSULE_OK)
		return status;
	if (fd_write_all(index->fd, buffer_span(&index->line)) != 0) {
		status = error_os(err, errno, "the overlay's index %.512s/" NAME, index->dir);
		index->torn = true;
		(void)mend(index, &ignored);
		return status;
	}
	index->len += (int64_t)index->line.len;
	index->lines++;
	return CAPSULE_OK;
}

enum capsule_status overlay_index_set(struct overlay_index *index, struct span path, enum overlay_kind kind,
	const struct overlay_base *base, struct overlay_entry **out, struct capsule_error *err)
{
	struct overlay_entry *entry = overlay_index_find(index, path);
	bool made = entry == NULL;
	enum capsule_status status;

	if (made) {
		status = add_entry(index, path, &entry, err);
		if (status != CAPSULE_OK || entry == NULL)
			return status;
		entry->base = *base;
	}
	buffer_clear(&index->line);
	overlay_line_entry(&index->line, entry, kind);
	status = append(index, err);
	if (status != CAPSULE_OK) {
		if (made)
			overlay_index_forget(index, entry);
		return status;
	}
	entry->was_deleted = kind != OVERLAY_DELETED && !made && (entry->was_deleted || entry->kind == OVERLAY_DELETED);
	overlay_index_become(index, entry, kind);
	if (out != NULL)
		*out = entry;
	return CAPSULE_OK;
}

enum capsule_status overlay_index_drop(
	struct overlay_index *index, struct overlay_entry *entry, struct capsule_error *err)
{
	enum capsule_status status;

	buffer_clear(&index->line);
	overlay_line_gone(&index->line, entry);
	status = append(index, err);
	if (status == CAPSULE_OK)
		overlay_index_forget(index, entry);
	return status;
}

static int compare_paths(const void *a, const void *b)
{
	const struct overlay_entry *const *one = a, *const *two = b;

	return strcmp((*one)->path, (*two)->path);
}

bool overlay_index_sorted(const struct overlay_index *index, struct overlay_entry ***out, size_t *count)
{
	struct overlay_entry **entries;
	size_t cursor = 0;
	void *entry;

	*out = NULL;
	*count = 0;
	if (index->entries.count == 0)
		return true;
	entries = calloc(index->entries.count, sizeof(struct overlay_entry *));
	if (entries == NULL)
		return false;
	while (map_next(&index->entries, &cursor, NULL, &entry))
		entries[(*count)++] = entry;
	qsort(entries, *count, sizeof(struct overlay_entry *), compare_paths);
	*out = entries;
	return true;
}

/* Write the text to the new file; on success it is the one that is appended to. */
static enum capsule_status replace(struct overlay_index *index, struct span text, struct capsule_error *err)
{
	HOLD(fd_drop)
	int fd = openat(
		index->dir_fd, NAME_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || fd_write_all(fd, text) != 0 || fsync(fd) != 0 ||
		renameat(index->dir_fd, NAME_NEW, index->dir_fd, NAME) != 0)
		return error_os(err, errno, "the overlay's index %.512s/" NAME_NEW, index->dir);
	if (index->fd >= 0)
		(void)close(index->fd);
	index->fd = fd_give(&fd);
	index->len = (int64_t)text.len;
	index->lines = index->entries.count;
	index->torn = false;
	if (fsync(index->dir_fd) != 0)
		return error_os(err, errno, "the overlay %.512s", index->dir);
	return CAPSULE_OK;
}

enum capsule_status overlay_index_rewrite(struct overlay_index *index, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { .limit = LIMIT_OVERLAY_INDEX };
	size_t cursor = 0;
	void *entry;

	overlay_line_head(&text, index->root);
	while (map_next(&index->entries, &cursor, NULL, &entry)) {
		const struct overlay_entry *each = entry;

		overlay_line_entry(&text, each, each->kind);
	}
	if (buffer_check(&text, err) != CAPSULE_OK)
		return error_in(err, "the overlay's index");
	return replace(index, buffer_span(&text), err);
}

static enum capsule_status take_line(
	struct overlay_index *index, struct span text, size_t number, struct capsule_error *err)
{
	struct overlay_line line = { 0 };
	const char *wrong = overlay_line_read(text, &line);
	struct overlay_entry *entry;
	enum capsule_status status;

	if (wrong != NULL)
		return overlay_damaged(index->dir, err, NAME ", line %zu: %s", number, wrong);
	entry = overlay_index_find(index, buffer_span(&line.path));
	if (line.gone) {
		if (entry != NULL)
			overlay_index_forget(index, entry);
	} else {
		bool was_deleted = entry != NULL && (entry->was_deleted || entry->kind == OVERLAY_DELETED);

		status = entry == NULL ? add_entry(index, buffer_span(&line.path), &entry, err) : CAPSULE_OK;
		if (status != CAPSULE_OK || entry == NULL) {
			buffer_fini(&line.path);
			return status;
		}
		entry->kind = line.kind;
		entry->was_deleted = was_deleted && line.kind != OVERLAY_DELETED;
		entry->base = line.base;
	}
	buffer_fini(&line.path);
	if (index->entries.count > LIMIT_OVERLAY_ENTRIES || index->names > LIMIT_OVERLAY_NAMES)
		return overlay_damaged(
			index->dir, err, NAME ", line %zu: more entries than an overlay ever has", number);
	return CAPSULE_OK;
}

/* Each whole line of `text`. */
static enum capsule_status take_lines(struct overlay_index *index, struct span text, struct capsule_error *err)
{
	enum capsule_status status = CAPSULE_OK;
	size_t number = 0;
	const uint8_t *end;

	while (status == CAPSULE_OK && text.len > 0 && (end = memchr(text.data, '\n', text.len)) != NULL) {
		struct span line = span_of(text.data, (size_t)(end - text.data));

		if (number++ == 0)
			status = overlay_head_check(index->dir, line, index->root, err);
		else
			status = take_line(index, line, number, err);
		index->len += (int64_t)line.len + 1;
		text = span_of(end + 1, text.len - line.len - 1);
	}
	if (status == CAPSULE_OK && number == 0)
		return overlay_damaged(index->dir, err, NAME ": it has no first line");
	index->lines = number > 0 ? number - 1 : 0;
	index->torn = text.len > 0;
	return status;
}

enum capsule_status overlay_index_open(struct overlay_index *index, const char *dir, int dir_fd, const char *root,
	bool *fresh, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { .limit = LIMIT_OVERLAY_INDEX };
	enum capsule_status status;

	*index = (struct overlay_index){
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.dir = dir,
		.root = root,
		.dir_fd = dir_fd,
		.fd = -1,
		.lengthy = LENGTHY,
	};
	index->fd = openat(dir_fd, NAME, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	*fresh = index->fd < 0 && errno == ENOENT;
	if (*fresh)
		return CAPSULE_OK;
	if (index->fd < 0)
		return error_os(err, errno, "the overlay's index %.512s/" NAME, dir);
	status = overlay_read_all(index->fd, &text, err);
	if (status == CAPSULE_ELIMIT)
		return overlay_damaged(
			dir, err, NAME ": it is larger than %llu bytes", (unsigned long long)LIMIT_OVERLAY_INDEX);
	if (status != CAPSULE_OK)
		return error_in(err, "the overlay's index %.512s/" NAME, dir);
	return take_lines(index, buffer_span(&text), err);
}
