/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Starting the launcher: its words, its descriptors, and what its failures mean. */
#ifndef PROCESS_SPAWN_H
#define PROCESS_SPAWN_H

#include "process/launch.h"
#include "process/process.h"
#include <sys/types.h>

/* The child's ends, each borrowed. */
struct spawn_ends {
	int output, error, status;
	int maker; /* what bubblewrap writes goes there; -1 without a sandbox */
};

/** Start capsule-launch for `spec`, as leader of a session and group of its own. Errors as process_start(). */
MUST_CHECK enum capsule_status spawn_launcher(
	pid_t *pid, const struct process_spec *spec, const struct spawn_ends *ends, struct capsule_error *err);

/** Fill `err` with what kept `program` from running in `cwd`. Returns its status, never CAPSULE_OK. */
enum capsule_status spawn_explain(
	struct capsule_error *err, const char *program, const char *cwd, const struct launch_message *failure);

#endif
