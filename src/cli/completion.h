/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Completion for shells: scripts written from the tables of commands and options, on standard output. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include <stddef.h>

void cli_completion_bash(void);
void cli_completion_zsh(void);
void cli_completion_fish(void);

/** Print `len` bytes of `text`, each byte of it that is in `special` with `escape` before it. */
void cli_print_escaped(const char *text, size_t len, const char *special, const char *escape);

/** Print words that are separated by bars, as "trace|debug", with blanks between them. */
void cli_print_words(const char *words);

#endif
