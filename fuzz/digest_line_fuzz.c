/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as a line of `integrity`: what is taken for one has a path that can't leave the folder, and is read the same
 * when it is written anew; what is not has a reason. */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest_text.h"
#include "base/limits.h"
#include "fuzz/target.h"

static void check_path(struct span path)
{
	CHECK(path.len > 0 && path.len <= LIMIT_PATH && path.data[0] != '/' && path.data[path.len - 1] != '/');
	CHECK(memchr(path.data, '\0', path.len) == NULL);
	while (path.len > 0) {
		const uint8_t *slash = memchr(path.data, '/', path.len);
		size_t len = slash != NULL ? (size_t)(slash - path.data) : path.len;

		CHECK(len > 0 && !span_is(span_of(path.data, len), ".") && !span_is(span_of(path.data, len), ".."));
		path = slash != NULL ? span_of(slash + 1, path.len - len - 1) : span_of(NULL, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	HOLD(buffer_fini) struct buffer again = { 0 };
	struct digest_line line, same;
	struct capsule_error err = { 0 };
	enum digest_kind kind;

	if (digest_line_parse(&line, span_of(data, size), &err) != CAPSULE_OK) {
		CHECK(err.status == CAPSULE_EINVAL && err.text[0] != '\0');
		return 0;
	}
	check_path(line.path);
	CHECK(digest_parse(&kind, line.digest, &err) == CAPSULE_OK && kind == line.kind);
	CHECK(line.digest.len == strlen(digest_prefix(kind)) + DIGEST_DIGITS);
	CHECK(buffer_append_span(&again, line.path) && buffer_append_byte(&again, '=') &&
		buffer_append_span(&again, line.digest));
	CHECK(digest_line_parse(&same, buffer_span(&again), &err) == CAPSULE_OK);
	CHECK(span_equal(same.path, line.path) && span_equal(same.digest, line.digest) && same.kind == line.kind);
	return 0;
}
