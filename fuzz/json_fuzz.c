/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as JSON and as text. What was accepted must survive being written and read again; whatever the bytes are, repaired
 * text is UTF-8, strings and byte arrays made of them are JSON that says the same, and errors are clean text. */
#include "base/json.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "fuzz/target.h"

/* Read `text`, which is JSON of ours; NULL is never returned. */
static yyjson_doc *read_back(const struct buffer *text)
{
	const struct json_limits limits = { .bytes_max = BUFFER_MAX, .allow_duplicates = true };
	yyjson_doc *doc = NULL;

	CHECK(!text->failed);
	CHECK(json_parse(&doc, buffer_span(text), &limits, "output", NULL) == CAPSULE_OK);
	return doc;
}

static void check_error(const struct capsule_error *err, enum capsule_status status)
{
	CHECK(status == CAPSULE_EINVAL || status == CAPSULE_ELIMIT);
	CHECK(err->status == status);
	CHECK(memchr(err->text, '\0', sizeof err->text) != NULL);
	CHECK(text_is_utf8(span_text(err->text)));
}

static void check_value(struct span text, bool allow_duplicates)
{
	const struct json_limits limits = { .bytes_max = MIB, .allow_duplicates = allow_duplicates };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL, *again = NULL;
	struct capsule_error err = { 0 };
	struct buffer first = { 0 }, second = { 0 };
	enum capsule_status status = json_parse(&doc, text, &limits, "input", &err);

	if (status != CAPSULE_OK) {
		check_error(&err, status);
		return;
	}
	CHECK(text_is_utf8(text));
	CHECK(json_append_value(&first, yyjson_doc_get_root(doc)));
	again = read_back(&first);
	CHECK(yyjson_doc_get_val_count(again) == yyjson_doc_get_val_count(doc));
	if (!allow_duplicates)
		CHECK(yyjson_equals(yyjson_doc_get_root(doc), yyjson_doc_get_root(again)));
	CHECK(json_append_value(&second, yyjson_doc_get_root(again)));
	CHECK(span_equal(buffer_span(&first), buffer_span(&second)));
	buffer_fini(&first);
	buffer_fini(&second);
}

static void check_text(struct span bytes)
{
	struct buffer repaired = { 0 }, quoted = { 0 };
	size_t valid = text_utf8_valid_prefix(bytes);
	struct span trimmed;
	yyjson_doc *doc;
	yyjson_val *root;

	CHECK(text_append_lossy(&repaired, bytes));
	CHECK(text_is_utf8(buffer_span(&repaired)));
	CHECK(valid <= bytes.len && text_is_utf8(span_of(bytes.data, valid)));
	CHECK(span_starts(buffer_span(&repaired), span_of(bytes.data, valid)));
	if (valid == bytes.len)
		CHECK(repaired.len == bytes.len);
	trimmed = text_trim(buffer_span(&repaired));
	CHECK(text_is_utf8(trimmed) && text_trim(trimmed).len == trimmed.len);
	CHECK(json_append_string(&quoted, buffer_span(&repaired)));
	doc = read_back(&quoted);
	root = yyjson_doc_get_root(doc);
	CHECK(span_equal(span_of(yyjson_get_str(root), yyjson_get_len(root)), buffer_span(&repaired)));
	yyjson_doc_free(doc);
	buffer_fini(&repaired);
	buffer_fini(&quoted);
}

static void check_byte_array(struct span bytes)
{
	struct buffer out = { 0 }, exact = { 0 };
	size_t index, count;
	yyjson_val *value;
	yyjson_doc *doc;

	CHECK(json_append_byte_array(&out, bytes));
	doc = read_back(&out);
	CHECK(yyjson_arr_size(yyjson_doc_get_root(doc)) == bytes.len);
	yyjson_arr_foreach(yyjson_doc_get_root(doc), index, count, value)
		CHECK(yyjson_is_uint(value) && yyjson_get_uint(value) == bytes.data[index]);
	exact.limit = out.len;
	CHECK(json_append_byte_array(&exact, bytes));
	CHECK(span_equal(buffer_span(&exact), buffer_span(&out)));
	yyjson_doc_free(doc);
	buffer_fini(&out);
	buffer_fini(&exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = span_of(data, size);

	check_value(input, false);
	check_value(input, true);
	check_text(input);
	check_byte_array(input);
	return 0;
}
