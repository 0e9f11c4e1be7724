/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Digests of files and of whole folders, as manifests write them: "blake3:<64 hex>", "sha256:<64 hex>" of a file's
 * bytes, and "tree:<64 hex>" of a folder: BLAKE3 over a listing in byte order of every entry below it - its path,
 * kind, whether its owner may execute it, the BLAKE3 of a file's bytes, the text of a link - that skips nothing and
 * follows nothing (docs/mcp.md has the form). Threads: any; they block. */
#ifndef PROCESS_DIGEST_H
#define PROCESS_DIGEST_H

#include "base/error.h"
#include "base/span.h"

#define DIGEST_TEXT 80 /* bytes with the terminator */

#define DIGEST_FILE_MAX (4ull << 30) /* bytes of one file */
#define DIGEST_TREE_MAX (4ull << 30) /* bytes of one tree */
#define DIGEST_TREE_ENTRIES 1000000  /* entries of one tree */
#define DIGEST_TREE_DEPTH 128

enum digest_kind { DIGEST_BLAKE3, DIGEST_SHA256, DIGEST_TREE };

/** Whether `text` is a digest as above, and of which kind. Errors: CAPSULE_EINVAL with what is wrong and what may
 *  stand there. */
MUST_CHECK enum capsule_status digest_parse(enum digest_kind *kind, struct span text, struct capsule_error *err);

/** The digest of what the descriptor `fd` gives from its start (a file). Errors: CAPSULE_EIO, CAPSULE_ELIMIT. */
MUST_CHECK enum capsule_status digest_file(
	char out[DIGEST_TEXT], enum digest_kind kind, int fd, struct capsule_error *err);

/** The digest of the folder behind `fd`. Entries that are no file, folder or link fail. Errors: CAPSULE_EIO (names
 *  the entry), CAPSULE_ELIMIT, CAPSULE_EINVAL, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status digest_tree(char out[DIGEST_TEXT], int fd, struct capsule_error *err);

/** Check `count` lines of an `integrity` list ("path=digest", the last `=` counts) beneath the canonical folder
 *  `dir`. The first that differs fails: CAPSULE_EDENIED, "... expected <e>, got <a>". Errors: CAPSULE_EINVAL,
 *  CAPSULE_ENOTFOUND, as above. */
MUST_CHECK enum capsule_status digest_check_list(
	const char *dir, const char *const *lines, size_t count, struct capsule_error *err);

#endif
