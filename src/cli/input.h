/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a call is given: an operand, or standard input for "-". */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include <stddef.h>

/* The most that one call takes. */
#define CLI_INPUT_BYTES_MAX ((size_t)10 * 1024 * 1024)

struct input {
	const char *bytes;
	size_t len;
	char *owned; /* what to free */
};

/** Make `input` of `operand` (borrowed), or of standard input when that is "-". Returns the exit status: 0, or 1 after having
 *  said what is wrong: unreadable, over CLI_INPUT_BYTES_MAX, out of memory. Free with cli_input_fini(), also after a failure. */
int cli_input_read(struct input *input, const char *operand);
void cli_input_fini(struct input *input);

#endif
