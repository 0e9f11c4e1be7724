/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What "call" and "exec" have in common: input, load, calls, answer. */
#ifndef CLI_INVOKE_H
#define CLI_INVOKE_H

#include "cli/batch.h"

struct invocation {
	enum batch_kind kind;
	bool bare;                 /* operand 0 is a module file, not a capsule */
	const char *default_input; /* when there is no operand 2 */
	const char *name_key;      /* of operand 1 in JSON */
};

/** Load operand 0, call operand 1 with operand 2, print the answer. Returns the exit status. */
int cli_invoke(struct cli *cli, const struct invocation *invocation);

/** The same with a capsule that is loaded: call its `name` with `input`. */
int cli_invoke_loaded(const struct cli *cli, struct session *session, struct capsule *capsule,
	const struct invocation *invocation, const char *name, const struct input *input);

#endif
