/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* libyaml reads, we build: its events become values of a JSON document. Anchors and aliases are refused, so that a few bytes can't
 * stand for many. */
#include "engine/static/front_matter.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"

#include <errno.h>
#include <math.h>
#include <yaml.h>

struct builder {
	yaml_parser_t parser;
	yyjson_mut_doc *doc;
	yyjson_mut_val *stack[FRONT_MATTER_DEPTH];
	yyjson_mut_val *keys[FRONT_MATTER_DEPTH]; /* of an object: the key whose value comes next */
	size_t depth, values;
	unsigned first_line;
	struct capsule_error *err;
};

/* One line of `text` from `at` on; `*next` is where the following one begins. */
static struct span line_at(struct span text, size_t at, size_t *next)
{
	const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
	size_t len = end == NULL ? text.len - at : (size_t)(end - (text.data + at));

	*next = end == NULL ? text.len : at + len + 1;
	if (len > 0 && text.data[at + len - 1] == '\r')
		len--;
	return span_of(text.data + at, len);
}

enum capsule_status front_matter_split(
	struct span file, struct span *matter, struct span *body, struct capsule_error *err)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t at = span_starts(file, span_text(mark)) ? sizeof mark - 1 : 0, begin = 0, next = 0;

	*matter = span_of(NULL, 0);
	*body = span_of(file.len > at ? file.data + at : NULL, file.len - at);
	if (file.len == at || !span_is(line_at(file, at, &begin), "---"))
		return CAPSULE_OK;
	for (at = begin; at < file.len; at = next) {
		struct span line = line_at(file, at, &next);

		if (span_is(line, "---") || span_is(line, "...")) {
			if (at - begin > LIMIT_FRONT_MATTER)
				return error_set(err, CAPSULE_ELIMIT,
					"the front matter has %zu bytes; at most %u are allowed", at - begin,
					LIMIT_FRONT_MATTER);
			*matter = span_of(file.data + begin, at - begin);
			*body = span_of(file.data + next, file.len - next);
			return CAPSULE_OK;
		}
	}
	return error_set(
		err, CAPSULE_EINVAL, "the front matter that begins in line 1 has no end: a line `---` is missing");
}

static enum capsule_status refuse(const struct builder *builder, const yaml_event_t *event, const char *what)
{
	return error_set(builder->err, CAPSULE_EINVAL, "front matter, line %zu: %s",
		event->start_mark.line + builder->first_line, what);
}

/* Put `value` where the document is: under the pending key, into the list, or as the whole. */
static enum capsule_status place_value(struct builder *builder, yyjson_mut_val *value, const yaml_event_t *event)
{
	yyjson_mut_val *into = builder->depth == 0 ? NULL : builder->stack[builder->depth - 1];
	bool put = value != NULL;

	if (++builder->values > FRONT_MATTER_VALUES)
		return error_set(builder->err, CAPSULE_ELIMIT, "front matter, line %zu: over %d keys and values",
			event->start_mark.line + builder->first_line, FRONT_MATTER_VALUES);
	if (put && into == NULL) {
		yyjson_mut_doc_set_root(builder->doc, value);
	} else if (put && yyjson_mut_is_arr(into)) {
		put = yyjson_mut_arr_append(into, value);
	} else if (put) {
		put = yyjson_mut_obj_add(into, builder->keys[builder->depth - 1], value);
		builder->keys[builder->depth - 1] = NULL;
	}
	return put ? CAPSULE_OK : error_set(builder->err, CAPSULE_ENOMEM, "no memory for front matter");
}

static bool key_expected(const struct builder *builder)
{
	return builder->depth > 0 && yyjson_mut_is_obj(builder->stack[builder->depth - 1]) &&
		builder->keys[builder->depth - 1] == NULL;
}

static enum capsule_status take_key(struct builder *builder, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;

	if (yyjson_mut_obj_getn(builder->stack[builder->depth - 1], text, len) != NULL)
		return refuse(builder, event, "a key is repeated");
	builder->keys[builder->depth - 1] = yyjson_mut_strncpy(builder->doc, text, len);
	return builder->keys[builder->depth - 1] != NULL
		? CAPSULE_OK
		: error_set(builder->err, CAPSULE_ENOMEM, "no memory for front matter");
}

/* The number that a plain scalar is by YAML's core schema, NULL when it is none. */
static yyjson_mut_val *number_of(yyjson_mut_doc *doc, const char *text, size_t len)
{
	char *end = NULL;
	long long whole;
	double real;

	if (len == 0 || len > 64 || strspn(text, "+-.0123456789eE") != len || strpbrk(text, "0123456789") == NULL)
		return NULL;
	errno = 0;
	whole = strtoll(text, &end, 10);
	if (*end == '\0' && errno == 0)
		return yyjson_mut_sint(doc, whole);
	real = strtod(text, &end);
	return *end == '\0' && isfinite(real) ? yyjson_mut_real(doc, real) : NULL;
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static yyjson_mut_val *scalar_of(struct builder *builder, const yaml_event_t *event)
{
	static const char *const nothing[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const yes[] = { "true", "True", "TRUE", NULL };
	static const char *const no[] = { "false", "False", "FALSE", NULL };
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	yyjson_mut_val *number;

	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strlen(text) == len) {
		if (is_one_of(text, nothing))
			return yyjson_mut_null(builder->doc);
		if (is_one_of(text, yes) || is_one_of(text, no))
			return yyjson_mut_bool(builder->doc, is_one_of(text, yes));
		number = number_of(builder->doc, text, len);
		if (number != NULL)
			return number;
	}
	return yyjson_mut_strncpy(builder->doc, text, len);
}

static enum capsule_status open_collection(struct builder *builder, const yaml_event_t *event)
{
	bool mapping = event->type == YAML_MAPPING_START_EVENT;
	yyjson_mut_val *value = mapping ? yyjson_mut_obj(builder->doc) : yyjson_mut_arr(builder->doc);
	enum capsule_status status;

	if (!mapping && builder->depth == 0)
		return refuse(builder, event, "it must be a mapping, `key: value` in each line");
	if (builder->depth == FRONT_MATTER_DEPTH)
		return refuse(builder, event, "it is nested too deeply");
	status = place_value(builder, value, event);
	if (status != CAPSULE_OK)
		return status;
	builder->keys[builder->depth] = NULL;
	builder->stack[builder->depth++] = value;
	return CAPSULE_OK;
}

static bool has_extras(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return true;
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor != NULL || event->data.sequence_start.tag != NULL;
	default:
		return false;
	}
}

static enum capsule_status take_event(struct builder *builder, const yaml_event_t *event)
{
	if (has_extras(event))
		return refuse(builder, event, "anchors, aliases and tags are not allowed");
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		if (key_expected(builder))
			return take_key(builder, event);
		if (builder->depth == 0)
			return refuse(builder, event, "it must be a mapping, `key: value` in each line");
		return place_value(builder, scalar_of(builder, event), event);
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		if (key_expected(builder))
			return refuse(builder, event, "a key must be plain text");
		return open_collection(builder, event);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		builder->depth--;
		return CAPSULE_OK;
	case YAML_DOCUMENT_START_EVENT:
		if (yyjson_mut_doc_get_root(builder->doc) != NULL)
			return refuse(builder, event, "it holds more than one document");
		return CAPSULE_OK;
	default:
		return CAPSULE_OK;
	}
}

static enum capsule_status read_events(struct builder *builder)
{
	yaml_event_t event;
	enum capsule_status status = CAPSULE_OK;
	bool over = false;

	while (status == CAPSULE_OK && !over) {
		if (yaml_parser_parse(&builder->parser, &event) == 0) {
			if (builder->parser.error == YAML_MEMORY_ERROR)
				return error_set(builder->err, CAPSULE_ENOMEM, "no memory for front matter");
			return error_set(builder->err, CAPSULE_EINVAL, "front matter, line %zu: %s",
				builder->parser.problem_mark.line + builder->first_line,
				builder->parser.problem != NULL ? builder->parser.problem : "this is no YAML");
		}
		over = event.type == YAML_STREAM_END_EVENT;
		status = take_event(builder, &event);
		yaml_event_delete(&event);
	}
	return status;
}

static enum capsule_status write_json(const struct builder *builder, struct buffer *out)
{
	size_t len = 0;
	char *text;

	if (yyjson_mut_doc_get_root(builder->doc) == NULL)
		return CAPSULE_OK;
	text = yyjson_mut_write(builder->doc, 0, &len);
	if (text == NULL)
		return error_set(builder->err, CAPSULE_ENOMEM, "no memory for front matter");
	buffer_append(out, text, len);
	free(text);
	return buffer_check(out, builder->err);
}

enum capsule_status front_matter_json(
	struct span matter, unsigned first_line, struct buffer *out, struct capsule_error *err)
{
	struct builder builder = { .first_line = first_line, .err = err };
	enum capsule_status status;

	if (matter.len > LIMIT_FRONT_MATTER)
		return error_set(err, CAPSULE_ELIMIT, "the front matter has %zu bytes; at most %u are allowed",
			matter.len, LIMIT_FRONT_MATTER);
	if (matter.len == 0) /* libyaml takes no NULL */
		return CAPSULE_OK;
	builder.doc = yyjson_mut_doc_new(NULL);
	if (builder.doc == NULL || yaml_parser_initialize(&builder.parser) == 0) {
		yyjson_mut_doc_free(builder.doc);
		return error_set(err, CAPSULE_ENOMEM, "no memory for front matter");
	}
	yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&builder.parser, matter.data, matter.len);
	status = read_events(&builder);
	if (status == CAPSULE_OK)
		status = write_json(&builder, out);
	yaml_parser_delete(&builder.parser);
	yyjson_mut_doc_free(builder.doc);
	return status;
}
