/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A runtime for one command: its options, its log on standard error, Ctrl-C, and waiting for operations. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "cli/command.h"
#include "cli/consent.h"
#include "cli/progress.h"
#include <capsule/instance.h>
#include <signal.h>

struct session {
	struct capsule_runtime *runtime;
	struct capsule_error *error; /* borrowed from the cli */
	struct progress progress;
	struct consent consent; /* questions about calls of tools */
	bool error_colour;
	char *home;         /* absolute form of --home */
	char *workspace;    /* absolute form of --workspace */
	int signal_fd;      /* tells of the signals that ask for an end */
	sigset_t old_mask;  /* as it was before */
	int interrupted_by; /* the signal that came, 0 */
	bool asked;         /* SIGUSR1 came, which is held back with --stats; whoever sees it clears it */
	/* What cli_session_step() waits for besides the runtime; changed between steps. */
	int watched_fd;     /* until it can be read; -1: none */
	bool watched_ready; /* it can, after the last step */
	int wait_ms_most;   /* -1: for ever */
};

/** Start a runtime by the options of `cli`. Signals that ask for an end are held back from here on. Returns the exit status:
 *  0, or another after having said why. Close it in any case. */
int cli_session_open(struct session *session, const struct cli *cli);

/** Turn the runtime once: waits for something to do, handles an interruption by cancelling `op` (NULL for none). Returns
 *  false when there is nothing left to wait for. */
bool cli_session_step(struct session *session, struct capsule_op *op);

/** Wait for `op` (borrowed), whatever it comes to. Returns whether it ended. Words as for cli_session_wait(). */
bool cli_session_await(struct session *session, struct capsule_op *op, const char *verb, const char *what);

/** Wait for `op` (borrowed). Returns the exit status: 0, or another after having said why it failed or that it was
 *  interrupted. `what` is for the progress line, and so is `verb`, unless the operation itself tells what it is at. */
int cli_session_wait(struct session *session, struct capsule_op *op, const char *verb, const char *what);

/** Say why an operation failed, `error` (borrowed), or that it was interrupted. Returns the exit status. */
int cli_session_failed(struct session *session, const struct capsule_error *error);

/** Load the capsule in the folder `dir`, or the bare module `dir` with the settings of `cli` when `bare`. *capsule belongs
 *  to the session. Returns the exit status. */
int cli_session_load(
	struct session *session, const struct cli *cli, const char *dir, bool bare, struct capsule **capsule);

/** End everything. */
void cli_session_close(struct session *session);

#endif
