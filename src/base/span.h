/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes that somebody else owns. `data` may be NULL only when `len` is 0. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *data;
	size_t len;
};

static inline struct span span_of(const void *data, size_t len)
{
	return (struct span){ .data = data, .len = len };
}

static inline struct span span_text(const char *text)
{
	return (struct span){ .data = (const uint8_t *)text, .len = strlen(text) };
}

static inline bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool span_is(struct span a, const char *text)
{
	return span_equal(a, span_text(text));
}

static inline bool span_starts(struct span a, struct span prefix)
{
	return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.data, prefix.data, prefix.len) == 0);
}

/* For printf("%.*s", SPAN_ARG(s)). The length is cut at 1 KiB so that hostile text can't flood a message. */
#define SPAN_ARG(s) (int)((s).len < 1024 ? (s).len : 1024), (s).len > 0 ? (const char *)(s).data : ""

#endif
