/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Compares the quick reader with the library: whatever it reads, the library reads to the same tree. */
#ifndef MANIFEST_TOML_QUICK_TESTING_H
#define MANIFEST_TOML_QUICK_TESTING_H

#include "manifest/toml_quick.h"

static inline bool same_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return (a == NULL) == (b == NULL) && a_len == b_len && (a == NULL || memcmp(a, b, a_len + 1) == 0);
}

/* Also minus zero. */
static inline uint64_t bits_of(double number)
{
	uint64_t bits;

	memcpy(&bits, &number, sizeof(bits));
	return bits;
}

static inline bool same_node(const struct deps_toml_node *a, const struct deps_toml_node *b)
{
	return a->kind == b->kind && a->child_count == b->child_count && a->key_start == b->key_start &&
		a->key_end == b->key_end && a->start == b->start && a->end == b->end && a->integer == b->integer &&
		bits_of(a->number) == bits_of(b->number) && a->boolean == b->boolean &&
		same_text(a->key, a->key_len, b->key, b->key_len) &&
		same_text(a->text, a->text_len, b->text, b->text_len);
}

/* Walks both trees by their links, which must lead to parents and from there to the same places. NULL when they are equal, else
 * the first node of `a` that differs. */
static inline const struct deps_toml_node *first_difference(
	const struct deps_toml_node *a, const struct deps_toml_node *b)
{
	uint32_t i = 0, j = 0;

	while (same_node(&a[i], &b[j])) {
		uint32_t parent = i;

		if ((a[i].first_child == 0) != (b[j].first_child == 0))
			return &a[i];
		if (a[i].first_child != 0) {
			i = a[i].first_child;
			j = b[j].first_child;
			if (a[i].parent != parent)
				return &a[i];
			continue;
		}
		while (i != 0 && a[i].next == 0 && b[j].next == 0) {
			i = a[i].parent;
			j = b[j].parent;
		}
		if (i == 0)
			return NULL;
		if (a[i].next == 0 || b[j].next == 0 || a[a[i].next].parent != a[i].parent)
			return &a[i];
		i = a[i].next;
		j = b[j].next;
	}
	return &a[i];
}

#endif
