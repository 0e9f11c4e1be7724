/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Copying a template: folders and files with @NAME@ in their names and in what they hold. */
#ifndef CLI_TEMPLATE_H
#define CLI_TEMPLATE_H

#include <stddef.h>

#define TEMPLATE_FILES_MAX 256            /* of one template, folders counted */
#define TEMPLATE_DEPTH_MAX 8              /* folders inside each other */
#define TEMPLATE_FILE_BYTES_MAX (1 << 20) /* of one file */

/* What was made. Zero-initialise. */
struct template_files {
	char *paths[TEMPLATE_FILES_MAX]; /* of files, relative to the folder */
	size_t count;
	size_t entries; /* folders counted */
};

/** Copy what the folder `from` holds into the folder `to`, which exists: @NAME@ becomes `name`, a file called gitignore becomes
 *  .gitignore, files may be run if they could be before. `files` gets the paths, sorted; cli_template_fini() in any case. Nothing
 *  is put away on failure. Returns the exit status: 0, or another after having said why. */
int cli_template_copy(const char *from, const char *to, const char *name, struct template_files *files);

void cli_template_fini(struct template_files *files);

#endif
