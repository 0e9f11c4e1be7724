/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The folder that is shared by all users of the program: where it is, and the SDKs in it, one folder a language. */
#ifndef CLI_SHARE_H
#define CLI_SHARE_H

#include <stddef.h>

struct sdks {
	char *dir;        /* absolute, of the folder that holds them */
	char **languages; /* sorted */
	size_t count;
};

/** Find the SDKs: in the folder that CAPSULE_SHARE_DIR names, else beside the program, else where it was installed. Returns the
 *  exit status: 0, or another after having said where they were looked for. cli_sdks_fini() in any case. */
int cli_sdks_find(struct sdks *sdks);

/** Whether there is one for `language`; otherwise says which there are and returns the exit status. */
int cli_sdks_check(const struct sdks *sdks, const char *language);

void cli_sdks_fini(struct sdks *sdks);

#endif
