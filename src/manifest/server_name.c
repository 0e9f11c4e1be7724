/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "manifest/server_name.h"

#define SHOWN_MAX 40 /* bytes of a name in a message */

static bool is_allowed(uint8_t byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
		byte == '-' || byte == '_' || byte == ':' || byte == '.';
}

/* How much of `name` is shown: not half a character. */
static int shown_length(struct span name)
{
	size_t len = name.len;

	if (len <= SHOWN_MAX)
		return (int)len;
	for (len = SHOWN_MAX; len > 0 && (name.data[len] & 0xC0) == 0x80;)
		len--;
	return (int)len;
}

enum capsule_status server_name_check(struct span name, struct capsule_error *err)
{
	const char *text = name.len > 0 ? (const char *)name.data : "", *more = name.len > SHOWN_MAX ? "..." : "";
	int shown = shown_length(name);

	if (name.len == 0)
		return error_set(err, CAPSULE_EINVAL, "server name must not be empty");
	if (name.len > SERVER_NAME_MAX)
		return error_set(err, CAPSULE_EINVAL, "server name too long (%zu bytes, max %d): %.*s%s", name.len,
			SERVER_NAME_MAX, shown, text, more);
	if (name.data[0] == '.')
		return error_set(err, CAPSULE_EINVAL, "server name must not start with '.': %.*s%s", shown, text, more);
	for (size_t i = 0; i < name.len; i++)
		if (!is_allowed(name.data[i]))
			return error_set(err, CAPSULE_EINVAL,
				"server name contains invalid characters (allowed: ASCII alphanumeric, '-', '_', ':', "
				"'.'): %.*s%s",
				shown, text, more);
	return CAPSULE_OK;
}
