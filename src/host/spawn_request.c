/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "host/spawn_request.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"

#define EXPECTED "expected {\"cmd\": \"<program>\", \"args\": [\"<word>\", ...]}"
#define EXPECTED_ID "expected {\"id\": <number of astrid_spawn_background_host>}"

void spawn_request_fini(struct spawn_request *request)
{
	yyjson_doc_free(request->doc);
	free(request->argv);
	*request = (struct spawn_request){ 0 };
}

/* One word; `left` is how many bytes all may still have. */
static enum capsule_status read_word(
	const yyjson_val *value, const char *what, size_t *left, const char **out, struct capsule_error *err)
{
	yyjson_val *reader = json_reader(value);
	size_t len = yyjson_get_len(reader);

	if (!yyjson_is_str(reader))
		return error_set(err, CAPSULE_EINVAL, "%s is missing or no text; " EXPECTED, what);
	*out = yyjson_get_str(reader);
	if (memchr(*out, 0, len) != NULL)
		return error_set(err, CAPSULE_EINVAL, "%s has a zero byte, which no word of a command can have", what);
	if (len > SPAWN_WORD_MAX || len + 1 > *left)
		return error_set(err, CAPSULE_ELIMIT,
			"%s has %zu bytes: a word may have %u, all words of a command together %u; write long input into "
			"a file",
			what, len, SPAWN_WORD_MAX, SPAWN_WORDS_MAX);
	*left -= len + 1;
	return CAPSULE_OK;
}

static enum capsule_status read_args(
	struct spawn_request *request, yyjson_val *args, size_t left, struct capsule_error *err)
{
	size_t count = args == NULL ? 0 : yyjson_arr_size(args);
	yyjson_arr_iter words;

	if (args != NULL && !yyjson_is_arr(args))
		return error_set(err, CAPSULE_EINVAL, "`args` is no array; " EXPECTED);
	if (count > SPAWN_ARGS_MAX)
		return error_set(err, CAPSULE_ELIMIT, "`args` has %zu words, %d are the most", count, SPAWN_ARGS_MAX);
	request->argv = calloc(count + 2, sizeof *request->argv);
	if (request->argv == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a command");
	request->argv[request->argc++] = request->cmd;
	if (count == 0)
		return CAPSULE_OK;
	words = yyjson_arr_iter_with(args);
	while (yyjson_arr_iter_has_next(&words)) {
		enum capsule_status status = read_word(
			yyjson_arr_iter_next(&words), "a word of `args`", &left, &request->argv[request->argc++], err);

		if (status != CAPSULE_OK)
			return status;
	}
	return CAPSULE_OK;
}

enum capsule_status spawn_request_read(struct spawn_request *out, struct span json, struct capsule_error *err)
{
	static const struct json_limits limits = { .bytes_max = LIMIT_PAYLOAD };
	size_t left = SPAWN_WORDS_MAX;
	enum capsule_status status;
	yyjson_val *root;

	*out = (struct spawn_request){ 0 };
	status = json_parse(&out->doc, json, &limits, "request", err);
	if (status != CAPSULE_OK)
		return status;
	root = yyjson_doc_get_root(out->doc);
	if (!yyjson_is_obj(root))
		return error_set(err, CAPSULE_EINVAL, "the request is no object; " EXPECTED);
	status = read_word(yyjson_obj_get(root, "cmd"), "`cmd`", &left, &out->cmd, err);
	return status == CAPSULE_OK ? read_args(out, yyjson_obj_get(root, "args"), left, err) : status;
}

enum capsule_status spawn_request_read_id(uint64_t *id, struct span json, struct capsule_error *err)
{
	static const struct json_limits limits = { .bytes_max = 256 };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	enum capsule_status status = json_parse(&doc, json, &limits, "request", err);
	yyjson_val *value;

	if (status != CAPSULE_OK)
		return status;
	value = yyjson_obj_get(yyjson_doc_get_root(doc), "id");
	if (!yyjson_is_uint(value))
		return error_set(err, CAPSULE_EINVAL, "`id` is missing or no whole number; " EXPECTED_ID);
	*id = yyjson_get_uint(value);
	return CAPSULE_OK;
}
