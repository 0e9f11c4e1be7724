/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For tests and measurements of ordering: manifests made by hand, with anything in their lists. Without memory the
 * program ends. */
#ifndef MANIFEST_ORDER_TESTING_H
#define MANIFEST_ORDER_TESTING_H

#include "base/text.h"
#include "manifest/manifest.h"

#include <stdlib.h>

static inline void *testing_memory(void *block)
{
	if (block == NULL)
		abort();
	return block;
}

static inline void testing_list_add(struct string_list *list, struct span text)
{
	if ((list->count & (list->count - 1)) == 0) { /* a power of two: it is full */
		size_t room = list->count == 0 ? 1 : 2 * list->count;

		list->items = testing_memory(realloc(list->items, room * sizeof *list->items));
		list->places = testing_memory(realloc(list->places, room * sizeof *list->places));
	}
	list->items[list->count] = testing_memory(text_copy(text));
	list->places[list->count] = (struct place){ .line = (uint32_t)list->count + 1, .column = 1, .length = 1 };
	list->count++;
}

/** A manifest that has a name and nothing else. Free with manifest_free(). */
static inline struct manifest *testing_manifest(const char *name)
{
	struct manifest *manifest = testing_memory(calloc(1, sizeof *manifest));

	manifest->path = testing_memory(text_copy(span_text("Capsule.toml")));
	manifest->package.name = testing_memory(text_copy(span_text(name)));
	manifest->package.version = testing_memory(text_copy(span_text("1.0.0")));
	return manifest;
}

#endif
