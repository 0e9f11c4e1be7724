/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* "Did you mean": the optimal string alignment distance, so that swapped neighbours, the commonest slip of the hand,
 * cost one edit. Three rows suffice, since a swap looks back two. */
#include "base/text.h"

#define NAME_MAX_BYTES 64

static uint8_t min_u8(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

/* Edits between two names of at most NAME_MAX_BYTES bytes. */
static size_t distance(struct span a, struct span b)
{
	uint8_t rows[3][NAME_MAX_BYTES + 1];
	uint8_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b.len; j++)
		above[j] = (uint8_t)j;
	for (size_t i = 1; i <= a.len; i++) {
		uint8_t *oldest = before;

		row[0] = (uint8_t)i;
		for (size_t j = 1; j <= b.len; j++) {
			uint8_t replace = (uint8_t)(above[j - 1] + (a.data[i - 1] != b.data[j - 1]));

			row[j] = min_u8(replace, (uint8_t)(min_u8(above[j], row[j - 1]) + 1));
			if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
				row[j] = min_u8(row[j], (uint8_t)(before[j - 2] + 1));
		}
		before = above;
		above = row;
		row = oldest;
	}
	return above[b.len];
}

const char *text_nearest(const char *name, const char *const *names, size_t count)
{
	struct span wanted = span_text(name);
	size_t best_distance = wanted.len / 3 + 1;
	const char *best = NULL;

	if (wanted.len > NAME_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < count && best_distance > 0; i++) {
		struct span candidate = span_text(names[i]);
		size_t edits;

		if (candidate.len > NAME_MAX_BYTES)
			continue;
		edits = distance(wanted, candidate);
		if (edits < best_distance) {
			best_distance = edits;
			best = names[i];
		}
	}
	return best;
}
