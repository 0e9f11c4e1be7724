/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A shape is a list of fields, each with a kind; writing a value by its shape checks it. Forms: astrid-types 0.3. */
#include "bus/payload_shape.h"

#include "base/limits.h"
#include "base/uuid.h"

enum kind {
	KIND_TEXT,
	KIND_TRUTH,
	KIND_COUNT, /* an integer from 0 */
	KIND_UUID,
	KIND_ANY,
	KIND_SHAPE,
	KIND_WORD,         /* one of a field's words */
	KIND_FIELD_TYPE,   /* "Text" "Secret" "Array" {"Enum":[text]} */
	KIND_STREAM_EVENT, /* "Done" {"TextDelta":text} ... */
	KIND_CONTENT,      /* text, tool calls, a tool's result, or parts */
	KIND_PART,         /* of such content */
};

enum presence {
	REQUIRED,
	OPTIONAL, /* left out when absent or null */
	NULLABLE, /* null when absent */
	DEFAULT,  /* `fallback` when absent */
};

struct shape;

struct field {
	const char *name;
	enum kind kind;
	enum presence presence;
	bool list; /* an array of it */
	const struct shape *shape;
	const char *fallback; /* JSON */
	const char *words;    /* with a blank before and behind each */
};

struct shape {
	const struct field *fields;
	size_t count;
};

#define SHAPE(name, ...)                                                                                               \
	static const struct field name##_fields[] = { __VA_ARGS__ };                                                   \
	static const struct shape name##_shape = { name##_fields, sizeof name##_fields / sizeof name##_fields[0] }
#define TEXT(n)                                                                                                        \
	{                                                                                                              \
		.name = n, .kind = KIND_TEXT                                                                           \
	}
#define TEXTS(n)                                                                                                       \
	{                                                                                                              \
		.name = n, .kind = KIND_TEXT, .list = true                                                             \
	}
#define MAYBE_TEXT(n)                                                                                                  \
	{                                                                                                              \
		.name = n, .kind = KIND_TEXT, .presence = OPTIONAL                                                     \
	}
#define MAYBE_TEXTS(n)                                                                                                 \
	{                                                                                                              \
		.name = n, .kind = KIND_TEXT, .presence = OPTIONAL, .list = true                                       \
	}
#define TRUTH(n)                                                                                                       \
	{                                                                                                              \
		.name = n, .kind = KIND_TRUTH                                                                          \
	}
#define COUNT(n)                                                                                                       \
	{                                                                                                              \
		.name = n, .kind = KIND_COUNT                                                                          \
	}
#define ID(n)                                                                                                          \
	{                                                                                                              \
		.name = n, .kind = KIND_UUID                                                                           \
	}
#define ANY(n)                                                                                                         \
	{                                                                                                              \
		.name = n, .kind = KIND_ANY                                                                            \
	}
#define OF(n, k)                                                                                                       \
	{                                                                                                              \
		.name = n, .kind = k                                                                                   \
	}
#define ONE(n, s)                                                                                                      \
	{                                                                                                              \
		.name = n, .kind = KIND_SHAPE, .shape = &s##_shape                                                     \
	}
#define MANY(n, s)                                                                                                     \
	{                                                                                                              \
		.name = n, .kind = KIND_SHAPE, .list = true, .shape = &s##_shape                                       \
	}
#define WORD(n, w)                                                                                                     \
	{                                                                                                              \
		.name = n, .kind = KIND_WORD, .words = w                                                               \
	}
#define SESSION                                                                                                        \
	{                                                                                                              \
		.name = "session_id", .kind = KIND_TEXT, .presence = DEFAULT, .fallback = "\"default\""                \
	}
#define IS_ERROR                                                                                                       \
	{                                                                                                              \
		.name = "is_error", .kind = KIND_TRUTH, .presence = DEFAULT, .fallback = "false"                       \
	}

/* ---- The forms ---- */

SHAPE(tool_call, TEXT("id"), TEXT("name"), ANY("arguments"));
SHAPE(tool_result, TEXT("call_id"), TEXT("content"), IS_ERROR);
SHAPE(tool_definition, TEXT("name"), { .name = "description", .kind = KIND_TEXT, .presence = NULLABLE },
	ANY("input_schema"));
SHAPE(message, WORD("role", " system user assistant tool "), OF("content", KIND_CONTENT));
SHAPE(usage, COUNT("input_tokens"), COUNT("output_tokens"));
SHAPE(llm_answer, ONE("message", message), TRUTH("has_tool_calls"),
	WORD("stop_reason", " EndTurn MaxTokens ToolUse StopSequence "), ONE("usage", usage));
SHAPE(option, TEXT("id"), TEXT("label"), MAYBE_TEXT("description"));
SHAPE(onboarding, TEXT("key"), TEXT("prompt"), MAYBE_TEXT("description"), OF("field_type", KIND_FIELD_TYPE),
	MAYBE_TEXT("default"), MAYBE_TEXT("placeholder"));
SHAPE(stream_call, TEXT("id"), TEXT("name"));
SHAPE(stream_delta, TEXT("id"), TEXT("args_delta"));
SHAPE(stream_end, TEXT("id"));
SHAPE(text_part, TEXT("text"));
SHAPE(image_part, TEXT("data"), TEXT("media_type"));

SHAPE(user_input, TEXT("text"), SESSION, { .name = "context", .kind = KIND_ANY, .presence = OPTIONAL });
SHAPE(agent_response, TEXT("text"), TRUTH("is_final"), SESSION);
SHAPE(approval_required, TEXT("request_id"), TEXT("action"), TEXT("resource"), TEXT("reason"), TEXT("risk_level"));
SHAPE(approval_response, TEXT("request_id"), TEXT("decision"), MAYBE_TEXT("reason"));
SHAPE(onboarding_required, TEXT("capsule_id"), MANY("fields", onboarding));
SHAPE(llm_request, ID("request_id"), TEXT("model"), MANY("messages", message), MANY("tools", tool_definition),
	TEXT("system"));
SHAPE(llm_stream_event, ID("request_id"), OF("event", KIND_STREAM_EVENT));
SHAPE(llm_response, ID("request_id"), ONE("response", llm_answer));
SHAPE(tool_execute_request, TEXT("call_id"), TEXT("tool_name"), ANY("arguments"));
SHAPE(tool_execute_result, TEXT("call_id"), ONE("result", tool_result));
SHAPE(tool_cancel_request, TEXTS("call_ids"));
SHAPE(selection_required, TEXT("request_id"), TEXT("title"), MANY("options", option), TEXT("callback_topic"));
SHAPE(elicit_request, ID("request_id"), TEXT("capsule_id"), ONE("field", onboarding));
SHAPE(elicit_response, ID("request_id"), MAYBE_TEXT("value"), MAYBE_TEXTS("values"));
SHAPE(disconnect, MAYBE_TEXT("reason"));
SHAPE(custom, ANY("data"));

static const struct shape *const shapes[PAYLOAD_TYPES] = {
	[PAYLOAD_USER_INPUT] = &user_input_shape,
	[PAYLOAD_AGENT_RESPONSE] = &agent_response_shape,
	[PAYLOAD_APPROVAL_REQUIRED] = &approval_required_shape,
	[PAYLOAD_APPROVAL_RESPONSE] = &approval_response_shape,
	[PAYLOAD_ONBOARDING_REQUIRED] = &onboarding_required_shape,
	[PAYLOAD_LLM_REQUEST] = &llm_request_shape,
	[PAYLOAD_LLM_STREAM_EVENT] = &llm_stream_event_shape,
	[PAYLOAD_LLM_RESPONSE] = &llm_response_shape,
	[PAYLOAD_TOOL_EXECUTE_REQUEST] = &tool_execute_request_shape,
	[PAYLOAD_TOOL_EXECUTE_RESULT] = &tool_execute_result_shape,
	[PAYLOAD_TOOL_CANCEL_REQUEST] = &tool_cancel_request_shape,
	[PAYLOAD_SELECTION_REQUIRED] = &selection_required_shape,
	[PAYLOAD_ELICIT_REQUEST] = &elicit_request_shape,
	[PAYLOAD_ELICIT_RESPONSE] = &elicit_response_shape,
	[PAYLOAD_DISCONNECT] = &disconnect_shape,
	[PAYLOAD_CUSTOM] = &custom_shape,
};

/* ---- Writing a value by its kind ---- */

static bool append_kind(struct buffer *out, const struct field *field, const yyjson_val *value);

static struct span text_of(const yyjson_val *value)
{
	return span_of(unsafe_yyjson_get_str(json_reader(value)), unsafe_yyjson_get_len(json_reader(value)));
}

static bool append_text(struct buffer *out, const yyjson_val *value)
{
	return yyjson_is_str(json_reader(value)) && json_append_string(out, text_of(value));
}

static bool append_uuid(struct buffer *out, const yyjson_val *value)
{
	char text[UUID_TEXT_LEN + 1];
	struct uuid uuid;

	if (!yyjson_is_str(json_reader(value)) || !uuid_parse(text_of(value), &uuid))
		return false;
	uuid_format(&uuid, text);
	return json_append_string(out, span_of(text, UUID_TEXT_LEN));
}

static bool is_word(const char *words, struct span text)
{
	for (const char *at = words + 1; *at != '\0'; at += strcspn(at, " ") + 1)
		if (span_equal(span_of(at, strcspn(at, " ")), text))
			return true;
	return false;
}

/* {"key":value} with nothing else in it: how a variant with contents is written. NULL for anything else. */
static const yyjson_val *sole_member(const yyjson_val *value, struct span *key)
{
	yyjson_val *object = json_reader(value);

	if (!yyjson_is_obj(object) || yyjson_obj_size(object) != 1)
		return NULL;
	*key = text_of(unsafe_yyjson_get_first(object));
	return unsafe_yyjson_get_first(object) + 1;
}

static bool append_shape(struct buffer *out, const struct shape *shape, const yyjson_val *value, const char *type);

static bool append_list(struct buffer *out, const struct field *of, const yyjson_val *value)
{
	size_t index, count;
	yyjson_val *item;

	if (!yyjson_is_arr(json_reader(value)) || !buffer_append_byte(out, '['))
		return false;
	yyjson_arr_foreach(json_reader(value), index, count, item)
	{
		if ((index > 0 && !buffer_append_byte(out, ',')) || !append_kind(out, of, item))
			return false;
	}
	return buffer_append_byte(out, ']');
}

static bool append_variant(struct buffer *out, struct span name, const struct field *field, const yyjson_val *value)
{
	return buffer_append_byte(out, '{') && json_append_string(out, name) && buffer_append_byte(out, ':') &&
		(field->list ? append_list(out, field, value) : append_kind(out, field, value)) &&
		buffer_append_byte(out, '}');
}

static bool append_variants(
	struct buffer *out, const struct field *fields, size_t count, const char *words, const yyjson_val *value)
{
	const yyjson_val *inside;
	struct span name;

	if (yyjson_is_str(json_reader(value)))
		return is_word(words, text_of(value)) && append_text(out, value);
	inside = sole_member(value, &name);
	for (size_t i = 0; inside != NULL && i < count; i++)
		if (span_is(name, fields[i].name))
			return append_variant(out, name, &fields[i], inside);
	return false;
}

static bool append_field_type(struct buffer *out, const yyjson_val *value)
{
	static const struct field variants[] = { TEXTS("Enum") };

	return append_variants(out, variants, 1, " Text Secret Array ", value);
}

static bool append_stream_event(struct buffer *out, const yyjson_val *value)
{
	static const struct field variants[] = { TEXT("TextDelta"), ONE("ToolCallStart", stream_call),
		ONE("ToolCallDelta", stream_delta), ONE("ToolCallEnd", stream_end), TEXT("ReasoningDelta"),
		ONE("Usage", usage), TEXT("Error") };

	return append_variants(out, variants, sizeof variants / sizeof variants[0], " Done ", value);
}

static bool append_part(struct buffer *out, const yyjson_val *value)
{
	yyjson_val *type = yyjson_obj_get(json_reader(value), "type");

	if (yyjson_equals_str(type, "text"))
		return append_shape(out, &text_part_shape, value, "text");
	return yyjson_equals_str(type, "image") && append_shape(out, &image_part_shape, value, "image");
}

/* The first form that fits; what a form that did not fit has written is taken back. */
static bool append_content(struct buffer *out, const yyjson_val *value)
{
	static const struct field calls = MANY("", tool_call), parts = { .kind = KIND_PART, .list = true };
	size_t before = out->len;

	if (yyjson_is_str(json_reader(value)))
		return append_text(out, value);
	if (yyjson_is_obj(json_reader(value)))
		return append_shape(out, &tool_result_shape, value, NULL);
	if (append_list(out, &calls, value))
		return true;
	if (out->failed)
		return false;
	out->len = before;
	return append_list(out, &parts, value);
}

static bool append_kind(struct buffer *out, const struct field *field, const yyjson_val *value)
{
	switch (field->kind) {
	case KIND_TEXT:
		return append_text(out, value);
	case KIND_TRUTH:
		return yyjson_is_bool(json_reader(value)) && json_append_value(out, value);
	case KIND_COUNT:
		return yyjson_is_uint(json_reader(value)) && json_append_value(out, value);
	case KIND_UUID:
		return append_uuid(out, value);
	case KIND_ANY:
		return json_append_value(out, value);
	case KIND_SHAPE:
		return append_shape(out, field->shape, value, NULL);
	case KIND_WORD:
		return yyjson_is_str(json_reader(value)) && is_word(field->words, text_of(value)) &&
			append_text(out, value);
	case KIND_FIELD_TYPE:
		return append_field_type(out, value);
	case KIND_STREAM_EVENT:
		return append_stream_event(out, value);
	case KIND_CONTENT:
		return append_content(out, value);
	case KIND_PART:
		return append_part(out, value);
	}
	return false;
}

/* ---- Shapes ---- */

static bool append_field(struct buffer *out, const struct field *field, const yyjson_val *value, bool *first)
{
	bool absent = value == NULL ||
		(yyjson_is_null(json_reader(value)) && field->kind != KIND_ANY && field->presence != DEFAULT);

	if (field->presence == OPTIONAL && (absent || yyjson_is_null(json_reader(value))))
		return true;
	if (absent && field->presence == REQUIRED)
		return false;
	if ((!*first && !buffer_append_byte(out, ',')) || !json_append_string(out, span_text(field->name)) ||
		!buffer_append_byte(out, ':'))
		return false;
	*first = false;
	if (absent)
		return buffer_append_text(out, field->presence == DEFAULT ? field->fallback : "null");
	return field->list ? append_list(out, field, value) : append_kind(out, field, value);
}

static bool append_fields(struct buffer *out, const struct shape *shape, const yyjson_val *object, bool first)
{
	for (size_t i = 0; i < shape->count; i++) {
		const struct field *field = &shape->fields[i];

		if (!append_field(out, field, yyjson_obj_get(json_reader(object), field->name), &first))
			return false;
	}
	return true;
}

static bool append_shape(struct buffer *out, const struct shape *shape, const yyjson_val *value, const char *type)
{
	if (!yyjson_is_obj(json_reader(value)) || !buffer_append_byte(out, '{'))
		return false;
	if (type != NULL && !(buffer_append_text(out, "\"type\":") && json_append_string(out, span_text(type))))
		return false;
	return append_fields(out, shape, value, type == NULL) && buffer_append_byte(out, '}');
}

bool payload_append_fields(struct buffer *out, enum payload_type type, const yyjson_val *object)
{
	return shapes[type] == NULL || append_fields(out, shapes[type], object, false);
}
