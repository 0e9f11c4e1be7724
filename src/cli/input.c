/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads standard input to its end, never more than one byte beyond what a call can take. */
#include "cli/input.h"
#include "cli/output.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_BYTES ((size_t)64 * 1024)

/* Make room for more than `len` bytes. */
static char *grow(char *bytes, size_t *capacity)
{
	size_t wanted = *capacity == 0 ? FIRST_BYTES : *capacity * 2;
	char *grown;

	if (wanted > CLI_INPUT_BYTES_MAX)
		wanted = CLI_INPUT_BYTES_MAX + 1;
	grown = realloc(bytes, wanted);
	if (grown != NULL)
		*capacity = wanted;
	return grown;
}

static int read_stdin(struct input *input)
{
	size_t capacity = 0;

	for (;;) {
		ssize_t got;

		if (input->len == capacity) {
			char *grown = grow(input->owned, &capacity);

			if (grown == NULL)
				return cli_say_memory();
			input->owned = grown;
		}
		got = read(STDIN_FILENO, input->owned + input->len, capacity - input->len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return cli_say("cannot read standard input: %s", strerror(errno));
		input->len += (size_t)got;
		if (input->len > CLI_INPUT_BYTES_MAX)
			return cli_say("standard input is over %s bytes, the most that one call takes",
				CLI_NUMBER(CLI_INPUT_BYTES_MAX));
		if (got == 0)
			break;
	}
	input->bytes = input->owned;
	return 0;
}

int cli_input_read(struct input *input, const char *operand)
{
	*input = (struct input){ .bytes = operand };
	if (strcmp(operand, "-") == 0)
		return read_stdin(input);
	input->len = strlen(operand);
	return 0;
}

void cli_input_fini(struct input *input)
{
	free(input->owned);
}
