/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A value in, a tagged object out. What is not one of the known types travels as it was written, without blanks. */
#include "bus/payload.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "bus/payload_shape.h"

#define DEPTH_MAX 127 /* of what is published; wrapped it is one level deeper */
#define CUSTOM_HEAD "{\"type\":\"custom\",\"data\":"

static const char *const tags[PAYLOAD_TYPES] = {
#define PAYLOAD_TYPE(id, tag) [PAYLOAD_##id] = tag,
#include "bus/payload_types.def"
#undef PAYLOAD_TYPE
};

const char *payload_type_name(enum payload_type type)
{
	return tags[type];
}

enum payload_type payload_type_find(struct span tag)
{
	for (int type = 0; type < PAYLOAD_UNKNOWN; type++)
		if (span_is(tag, tags[type]))
			return (enum payload_type)type;
	return PAYLOAD_UNKNOWN;
}

void payload_fini(struct payload *payload)
{
	yyjson_doc_free(payload->doc);
	buffer_fini(&payload->text);
	buffer_fini(&payload->extra);
	*payload = (struct payload){ 0 };
}

/* ---- Who waits for an answer ---- */

static bool is_id(struct span id)
{
	if (id.len == 0 || id.len > PAYLOAD_REQUEST_ID_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		uint8_t byte = id.data[i];

		if (!((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
			    byte == '-' || byte == '_'))
			return false;
	}
	return true;
}

static bool note_request(
	struct payload *payload, const yyjson_val *object, const char *member, enum payload_request kind)
{
	const yyjson_val *value = yyjson_obj_get(json_reader(object), member);
	struct span id;

	if (!yyjson_is_str(json_reader(value)))
		return false;
	id = span_of(unsafe_yyjson_get_str(json_reader(value)), unsafe_yyjson_get_len(json_reader(value)));
	if (!is_id(id))
		return false;
	memcpy(payload->id, id.data, id.len);
	payload->request_id = span_of(payload->id, id.len);
	payload->request = kind;
	return true;
}

/* In the value itself, or in the data that it wraps. */
static void find_request(struct payload *payload, const yyjson_val *value)
{
	const yyjson_val *data = yyjson_obj_get(json_reader(value), "data");

	if (!yyjson_is_obj(json_reader(value)))
		return;
	(void)(note_request(payload, value, "req_id", PAYLOAD_REQUEST) ||
		note_request(payload, value, "_astrid_delivery_id", PAYLOAD_DELIVERY) ||
		(yyjson_is_obj(json_reader(data)) &&
			(note_request(payload, data, "req_id", PAYLOAD_REQUEST) ||
				note_request(payload, data, "_astrid_delivery_id", PAYLOAD_DELIVERY))));
}

/* ---- The forms ---- */

/* {"type":"raw_json", and its members}; inside is the object without `type`. */
static bool append_raw(struct payload *payload, const yyjson_val *object)
{
	size_t index, count, written = 0;
	yyjson_val *name, *value;

	(void)buffer_append_byte(&payload->extra, '{');
	yyjson_obj_foreach(json_reader(object), index, count, name, value)
	{
		if (yyjson_equals_str(name, "type"))
			continue;
		if (written++ > 0)
			(void)buffer_append_byte(&payload->extra, ',');
		(void)(json_append_value(&payload->extra, name) && buffer_append_byte(&payload->extra, ':') &&
			json_append_value(&payload->extra, value));
	}
	/* Without memory there may be not even the first byte. */
	return buffer_append_byte(&payload->extra, '}') &&
		buffer_append_text(&payload->text, "{\"type\":\"raw_json\"") &&
		(written == 0 || buffer_append_byte(&payload->text, ',')) &&
		buffer_append(&payload->text, payload->extra.data + 1, payload->extra.len - 1);
}

static bool append_typed(struct payload *payload, const yyjson_val *object)
{
	struct buffer *out = &payload->text;

	return buffer_append_text(out, "{\"type\":\"") && buffer_append_text(out, tags[payload->type]) &&
		buffer_append_byte(out, '"') && payload_append_fields(out, payload->type, object) &&
		buffer_append_byte(out, '}');
}

/* Sets the type and writes the object; false when it is not as its type has it. */
static bool read_object(struct payload *payload, const yyjson_val *value)
{
	const yyjson_val *type = yyjson_obj_get(json_reader(value), "type");

	if (!yyjson_is_str(json_reader(type)))
		return false;
	payload->type = payload_type_find(
		span_of(unsafe_yyjson_get_str(json_reader(type)), unsafe_yyjson_get_len(json_reader(type))));
	if (payload->type == PAYLOAD_UNKNOWN)
		return false;
	return payload->type == PAYLOAD_RAW_JSON ? append_raw(payload, value) : append_typed(payload, value);
}

static void begin(struct payload *payload)
{
	yyjson_doc_free(payload->doc);
	payload->doc = NULL;
	buffer_clear(&payload->text);
	buffer_clear(&payload->extra);
	payload->type = PAYLOAD_UNKNOWN;
	payload->tagged = payload->inner = span_of(NULL, 0);
	payload->request = PAYLOAD_NO_REQUEST;
	payload->request_id = span_of(NULL, 0);
}

/* The spans, when all is written. */
static enum capsule_status finish(struct payload *payload, struct capsule_error *err)
{
	enum capsule_status status = buffer_check(&payload->text, err);

	if (status == CAPSULE_OK)
		status = buffer_check(&payload->extra, err);
	if (status != CAPSULE_OK) {
		(void)error_in(err, "payload");
		return status;
	}
	payload->tagged = payload->inner = buffer_span(&payload->text);
	if (payload->type == PAYLOAD_CUSTOM)
		payload->inner = span_of(payload->tagged.data + sizeof CUSTOM_HEAD - 1,
			payload->tagged.len - (sizeof CUSTOM_HEAD - 1) - 1);
	else if (payload->type == PAYLOAD_RAW_JSON)
		payload->inner = buffer_span(&payload->extra);
	return CAPSULE_OK;
}

static enum capsule_status parse(yyjson_doc **doc, struct span json, struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = LIMIT_PUBLISH, .depth_max = DEPTH_MAX };
	enum capsule_status status = json_parse(doc, json, &limits, "payload", err);

	if (status == CAPSULE_EINVAL || status == CAPSULE_ELIMIT)
		(void)error_in(err, "not valid JSON");
	return status;
}

enum capsule_status payload_open(struct payload *payload, struct span json, struct capsule_error *err)
{
	yyjson_doc *doc = NULL;
	enum capsule_status status = parse(&doc, json, err);

	if (status != CAPSULE_OK)
		return status;
	begin(payload);
	payload->doc = doc;
	payload->json = json;
	find_request(payload, doc->root);
	return CAPSULE_OK;
}

enum capsule_status payload_form(struct payload *payload, struct capsule_error *err)
{
	HOLD(json_doc_drop) yyjson_doc *doc = payload->doc;

	if (doc == NULL)
		return CAPSULE_OK;
	payload->doc = NULL;
	if (!read_object(payload, doc->root) && !payload->text.failed && !payload->extra.failed) {
		buffer_clear(&payload->text);
		buffer_clear(&payload->extra);
		payload->type = PAYLOAD_CUSTOM;
		(void)(buffer_append_text(&payload->text, CUSTOM_HEAD) &&
			json_append_compact(&payload->text, payload->json) && buffer_append_byte(&payload->text, '}'));
	}
	return finish(payload, err);
}

enum capsule_status payload_read(struct payload *payload, struct span json, struct capsule_error *err)
{
	enum capsule_status status = payload_open(payload, json, err);

	return status == CAPSULE_OK ? payload_form(payload, err) : status;
}

enum capsule_status payload_read_tagged(struct payload *payload, struct span json, struct capsule_error *err)
{
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	enum capsule_status status = parse(&doc, json, err);

	if (status != CAPSULE_OK)
		return status;
	if (!yyjson_is_str(yyjson_obj_get(doc->root, "type")))
		return error_set(err, CAPSULE_EINVAL, "payload: not an object with a `type`");
	begin(payload);
	if (!read_object(payload, doc->root) && !payload->text.failed && !payload->extra.failed) {
		if (payload->type != PAYLOAD_UNKNOWN)
			return error_set(err, CAPSULE_EINVAL,
				"payload: a field of `%s` is missing or is not what it has to be", tags[payload->type]);
		(void)buffer_append_text(&payload->text, "{\"type\":\"unknown\"}");
	}
	find_request(payload, doc->root);
	return finish(payload, err);
}
