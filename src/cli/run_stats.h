/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the runtime counts of events, for the command: shown, and asked. */
#ifndef CLI_RUN_STATS_H
#define CLI_RUN_STATS_H

#include "cli/output.h"
#include <capsule/event.h>

/** Print it on standard output: a table for each capsule, or as JSON {"stats":{...}}. Returns the exit status: 0, or
 *  1 after having said that memory ran out. */
int run_stats_print(const struct output *out, struct capsule_runtime *runtime, bool json);

/** How many deliveries have no outcome yet; UINT64_MAX when memory ran out. */
uint64_t run_stats_pending(struct capsule_runtime *runtime);

/** Lower *messages and *bytes to a quarter of what the smallest inbox takes, to 1 at least. */
void run_stats_bound(struct capsule_runtime *runtime, uint64_t *messages, uint64_t *bytes);

/** Say for which capsules deliveries have no outcome, one line for each of the first few. */
void run_stats_tell_pending(struct capsule_runtime *runtime);

#endif
