/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tables call operands and values of options says what they may be: "bash|zsh" one of these words, "DIR" a folder. Here it
 * is read, for checking arguments and for the completion of shells. */
#ifndef CLI_OPERANDS_H
#define CLI_OPERANDS_H

#include <stdbool.h>
#include <stddef.h>

/* What may stand there, a set of bits. */
enum operand_kind {
	OPERAND_WORD = 1,      /* lower-case letters: the word itself */
	OPERAND_DIR = 2,       /* DIR */
	OPERAND_FILE = 4,      /* FILE, or a name with a dot */
	OPERAND_COMMAND = 8,   /* COMMAND: a command of this program */
	OPERAND_LANGUAGE = 16, /* LANG: a language that there is an SDK for */
	OPERAND_OTHER = 32,    /* anything else, about which nothing can be told */
};

struct operand {
	const char *text; /* "bash|zsh", without brackets and dots; not terminated */
	size_t len;
	unsigned kinds; /* enum operand_kind */
	bool optional, many;
};

/** Read the next operand of `*operands` (as "DIR TOOL [ARGUMENTS|-]", "FILE...") into `*operand` and move on behind it. Returns
 *  false at the end. */
bool cli_operand_next(const char **operands, struct operand *operand);

/** Read the next alternative of `operand` that is a word, from `*at` on (0 at first). Returns false when there are no more. */
bool cli_operand_word(const struct operand *operand, size_t *at, const char **word, size_t *len);

/** The kinds of `value`, what the value of an option is called; 0 for NULL. */
unsigned cli_operand_kinds(const char *value);

#endif
