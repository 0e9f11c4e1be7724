/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* UTF-8, printable or not, names that were meant. Nothing here allocates. */
#include "cli/text.h"
#include <stdio.h>
#include <string.h>

#define NAME_BYTES_MAX 63

size_t cli_utf8_next(const char *text, size_t len, uint32_t *code)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t need = bytes[0] < 0x80 ? 1 : bytes[0] < 0xC2 ? 0 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;
	uint32_t value;

	*code = CLI_BAD_CODE;
	if (need == 0 || need > len || bytes[0] > 0xF4)
		return 1;
	if (need == 1) {
		*code = bytes[0];
		return 1;
	}
	value = bytes[0] & (0x7Fu >> need);
	for (size_t i = 1; i < need; i++) {
		if ((bytes[i] & 0xC0) != 0x80)
			return 1;
		value = value << 6 | (bytes[i] & 0x3Fu);
	}
	if ((need == 3 && value < 0x800) || (need == 4 && value < 0x10000) || value > 0x10FFFF ||
		(value >= 0xD800 && value <= 0xDFFF))
		return 1;
	*code = value;
	return need;
}

bool cli_utf8_valid(const char *text, size_t len)
{
	uint32_t code = 0;

	for (size_t at = 0; at < len;) {
		at += cli_utf8_next(text + at, len - at, &code);
		if (code == CLI_BAD_CODE)
			return false;
	}
	return true;
}

bool cli_code_unprintable(uint32_t code)
{
	return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x202A && code <= 0x202E) ||
		(code >= 0x2066 && code <= 0x2069) || code == CLI_BAD_CODE;
}

size_t cli_text_width(const char *text)
{
	size_t len = strlen(text), width = 0;
	uint32_t code;

	for (size_t at = 0; at < len; width++)
		at += cli_utf8_next(text + at, len - at, &code);
	return width;
}

/* Edits (insert, delete, replace, swap of neighbours) between two names. Three rows suffice, since a swap looks back two. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][NAME_BYTES_MAX + 1];

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t least = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < least)
				least = above[j] + 1;
			if (row[j - 1] + 1 < least)
				least = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < least)
				least = before[j - 2] + 1;
			row[j] = least;
		}
	}
	return rows[a_len % 3][b_len];
}

struct nearest cli_nearest_start(const char *wanted)
{
	return (struct nearest){ .wanted = wanted, .distance = strlen(wanted) / 3 + 2 };
}

void cli_nearest_offer(struct nearest *nearest, const char *name)
{
	size_t wanted_len = strlen(nearest->wanted), name_len = strlen(name), edits;

	if (wanted_len > NAME_BYTES_MAX || name_len > NAME_BYTES_MAX)
		return;
	edits = distance(nearest->wanted, wanted_len, name, name_len);
	if (edits < nearest->distance && edits < name_len) {
		nearest->distance = edits;
		nearest->best = name;
	}
}

const char *cli_nearest_text(const struct nearest *nearest, const char *prefix, char *buffer, size_t size)
{
	buffer[0] = '\0';
	if (nearest->best != NULL)
		(void)snprintf(buffer, size, "; did you mean '%s%s'?", prefix, nearest->best);
	return buffer;
}

const char *cli_text_short(const char *text, char *buffer, size_t size)
{
	size_t len = strlen(text), half = (size - sizeof "[...]") / 2;

	if (len < size)
		memcpy(buffer, text, len + 1);
	else
		(void)snprintf(buffer, size, "%.*s[...]%s", (int)half, text, text + len - half);
	return buffer;
}
