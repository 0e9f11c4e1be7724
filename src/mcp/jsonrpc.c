/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages are read in one walk over the members of the envelope; what they carry is checked and skipped. */
#include "mcp/jsonrpc.h"

#include "base/cleanup.h"
#include "base/text.h"

enum member { JSONRPC, ID, METHOD, PARAMS, RESULT, ERROR, MEMBERS };

static const char *const member_names[MEMBERS] = { "jsonrpc", "id", "method", "params", "result", "error" };

struct reading {
	size_t depth;
	struct buffer method, message; /* of texts with escapes */
	const char *why;
	void (*each)(void *user, const struct jsonrpc_message *message);
	void (*bad)(void *user, const char *reason, bool is_batch);
	void *user;
};

static bool refuse(struct reading *reading, const char *why)
{
	reading->why = why;
	return false;
}

/* Collect the members of the envelope out of `text`, with nothing behind it. */
static bool split(struct reading *reading, struct span text, struct span members[MEMBERS])
{
	struct json_scan scan = json_scan_begin(text, reading->depth);
	struct span key, value;

	for (size_t i = 0; i < MEMBERS; i++)
		members[i] = span_of(NULL, 0);
	if (!json_scan_open(&scan, '{')) {
		/* A word or a sentence of a log is what servers write there by mistake. */
		return refuse(reading, scan.why != NULL ? scan.why : "not a JSON object");
	}
	while (json_scan_member(&scan, &key, &value)) {
		for (size_t i = 0; i < MEMBERS; i++) {
			if (!json_scan_is(key, member_names[i]))
				continue;
			if (members[i].len > 0)
				return refuse(reading, "a member of the message stands there twice");
			members[i] = value;
		}
	}
	return (scan.why == NULL && json_scan_done(&scan)) || refuse(reading, scan.why);
}

/* What the string `json` means: where it stands, or in `scratch` when it has escapes. */
static struct span meaning(struct span json, struct buffer *scratch)
{
	struct span inside = span_of(json.data + 1, json.len - 2);

	if (memchr(inside.data, '\\', inside.len) == NULL)
		return inside;
	buffer_clear(scratch);
	(void)json_scan_unescape(json, scratch);
	return buffer_span(scratch);
}

/* A message with a method: what is asked or said. */
static bool read_call(struct reading *reading, const struct span members[MEMBERS], struct jsonrpc_message *message)
{
	if (members[RESULT].len > 0 || members[ERROR].len > 0)
		return refuse(reading, "both a method and an answer");
	if (message->id.kind == JSONRPC_NULL_ID)
		return refuse(reading, "the id of a request is null");
	message->kind = message->id.kind == JSONRPC_NO_ID ? JSONRPC_NOTIFICATION : JSONRPC_REQUEST;
	if (!json_is_string(members[METHOD])) {
		message->kind = JSONRPC_BAD_REQUEST;
		return message->id.kind != JSONRPC_NO_ID || refuse(reading, "the method is no text");
	}
	message->method = meaning(members[METHOD], &reading->method);
	if (json_is_object(members[PARAMS]) || json_is_array(members[PARAMS]))
		message->params = members[PARAMS];
	return true;
}

static void read_error(struct reading *reading, struct span error, struct jsonrpc_message *message)
{
	static const char *const names[] = { "code", "message", "data" };
	struct span members[3];

	json_scan_find(error, names, members, 3);
	message->kind = jsonrpc_integer(members[0], &message->code) ? JSONRPC_ERROR : JSONRPC_BAD_ANSWER;
	if (json_is_string(members[1]))
		message->message = meaning(members[1], &reading->message);
	message->data = members[2];
}

static bool read_answer(struct reading *reading, const struct span members[MEMBERS], struct jsonrpc_message *message)
{
	if (members[ERROR].len > 0) {
		if (members[RESULT].len > 0)
			return refuse(reading, "both a result and an error");
		read_error(reading, members[ERROR], message);
		return message->kind == JSONRPC_ERROR || message->id.kind >= JSONRPC_INTEGER_ID ||
			refuse(reading, "an error without a code");
	}
	if (members[RESULT].len == 0)
		return refuse(reading, "neither a method nor an answer");
	if (message->id.kind < JSONRPC_INTEGER_ID)
		return refuse(reading, "a result without an id");
	message->kind = json_is_object(members[RESULT]) ? JSONRPC_RESULT : JSONRPC_BAD_ANSWER;
	message->result = members[RESULT];
	return true;
}

static bool read_message(struct reading *reading, struct span text, struct jsonrpc_message *message)
{
	struct span members[MEMBERS];

	*message = (struct jsonrpc_message){ .kind = JSONRPC_REQUEST };
	if (!split(reading, text, members))
		return false;
	if (!json_scan_is(members[JSONRPC], "2.0"))
		return refuse(reading, "not JSON-RPC 2.0");
	if (members[ID].len > 0 && !jsonrpc_id_read(members[ID], &message->id))
		return refuse(reading, "the id is neither a short text nor an integer");
	return members[METHOD].len > 0 ? read_call(reading, members, message) : read_answer(reading, members, message);
}

static void read_one(struct reading *reading, struct span text)
{
	struct jsonrpc_message message;

	if (read_message(reading, text, &message))
		reading->each(reading->user, &message);
	else
		reading->bad(reading->user, reading->why, false);
}

/* How many items `text`, an array, has; 0 when it is wrong. */
static size_t count_items(struct reading *reading, struct span text)
{
	struct json_scan scan = json_scan_begin(text, reading->depth);
	struct span item;
	size_t count = 0;

	(void)json_scan_open(&scan, '[');
	while (json_scan_item(&scan, &item))
		count++;
	if (scan.why == NULL && json_scan_done(&scan))
		return count;
	reading->why = scan.why;
	return 0;
}

static void read_batch(struct reading *reading, struct span text, size_t count_max, bool allowed)
{
	struct json_scan scan = json_scan_begin(text, reading->depth);
	size_t count = count_items(reading, text);
	struct span item;

	if (count == 0 && reading->why != NULL) {
		reading->bad(reading->user, reading->why, false);
		return;
	}
	if (!allowed || count == 0 || count > count_max) {
		reading->bad(reading->user,
			!allowed             ? "a batch, which this revision does not have"
				: count == 0 ? "an empty batch"
					     : "a batch of too many messages",
			true);
		return;
	}
	(void)json_scan_open(&scan, '[');
	while (json_scan_item(&scan, &item))
		read_one(reading, item);
}

static bool begins_array(struct span text)
{
	struct json_scan scan = json_scan_begin(text, 0);

	return json_scan_open(&scan, '[');
}

enum capsule_status jsonrpc_read(struct span text, const struct jsonrpc_limits *limits, bool batches,
	void (*each)(void *user, const struct jsonrpc_message *message),
	void (*bad)(void *user, const char *reason, bool is_batch), void *user, struct capsule_error *err)
{
	struct reading reading = { .depth = limits->depth, .each = each, .bad = bad, .user = user };
	enum capsule_status status = CAPSULE_OK;

	if (text.len > (limits->bytes > 0 ? limits->bytes : JSONRPC_LINE_MAX))
		bad(user, "too long", false);
	else if (!text_is_utf8(text))
		bad(user, "not UTF-8", false);
	else if (begins_array(text))
		read_batch(&reading, text, limits->batch > 0 ? limits->batch : JSONRPC_BATCH_MAX, batches);
	else
		read_one(&reading, text);
	if (reading.method.failed || reading.message.failed)
		status = error_set(err, CAPSULE_ENOMEM, "out of memory for a message of %zu bytes", text.len);
	buffer_fini(&reading.method);
	buffer_fini(&reading.message);
	return status;
}
