/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "dispatch/verdict.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"

/* Cut at a character's border; a line of a log stays one line. */
static void copy_reason(char out[VERDICT_REASON_MAX], struct span text)
{
	size_t len = text.len < VERDICT_REASON_MAX ? text.len : VERDICT_REASON_MAX - 1;

	len = text_utf8_valid_prefix(span_of(text.data, len));
	for (size_t i = 0; i < len; i++)
		out[i] = text.data[i] < 0x20 || text.data[i] == 0x7f ? '?' : (char)text.data[i];
	out[len] = '\0';
}

static struct span text_of(const yyjson_val *value)
{
	return span_of(unsafe_yyjson_get_str(json_reader(value)), unsafe_yyjson_get_len(json_reader(value)));
}

/* An object that says neither what to do nor what to make of it is a mistake, and no consent. */
static enum capsule_status read_word(struct verdict *out, const yyjson_val *answer, struct capsule_error *err)
{
	yyjson_val *object = json_reader(answer), *word = yyjson_obj_get(object, "verdict");

	if (word == NULL && yyjson_obj_size(object) > 0 && yyjson_obj_get(object, "payload") == NULL)
		return error_set(err, CAPSULE_EINVAL, "it has no `verdict`");
	if (word == NULL || yyjson_equals_str(word, "allow"))
		return CAPSULE_OK;
	out->deny = true;
	if (yyjson_equals_str(word, "deny"))
		return CAPSULE_OK;
	return error_set(err, CAPSULE_EINVAL, "its `verdict` must be \"allow\" or \"deny\"");
}

/* As it is written in the answer: numbers of many digits stay what they are. */
static enum capsule_status read_payload(struct verdict *out, struct payload *payload, const yyjson_val *object,
	struct span answer, bool may_rewrite, struct capsule_error *err)
{
	yyjson_val *value = yyjson_obj_get(json_reader(object), "payload");
	enum capsule_status status;

	/* One that can't give a payload and writes none as null gives none. */
	if (value == NULL || out->deny || (!may_rewrite && yyjson_is_null(value)))
		return CAPSULE_OK;
	if (!may_rewrite)
		return error_set(
			err, CAPSULE_EINVAL, "it gives a `payload`, which only one with mode = \"rewrite\" may");
	status = payload_read(payload, json_member_text(object, answer, "payload"), err);
	out->rewritten = status == CAPSULE_OK;
	return status;
}

enum capsule_status verdict_read(
	struct verdict *out, struct payload *payload, struct span answer, bool may_rewrite, struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = LIMIT_PAYLOAD };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	yyjson_val *reason;
	enum capsule_status status;

	*out = (struct verdict){ 0 };
	if (answer.len == 0)
		return CAPSULE_OK;
	status = json_parse(&doc, answer, &limits, "its answer", err);
	if (status != CAPSULE_OK || yyjson_is_null(doc->root))
		return status;
	if (!yyjson_is_obj(doc->root))
		return error_set(err, CAPSULE_EINVAL, "its answer must be an object with a `verdict`");
	reason = yyjson_obj_get(doc->root, "reason");
	if (yyjson_is_str(reason))
		copy_reason(out->reason, text_of(reason));
	else if (reason != NULL && !yyjson_is_null(reason))
		return error_set(err, CAPSULE_EINVAL, "its `reason` must be a text");
	status = read_word(out, doc->root, err);
	if (status == CAPSULE_OK)
		status = read_payload(out, payload, doc->root, answer, may_rewrite, err);
	return status;
}
