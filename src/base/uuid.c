/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Random bytes come from the kernel alone: no state of ours to seed, to share between threads or to leak over a fork. */
#include "base/uuid.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

#define SIMPLE_LEN 32
#define URN_PREFIX "urn:uuid:"
#define URN_PREFIX_LEN (sizeof URN_PREFIX - 1)

static_assert(sizeof(struct uuid) == 16, "callers keep UUIDs as 16 bytes");

enum capsule_status random_fill(void *out, size_t len, struct capsule_error *err)
{
	uint8_t *at = out;

	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_os(err, errno, "read random bytes from the kernel");
		at += got;
		len -= (size_t)got;
	}
	return CAPSULE_OK;
}

enum capsule_status uuid_make(struct uuid *uuid, struct capsule_error *err)
{
	enum capsule_status status = random_fill(uuid->bytes, sizeof uuid->bytes, err);

	if (status != CAPSULE_OK)
		return status;
	uuid->bytes[6] = (uint8_t)((uuid->bytes[6] & 0x0F) | 0x40); /* version 4 */
	uuid->bytes[8] = (uint8_t)((uuid->bytes[8] & 0x3F) | 0x80); /* variant of RFC 9562 */
	return CAPSULE_OK;
}

/* Whether a hyphen stands before byte `i` in the hyphenated form. */
static bool hyphen_before(size_t i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

void uuid_format(const struct uuid *uuid, char out[UUID_TEXT_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof uuid->bytes; i++) {
		if (hyphen_before(i))
			*out++ = '-';
		*out++ = digits[uuid->bytes[i] >> 4];
		*out++ = digits[uuid->bytes[i] & 0x0F];
	}
	*out = '\0';
}

static int hex_value(uint8_t digit)
{
	uint8_t lower = digit | 0x20;

	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool has_urn_prefix(struct span text)
{
	for (size_t i = 0; i < URN_PREFIX_LEN; i++) {
		uint8_t byte = text.data[i];

		if ((byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte) != (uint8_t)URN_PREFIX[i])
			return false;
	}
	return true;
}

bool uuid_parse(struct span text, struct uuid *uuid)
{
	struct uuid result;
	const uint8_t *at;
	bool hyphens;

	if (text.len == URN_PREFIX_LEN + UUID_TEXT_LEN && has_urn_prefix(text))
		text = span_of(text.data + URN_PREFIX_LEN, UUID_TEXT_LEN);
	else if (text.len == UUID_TEXT_LEN + 2 && text.data[0] == '{' && text.data[text.len - 1] == '}')
		text = span_of(text.data + 1, UUID_TEXT_LEN);
	if (text.len != UUID_TEXT_LEN && text.len != SIMPLE_LEN)
		return false;
	hyphens = text.len == UUID_TEXT_LEN;
	at = text.data;
	for (size_t i = 0; i < sizeof result.bytes; i++) {
		int high, low;

		if (hyphens && hyphen_before(i) && *at++ != '-')
			return false;
		high = hex_value(*at++);
		low = hex_value(*at++);
		if (high < 0 || low < 0)
			return false;
		result.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*uuid = result;
	return true;
}
