/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the commands need of yyjson. Answers of guests are put into documents as values, with their numbers untouched: a
 * 64-bit or a decimal number must come out as it came in. */
#include "cli/json.h"
#include "cli/text.h"
#include <stdlib.h>
#include <string.h>

static int print(const struct output *out, char *text, size_t len)
{
	if (text == NULL)
		return cli_say_memory();
	cli_print_answer(out, text, len, true);
	free(text);
	return 0;
}

static yyjson_write_flag flags(const struct output *out)
{
	return out->terminal ? YYJSON_WRITE_PRETTY_TWO_SPACES : YYJSON_WRITE_NOFLAG;
}

int cli_json_print(const struct output *out, const yyjson_mut_doc *doc)
{
	size_t len = 0;
	char *text = yyjson_mut_write_opts(doc, flags(out), NULL, &len, NULL);

	return print(out, text, len);
}

int cli_json_print_text(const struct output *out, const char *text)
{
	yyjson_doc *doc = cli_json_read(text, strlen(text));
	size_t len = 0;
	char *written = doc != NULL ? yyjson_write_opts(doc, flags(out), NULL, &len, NULL) : NULL;

	yyjson_doc_free(doc);
	return print(out, written, len);
}

int cli_json_print_item(const struct output *out, const char *text, size_t index)
{
	yyjson_doc *doc = cli_json_read(text, strlen(text));
	const yyjson_val *item = yyjson_arr_get(yyjson_doc_get_root(doc), index);
	size_t len = 0;
	char *written = item != NULL ? yyjson_val_write_opts(item, flags(out), NULL, &len, NULL) : NULL;

	yyjson_doc_free(doc);
	return print(out, written, len);
}

yyjson_doc *cli_json_read(const char *text, size_t len)
{
	return yyjson_read(text, len, YYJSON_READ_NUMBER_AS_RAW);
}

static char *base64(const char *bytes, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = (const unsigned char *)bytes;
	char *text = malloc((len + 2) / 3 * 4 + 1), *out = text;

	if (text == NULL)
		return NULL;
	for (size_t at = 0; at < len; at += 3) {
		size_t left = len - at;
		uint32_t group = (uint32_t)in[at] << 16 | (left > 1 ? (uint32_t)in[at + 1] << 8 : 0) |
			(left > 2 ? in[at + 2] : 0);

		*out++ = digits[group >> 18];
		*out++ = digits[group >> 12 & 63];
		*out++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[group & 63] : '=';
	}
	*out = '\0';
	return text;
}

static bool add_base64(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *bytes, size_t len)
{
	char *text = base64(bytes, len);
	bool added = text != NULL && yyjson_mut_obj_add_strcpy(doc, object, "result", text) &&
		yyjson_mut_obj_add_str(doc, object, "result_type", "base64");

	free(text);
	return added;
}

bool cli_json_add_result(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *bytes, size_t len)
{
	yyjson_doc *answer = cli_json_read(bytes, len);

	if (answer != NULL) {
		yyjson_mut_val *value = yyjson_val_mut_copy(doc, yyjson_doc_get_root(answer));
		bool added = value != NULL && yyjson_mut_obj_add_val(doc, object, "result", value) &&
			yyjson_mut_obj_add_str(doc, object, "result_type", "json");

		yyjson_doc_free(answer);
		return added;
	}
	if (!cli_utf8_valid(bytes, len))
		return add_base64(doc, object, bytes, len);
	return yyjson_mut_obj_add_strncpy(doc, object, "result", bytes, len) &&
		yyjson_mut_obj_add_str(doc, object, "result_type", "text");
}

bool cli_json_add_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, const char *text)
{
	static const char replacement[] = "\xEF\xBF\xBD";
	size_t len = text != NULL ? strlen(text) : 0, at = 0, used = 0;
	char *repaired;
	bool added;

	if (text == NULL)
		return yyjson_mut_obj_add_null(doc, object, key);
	if (cli_utf8_valid(text, len))
		return yyjson_mut_obj_add_strncpy(doc, object, key, text, len);
	repaired = malloc(len * (sizeof replacement - 1));
	if (repaired == NULL)
		return false;
	while (at < len) {
		uint32_t code;
		size_t bytes = cli_utf8_next(text + at, len - at, &code);
		bool bad = code == CLI_BAD_CODE;

		memcpy(repaired + used, bad ? replacement : text + at, bad ? sizeof replacement - 1 : bytes);
		used += bad ? sizeof replacement - 1 : bytes;
		at += bytes;
	}
	added = yyjson_mut_obj_add_strncpy(doc, object, key, repaired, used);
	free(repaired);
	return added;
}

bool cli_json_add_us(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t ns)
{
	return yyjson_mut_obj_add_real(doc, object, key, (double)ns / 1000);
}

uint64_t cli_json_number(yyjson_val *object, const char *key)
{
	const char *digits = yyjson_get_raw(yyjson_obj_get(object, key));

	return digits != NULL ? strtoull(digits, NULL, 10) : 0;
}

const char *cli_json_string(yyjson_val *object, const char *key)
{
	return yyjson_get_str(yyjson_obj_get(object, key));
}
