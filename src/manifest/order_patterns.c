/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Capabilities as the index wants them: numbers that are compared instead of texts. */
#include "manifest/order_internal.h"

#include <stdlib.h>
#include <string.h>

enum capsule_status order_patterns_init(struct order_patterns *patterns, struct capsule_error *err)
{
	enum capsule_status status;

	*patterns = (struct order_patterns){ 0 };
	status = order_names_init(&patterns->texts, err);
	return status == CAPSULE_OK ? order_names_init(&patterns->parts, err) : status;
}

void order_patterns_fini(struct order_patterns *patterns)
{
	order_names_fini(&patterns->texts);
	order_names_fini(&patterns->parts);
	free(patterns->items);
	free(patterns->marks);
	free(patterns->words);
	*patterns = (struct order_patterns){ 0 };
}

static struct span take_type(struct span *text)
{
	const uint8_t *colon = memchr(text->data, ':', text->len);
	struct span type = span_of(text->data, colon == NULL ? 0 : (size_t)(colon - text->data));

	if (colon != NULL)
		*text = span_of(colon + 1, text->len - type.len - 1);
	return type;
}

/* Different inputs have different results, which nobody can foresee who does not know the seed. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD;
	value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53;
	return value ^ value >> 33;
}

static bool append(uint64_t **array, size_t *count, size_t *room, uint64_t value)
{
	if (*count == *room) {
		size_t more = *room == 0 ? 1024 : *room * 2;
		uint64_t *moved = reallocarray(*array, more, sizeof **array);

		if (moved == NULL)
			return false;
		*array = moved;
		*room = more;
	}
	(*array)[(*count)++] = value;
	return true;
}

static bool add_segment(struct order_patterns *patterns, struct order_pattern *pattern, struct span segment)
{
	size_t at = pattern->segments++;
	uint64_t here = patterns->parts.seed[0] + 2 * at + 1, mark = 0;

	if (at % 64 == 0 && !append(&patterns->words, &patterns->word_count, &patterns->word_room, 0))
		return false;
	if (segment.len == 1 && segment.data[0] == '*') {
		patterns->words[patterns->word_count - 1] |= (uint64_t)1 << at % 64;
		pattern->shape += mix(here);
	} else {
		size_t number = order_names_number(&patterns->parts, segment);

		if (number == 0)
			return false;
		mark = mix(mix(here) ^ number);
	}
	return append(&patterns->marks, &patterns->mark_count, &patterns->mark_room, mark);
}

static bool take_apart(struct order_patterns *patterns, struct order_pattern *pattern, struct span text)
{
	size_t from = 0;

	*pattern = (struct order_pattern){ .marks = patterns->mark_count, .words = patterns->word_count };
	pattern->type = order_names_number(&patterns->parts, take_type(&text));
	for (size_t i = 0; i <= text.len; i++) {
		if (i < text.len && text.data[i] != '.')
			continue;
		if (!add_segment(patterns, pattern, span_of(text.data + from, i - from)))
			return false;
		from = i + 1;
	}
	return pattern->type != 0;
}

const struct order_pattern *order_patterns_take(struct order_patterns *patterns, struct span text)
{
	size_t number = order_names_number(&patterns->texts, text);

	if (number == 0)
		return NULL;
	if (number <= patterns->count)
		return &patterns->items[number - 1];
	if (patterns->count == patterns->room) {
		size_t room = patterns->room == 0 ? 256 : patterns->room * 2;
		struct order_pattern *moved = reallocarray(patterns->items, room, sizeof *moved);

		if (moved == NULL)
			return NULL;
		patterns->items = moved;
		patterns->room = room;
	}
	if (!take_apart(patterns, &patterns->items[patterns->count], text))
		return NULL;
	return &patterns->items[patterns->count++];
}
