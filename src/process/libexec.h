/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where the programs are that this library starts for its own purposes. */
#ifndef PROCESS_LIBEXEC_H
#define PROCESS_LIBEXEC_H

#include "base/error.h"

/** The absolute path of the program `name`. Looked for in `dir` alone when that is not NULL, else in $CAPSULE_LIBEXEC_DIR (not in
 *  programs that run with more rights than their caller), in libexec/ beside the file that holds this code, in the libexec folder
 *  of the tree that this file was installed into, and in the one that was told at build time.
 *  *path is the caller's. Errors: CAPSULE_ENOTFOUND (says where was looked), CAPSULE_ENOMEM. Threads: any. */
MUST_CHECK enum capsule_status libexec_find(char **path, const char *dir, const char *name, struct capsule_error *err);

#endif
