/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Programs by name: what a word in a manifest stands for, found once when its capsule is loaded, and opened,
 * verified and executed as one descriptor each time it is started.
 *
 *   git          a name without a slash: the first executable regular file of that name in the folders of PATH
 *   ./bin/tool   a path that begins with ./ or holds a slash: below the capsule's folder, which no `..` and no link leaves.
 *                A folder there has one program for each platform, named after its target triple.
 *   /opt/x/run   an absolute path: that file, outside of every folder that the capsule may write
 *
 * A name never stands for a file of the capsule's folder, a path never for a program of PATH. Blanks are part of the
 * name: arguments are words of their own. Functions block on the disk for a moment. Threads: any. */
#ifndef PROCESS_PROGRAM_H
#define PROCESS_PROGRAM_H

#include "base/buffer.h"
#include "base/error.h"

struct program {
	char *command; /* as the manifest has it */
	char *path;    /* canonical, absolute: what the word stood for when it was found */
	bool bundled;  /* below the capsule's folder */
};

/* Where words lead. Borrowed. */
struct program_places {
	const char *capsule_dir;     /* canonical; NULL: there are no bundled programs */
	const char *path;            /* colon-separated folders; NULL: PROGRAM_PATH */
	const char *const *writable; /* canonical folders that the capsule may write, `writable_count` of them */
	size_t writable_count;
};

/* Folders of PATH for children and for finding programs: what the environment says about it does not count. */
#define PROGRAM_PATH "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

/** The target triple of this machine, as "x86_64-unknown-linux-gnu". Static. */
const char *program_triple(void);

/** Find `command`. program_fini() frees *out. Errors: CAPSULE_EINVAL (an empty word; a blank in it and no such file:
 *  "arguments belong in args"), CAPSULE_EDENIED (it leads out of the capsule's folder: "Path traversal detected:
 *  command '...' escapes the capsule directory."; "Fat binary slice '<triple>' resolves outside the capsule
 *  boundary."; one that is not bundled in a folder that the capsule may write), CAPSULE_ENOTFOUND ("Cannot resolve binary
 *  '...': ..." with where was looked; "Fat binary directory '...' does not contain a valid slice for the current
 *  architecture: <triple>"), CAPSULE_EIO, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status program_find(
	struct program *out, const char *command, const struct program_places *places, struct capsule_error *err);
void program_fini(struct program *program);

/* A program that was opened to be executed. */
struct program_image {
	int fd;        /* of the file; what is executed, unless it is a script */
	int script_fd; /* of a script (`#!`): a sealed copy of its bytes, which a sandbox shows in its place; else -1 */
	char *path;    /* as the program's */
	char digest[80]; /* "blake3:<hex>" or "sha256:<hex>" of what was opened, when it was hashed; else "" */
};

#define PROGRAM_SCRIPT_MAX (16u * 1024 * 1024) /* bytes of a script that is verified */

/** Open `program` and, unless `hash` is NULL, compare it: "blake3:<64 hex>" or "sha256:<64 hex>" of the file's bytes.
 *  Of a script what is hashed is the copy that is executed. Whatever is put in place of the file afterwards is not
 *  run (in a sandbox the start fails then); only somebody who writes into the very file of a binary between verification
 *  and start changes what runs.
 *  program_image_fini() frees *out. Errors: CAPSULE_EDENIED ("Binary hash mismatch for <command>: expected <e>, got
 *  <a>"; a link or something else is in its place since it was found), CAPSULE_EINVAL (another algorithm, not 64 digits),
 *  CAPSULE_ENOTFOUND, CAPSULE_ELIMIT, CAPSULE_EIO, CAPSULE_ENOMEM. Blocks as long as hashing takes: on the pool for
 *  what is hashed. */
MUST_CHECK enum capsule_status program_open(
	struct program_image *out, const struct program *program, const char *hash, struct capsule_error *err);
void program_image_fini(struct program_image *image);

#endif
