/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Text that grows, text joined of parts, and the failure of the current call.
 * Part of capsule_guest.h, which is the header to include. */
#ifndef CAPSULE_GUEST_TEXT_H
#define CAPSULE_GUEST_TEXT_H

#include "memory.h"
#include "number.h"

/* ---- The failure of the call ----
 *
 * One call runs at a time, so there is one failure. The first is kept: a handler may go on in a straight line and look
 * at guest_failed() where going on would do harm. When it returns the call fails with that text. */

#define GUEST_FAILURE_MAX 1024u /* bytes of the text; what is beyond is cut off */

struct guest_failure {
	bool failed;
	uint16_t len;
	uint8_t text[GUEST_FAILURE_MAX];
};

extern struct guest_failure guest_failure;
GUEST_SHARED struct guest_failure guest_failure = { .failed = false };

/** Whether something has failed since the call began. */
GUEST_INLINE bool guest_failed(void)
{
	return guest_failure.failed;
}

/** The text of the failure, empty when there is none. */
GUEST_INLINE struct guest_bytes guest_failure_text(void)
{
	return guest_bytes_of(guest_failure.text, guest_failure.failed ? guest_failure.len : 0);
}

/** Forget the failure, for code that knows a way out of it. */
GUEST_INLINE void guest_forgive(void)
{
	guest_failure.failed = false;
	guest_failure.len = 0;
}

/* Append to the text of a failure in the making; what is not UTF-8 becomes U+FFFD. */
GUEST_OUTLINE void guest_failure_add(struct guest_bytes text)
{
	size_t take;

	for (size_t at = 0; at < text.len; at += take) {
		bool valid = guest_utf8(text.data + at, text.len - at, &take);
		const uint8_t *from = valid ? text.data + at : (const uint8_t *)"\xef\xbf\xbd";
		size_t len = valid ? take : 3;

		if (len > GUEST_FAILURE_MAX - guest_failure.len)
			return;
		guest_copy(guest_failure.text + guest_failure.len, from, len);
		guest_failure.len = (uint16_t)(guest_failure.len + len);
	}
}

/* ---- Parts of a text ---- */

enum guest_part_kind { GUEST_PART_BYTES, GUEST_PART_INTEGER, GUEST_PART_UNSIGNED, GUEST_PART_NUMBER };

struct guest_part {
	enum guest_part_kind kind;
	union {
		struct guest_bytes bytes;
		int64_t integer;
		uint64_t whole;
		double number;
	} as;
};

GUEST_INLINE struct guest_part guest_part_bytes(struct guest_bytes bytes)
{
	return (struct guest_part){ GUEST_PART_BYTES, { .bytes = bytes } };
}

GUEST_INLINE struct guest_part guest_part_text(const char *text)
{
	return guest_part_bytes(guest_text(text));
}

GUEST_INLINE struct guest_part guest_part_bool(bool value)
{
	return guest_part_text(value ? "true" : "false");
}

GUEST_INLINE struct guest_part guest_part_integer(int64_t integer)
{
	return (struct guest_part){ GUEST_PART_INTEGER, { .integer = integer } };
}

GUEST_INLINE struct guest_part guest_part_unsigned(uint64_t whole)
{
	return (struct guest_part){ GUEST_PART_UNSIGNED, { .whole = whole } };
}

GUEST_INLINE struct guest_part guest_part_number(double number)
{
	return (struct guest_part){ GUEST_PART_NUMBER, { .number = number } };
}

/* The bytes of a part; numbers are written into `room`. */
GUEST_OUTLINE struct guest_bytes guest_part_written(const struct guest_part *part, char room[GUEST_NUMBER_MAX])
{
	size_t len;

	if (part->kind == GUEST_PART_BYTES)
		return part->as.bytes;
	if (part->kind == GUEST_PART_INTEGER)
		len = guest_print_integer(part->as.integer, room);
	else if (part->kind == GUEST_PART_UNSIGNED)
		len = guest_print_unsigned(part->as.whole, room);
	else
		len = guest_print_number(part->as.number, room);
	return guest_bytes_of(room, len);
}

/* clang-format off */
#define GUEST_PART(x) _Generic((x), struct guest_bytes: guest_part_bytes, char *: guest_part_text, \
	const char *: guest_part_text, bool: guest_part_bool, double: guest_part_number, float: guest_part_number, \
	signed char: guest_part_integer, short: guest_part_integer, int: guest_part_integer, long: guest_part_integer, \
	long long: guest_part_integer, unsigned char: guest_part_unsigned, unsigned short: guest_part_unsigned, \
	unsigned: guest_part_unsigned, unsigned long: guest_part_unsigned, unsigned long long: guest_part_unsigned)(x)
#define GUEST_PARTS_1(a) GUEST_PART(a)
#define GUEST_PARTS_2(a, ...) GUEST_PART(a), GUEST_PARTS_1(__VA_ARGS__)
#define GUEST_PARTS_3(a, ...) GUEST_PART(a), GUEST_PARTS_2(__VA_ARGS__)
#define GUEST_PARTS_4(a, ...) GUEST_PART(a), GUEST_PARTS_3(__VA_ARGS__)
#define GUEST_PARTS_5(a, ...) GUEST_PART(a), GUEST_PARTS_4(__VA_ARGS__)
#define GUEST_PARTS_6(a, ...) GUEST_PART(a), GUEST_PARTS_5(__VA_ARGS__)
#define GUEST_PARTS_7(a, ...) GUEST_PART(a), GUEST_PARTS_6(__VA_ARGS__)
#define GUEST_PARTS_8(a, ...) GUEST_PART(a), GUEST_PARTS_7(__VA_ARGS__)
#define GUEST_PARTS_9(a, ...) GUEST_PART(a), GUEST_PARTS_8(__VA_ARGS__)
#define GUEST_PARTS_10(a, ...) GUEST_PART(a), GUEST_PARTS_9(__VA_ARGS__)
#define GUEST_PARTS_11(a, ...) GUEST_PART(a), GUEST_PARTS_10(__VA_ARGS__)
#define GUEST_PARTS_12(a, ...) GUEST_PART(a), GUEST_PARTS_11(__VA_ARGS__)
#define GUEST_PICK_12(a, b, c, d, e, f, g, h, i, j, k, l, pick, ...) pick
#define GUEST_PARTS(...) GUEST_PICK_12(__VA_ARGS__, GUEST_PARTS_12, GUEST_PARTS_11, GUEST_PARTS_10, GUEST_PARTS_9, \
	GUEST_PARTS_8, GUEST_PARTS_7, GUEST_PARTS_6, GUEST_PARTS_5, GUEST_PARTS_4, GUEST_PARTS_3, GUEST_PARTS_2, \
	GUEST_PARTS_1, 0)(__VA_ARGS__)
/* clang-format on */
#define GUEST_PART_ARRAY(...)                                                                                          \
	(const struct guest_part[])                                                                                    \
	{                                                                                                              \
		GUEST_PARTS(__VA_ARGS__)                                                                               \
	}
#define GUEST_PART_COUNT(...) (sizeof GUEST_PART_ARRAY(__VA_ARGS__) / sizeof(struct guest_part))

/** guest_fail("no note called ", id, " among ", count): let the call fail with the text of the parts, at most twelve: C
 *  strings, struct guest_bytes, integers, doubles, bools. Nothing happens if it has failed already. */
#define guest_fail(...) guest_fail_parts(GUEST_PART_ARRAY(__VA_ARGS__), GUEST_PART_COUNT(__VA_ARGS__))

GUEST_OUTLINE void guest_fail_parts(const struct guest_part *parts, size_t count)
{
	char room[GUEST_NUMBER_MAX];

	if (guest_failure.failed)
		return;
	guest_failure.failed = true;
	guest_failure.len = 0;
	for (size_t i = 0; i < count; i++)
		guest_failure_add(guest_part_written(&parts[i], room));
}

GUEST_INLINE void guest_fail_memory(void)
{
	guest_fail("out of memory: the guest is at its ceiling");
}

/* ---- Text that grows ---- */

/* Zero-initialise. When the memory is at its ceiling the call fails, and what is in the buffer is of no use. */
struct guest_buffer {
	uint8_t *data;
	size_t len, room;
	bool failed;
};

/* Room for `more` bytes behind what is there; in place when nothing was allocated since. */
GUEST_OUTLINE bool guest_reserve(struct guest_buffer *buffer, size_t more)
{
	size_t wanted, room;
	uint8_t *data;

	if (buffer->failed || more <= buffer->room - buffer->len)
		return !buffer->failed;
	if (more > SIZE_MAX / 4 || buffer->len > SIZE_MAX / 4) {
		buffer->failed = true;
		guest_fail_memory();
		return false;
	}
	wanted = (buffer->len + more + 63) & ~(size_t)63;
	room = buffer->room * 2 > wanted ? buffer->room * 2 : wanted;
	if (buffer->data != NULL && guest_extend(buffer->data + buffer->room, room - buffer->room)) {
		buffer->room = room;
		return true;
	}
	data = guest_alloc(room);
	if (data == NULL && room > wanted) {
		room = wanted;
		data = guest_alloc(room);
	}
	if (data == NULL) {
		buffer->failed = true;
		guest_fail_memory();
		return false;
	}
	if (buffer->data != NULL)
		memcpy(data, buffer->data, buffer->len);
	buffer->data = data;
	buffer->room = room;
	return true;
}

GUEST_OUTLINE void guest_append_bytes(struct guest_buffer *buffer, struct guest_bytes bytes)
{
	if (bytes.len > buffer->room - buffer->len && !guest_reserve(buffer, bytes.len))
		return;
	guest_copy(buffer->data + buffer->len, bytes.data, bytes.len);
	buffer->len += bytes.len;
}

GUEST_INLINE void guest_append_byte(struct guest_buffer *buffer, uint8_t byte)
{
	if (buffer->len < buffer->room || guest_reserve(buffer, 1))
		buffer->data[buffer->len++] = byte;
}

/** guest_append(&buffer, parts...): append the text of at most twelve parts, as for guest_fail(). */
#define guest_append(buffer, ...)                                                                                      \
	guest_append_parts(buffer, GUEST_PART_ARRAY(__VA_ARGS__), GUEST_PART_COUNT(__VA_ARGS__))

GUEST_OUTLINE void guest_append_parts(struct guest_buffer *buffer, const struct guest_part *parts, size_t count)
{
	char room[GUEST_NUMBER_MAX];

	for (size_t i = 0; i < count; i++)
		guest_append_bytes(buffer, guest_part_written(&parts[i], room));
}

/** What is in the buffer, valid until the next call. */
GUEST_INLINE struct guest_bytes guest_appended(const struct guest_buffer *buffer)
{
	return guest_bytes_of(buffer->data, buffer->len);
}

/** guest_join("Hello, ", name, "!"): the text of at most twelve parts, valid until the next call; empty, and the call
 *  fails, when the memory is at its ceiling. */
#define guest_join(...) guest_join_parts(GUEST_PART_ARRAY(__VA_ARGS__), GUEST_PART_COUNT(__VA_ARGS__))

GUEST_OUTLINE struct guest_bytes guest_join_parts(const struct guest_part *parts, size_t count)
{
	struct guest_buffer buffer = { .len = 0 };

	guest_append_parts(&buffer, parts, count);
	return buffer.failed ? guest_bytes_of(NULL, 0) : guest_appended(&buffer);
}

#endif
