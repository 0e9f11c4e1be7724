/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Folders for what must not outlive a capsule. Threads: any; they block on the disk. */
#ifndef RUNTIME_FOLDER_H
#define RUNTIME_FOLDER_H

#include "base/error.h"

/** Make a folder that only this user can look into below $TMPDIR, or /tmp; its name begins with `name`. Its path is the
 *  caller's. Errors: CAPSULE_EIO, CAPSULE_ENOTFOUND, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status folder_make_temporary(char **path, const char *name, struct capsule_error *err);

/** Remove `path` and all that is in it, as far as that can be done; links are not followed. */
void folder_remove(const char *path);

#endif
