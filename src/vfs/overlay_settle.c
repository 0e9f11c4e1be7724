/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The lock, and what is put right when an overlay is opened: a process may have ended between a line of the index and
 * what it tells of. */
#include "vfs/overlay_file.h"
#include "vfs/overlay_internal.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

#define LOCK "lock"

/* "12345 name" */
static enum capsule_status lock_taken(const struct overlay *overlay, int fd, struct capsule_error *err)
{
	char owner[128] = "";
	ssize_t got = pread(fd, owner, sizeof owner - 1, 0);
	char *name = got > 0 ? strchr(owner, ' ') : NULL;
	uint64_t pid = 0;

	if (name == NULL)
		return error_set(err, CAPSULE_ELOCKED, "the overlay %.512s is in use by another process: end it first",
			overlay->dir);
	*name++ = '\0';
	(void)text_parse_u64(span_text(owner), &pid);
	name[strcspn(name, "\n")] = '\0';
	return error_set(err, CAPSULE_ELOCKED,
		"the overlay %.512s is in use by process %llu (%s)%s: end it, or unload the capsule there",
		overlay->dir, (unsigned long long)pid, name, pid == (uint64_t)getpid() ? ", which is this one" : "");
}

enum capsule_status overlay_lock(struct overlay *overlay, struct capsule_error *err)
{
	HOLD(fd_drop) int fd = openat(overlay->dir_fd, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	char owner[128];
	int len;

	if (fd < 0)
		return overlay_failed(overlay, LOCK, err);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? lock_taken(overlay, fd, err) : overlay_failed(overlay, LOCK, err);
	len = snprintf(owner, sizeof owner, "%lld %.64s\n", (long long)getpid(), program_invocation_short_name);
	/* A full disk is no reason to refuse to look at what is there; the lock holds without a name in it. */
	if (ftruncate(fd, 0) == 0)
		(void)!pwrite(fd, owner, (size_t)len, 0);
	overlay->lock_fd = fd_give(&fd);
	return CAPSULE_OK;
}

/* Compare an entry with what upper has for it. */
static enum capsule_status settle_entry(struct overlay *overlay, struct overlay_entry *entry, struct capsule_error *err)
{
	bool folder = entry->kind == OVERLAY_FOLDER;
	struct stat info;

	if (entry->kind == OVERLAY_DELETED)
		return CAPSULE_OK;
	if (tree_stat(&overlay->upper, entry->path, &info) == 0) {
		if (folder ? !S_ISDIR(info.st_mode) : !S_ISREG(info.st_mode))
			return overlay_damaged(overlay->dir, err, "upper/%.256s is no %s", entry->path,
				folder ? "folder" : "regular file");
		entry->size = folder ? 0 : (uint64_t)info.st_size;
		overlay->bytes += entry->size;
		return CAPSULE_OK;
	}
	if (errno != ENOENT && errno != ENOTDIR)
		return overlay_failed(overlay, "upper", err);
	/* It was noted and never made. */
	overlay->index.torn = true; /* so that the index is written anew */
	if (entry->was_deleted)
		entry->kind = OVERLAY_DELETED;
	else
		overlay_index_forget(&overlay->index, entry);
	return CAPSULE_OK;
}

/* Look at what is in the folder `path` of upper: files that the index does not know are removed, folders go to the end
 * of `folders`. */
static int sweep_folder(const struct overlay *overlay, const char *path, struct buffer *folders)
{
	HOLD(buffer_fini) struct buffer names = { 0 }, each = { 0 };

	if (tree_list(&overlay->upper, path, &names) != 0)
		return -1;
	for (size_t at = 0; at < names.len; at += strlen((char *)names.data + at) + 1) {
		const struct overlay_entry *entry;
		struct stat info;
		const char *text;

		buffer_clear(&each);
		(void)buffer_printf(&each, "%s%s%s", path, path[0] != '\0' ? "/" : "", (char *)names.data + at);
		text = buffer_text(&each);
		if (text == NULL || tree_stat(&overlay->upper, text, &info) != 0)
			return -1;
		entry = overlay_index_find(&overlay->index, buffer_span(&each));
		if (S_ISDIR(info.st_mode))
			(void)buffer_append(folders, text, each.len + 1);
		else if ((entry == NULL || entry->kind != OVERLAY_FILE) && tree_unlink(&overlay->upper, text) != 0)
			return -1;
	}
	return folders->failed ? -1 : 0;
}

/* Remove what the index does not know. */
static enum capsule_status sweep(const struct overlay *overlay, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer folders = { 0 }, path = { 0 };

	(void)buffer_append_byte(&folders, '\0'); /* the folder itself */
	for (size_t at = 0; at < folders.len; at += path.len + 1) {
		buffer_clear(&path); /* a copy, since `folders` grows */
		(void)buffer_append_text(&path, (char *)folders.data + at);
		if (buffer_text(&path) == NULL || sweep_folder(overlay, buffer_text(&path), &folders) != 0)
			return overlay_failed(overlay, "upper", err);
	}
	/* Folders stand in `folders` before what is in them. */
	for (size_t end = folders.len - 1; end > 0;) {
		size_t start = end;
		const struct overlay_entry *entry;

		while (start > 0 && folders.data[start - 1] != '\0')
			start--;
		entry = overlay_index_find(&overlay->index, span_of(folders.data + start, end - start));
		if (entry == NULL || entry->kind != OVERLAY_FOLDER)
			(void)tree_unlink(
				&overlay->upper, (char *)folders.data + start); /* fails where something is in it */
		end = start - 1;
	}
	return CAPSULE_OK;
}

enum capsule_status overlay_settle(struct overlay *overlay, struct capsule_error *err)
{
	HOLD(free_drop) struct overlay_entry **entries = NULL;
	enum capsule_status status = CAPSULE_OK;
	size_t count;

	if (!overlay_index_sorted(&overlay->index, &entries, &count))
		return error_set(err, CAPSULE_ENOMEM, "no memory for the entries of an overlay");
	for (size_t i = 0; i < count && status == CAPSULE_OK; i++)
		status = settle_entry(overlay, entries[i], err);
	return status == CAPSULE_OK ? sweep(overlay, err) : status;
}
