/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The first byte says how many bytes come at once, the rest is what a server wrote. Its lines are the same whatever the
 * pieces; what our reader of JSON takes is what yyjson takes; each message that is read has what its kind needs, and
 * written again it is read as the same one. */
#include "base/text.h"
#include "fuzz/target.h"
#include "mcp/jsonrpc.h"
#include "mcp/lines.h"

#include <yyjson.h>

#define LINE_LIMIT 4096

struct seen {
	uint64_t hash; /* of all lines */
	size_t lines;
	struct jsonrpc_message *first; /* to compare with; NULL: check and write again */
	size_t messages;
	bool batch;
};

static void note(struct seen *seen, struct span line)
{
	seen->lines++;
	for (size_t i = 0; i < line.len; i++)
		seen->hash = (seen->hash ^ line.data[i]) * UINT64_C(0x100000001B3);
	seen->hash = (seen->hash ^ '\n') * UINT64_C(0x100000001B3);
}

static bool count_line(void *user, struct span line)
{
	note(user, line);
	return true;
}

static size_t depth_of(struct span text)
{
	size_t depth = 0, most = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t byte = text.data[i];

		if (byte == '"')
			in_string = !in_string;
		else if (in_string)
			i += byte == '\\';
		else if (byte == '[' || byte == '{')
			most = ++depth > most ? depth : most;
		else if (byte == ']' || byte == '}')
			depth--;
	}
	return most;
}

/* Both readers agree about `line`. */
static void check_grammar(struct span line)
{
	yyjson_doc *doc = yyjson_read((const char *)line.data, line.len, YYJSON_READ_NUMBER_AS_RAW);
	bool ours = json_scan_whole(line, 0, NULL);

	CHECK(ours == (doc != NULL && depth_of(line) <= LIMIT_JSON_DEPTH));
	if (ours && yyjson_is_str(yyjson_doc_get_root(doc))) {
		struct json_scan scan = json_scan_begin(line, 0);
		yyjson_val *root = yyjson_doc_get_root(doc);
		struct buffer meant = { 0 };
		struct span value;

		CHECK(json_scan_value(&scan, &value) && json_scan_unescape(value, &meant));
		CHECK(meant.len == yyjson_get_len(root) &&
			memcmp(meant.data != NULL ? (char *)meant.data : "", yyjson_get_str(root), meant.len) == 0);
		buffer_fini(&meant);
	}
	yyjson_doc_free(doc);
}

static void never(void *user, const char *reason, bool is_batch)
{
	(void)user;
	(void)fprintf(stderr, "%s%s\n", reason, is_batch ? " (batch)" : "");
	CHECK(!"what was written is read again");
}

static void compare(void *user, const struct jsonrpc_message *message)
{
	struct seen *seen = user;

	seen->messages++;
	CHECK(message->kind == seen->first->kind);
	CHECK(message->id.kind == seen->first->id.kind && jsonrpc_id_equal(&message->id, &seen->first->id));
	CHECK(span_equal(message->method, seen->first->method) && message->code == seen->first->code);
	CHECK(span_equal(message->message, seen->first->message));
	CHECK((message->params.len > 0) == (seen->first->params.len > 0));
	CHECK((message->data.len > 0) == (seen->first->data.len > 0));
}

static void check_message(void *user, const struct jsonrpc_message *message)
{
	const struct jsonrpc_limits limits = { 0 };
	struct seen *seen = user, again = { .messages = 0 };
	struct jsonrpc_message first = *message;
	struct buffer line = { 0 };

	seen->messages++;
	again.first = &first;
	switch (message->kind) {
	case JSONRPC_NOTIFICATION:
		CHECK(jsonrpc_append_notification(&line, message->method, message->params));
		break;
	case JSONRPC_RESULT:
		CHECK(message->id.kind >= JSONRPC_INTEGER_ID && json_is_object(message->result));
		CHECK(jsonrpc_append_result(&line, &message->id, message->result));
		break;
	case JSONRPC_ERROR:
		CHECK(jsonrpc_append_error(&line, &message->id, message->code, message->message, message->data));
		break;
	case JSONRPC_REQUEST:
		if (message->id.kind != JSONRPC_INTEGER_ID)
			return;
		CHECK(jsonrpc_append_request(&line, message->id.number, message->method, message->params));
		break;
	default:
		CHECK(message->id.kind >= JSONRPC_INTEGER_ID);
		return;
	}
	CHECK(line.data[line.len - 1] == '\n' && memchr(line.data, '\n', line.len - 1) == NULL);
	CHECK(jsonrpc_read(span_of(line.data, line.len - 1), &limits, false, compare, never, &again, NULL) ==
		CAPSULE_OK);
	CHECK(again.messages == 1);
	buffer_fini(&line);
}

static void count_bad(void *user, const char *reason, bool is_batch)
{
	struct seen *seen = user;

	(void)is_batch;
	CHECK(reason != NULL && reason[0] != '\0');
	seen->messages++;
}

static bool check_line(void *user, struct span line)
{
	const struct jsonrpc_limits limits = { .batch = 8 };
	struct seen all = { .messages = 0 };

	note(user, line);
	CHECK(line.len <= LINE_LIMIT && memchr(line.data, '\n', line.len) == NULL);
	check_grammar(line);
	CHECK(jsonrpc_read(line, &limits, true, check_message, count_bad, &all, NULL) == CAPSULE_OK);
	CHECK(all.messages >= 1 && all.messages <= 8);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lines whole = { .limit = LINE_LIMIT }, pieces = { .limit = LINE_LIMIT };
	struct seen first = { .hash = 0 }, second = { .hash = 0 };
	size_t piece = size > 0 ? (size_t)data[0] + 1 : 1;
	enum capsule_status status = CAPSULE_OK;
	const uint8_t *at = data + 1;

	size = size > 0 ? size - 1 : 0;
	for (size_t left = size; left > 0 && status == CAPSULE_OK;) {
		size_t put = left < piece ? left : piece;

		status = lines_take(&pieces, span_of(at, put), check_line, &first, NULL);
		at += put;
		left -= put;
	}
	lines_end(&pieces, check_line, &first);
	if (size > 0)
		CHECK(lines_take(&whole, span_of(data + 1, size), count_line, &second, NULL) == status);
	lines_end(&whole, count_line, &second);
	CHECK(first.lines == second.lines && first.hash == second.hash);
	lines_fini(&pieces);
	lines_fini(&whole);
	return 0;
}
