/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Digests of files and of whole folders, as manifests write them (base/digest_text.h): "blake3:<64 hex>" and
 * "sha256:<64 hex>" of a file's bytes, "tree:<64 hex>" of a folder: BLAKE3 over a listing of every entry below it -
 * its path, kind, whether its owner may execute it, the BLAKE3 of a file's bytes or of a link's text - that skips
 * nothing and follows nothing (docs/mcp.md has the form). Threads: any; they block. */
#ifndef PROCESS_DIGEST_H
#define PROCESS_DIGEST_H

#include "base/digest_text.h"

#define DIGEST_FILE_MAX (4ull << 30) /* bytes of one file */
#define DIGEST_TREE_MAX (4ull << 30) /* bytes of one tree */
#define DIGEST_TREE_ENTRIES 250000   /* entries of one tree; names of one folder are in memory */
#define DIGEST_TREE_DEPTH 128        /* folders in one another, each with a descriptor while it is read */

/* What a tree may be. */
struct digest_bounds {
	uint64_t bytes, entries;
	uint32_t depth; /* at most DIGEST_TREE_DEPTH */
};

/** The digest of what the descriptor `fd` gives from its start (a file); its position is anywhere afterwards. `kind` is
 *  not DIGEST_TREE. Errors: CAPSULE_EIO, CAPSULE_ELIMIT, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status digest_file(
	char out[DIGEST_TEXT], enum digest_kind kind, int fd, struct capsule_error *err);

/** The digest of the folder behind `fd`. `bounds` NULL: the largest. Entries that are no file, folder or link fail, and
 *  so do those that change their kind meanwhile. Errors: CAPSULE_EIO (names the entry), CAPSULE_ELIMIT, CAPSULE_EINVAL,
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status digest_tree(
	char out[DIGEST_TEXT], int fd, const struct digest_bounds *bounds, struct capsule_error *err);

/** The digest of the file or folder at `path`, links followed: with `sha256` that of a file. Errors: CAPSULE_ENOTFOUND,
 *  CAPSULE_EINVAL (a folder with `sha256`; neither), as above. */
MUST_CHECK enum capsule_status digest_path(
	char out[DIGEST_TEXT], const char *path, bool sha256, struct capsule_error *err);

/** Check `count` lines of an `integrity` list ("path=digest", the last `=` counts) beneath the canonical folder
 *  `dir`. The first that differs fails: CAPSULE_EDENIED, "... expected <e>, got <a>". Errors: CAPSULE_EINVAL,
 *  CAPSULE_ENOTFOUND, as above. */
MUST_CHECK enum capsule_status digest_check_list(
	const char *dir, const char *const *lines, size_t count, struct capsule_error *err);

/** Whether all of the folder `dir` is what `approved` says of the name ".": a line "<64 hex> <name>" for each file of a
 *  capsule, as struct engine_env has it. To be asked before each start of a program that may read whatever is in it.
 *  Errors: CAPSULE_EDENIED (it is something else, or has no such line: approve it again), as digest_tree(). */
MUST_CHECK enum capsule_status digest_check_approved(const char *dir, const char *approved, struct capsule_error *err);

#endif
