/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One call or many, one after the other, and what they cost. */
#ifndef CLI_BATCH_H
#define CLI_BATCH_H

#include "cli/input.h"
#include "cli/session.h"
#include <yyjson.h>

enum batch_kind { BATCH_TOOL, BATCH_EXPORT };

struct batch {
	/* Set by the caller, all borrowed: */
	struct session *session;
	struct capsule *capsule;
	enum batch_kind kind;
	const char *name; /* of the tool or export */
	const struct input *input;
	uint64_t wanted; /* calls */
	bool timed;      /* keep the time of each */
	/* Kept while it runs: */
	uint64_t finished;
	struct capsule_op *op; /* the running call, after the end the last one */
	bool running;
	bool refused;         /* the last call could not be started: session->error says why */
	int64_t slice_end_ns; /* until when calls may follow each other without a look at signals */
	int64_t *wall_ns;     /* of each finished call, NULL unless timed */
	int64_t cpu_ns;       /* of all of them */
	int64_t total_ns;     /* on the clock, from the first start to the last end */
};

/** Make the calls; stops at the first that fails. Returns the exit status: 0, or another after having said why. Free with
 *  cli_batch_fini() in any case. */
int cli_batch_run(struct batch *batch);

/** Tell the times on standard error. Only after a batch that was timed and ran to its end. */
void cli_batch_print_times(struct batch *batch);

/** Print the last answer as JSON: `name_key` and the name, result, times. Returns the exit status. */
int cli_batch_print_json(struct batch *batch, const struct output *out, const char *name_key);

void cli_batch_fini(struct batch *batch);

#endif
