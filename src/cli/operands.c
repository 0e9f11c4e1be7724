/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads how operands are written. The texts are the tables' own, so there is nothing to refuse. */
#include "cli/operands.h"
#include <string.h>

static const char lower_case[] = "abcdefghijklmnopqrstuvwxyz";

static bool is(const char *text, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(text, name, len) == 0;
}

/* The length of the alternative at `text`, of which `len` bytes are left. */
static size_t alternative_length(const char *text, size_t len)
{
	const char *bar = memchr(text, '|', len);

	return bar != NULL ? (size_t)(bar - text) : len;
}

static bool is_word(const char *text, size_t len)
{
	return len > 0 && strspn(text, lower_case) >= len;
}

static enum operand_kind kind_of(const char *text, size_t len)
{
	if (is_word(text, len))
		return OPERAND_WORD;
	if (is(text, len, "DIR"))
		return OPERAND_DIR;
	if (is(text, len, "FILE") || memchr(text, '.', len) != NULL)
		return OPERAND_FILE;
	if (is(text, len, "COMMAND"))
		return OPERAND_COMMAND;
	return is(text, len, "LANG") ? OPERAND_LANGUAGE : OPERAND_OTHER;
}

static unsigned kinds_of(const char *text, size_t len)
{
	unsigned kinds = 0;

	for (size_t at = 0; at < len;) {
		size_t length = alternative_length(text + at, len - at);

		kinds |= kind_of(text + at, length);
		at += length + 1;
	}
	return kinds;
}

bool cli_operand_next(const char **operands, struct operand *operand)
{
	const char *text = *operands + strspn(*operands, " ");
	size_t len = strcspn(text, " ");

	*operands = text + len;
	if (len == 0)
		return false;
	*operand = (struct operand){ .text = text, .len = len };
	if (text[0] == '[' && text[len - 1] == ']') {
		operand->optional = true;
		operand->text++;
		operand->len -= 2;
	}
	if (operand->len > 3 && memcmp(operand->text + operand->len - 3, "...", 3) == 0) {
		operand->many = true;
		operand->len -= 3;
	}
	operand->kinds = kinds_of(operand->text, operand->len);
	return true;
}

bool cli_operand_word(const struct operand *operand, size_t *at, const char **word, size_t *len)
{
	while (*at < operand->len) {
		*word = operand->text + *at;
		*len = alternative_length(*word, operand->len - *at);
		*at += *len + 1;
		if (is_word(*word, *len))
			return true;
	}
	return false;
}

unsigned cli_operand_kinds(const char *value)
{
	return value != NULL ? kinds_of(value, strlen(value)) : 0;
}
