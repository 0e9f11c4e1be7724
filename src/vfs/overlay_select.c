/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which entries a commit, a rollback or a diff is about; and the two of these that write nothing below. */
#include "vfs/overlay_internal.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"

#include <errno.h>
#include <inttypes.h>

/* Whether `path` is `top` or below it; everything is below "". */
static bool is_at_or_below(struct span path, struct span top)
{
	return top.len == 0 || (span_starts(path, top) && (path.len == top.len || path.data[top.len] == '/'));
}

static bool is_selected(const struct overlay_entry *entry, struct span top, enum overlay_kind above)
{
	struct span path = span_of(entry->path, entry->len);

	return is_at_or_below(path, top) || (entry->kind == above && is_at_or_below(top, path));
}

enum capsule_status overlay_select(const struct overlay *overlay, const char *relative, enum overlay_kind above,
	struct overlay_list *out, struct capsule_error *err)
{
	struct span top = span_text(relative);
	size_t count, hits = 0;

	*out = (struct overlay_list){ .items = NULL };
	if (!overlay_index_sorted(&overlay->index, &out->items, &count))
		return error_set(err, CAPSULE_ENOMEM, "no memory for the entries of an overlay");
	for (size_t i = 0; i < count; i++) {
		struct overlay_entry *entry = out->items[i];

		hits += is_at_or_below(span_of(entry->path, entry->len), top);
		if (is_selected(entry, top, above))
			out->items[out->count++] = entry;
	}
	if (hits > 0 || top.len == 0)
		return CAPSULE_OK;
	free(out->items);
	out->items = NULL;
	out->count = 0;
	return error_set(err, CAPSULE_ENOTFOUND,
		"the overlay has no change at `%.512s`; 'capsule fs diff' lists what it has", relative);
}

/* Rollback. */

enum capsule_status overlay_rollback(struct overlay *overlay, struct vfs_work *work, struct capsule_error *err)
{
	HOLD(overlay_list_fini) struct overlay_list list = { .items = NULL };
	enum capsule_status status = overlay_select(overlay, work->relative, OVERLAY_DELETED, &list, err);
	const char *separator = "";

	if (status != CAPSULE_OK)
		return status;
	(void)buffer_append_text(work->result, "{\"dropped\":[");
	/* From the last path to the first: what is in a folder goes before the folder. */
	for (size_t i = list.count; i-- > 0 && status == CAPSULE_OK;) {
		(void)buffer_append_text(work->result, separator);
		(void)json_append_string(work->result, span_of(list.items[i]->path, list.items[i]->len));
		separator = ",";
		status = overlay_forget(overlay, list.items[i], err);
	}
	(void)buffer_append_text(work->result, "]}");
	return status == CAPSULE_OK ? buffer_check(work->result, err) : status;
}

/* Diff. */

static const char *status_text(const struct overlay_entry *entry)
{
	if (entry->kind != OVERLAY_FILE)
		return entry->kind == OVERLAY_FOLDER ? "folder" : "deleted";
	return entry->base.below == OVERLAY_BELOW_NONE ? "added" : "modified";
}

/* Append `,"<which>_size":...,"<which>_hash":...`, null where there is no file. */
static void append_side(
	struct buffer *out, const char *which, bool file, uint64_t size, const uint8_t hash[BLAKE3_SIZE])
{
	char hex[BLAKE3_HEX];

	if (!file) {
		(void)buffer_printf(out, ",\"%s_size\":null,\"%s_hash\":null", which, which);
		return;
	}
	blake3_hex(hash, hex);
	(void)buffer_printf(out, ",\"%s_size\":%" PRIu64 ",\"%s_hash\":\"%s\"", which, size, which, hex);
}

static int append_difference(const struct overlay *overlay, const struct overlay_entry *entry, struct buffer *out)
{
	enum overlay_verdict verdict;
	uint8_t hash[BLAKE3_SIZE] = { 0 };
	struct stat now;
	bool file = entry->kind == OVERLAY_FILE;

	if ((file && overlay_hash(&overlay->upper, entry->path, hash) != 0) ||
		overlay_judge(overlay, entry, &now, &verdict) != 0)
		return -1;
	(void)buffer_append_text(out, "{\"path\":");
	(void)json_append_string(out, span_of(entry->path, entry->len));
	(void)buffer_printf(out, ",\"status\":\"%s\"", status_text(entry));
	append_side(out, "old", entry->base.below == OVERLAY_BELOW_FILE, entry->base.size, entry->base.hash);
	append_side(out, "new", file, entry->size, hash);
	(void)buffer_printf(out, ",\"conflict\":%s}", verdict == OVERLAY_CHANGED ? "true" : "false");
	return 0;
}

enum capsule_status overlay_diff(struct overlay *overlay, struct vfs_work *work, struct capsule_error *err)
{
	HOLD(overlay_list_fini) struct overlay_list list = { .items = NULL };
	enum capsule_status status = overlay_select(overlay, work->relative, OVERLAY_FOLDER, &list, err);

	if (status != CAPSULE_OK)
		return status;
	(void)buffer_append_byte(work->result, '[');
	for (size_t i = 0; i < list.count; i++) {
		if (i > 0)
			(void)buffer_append_byte(work->result, ',');
		if (append_difference(overlay, list.items[i], work->result) != 0)
			return vfs_errno(err, errno, list.items[i]->path);
	}
	(void)buffer_append_byte(work->result, ']');
	return buffer_check(work->result, err);
}
