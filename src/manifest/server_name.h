/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a server of tools may be called. */
#ifndef MANIFEST_SERVER_NAME_H
#define MANIFEST_SERVER_NAME_H

#include "base/error.h"
#include "base/span.h"

#define SERVER_NAME_MAX 128 /* bytes */

/** Whether `name` is one: not empty, at most SERVER_NAME_MAX bytes, no `.` in front, ASCII letters, digits, `-`, `_`, `:`
 *  and `.`. Errors: CAPSULE_EINVAL with the first of these that does not hold. Threads: any. */
MUST_CHECK enum capsule_status server_name_check(struct span name, struct capsule_error *err);

#endif
