/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the composition root: what a public discovery is. */
#ifndef RUNTIME_DISCOVER_H
#define RUNTIME_DISCOVER_H

#include "life/discovery.h"
#include <capsule/discover.h>

struct capsule_discovery {
	struct discovery found;
	struct buffer warnings; /* text, one line each */
	char **searched;        /* the folders, in their order */
	size_t searched_count;
	char *workspace, *home; /* absolute; NULL when none resolves, and when folders were named */
};

/** What was asked for, whatever release the caller was built against; `given` may be NULL. Texts stay the caller's.
 *  Errors: CAPSULE_EINVAL. */
MUST_CHECK enum capsule_status discover_take_options(
	struct capsule_discover_options *out, const struct capsule_discover_options *given, struct capsule_error *err);

/** The workspace (NULL: the working directory) and home (NULL: the environment's, which may be none) of public options as canonical or at
 *  least absolute paths, and the global folder (<home>/shared when it exists). Owned by the caller; NULL for what there is not.
 *  Errors: CAPSULE_EINVAL, CAPSULE_ENOTFOUND (a workspace named that does not exist), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status places_resolve(const char *workspace, const char *home, char **workspace_out,
	char **home_out, char **global_out, struct capsule_error *err);

#endif
