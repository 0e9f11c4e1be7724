/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as a skill. Whatever they are, the parts lie inside the file; what was read of the front matter is a JSON object, and errors
 * are clean text. */
#include "engine/static/front_matter.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "fuzz/target.h"

static void check_inside(struct span file, struct span part)
{
	CHECK(part.len == 0 || (part.data >= file.data && part.data + part.len <= file.data + file.len));
}

static void check_error(const struct capsule_error *err, enum capsule_status status)
{
	CHECK(status == CAPSULE_EINVAL || status == CAPSULE_ELIMIT);
	CHECK(err->status == status);
	CHECK(text_is_utf8(span_text(err->text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct json_limits limits = { .bytes_max = BUFFER_MAX };
	HOLD(buffer_fini) struct buffer out = { 0 };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct span file = span_of(data, size), matter, body;
	struct capsule_error err = { 0 };
	enum capsule_status status;

	if (!text_is_utf8(file))
		return 0;
	status = front_matter_split(file, &matter, &body, &err);
	if (status == CAPSULE_OK) {
		check_inside(file, matter);
		check_inside(file, body);
		CHECK(matter.len <= LIMIT_FRONT_MATTER && matter.len + body.len <= size);
		status = front_matter_json(matter, 2, &out, &err);
	}
	if (status != CAPSULE_OK) {
		check_error(&err, status);
		return 0;
	}
	if (out.len == 0)
		return 0;
	CHECK(json_parse(&doc, buffer_span(&out), &limits, "front matter", &err) == CAPSULE_OK);
	CHECK(yyjson_is_obj(yyjson_doc_get_root(doc)));
	return 0;
}
