/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Receipts read and written. What is read is ours, but somebody may have had the file in his hands. */
#include "consent/trust_receipt.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"

#define VERSION 1
#define DEPTH 4   /* object, array, object */
#define MEMBERS 7 /* of a receipt */

/* ---- Writing ---- */

bool trust_append_escaped(struct buffer *out, const char *text)
{
	struct span left = span_text(text);
	size_t valid = text_utf8_valid_prefix(left);

	for (; left.len > 0; left = span_of(left.data + 1, left.len - 1)) {
		uint8_t byte = left.data[0];
		bool bad = valid == 0;

		if (bad || byte < 0x20 || byte == 0x7F || byte == '\\')
			(void)buffer_printf(out, "\\x%02x", byte);
		else
			(void)buffer_append_byte(out, byte);
		valid = bad ? text_utf8_valid_prefix(span_of(left.data + 1, left.len - 1)) : valid - 1;
	}
	return !out->failed;
}

static bool append_files(const struct trust_subject *subject, struct buffer *out)
{
	(void)buffer_append_text(out, ",\n\"files\":[");
	for (size_t i = 0; i < subject->file_count; i++) {
		const struct trust_file *file = &subject->files[i];

		(void)buffer_append_text(out, i > 0 ? ",\n{\"name\":" : "\n{\"name\":");
		(void)json_append_string(out, span_text(file->name));
		if (file->blake3[0] != '\0')
			(void)buffer_printf(out, ",\"blake3\":\"%s\"}", file->blake3);
		else
			(void)buffer_append_text(out, ",\"blake3\":null}");
	}
	return buffer_append_text(out, "]");
}

bool receipt_append(const struct trust_subject *subject, const char *by, const char *when, struct buffer *out)
{
	HOLD(buffer_fini) struct buffer dir = { 0 };

	if (!trust_append_escaped(&dir, subject->dir))
		return !(out->failed = true);
	(void)buffer_printf(out, "{\"version\":%d,\n\"id\":", VERSION);
	(void)(json_append_string(out, span_text(subject->id)) && buffer_append_text(out, ",\n\"dir\":") &&
		json_append_string(out, buffer_span(&dir)) && buffer_append_text(out, ",\n\"by\":") &&
		json_append_string(out, span_text(by)) && buffer_append_text(out, ",\n\"when\":") &&
		json_append_string(out, span_text(when)));
	(void)append_files(subject, out);
	(void)buffer_append_text(out, ",\n\"rights\":[");
	for (size_t i = 0; i < subject->right_count; i++) {
		(void)buffer_append_text(out, i > 0 ? ",\n" : "\n");
		(void)json_append_string(out, span_text(subject->rights[i]));
	}
	return buffer_append_text(out, "]}\n");
}

/* ---- Reading ---- */

void receipt_fini(struct receipt *receipt)
{
	trust_subject_fini(&receipt->subject);
	free(receipt->by);
	free(receipt->when);
	*receipt = (struct receipt){ 0 };
}

static enum capsule_status bad(struct capsule_error *err, const char *what)
{
	return error_set(err, CAPSULE_EINVAL, "it is damaged: %s", what);
}

/* A copy of the string `value`, which has 1 to `max` bytes and no zero byte. `what` is for the message. */
static enum capsule_status take_text(
	char **out, const yyjson_val *value, size_t max, const char *what, struct capsule_error *err)
{
	yyjson_val *string = json_reader(value);
	struct span text;

	if (!yyjson_is_str(string))
		return bad(err, what);
	text = span_of(yyjson_get_str(string), yyjson_get_len(string));
	if (text.len == 0 || text.len > max || memchr(text.data, '\0', text.len) != NULL)
		return bad(err, what);
	*out = text_copy(text);
	return *out != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for a receipt");
}

/* The same of a text that is one line. */
static enum capsule_status take_line(
	char **out, const yyjson_val *value, size_t max, const char *what, struct capsule_error *err)
{
	enum capsule_status status = take_text(out, value, max, what, err);

	for (const char *at = status == CAPSULE_OK ? *out : ""; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7F)
			return bad(err, what);
	return status;
}

static bool take_hash(char out[65], const yyjson_val *value)
{
	yyjson_val *hash = json_reader(value);

	if (yyjson_is_null(hash)) {
		out[0] = '\0';
		return true;
	}
	if (!yyjson_is_str(hash) || yyjson_get_len(hash) != 64 ||
		strspn(yyjson_get_str(hash), "0123456789abcdef") != 64)
		return false;
	memcpy(out, yyjson_get_str(hash), 65);
	return true;
}

static enum capsule_status take_files(struct trust_subject *subject, const yyjson_val *files, struct capsule_error *err)
{
	size_t count = yyjson_arr_size(json_reader(files));
	yyjson_arr_iter each = yyjson_arr_iter_with(json_reader(files));
	yyjson_val *item;

	if (!yyjson_is_arr(json_reader(files)) || count == 0 || count > RECEIPT_FILES_MAX)
		return bad(err, "\"files\" is not an array of files");
	subject->files = calloc(count, sizeof *subject->files);
	if (subject->files == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a receipt");
	while ((item = yyjson_arr_iter_next(&each)) != NULL) {
		struct trust_file *file = &subject->files[subject->file_count++];
		enum capsule_status status = take_text(&file->name, yyjson_obj_get(item, "name"), LIMIT_MANIFEST_TEXT,
			"a file of \"files\" has no name", err);

		if (status != CAPSULE_OK)
			return status;
		if (yyjson_obj_size(item) != 2 || !take_hash(file->blake3, yyjson_obj_get(item, "blake3")))
			return bad(err, "a file of \"files\" has no hash");
		if (subject->file_count > 1 && strcmp(file[-1].name, file->name) >= 0)
			return bad(err, "\"files\" is not in order");
	}
	return CAPSULE_OK;
}

static enum capsule_status take_rights(
	struct trust_subject *subject, const yyjson_val *rights, struct capsule_error *err)
{
	size_t count = yyjson_arr_size(json_reader(rights));
	yyjson_arr_iter each = yyjson_arr_iter_with(json_reader(rights));
	yyjson_val *item;

	if (!yyjson_is_arr(json_reader(rights)) || count > RECEIPT_RIGHTS_MAX)
		return bad(err, "\"rights\" is not an array of texts");
	subject->rights = calloc(count + 1, sizeof *subject->rights);
	if (subject->rights == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a receipt");
	while ((item = yyjson_arr_iter_next(&each)) != NULL) {
		char **right = &subject->rights[subject->right_count++];
		enum capsule_status status = take_line(
			right, item, RECEIPT_BYTES_MAX, "\"rights\" is not an array of texts", err);

		if (status != CAPSULE_OK)
			return status;
		if (subject->right_count > 1 && strcmp(right[-1], *right) >= 0)
			return bad(err, "\"rights\" is not in order");
	}
	return CAPSULE_OK;
}

static enum capsule_status take(struct receipt *out, const yyjson_val *value, struct capsule_error *err)
{
	yyjson_val *root = json_reader(value), *version = yyjson_obj_get(root, "version");
	enum capsule_status status;

	if (!yyjson_is_uint(version))
		return bad(err, "it has no \"version\"");
	if (yyjson_get_uint(version) != VERSION)
		return error_set(err, CAPSULE_EINVAL, "it is of format %llu, this program reads %d",
			(unsigned long long)yyjson_get_uint(version), VERSION);
	if (yyjson_obj_size(root) != MEMBERS)
		return bad(err, "it has other members than a receipt has");
	status = take_line(&out->subject.id, yyjson_obj_get(root, "id"), LIMIT_NAME, "\"id\" is no name", err);
	if (status == CAPSULE_OK)
		status = take_line(
			&out->subject.dir, yyjson_obj_get(root, "dir"), 4 * LIMIT_PATH, "\"dir\" is no path", err);
	if (status == CAPSULE_OK)
		status = take_line(&out->by, yyjson_obj_get(root, "by"), RECEIPT_TEXT_MAX, "\"by\" is no name", err);
	if (status == CAPSULE_OK)
		status = take_line(
			&out->when, yyjson_obj_get(root, "when"), RECEIPT_TEXT_MAX, "\"when\" is no time", err);
	if (status == CAPSULE_OK)
		status = take_files(&out->subject, yyjson_obj_get(root, "files"), err);
	if (status == CAPSULE_OK)
		status = take_rights(&out->subject, yyjson_obj_get(root, "rights"), err);
	return status;
}

enum capsule_status receipt_parse(struct receipt *out, struct span text, struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = RECEIPT_BYTES_MAX, .depth_max = DEPTH };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	enum capsule_status status = json_parse(&doc, text, &limits, "receipt", err);

	*out = (struct receipt){ 0 };
	if (status == CAPSULE_OK)
		status = take(out, yyjson_doc_get_root(doc), err);
	if (status != CAPSULE_OK)
		receipt_fini(out);
	return status;
}
