/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "runtime/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define OPEN_FOLDERS_MAX 16 /* descriptors while one is removed */

enum capsule_status folder_make_temporary(char **path, const char *name, struct capsule_error *err)
{
	const char *folder = getenv("TMPDIR");
	char *made = NULL;

	if (folder == NULL || folder[0] != '/')
		folder = "/tmp";
	if (asprintf(&made, "%s/%s-XXXXXX", folder, name) < 0)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the path of a temporary folder");
	if (mkdtemp(made) == NULL) {
		enum capsule_status status = error_os(err, errno, "a folder for %s in %.512s", name, folder);

		free(made);
		return status;
	}
	*path = made;
	return CAPSULE_OK;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
	(void)info;
	(void)kind;
	(void)at;
	(void)remove(path);
	return 0;
}

void folder_remove(const char *path)
{
	(void)nftw(path, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
}
