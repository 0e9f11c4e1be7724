/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For tests of the guest SDK on the machine itself: text in exactly as many bytes as it has, so that a sanitizer sees a
 * read behind it, and the failure that a piece of code should leave. */
#ifndef SDK_FIXTURE_H
#define SDK_FIXTURE_H

#include "../include/capsule_guest/json_read.h"
#include "../include/capsule_guest/json_write.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ROOM (64u << 20)

/* A document and its text. */
struct sdk_text {
	uint8_t *bytes;
	struct guest_document document;
	struct guest_value root;
};

/** The arguments `text` of the tool `greet`. Ends what was allocated and failed before. */
static inline struct guest_value sdk_open_bytes(struct sdk_text *text, const void *data, size_t len)
{
	guest_native_restart(ROOM);
	guest_forgive();
	text->bytes = malloc(len > 0 ? len : 1);
	assert_non_null(text->bytes);
	if (len > 0)
		memcpy(text->bytes, data, len);
	text->root = guest_json_open(&text->document, guest_bytes_of(text->bytes, len), guest_text("greet"));
	text->document.arguments = true;
	return text->root;
}

static inline struct guest_value sdk_open(struct sdk_text *text, const char *json)
{
	return sdk_open_bytes(text, json, strlen(json));
}

static inline void sdk_close(struct sdk_text *text)
{
	free(text->bytes);
	text->bytes = NULL;
	guest_native_restart(ROOM);
	guest_forgive();
}

#define assert_bytes(bytes, expected)                                                                                  \
	do {                                                                                                           \
		struct guest_bytes seen_ = (bytes);                                                                    \
		assert_int_equal(seen_.len, strlen(expected));                                                         \
		if (seen_.len > 0)                                                                                     \
			assert_memory_equal(seen_.data, expected, seen_.len);                                          \
	} while (0)

/** The call has failed with exactly this text. Takes the failure back. */
#define assert_failure(expected)                                                                                       \
	do {                                                                                                           \
		assert_true(guest_failed());                                                                           \
		assert_bytes(guest_failure_text(), expected);                                                          \
		guest_forgive();                                                                                       \
	} while (0)

#endif
