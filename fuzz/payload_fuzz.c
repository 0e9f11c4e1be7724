/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as a payload, as guests publish them and as clients write them. Whatever was read is JSON with a `type`, has what
 * interceptors get inside, says the same as it did before, and is in its last form after being read twice. */
#include "bus/payload.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "fuzz/target.h"

typedef enum capsule_status (*read_fn)(struct payload *payload, struct span json, struct capsule_error *err);

static yyjson_doc *parse(struct span text)
{
	const struct json_limits limits = { .bytes_max = BUFFER_MAX };
	yyjson_doc *doc = NULL;

	CHECK(json_parse(&doc, text, &limits, "payload", NULL) == CAPSULE_OK);
	return doc;
}

static void check_request(const struct payload *payload)
{
	CHECK((payload->request == PAYLOAD_NO_REQUEST) == (payload->request_id.len == 0));
	CHECK(payload->request_id.len <= PAYLOAD_REQUEST_ID_MAX);
	for (size_t i = 0; i < payload->request_id.len; i++)
		CHECK(payload->request_id.data[i] > ' ' && payload->request_id.data[i] < 0x7f &&
			payload->request_id.data[i] != '.' && payload->request_id.data[i] != '*');
}

static void check_form(const struct payload *payload)
{
	HOLD(json_doc_drop) yyjson_doc *tagged = parse(payload->tagged), *inner = parse(payload->inner);

	CHECK(text_is_utf8(payload->tagged));
	CHECK(yyjson_equals_str(yyjson_obj_get(tagged->root, "type"), payload_type_name(payload->type)));
	if (payload->type == PAYLOAD_CUSTOM)
		CHECK(yyjson_equals(yyjson_obj_get(tagged->root, "data"), inner->root));
	else if (payload->type == PAYLOAD_RAW_JSON)
		CHECK(yyjson_obj_size(tagged->root) == yyjson_obj_size(inner->root) + 1 &&
			yyjson_obj_get(inner->root, "type") == NULL);
	else
		CHECK(span_equal(payload->tagged, payload->inner));
	check_request(payload);
}

/* Numbers are written in one form when they are read as part of a type, so the first time may change their text. */
static void check_again(const struct payload *first, bool published)
{
	struct payload second = { 0 }, third = { 0 };
	read_fn read = first->type == PAYLOAD_UNKNOWN || !published ? payload_read_tagged : payload_read;
	enum capsule_status status = read(&second, first->tagged, NULL);

	/* What was wrapped is a level deeper and a few bytes longer than what is read. */
	CHECK(status == CAPSULE_OK || status == CAPSULE_ELIMIT);
	if (status == CAPSULE_OK) {
		CHECK(second.type == first->type);
		check_form(&second);
		CHECK(read(&third, second.tagged, NULL) == CAPSULE_OK);
		CHECK(third.type == first->type && span_equal(third.tagged, second.tagged));
		CHECK(span_equal(third.inner, second.inner));
	}
	payload_fini(&second);
	payload_fini(&third);
}

static bool check(read_fn read, struct span input)
{
	static struct payload payload; /* used again and again, as by the host */
	struct capsule_error err = { 0 };
	enum capsule_status status = read(&payload, input, &err);

	if (status != CAPSULE_OK) {
		CHECK(status == CAPSULE_EINVAL || status == CAPSULE_ELIMIT);
		CHECK(err.status == status && err.text[0] != '\0' && text_is_utf8(span_text(err.text)));
		return false;
	}
	check_form(&payload);
	check_again(&payload, read == payload_read);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = span_of(data, size);
	bool published = check(payload_read, input);

	if (check(payload_read_tagged, input))
		CHECK(published);
	return 0;
}
