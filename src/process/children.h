/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The children that one capsule's guest has started: in the foreground, which a call waits for, and in the
 * background, with numbers. They belong to the capsule and not to an instance, and end with it. Loop thread. */
#ifndef PROCESS_CHILDREN_H
#define PROCESS_CHILDREN_H

#include "loop/op.h"
#include "process/process.h"

#define CHILDREN_RUNNING_MAX 8 /* in the background, at once; in the foreground 16 */
#define CHILDREN_FOREGROUND_MAX 16
#define CHILDREN_ENDED_MAX 16 /* of the background, whose end and last output are kept; the oldest goes */
#define CHILDREN_OUTPUT_MAX (10u * 1024 * 1024) /* bytes kept of each stream of one in the foreground */
#define CHILDREN_RING (1024u * 1024)            /* of one in the background, the last bytes since it was read */
#define CHILDREN_CANCEL_GRACE_MS 2000
#define CHILDREN_CANCELS 16   /* calls that are remembered as cancelled; the oldest goes */
#define CHILDREN_REAP_MS 5000 /* how long the end of a killed one is waited for */

struct children;

/** No children yet. children_free() ends it. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status children_new(struct children **out, struct loop *loop, struct capsule_error *err);

/** End all by SIGKILL and forget them; operations that wait end with CAPSULE_ECANCELLED ("process cancelled"), and so
 *  does what begins from now on, until children_open(). Numbers are not given again. */
void children_end_all(struct children *children);
void children_open(struct children *children);

/** End all, as above, and free (taken; NULL is fine). */
void children_free(struct children *children);

/* What became of one, or of it so far. */
struct child_report {
	/* Valid UTF-8: other bytes are U+FFFD, a sequence that is cut is held back until the rest comes. */
	struct buffer output, error;
	uint64_t output_lost, error_lost; /* bytes dropped */
	bool running;
	bool known; /* whether `code` is: it has ended by itself */
	int code;   /* exit status, 128 and the signal, or -1 */
	bool cancelled;
};
void child_report_fini(struct child_report *report);

/** Run `spec` (its streams and times are set here) for the call `call_id` (0: none). `op` is started by the caller,
 *  with its stop set here; when it ends well, children_take() has the report. Cancelled by children_cancel() it ends
 *  well, too, with what was written until then, `cancelled` and code -1. A program that can't be run fails the
 *  operation, as process_start() tells it. op_cancel(op) ends the child. Errors at once, `op` being as it was:
 *  CAPSULE_ELIMIT, CAPSULE_ECANCELLED (all were ended), as process_start(). */
MUST_CHECK enum capsule_status children_run(struct children *children, const struct process_spec *spec,
	uint64_t call_id, struct op *op, struct capsule_error *err);

/** The report of the run or kill whose operation is or was `op`, once it has ended; moved to the caller, who frees it
 *  by child_report_fini(). Empty when there is none. Also for whoever lets go of an operation: a report that nobody
 *  takes stays. */
void children_take(struct children *children, const struct op *op, struct child_report *out);

/** Start `spec` in the background. *id counts from 1. Errors: CAPSULE_ELIMIT ("background process limit reached (max
 *  8)": running ones count), CAPSULE_ECANCELLED (all were ended, or its call was cancelled), as process_start(). A
 *  program that turns out not to be runnable later has ended with code 1 and the reason as its error output. */
MUST_CHECK enum capsule_status children_start(struct children *children, const struct process_spec *spec,
	uint64_t call_id, uint64_t *id, struct capsule_error *err);

/** What number `id` wrote since children_read_taken(), and how it is. children_read_taken() forgets what the last
 *  children_read() of it told. Errors: CAPSULE_ENOTFOUND ("no background process with id 7"), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status children_read(
	struct children *children, uint64_t id, struct child_report *out, struct capsule_error *err);
void children_read_taken(struct children *children, uint64_t id);

/** End number `id` by SIGKILL and forget it: `op` (started by the caller) ends when it is gone and its last output is
 *  read, at most CHILDREN_REAP_MS later; then children_take(). *alive is whether it was running. Errors, `op` being
 *  as it was: CAPSULE_ENOTFOUND. */
MUST_CHECK enum capsule_status children_kill(
	struct children *children, uint64_t id, struct op *op, bool *alive, struct capsule_error *err);

/** End those that `call_id` (not 0) started, and no others: SIGINT, SIGKILL after CHILDREN_CANCEL_GRACE_MS.
 *  Remembered for as long, so that one that the call starts a moment later is ended too. Returns how many there were. */
size_t children_cancel(struct children *children, uint64_t call_id);

/** How many run. */
size_t children_running(const struct children *children);

#endif
