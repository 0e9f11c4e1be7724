/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Splits and reads. A line that is too long is known by then without having been kept as a whole; numbers and members
 * of a payload stay as they were written, so that the library judges what was meant. */
#include "cli/run_lines.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#define ID_BYTES_MAX 128

/* ---- Lines ---- */

static bool make_room(struct run_lines *lines, size_t len)
{
	size_t kept = lines->len - lines->at, capacity = lines->capacity;
	char *grown;

	if (lines->at > 0 && kept > 0)
		memmove(lines->bytes, lines->bytes + lines->at, kept);
	lines->scanned -= lines->at;
	lines->at = 0;
	lines->len = kept;
	if (capacity - kept >= len)
		return true;
	capacity = capacity * 2 >= kept + len ? capacity * 2 : kept + len;
	grown = realloc(lines->bytes, capacity);
	if (grown == NULL)
		return false;
	lines->bytes = grown;
	lines->capacity = capacity;
	return true;
}

bool run_lines_put(struct run_lines *lines, const char *bytes, size_t len)
{
	if (len == 0)
		return true;
	if (!make_room(lines, len))
		return false;
	memcpy(lines->bytes + lines->len, bytes, len);
	lines->len += len;
	return true;
}

static void drop_all(struct run_lines *lines)
{
	lines->at = lines->scanned = lines->len = 0;
}

/* The end of the line that begins at lines->at, where its newline is. NULL: there is none yet. */
static const char *find_newline(struct run_lines *lines)
{
	size_t left = lines->len - lines->scanned;
	const char *newline = left > 0 ? memchr(lines->bytes + lines->scanned, '\n', left) : NULL;

	lines->scanned = newline != NULL ? (size_t)(newline - lines->bytes) + 1 : lines->len;
	return newline;
}

/* Give what lies between lines->at and `end`. */
static enum run_line give(struct run_lines *lines, size_t end, const char **line, size_t *len)
{
	*line = lines->bytes + lines->at;
	*len = end - lines->at;
	lines->at = lines->scanned;
	lines->number++;
	return *len <= RUN_LINE_BYTES_MAX ? RUN_LINE_WHOLE : RUN_LINE_TOO_LONG;
}

enum run_line run_lines_next(struct run_lines *lines, bool ended, const char **line, size_t *len)
{
	const char *newline = find_newline(lines);

	if (lines->skipping) {
		if (newline == NULL) {
			drop_all(lines);
			return RUN_LINE_NONE;
		}
		lines->skipping = false;
		lines->at = lines->scanned;
		newline = find_newline(lines);
	}
	if (newline != NULL)
		return give(lines, (size_t)(newline - lines->bytes), line, len);
	if (lines->len - lines->at > RUN_LINE_BYTES_MAX) {
		lines->number++;
		lines->skipping = true;
		drop_all(lines);
		return RUN_LINE_TOO_LONG;
	}
	return ended && lines->len > lines->at ? give(lines, lines->len, line, len) : RUN_LINE_NONE;
}

void run_lines_fini(struct run_lines *lines)
{
	free(lines->bytes);
	*lines = (struct run_lines){ 0 };
}

bool run_line_is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	return true;
}

/* ---- Messages ---- */

static bool is_id(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char byte = text[i];

		if (!((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
			    byte == '-' || byte == '_'))
			return false;
	}
	return len > 0 && len <= ID_BYTES_MAX;
}

static const char *id_in(yyjson_val *object)
{
	static const char *const members[] = { "req_id", "_astrid_delivery_id" };

	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		yyjson_val *value = yyjson_obj_get(object, members[i]);

		if (yyjson_is_str(value) && is_id(yyjson_get_str(value), yyjson_get_len(value)))
			return yyjson_get_str(value);
	}
	return NULL;
}

static char *id_of(yyjson_val *payload)
{
	const char *id = id_in(payload);

	if (id == NULL && yyjson_equals_str(yyjson_obj_get(payload, "type"), "custom"))
		id = id_in(yyjson_obj_get(payload, "data"));
	return id != NULL ? strdup(id) : NULL;
}

char *run_request_id(const char *json, size_t len)
{
	yyjson_doc *doc = yyjson_read(json, len, YYJSON_READ_NUMBER_AS_RAW);
	char *id = id_of(yyjson_doc_get_root(doc));

	yyjson_doc_free(doc);
	return id;
}

static bool refuse(char *why, const char *reason)
{
	(void)snprintf(why, RUN_WHY_BYTES, "%s", reason);
	return false;
}

/* The document that `len` bytes of text are, NULL after having said why they are none. */
static yyjson_doc *read_json(const char *text, size_t len, char *why)
{
	yyjson_read_err error = { 0 };
	/* It is asked for not to change what it reads, so that it may be a constant. */
	yyjson_doc *doc = yyjson_read_opts((char *)(size_t)text, len, YYJSON_READ_NUMBER_AS_RAW, NULL, &error);

	if (doc == NULL && len == 0)
		(void)refuse(why, "there is no JSON");
	else if (doc == NULL)
		(void)snprintf(why, RUN_WHY_BYTES, "not valid JSON: %s at byte %zu", error.msg, error.pos + 1);
	return doc;
}

static bool take_members(struct run_message *message, yyjson_val *root, char *why)
{
	yyjson_val *topic = yyjson_obj_get(root, "topic"), *payload = yyjson_obj_get(root, "payload");

	if (!yyjson_is_obj(root) || topic == NULL || payload == NULL)
		return refuse(
			why, "a line is an object with `topic` and `payload`: {\"topic\":\"a.b\",\"payload\":{}}");
	if (!yyjson_is_str(topic))
		return refuse(why, "`topic` is no text");
	if (strlen(yyjson_get_str(topic)) != yyjson_get_len(topic))
		return refuse(why, "`topic` has a NUL in it");
	message->topic = strdup(yyjson_get_str(topic));
	message->payload = yyjson_val_write(payload, YYJSON_WRITE_NOFLAG, &message->payload_len);
	message->request = id_of(payload);
	return message->topic != NULL && message->payload != NULL ? true : refuse(why, "out of memory");
}

bool run_message_read_line(struct run_message *message, const char *line, size_t len, char *why)
{
	yyjson_doc *doc = read_json(line, len, why);
	bool taken = false;

	*message = (struct run_message){ 0 };
	if (doc != NULL)
		taken = take_members(message, yyjson_doc_get_root(doc), why);
	yyjson_doc_free(doc);
	return taken;
}

bool run_message_read(struct run_message *message, const char *topic, const char *json, char *why)
{
	size_t len = strlen(json);
	yyjson_doc *doc = read_json(json, len, why);

	*message = (struct run_message){ 0 };
	if (doc == NULL)
		return false;
	message->topic = strdup(topic);
	message->payload = strdup(json);
	message->payload_len = len;
	message->request = id_of(yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	return message->topic != NULL && message->payload != NULL ? true : refuse(why, "out of memory");
}

void run_message_fini(struct run_message *message)
{
	free(message->topic);
	free(message->payload);
	free(message->request);
	*message = (struct run_message){ 0 };
}
