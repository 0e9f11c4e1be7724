/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Questions of the runtime to the person at the terminal: may this tool be called? They wait in a row, one is shown. */
#ifndef CLI_CONSENT_H
#define CLI_CONSENT_H

#include "cli/progress.h"
#include <capsule/runtime.h>

struct consent_question;

struct consent {
	bool yes;
	bool colour;
	int fd;                    /* of the terminal; -1: there is none */
	struct progress *progress; /* borrowed: erased while a question stands there */
	struct consent_question *first, *last;
	bool shown; /* the first one is, and waits for a line */
	char line[64];
	size_t len;
};

/** Look for a terminal; with `yes` nobody is asked. */
void cli_consent_open(struct consent *consent, bool yes, bool colour, struct progress *progress);
void cli_consent_close(struct consent *consent);

/** Whether there is somebody, or `yes`: else the runtime gets no prompt function and says so. */
bool cli_consent_answers(const struct consent *consent);

/** A capsule_prompt_fn; `user` is the consent. */
void cli_consent_prompt(void *user, struct capsule_question *question, const struct capsule_prompt *prompt);

/** Show the question whose turn it is. Returns the descriptor to wait for, -1: none. */
int cli_consent_step(struct consent *consent);

/** The descriptor can be read. */
void cli_consent_read(struct consent *consent);

#endif
