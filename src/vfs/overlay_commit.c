/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Committing: the changes are made in the folder below, one after the other. Before the first of them the file `commit`
 * says which they are, so that a commit that was cut off is finished when the overlay is opened again: each step can be
 * done twice.
 *
 * Order: folders by depth, files, deletions from the deepest up, and at last files that take the place of folders, which
 * are empty only then. A file is written under another name beside its place and renamed; what stands there is looked at
 * right before. */
#include "vfs/overlay_file.h"
#include "vfs/overlay_internal.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define JOURNAL "commit"
#define JOURNAL_NEW "commit.new"
#define NAME_KEPT 200 /* bytes of a file's name that its temporary name has */
#define TEMPORARY_NAME 256
#define MODE_KEPT 0777 /* set-user-id and its like do not pass on to what a capsule wrote */

enum outcome { COMMITTED, CONFLICT, FAILED }; /* FAILED: with errno */

/* The answer while it is made. */
struct answer {
	struct buffer committed, conflicts, failed;
};

static void answer_fini(struct answer *answer)
{
	buffer_fini(&answer->committed);
	buffer_fini(&answer->conflicts);
	buffer_fini(&answer->failed);
}

/* ".<name>.capsule-commit-<hash of the path>" */
static void temporary_name(const char *path, const char *name, char out[TEMPORARY_NAME])
{
	uint8_t hash[BLAKE3_SIZE];
	char hex[BLAKE3_HEX];

	blake3_bytes(span_text(path), hash);
	blake3_hex(hash, hex);
	(void)snprintf(out, TEMPORARY_NAME, ".%.*s.capsule-commit-%.16s", NAME_KEPT, name, hex);
}

/* Put what was done in the folder `dir` (any descriptor of it) on the disk. */
static int sync_folder(int dir)
{
	HOLD(fd_drop) int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 ? fsync(fd) : -1;
}

static bool same_stat(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
		a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Whether `name` in `dir` is still what was judged. */
static bool is_still(int dir, const char *name, const struct stat *judged)
{
	struct stat now;

	if (fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) != 0)
		return judged->st_ino == 0 && errno == ENOENT;
	return judged->st_ino != 0 && same_stat(&now, judged);
}

/* What stands in the way of a change is somebody else's doing. */
static enum outcome failed_or_conflict(void)
{
	return errno == ELOOP || errno == ENOTDIR || errno == ENOTEMPTY || errno == EEXIST ? CONFLICT : FAILED;
}

static int copy_bytes(int from, int to)
{
	HOLD(free_drop) uint8_t *piece = malloc(LIMIT_INLINE_WORK);
	ssize_t got;

	if (piece == NULL) {
		errno = ENOMEM;
		return -1;
	}
	while ((got = read(from, piece, LIMIT_INLINE_WORK)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || fd_write_all(to, span_of(piece, (size_t)got)) != 0)
			return -1;
	}
	return 0;
}

/* Owner and permissions of the file that is replaced; a new one gets what the umask leaves. */
static int keep_mode(int fd, const struct stat *old)
{
	struct stat made;

	if (!S_ISREG(old->st_mode))
		return 0;
	if (fstat(fd, &made) != 0)
		return -1;
	if (made.st_uid != old->st_uid || made.st_gid != old->st_gid)
		(void)!fchown(fd, old->st_uid, old->st_gid); /* only root can give files away */
	return fchmod(fd, old->st_mode & MODE_KEPT);
}

/* Write the file under its temporary name in `dir`. */
static int write_beside(const struct overlay *overlay, const struct overlay_entry *entry, int dir,
	const char *temporary, const struct stat *old)
{
	HOLD(fd_drop) int from = tree_openat(&overlay->upper, entry->path, O_RDONLY, 0), to = -1;

	if (from < 0)
		return -1;
	(void)unlinkat(dir, temporary, 0); /* of a commit that was cut off */
	to = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (to < 0)
		return -1;
	return copy_bytes(from, to) == 0 && keep_mode(to, old) == 0 && fsync(to) == 0 ? 0 : -1;
}

static enum outcome put_in_place(int dir, const char *temporary, const char *name, const struct stat *old)
{
	if (!is_still(dir, name, old))
		return CONFLICT;
	if (S_ISDIR(old->st_mode) && unlinkat(dir, name, AT_REMOVEDIR) != 0)
		return failed_or_conflict();
	if (renameat(dir, temporary, dir, name) != 0)
		return failed_or_conflict();
	return sync_folder(dir) == 0 ? COMMITTED : FAILED;
}

static enum outcome commit_file(
	const struct overlay *overlay, const struct overlay_entry *entry, const struct stat *old)
{
	HOLD(fd_drop) int dir = -1;
	char temporary[TEMPORARY_NAME], folder[LIMIT_PATH];
	const char *slash = strrchr(entry->path, '/'), *name;
	enum outcome outcome;
	int kept;

	if (slash != NULL) {
		(void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - entry->path), entry->path);
		if (tree_mkdirs(overlay->lower, folder, NULL) != 0)
			return failed_or_conflict();
	}
	dir = tree_parent(overlay->lower, entry->path, &name);
	if (dir < 0)
		return failed_or_conflict();
	temporary_name(entry->path, name, temporary);
	outcome = write_beside(overlay, entry, dir, temporary, old) == 0 ? put_in_place(dir, temporary, name, old)
									 : FAILED;
	if (outcome != COMMITTED) {
		kept = errno;
		(void)unlinkat(dir, temporary, 0);
		errno = kept;
	}
	return outcome;
}

/* Remove what was judged, `old`. */
static enum outcome remove_below(
	const struct overlay *overlay, const struct overlay_entry *entry, const struct stat *old)
{
	const char *name;
	HOLD(fd_drop) int dir = tree_parent(overlay->lower, entry->path, &name);

	if (dir < 0)
		return failed_or_conflict();
	if (!is_still(dir, name, old))
		return CONFLICT;
	if (unlinkat(dir, name, S_ISDIR(old->st_mode) ? AT_REMOVEDIR : 0) != 0)
		return failed_or_conflict();
	return sync_folder(dir) == 0 ? COMMITTED : FAILED;
}

static enum outcome commit_folder(
	const struct overlay *overlay, const struct overlay_entry *entry, const struct stat *old)
{
	HOLD(fd_drop) int dir = -1;
	const char *name;
	enum outcome outcome;

	if (old->st_ino != 0) {
		outcome = remove_below(overlay, entry, old);
		if (outcome != COMMITTED)
			return outcome;
	}
	if (tree_mkdirs(overlay->lower, entry->path, NULL) != 0)
		return failed_or_conflict();
	dir = tree_parent(overlay->lower, entry->path, &name);
	return dir >= 0 && sync_folder(dir) == 0 ? COMMITTED : FAILED;
}

/* Make one change below. */
static enum outcome commit_entry(const struct overlay *overlay, const struct overlay_entry *entry)
{
	enum overlay_verdict verdict;
	struct stat old;

	if (overlay_judge(overlay, entry, &old, &verdict) != 0)
		return FAILED;
	if (verdict != OVERLAY_SAME)
		return verdict == OVERLAY_DONE ? COMMITTED : CONFLICT;
	switch (entry->kind) {
	case OVERLAY_FILE:
		return commit_file(overlay, entry, &old);
	case OVERLAY_FOLDER:
		return commit_folder(overlay, entry, &old);
	case OVERLAY_DELETED:
		break;
	}
	return remove_below(overlay, entry, &old);
}

static bool append_path(struct buffer *out, const struct overlay_entry *entry)
{
	return (out->len == 0 || buffer_append_byte(out, ',')) &&
		json_append_string(out, span_of(entry->path, entry->len));
}

static void append_failure(struct buffer *out, const struct overlay_entry *entry, const char *reason)
{
	(void)buffer_append_text(out, out->len == 0 ? "{\"path\":" : ",{\"path\":");
	(void)json_append_string(out, span_of(entry->path, entry->len));
	(void)buffer_append_text(out, ",\"reason\":");
	(void)json_append_string(out, span_text(reason));
	(void)buffer_append_byte(out, '}');
}

/* Make the change and note it. What can't be noted is done a second time by the next commit. */
static void commit_and_note(struct overlay *overlay, struct overlay_entry *entry, struct answer *answer)
{
	struct capsule_error error = { .status = CAPSULE_OK };

	switch (commit_entry(overlay, entry)) {
	case COMMITTED:
		(void)append_path(&answer->committed, entry);
		if (overlay_forget(overlay, entry, &error) != CAPSULE_OK)
			append_failure(&answer->failed, entry, error.text);
		break;
	case CONFLICT:
		(void)append_path(&answer->conflicts, entry);
		break;
	case FAILED:
		append_failure(&answer->failed, entry, strerror(errno));
		break;
	}
}

static int rank(const struct overlay_entry *entry)
{
	if (entry->kind == OVERLAY_FOLDER)
		return 0;
	if (entry->kind == OVERLAY_DELETED)
		return 2;
	return entry->base.below == OVERLAY_BELOW_FOLDER ? 3 : 1;
}

/* Paths in their order have a folder before what is in it; deletions go the other way round. */
static int compare_steps(const void *a, const void *b)
{
	const struct overlay_entry *const *one = a, *const *two = b;
	int order = strcmp((*one)->path, (*two)->path);

	if (rank(*one) != rank(*two))
		return rank(*one) - rank(*two);
	return (*one)->kind == OVERLAY_DELETED ? -order : order;
}

/* Put what the journal refers to on the disk: after a power cut it would be finished with less. */
static int sync_changes(const struct overlay *overlay, const struct overlay_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		HOLD(fd_drop) int fd = -1;

		if (list->items[i]->kind != OVERLAY_FILE)
			continue;
		fd = tree_openat(&overlay->upper, list->items[i]->path, O_RDONLY, 0);
		if (fd >= 0 && fsync(fd) != 0) /* what can't be opened is told when it is copied */
			return -1;
	}
	return fsync(overlay->index.fd);
}

/* Say which changes are about to be made, on the disk. */
static enum capsule_status write_journal(
	const struct overlay *overlay, const struct overlay_list *list, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { .limit = LIMIT_OVERLAY_INDEX };
	HOLD(fd_drop) int fd = -1;

	if (sync_changes(overlay, list) != 0)
		return overlay_failed(overlay, "upper", err);
	(void)buffer_append_byte(&text, '[');
	for (size_t i = 0; i < list->count; i++) {
		(void)buffer_append_text(&text, i > 0 ? "," : "");
		(void)json_append_string(&text, span_of(list->items[i]->path, list->items[i]->len));
	}
	(void)buffer_append_text(&text, "]\n");
	if (buffer_check(&text, err) != CAPSULE_OK)
		return error_in(err, "the list of what is committed");
	fd = openat(overlay->dir_fd, JOURNAL_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fd_write_all(fd, buffer_span(&text)) != 0 || fsync(fd) != 0 ||
		renameat(overlay->dir_fd, JOURNAL_NEW, overlay->dir_fd, JOURNAL) != 0 || fsync(overlay->dir_fd) != 0)
		return overlay_failed(overlay, JOURNAL_NEW, err);
	return CAPSULE_OK;
}

static enum capsule_status end_journal(const struct overlay *overlay, struct capsule_error *err)
{
	if (unlinkat(overlay->dir_fd, JOURNAL, 0) != 0)
		return errno == ENOENT ? CAPSULE_OK : overlay_failed(overlay, JOURNAL, err);
	return fsync(overlay->dir_fd) == 0 ? CAPSULE_OK : overlay_failed(overlay, JOURNAL, err);
}

static void commit_list(struct overlay *overlay, struct overlay_list *list, struct answer *answer)
{
	if (list->count > 0)
		qsort(list->items, list->count, sizeof(struct overlay_entry *), compare_steps);
	for (size_t i = 0; i < list->count; i++) {
		bool again = i + 1 < list->count && list->items[i + 1] == list->items[i];

		if (!again) /* a journal may name a path twice; the entry is gone after the first time */
			commit_and_note(overlay, list->items[i], answer);
	}
}

enum capsule_status overlay_commit(struct overlay *overlay, struct vfs_work *work, struct capsule_error *err)
{
	HOLD(answer_fini) struct answer answer = { 0 };
	HOLD(overlay_list_fini) struct overlay_list list = { .items = NULL };
	enum capsule_status status = overlay_select(overlay, work->relative, OVERLAY_FOLDER, &list, err);

	if (status == CAPSULE_OK && list.count > 0) {
		status = write_journal(overlay, &list, err);
		if (status == CAPSULE_OK) {
			commit_list(overlay, &list, &answer);
			status = end_journal(overlay, err);
		}
	}
	if (status != CAPSULE_OK)
		return status;
	(void)buffer_append_text(work->result, "{\"committed\":[");
	(void)buffer_append_span(work->result, buffer_span(&answer.committed));
	(void)buffer_append_text(work->result, "],\"conflicts\":[");
	(void)buffer_append_span(work->result, buffer_span(&answer.conflicts));
	(void)buffer_append_text(work->result, "],\"failed\":[");
	(void)buffer_append_span(work->result, buffer_span(&answer.failed));
	(void)buffer_append_text(work->result, "]}");
	if (answer.committed.failed || answer.conflicts.failed || answer.failed.failed)
		return error_set(err, CAPSULE_ENOMEM, "the commit is done, and there is no memory to tell of it");
	return buffer_check(work->result, err);
}

/* Recovery. */

/* Remove the temporary file that a commit of `path` may have left. */
static void remove_temporary(const struct overlay *overlay, const char *path)
{
	const char *name;
	HOLD(fd_drop) int dir = tree_parent(overlay->lower, path, &name);
	char temporary[TEMPORARY_NAME];

	if (dir < 0)
		return;
	temporary_name(path, name, temporary);
	(void)unlinkat(dir, temporary, 0);
}

/* The entries that the journal names and the index still has. */
static enum capsule_status read_journal(
	struct overlay *overlay, struct span text, struct overlay_list *out, struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = LIMIT_OVERLAY_INDEX, .depth_max = 2 };
	yyjson_doc *doc = NULL;
	yyjson_val *each;
	yyjson_arr_iter paths;

	if (json_parse(&doc, text, &limits, JOURNAL, NULL) != CAPSULE_OK || !yyjson_is_arr(yyjson_doc_get_root(doc))) {
		json_doc_drop(&doc);
		return overlay_damaged(overlay->dir, err, JOURNAL ": it is not a list of paths");
	}
	out->items = calloc(yyjson_arr_size(yyjson_doc_get_root(doc)) + 1, sizeof(struct overlay_entry *));
	paths = yyjson_arr_iter_with(yyjson_doc_get_root(doc));
	while (out->items != NULL && (each = yyjson_arr_iter_next(&paths)) != NULL) {
		struct span path = span_of(yyjson_get_str(each), yyjson_get_len(each));
		struct overlay_entry *entry;

		if (!yyjson_is_str(each) || !overlay_path_valid(path)) {
			json_doc_drop(&doc);
			return overlay_damaged(overlay->dir, err, JOURNAL ": a path in it leads elsewhere");
		}
		remove_temporary(overlay, yyjson_get_str(each));
		entry = overlay_index_find(&overlay->index, path);
		if (entry != NULL)
			out->items[out->count++] = entry;
	}
	json_doc_drop(&doc);
	return out->items != NULL ? CAPSULE_OK
				  : error_set(err, CAPSULE_ENOMEM, "no memory for the entries of an overlay");
}

enum capsule_status overlay_recover(struct overlay *overlay, struct capsule_error *err)
{
	HOLD(fd_drop) int fd = openat(overlay->dir_fd, JOURNAL, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	HOLD(buffer_fini) struct buffer text = { .limit = LIMIT_OVERLAY_INDEX };
	HOLD(answer_fini) struct answer answer = { 0 };
	HOLD(overlay_list_fini) struct overlay_list list = { .items = NULL };
	enum capsule_status status;

	if (fd < 0)
		return errno == ENOENT ? CAPSULE_OK : overlay_failed(overlay, JOURNAL, err);
	status = overlay_read_all(fd, &text, err);
	if (status != CAPSULE_OK)
		return error_in(err, "the overlay's %.512s/" JOURNAL, overlay->dir);
	status = read_journal(overlay, buffer_span(&text), &list, err);
	if (status == CAPSULE_OK) {
		commit_list(overlay, &list, &answer);
		status = end_journal(overlay, err);
	}
	return status;
}
