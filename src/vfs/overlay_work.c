/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The verbs that only look: what the overlay has comes first, then the folder below, less what was deleted. */
#include "vfs/overlay_internal.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"

#include <errno.h>

enum capsule_status overlay_exists(struct overlay *overlay, struct vfs_work *work, struct capsule_error *err)
{
	struct overlay_look look;

	work->exists = overlay_look(overlay, work->relative, &look) == 0;
	if (work->exists)
		return CAPSULE_OK;
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
	case EACCES:
	case ENAMETOOLONG:
		return CAPSULE_OK;
	default:
		return overlay_fail(work, err);
	}
}

enum capsule_status overlay_stat(struct overlay *overlay, struct vfs_work *work, struct capsule_error *err)
{
	struct overlay_look look;

	if (overlay_look(overlay, work->relative, &look) != 0 && !look.link)
		return overlay_fail(work, err);
	vfs_found(work, &look.stat);
	return CAPSULE_OK;
}

/* Reading failed with errno, and only the index was asked before: what a whole look says goes first. */
static enum capsule_status unreadable(const struct overlay *overlay, struct vfs_work *work, struct capsule_error *err)
{
	struct overlay_look look;
	int code = errno;

	if (overlay_look(overlay, work->relative, &look) == 0)
		errno = code;
	return overlay_fail(work, err);
}

enum capsule_status overlay_read(struct overlay *overlay, struct vfs_work *work, struct capsule_error *err)
{
	uint64_t limit = work->limit != 0 ? work->limit : LIMIT_PAYLOAD, size = 0;
	struct overlay_look look;
	int done;

	if (overlay_look_index(overlay, work->relative, &look, NULL) != 0)
		return overlay_fail(work, err);
	done = tree_read(look.own ? &overlay->upper : overlay->lower, work->relative, limit, work->result, &size);
	if (done != 0 && errno == EFBIG)
		return vfs_refuse_file(err, size, limit, work->relative);
	return done == 0 ? CAPSULE_OK : unreadable(overlay, work, err);
}

/* Names in one block, each with a zero behind it, by their places. */
struct names {
	const char **items;
	size_t count;
};

/* Whether the name that the folder below has in `folder` was deleted. `path` is scratch. */
static bool is_hidden(const struct overlay *overlay, const char *folder, const char *name, struct buffer *path)
{
	const struct overlay_entry *entry;

	buffer_clear(path);
	(void)buffer_append_text(path, folder);
	if (folder[0] != '\0')
		(void)buffer_append_byte(path, '/');
	(void)buffer_append_text(path, name);
	entry = overlay_index_find(&overlay->index, buffer_span(path));
	return entry != NULL && entry->kind == OVERLAY_DELETED;
}

/* The names of `block` that are not hidden, sorted, each once. free() the items. */
static int sort_names(const struct overlay *overlay, const char *folder, const struct buffer *block, struct names *out)
{
	HOLD(buffer_fini) struct buffer path = { 0 };
	const char *at = (const char *)block->data, *end = at + block->len;
	size_t count = 0, kept = 0;

	*out = (struct names){ .items = NULL };
	for (const char *each = at; each < end; each += strlen(each) + 1)
		count++;
	if (count == 0)
		return 0;
	out->items = calloc(count, sizeof(const char *));
	if (out->items == NULL) {
		errno = ENOMEM;
		return -1;
	}
	for (; at < end; at += strlen(at) + 1)
		if (!is_hidden(overlay, folder, at, &path))
			out->items[out->count++] = at;
	qsort(out->items, out->count, sizeof(const char *), vfs_compare_names);
	for (size_t i = 0; i < out->count; i++)
		if (kept == 0 || strcmp(out->items[kept - 1], out->items[i]) != 0)
			out->items[kept++] = out->items[i];
	out->count = kept;
	if (path.failed) {
		free(out->items);
		out->items = NULL;
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

/* All names in the folder that `look` found, in `block`. */
static int gather(
	const struct overlay *overlay, const char *folder, const struct overlay_look *look, struct buffer *block)
{
	size_t own = 0;

	if (tree_list(&overlay->upper, folder, block) != 0 && errno != ENOENT && errno != ENOTDIR)
		return -1;
	own = block->len;
	if (tree_list(overlay->lower, folder, block) == 0)
		return 0;
	/* A folder of the overlay's own need not be one below; what was read before the failure is not told. */
	block->len = own;
	if (look->own || own > 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -1;
	return errno == ENOENT ? 0 : -1; /* gone since it was looked at */
}

/* `*out` are the names in the folder, in `block`. */
static int list_folder(const struct overlay *overlay, const char *folder, struct overlay_look *look,
	struct buffer *block, struct names *out)
{
	if (overlay_look(overlay, folder, look) != 0)
		return -1;
	if (!S_ISDIR(look->stat.st_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	return gather(overlay, folder, look, block) != 0 ? -1 : sort_names(overlay, folder, block, out);
}

enum capsule_status overlay_names(struct overlay *overlay, struct vfs_work *work, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer block = { 0 };
	struct overlay_look look;
	struct names names = { 0 };

	if (list_folder(overlay, work->relative, &look, &block, &names) != 0) {
		if (errno == EFBIG)
			return vfs_refuse_names(err, work->relative);
		return overlay_fail(work, err);
	}
	for (size_t i = 0; i < names.count; i++)
		if (text_is_utf8(span_text(names.items[i])))
			(void)buffer_append(work->result, names.items[i], strlen(names.items[i]) + 1);
	free(names.items);
	return buffer_check(work->result, err);
}

int overlay_is_empty(const struct overlay *overlay, const char *folder)
{
	HOLD(buffer_fini) struct buffer block = { 0 };
	struct overlay_look look;
	struct names names = { 0 };

	if (list_folder(overlay, folder, &look, &block, &names) != 0)
		return errno == EFBIG ? 0 : -1;
	free(names.items);
	return names.count == 0;
}
