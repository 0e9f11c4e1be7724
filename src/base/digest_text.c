/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/digest_text.h"

#include "base/limits.h"

#include <strings.h>

#define SHOWN 200 /* bytes of a text in a message */
#define SHOWN_ARG(text) (int)((text).len < SHOWN ? (text).len : SHOWN), (text).len > 0 ? (const char *)(text).data : ""

static const char *const prefixes[DIGEST_KINDS] = { "blake3:", "sha256:", "tree:" };

const char *digest_prefix(enum digest_kind kind)
{
	return prefixes[kind];
}

static bool is_digit(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

enum capsule_status digest_parse(enum digest_kind *kind, struct span text, struct capsule_error *err)
{
	for (size_t i = 0; i < DIGEST_KINDS; i++) {
		struct span digits, prefix = span_text(prefixes[i]);
		size_t good = 0;

		if (!span_starts(text, prefix))
			continue;
		digits = span_of(text.data + prefix.len, text.len - prefix.len);
		while (good < digits.len && is_digit(digits.data[good]))
			good++;
		if (digits.len != DIGEST_DIGITS || good != DIGEST_DIGITS)
			return error_set(err, CAPSULE_EINVAL,
				"the digest `%.*s` does not have 64 hexadecimal digits behind `%s`", SHOWN_ARG(text),
				prefixes[i]);
		*kind = (enum digest_kind)i;
		return CAPSULE_OK;
	}
	return error_set(err, CAPSULE_EINVAL,
		"`%.*s` is no digest: one is `blake3:`, `sha256:` or (of a folder) `tree:` and 64 hexadecimal digits",
		SHOWN_ARG(text));
}

bool digest_same(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

/* "./" in front may stand for what counts from the capsule's folder, "/" behind for a folder. */
static struct span trim_path(struct span path)
{
	while (path.len >= 2 && path.data[0] == '.' && path.data[1] == '/') {
		path = span_of(path.data + 2, path.len - 2);
		while (path.len > 0 && path.data[0] == '/')
			path = span_of(path.data + 1, path.len - 1);
	}
	while (path.len > 1 && path.data[path.len - 1] == '/')
		path.len--;
	return path;
}

/* Why the path can't be one of a file below the capsule's folder; NULL when it can. */
static const char *path_problem(struct span path)
{
	if (path.len == 0 || span_is(path, "."))
		return "names the capsule's whole folder, whose manifest holds this very line: name what is in it";
	if (path.len > LIMIT_PATH)
		return "is longer than 4096 bytes";
	if (path.data[0] == '/')
		return "is absolute: write it relative to the capsule's folder";
	if (memchr(path.data, '\0', path.len) != NULL)
		return "holds a NUL";
	while (path.len > 0) {
		const uint8_t *slash = memchr(path.data, '/', path.len);
		size_t len = slash != NULL ? (size_t)(slash - path.data) : path.len;
		struct span component = span_of(path.data, len);

		if (span_is(component, ".."))
			return "holds `..`: name what is below the capsule's folder";
		if (len == 0 || span_is(component, "."))
			return "holds an empty component or a `.`: leave it out";
		path = slash != NULL ? span_of(slash + 1, path.len - len - 1) : span_of(NULL, 0);
	}
	return NULL;
}

enum capsule_status digest_line_parse(struct digest_line *out, struct span line, struct capsule_error *err)
{
	const uint8_t *equals = line.len > 0 ? memrchr(line.data, '=', line.len) : NULL;
	const char *problem;
	struct span path;
	enum capsule_status status;

	if (equals == NULL)
		return error_set(err, CAPSULE_EINVAL,
			"`%.*s` has no `=`: write `path=digest`, as `capsule hash` prints it", SHOWN_ARG(line));
	path = span_of(line.data, (size_t)(equals - line.data));
	out->path = trim_path(path);
	out->digest = span_of(equals + 1, line.len - path.len - 1);
	status = digest_parse(&out->kind, out->digest, err);
	if (status != CAPSULE_OK)
		return status;
	problem = path_problem(out->path);
	if (problem != NULL)
		return error_set(err, CAPSULE_EINVAL, "the path `%.*s` %s", SHOWN_ARG(path), problem);
	return CAPSULE_OK;
}
