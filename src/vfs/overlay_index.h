/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an overlay knows about its paths, in memory and in the file `index`: a JSON object a line, appended before what
 * it tells of is done. The first line names the folder below; the others
 *
 *   {"path":"a/b","is":"file","base":{"is":"file","size":3,"mtime":1700000000000000000,"inode":7,"hash":"..."}}
 *
 * tell what a path became: "file" or "folder" (kept in upper/), "deleted", or "gone" when the folder below decides
 * again. The last line of a path counts. `base` is what stood below when the change was first made, null when nothing did.
 *
 * One thread at a time works with it. Another one may look at paths, kinds and the count meanwhile, under the lock; so
 * whoever changes these holds it, and only then. */
#ifndef VFS_OVERLAY_INDEX_H
#define VFS_OVERLAY_INDEX_H

#include "base/blake3.h"
#include "base/buffer.h"
#include "base/map.h"
#include "vfs/tree.h"

#include <pthread.h>

enum overlay_kind { OVERLAY_FILE, OVERLAY_FOLDER, OVERLAY_DELETED };
enum overlay_below { OVERLAY_BELOW_NONE, OVERLAY_BELOW_FILE, OVERLAY_BELOW_FOLDER, OVERLAY_BELOW_OTHER };

/* The time of a file that was written so shortly before that another write may have left it the same. */
#define OVERLAY_TIME_UNKNOWN INT64_MIN

struct overlay_base {
	enum overlay_below below;
	uint64_t size, inode;
	int64_t mtime_ns;          /* or OVERLAY_TIME_UNKNOWN */
	uint8_t hash[BLAKE3_SIZE]; /* of a file */
};

struct overlay_entry {
	enum overlay_kind kind;
	bool was_deleted; /* until it was made anew: what a change that is not completed goes back to */
	uint64_t size;    /* of the file in upper/ */
	struct overlay_base base;
	size_t len;
	char path[];
};

struct overlay_index {
	pthread_mutex_t lock; /* never held while anything blocks */
	struct map entries;   /* by path, owned */
	size_t names;         /* bytes of all paths */
	const char *dir;      /* of the overlay, for messages; borrowed */
	const char *root;     /* of the folder below; borrowed */
	int dir_fd;           /* borrowed */
	int fd;               /* the file, appended to; -1 */
	int64_t len;          /* of its whole lines */
	uint64_t lengthy;     /* bytes over which it is written anew before a line is appended */
	size_t lines;         /* of them, the first one apart */
	bool torn;            /* an append failed: what is behind `len` has to go first */
	struct buffer line;
};

/** Read the index in the folder `dir` (open as `dir_fd`) of an overlay over `root`, all borrowed until
 *  overlay_index_close(). Where there is none, *fresh and an empty index in memory, no file. A last line without its end
 *  is dropped. Errors: CAPSULE_ESTORE (damaged, or of another root) with the way out, CAPSULE_EIO, CAPSULE_ENOMEM.
 *  overlay_index_close() in any case. */
MUST_CHECK enum capsule_status overlay_index_open(struct overlay_index *index, const char *dir, int dir_fd,
	const char *root, bool *fresh, struct capsule_error *err);

/** Write the index anew, one line an entry, and put it on the disk. */
MUST_CHECK enum capsule_status overlay_index_rewrite(struct overlay_index *index, struct capsule_error *err);

void overlay_index_close(struct overlay_index *index);

/** The entry of `path`, NULL for none. Borrowed until it is dropped. */
struct overlay_entry *overlay_index_find(const struct overlay_index *index, struct span path);

/** Note that `path` becomes `kind`; a new entry takes `base`, an old one keeps its own. `*out` (may be NULL) is it.
 *  Errors, which change nothing: CAPSULE_EIO, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status overlay_index_set(struct overlay_index *index, struct span path, enum overlay_kind kind,
	const struct overlay_base *base, struct overlay_entry **out, struct capsule_error *err);

/** Note that `entry` is no more, and free it. Errors as above. */
MUST_CHECK enum capsule_status overlay_index_drop(
	struct overlay_index *index, struct overlay_entry *entry, struct capsule_error *err);

/** What `entry` became, in the memory alone. */
void overlay_index_become(struct overlay_index *index, struct overlay_entry *entry, enum overlay_kind kind);

/** Take `entry` out of the memory alone, and free it. */
void overlay_index_forget(struct overlay_index *index, struct overlay_entry *entry);

/** All entries, sorted by path, in an array to free() (NULL and 0 when there are none). Returns false when out of memory. */
bool overlay_index_sorted(const struct overlay_index *index, struct overlay_entry ***out, size_t *count);

/** Whether `path` is canonical: relative, UTF-8, no "." and "..", nothing empty, nothing too long. */
bool overlay_path_valid(struct span path);

/** Fill `err` with what is wrong with a file of the overlay in `dir` and what to do about it. Returns CAPSULE_ESTORE. */
enum capsule_status overlay_damaged(const char *dir, struct capsule_error *err, const char *format, ...)
	PRINTF_LIKE(3, 4);

#endif
