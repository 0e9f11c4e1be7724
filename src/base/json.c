/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reading JSON. yyjson checks the grammar without recursion; one walk over its flat array of values then checks what it
 * does not: nesting, on which other readers would recurse, and repeated keys, which readers understand differently. */
#include "base/json.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/uuid.h"

#include <stdio.h>
#include <stdlib.h>

/* Objects up to this many members are checked by comparing each with each, larger ones with a hash table. */
#define SMALL_OBJECT 16

#define KEY_SHOWN 128 /* bytes of a key in a message */

/* What yyjson may allocate for one text. A well-formed one never needs more than yyjson's own bound; the slack is for
 * allocations of fixed size. */
struct budget {
	size_t left;
	bool exceeded;
};

#define BUDGET_SLACK 4096

struct slot {
	uint64_t hash; /* kept, so that keys in neighbouring slots are not fetched to be told apart */
	const yyjson_val *key;
};

struct reading {
	struct span text;
	const char *what;
	struct capsule_error *err;
	const yyjson_doc *doc;
	size_t depth_max;
	bool allow_duplicates;
	bool seeded;
	uint64_t seed[2];
};

static bool budget_spend(struct budget *budget, size_t size)
{
	if (size > budget->left) {
		budget->exceeded = true;
		return false;
	}
	budget->left -= size;
	return true;
}

static void *budget_malloc(void *ctx, size_t size)
{
	return budget_spend(ctx, size) ? malloc(size) : NULL;
}

static void *budget_realloc(void *ctx, void *ptr, size_t old_size, size_t size)
{
	if (size > old_size && !budget_spend(ctx, size - old_size))
		return NULL;
	return realloc(ptr, size);
}

/* Also called for the finished document, when the budget is gone: `ctx` is not looked at. */
static void budget_free(void *ctx, void *ptr)
{
	(void)ctx;
	free(ptr);
}

static enum capsule_status fail_at(
	const struct reading *reading, enum capsule_status status, size_t offset, const char *reason)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < offset && i < reading->text.len; i++) {
		uint8_t byte = reading->text.data[i];

		if (byte == '\n') {
			line++;
			column = 1;
		} else if ((byte & 0xC0) != 0x80) { /* columns are characters */
			column++;
		}
	}
	return error_set(reading->err, status, "%s: line %zu, column %zu: %s", reading->what, line, column, reason);
}

/* Where the bracket stands that opens one level too many; text.len when there is none. */
static size_t find_too_deep(struct span text, size_t depth_max)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t byte = text.data[i];

		if (byte == '"')
			in_string = !in_string;
		else if (in_string && byte == '\\')
			i++;
		else if (!in_string && (byte == '[' || byte == '{') && depth++ == depth_max)
			return i;
		else if (!in_string && (byte == ']' || byte == '}') && depth > 0)
			depth--;
	}
	return text.len;
}

static enum capsule_status fail_too_deep(const struct reading *reading)
{
	char reason[80];

	(void)snprintf(reason, sizeof reason, "nested deeper than %zu levels", reading->depth_max);
	return fail_at(reading, CAPSULE_ELIMIT, find_too_deep(reading->text, reading->depth_max), reason);
}

static struct span key_span(const yyjson_val *key)
{
	return span_of(key->uni.str, unsafe_yyjson_get_len(json_reader(key)));
}

/* Where the string `key` begins in the text: yyjson unescapes strings in place, in a copy of the whole text. */
static size_t key_offset(const struct reading *reading, const yyjson_val *key)
{
	const char *copy = reading->doc->str_pool;

	if (copy == NULL || key->uni.str <= copy || (size_t)(key->uni.str - copy) > reading->text.len)
		return 0;
	return (size_t)(key->uni.str - copy) - 1; /* the quote */
}

static enum capsule_status fail_repeated(const struct reading *reading, const yyjson_val *key)
{
	struct span name = key_span(key);
	char reason[KEY_SHOWN + 32];
	bool cut = name.len > KEY_SHOWN;

	if (cut)
		name.len = text_utf8_valid_prefix(span_of(name.data, KEY_SHOWN));
	(void)snprintf(reason, sizeof reason, "repeated key \"%.*s%s\"", SPAN_ARG(name), cut ? "..." : "");
	return fail_at(reading, CAPSULE_EINVAL, key_offset(reading, key), reason);
}

static const yyjson_val *next_value(const yyjson_val *value)
{
	return unsafe_yyjson_get_next(json_reader(value));
}

static enum capsule_status check_small_object(const struct reading *reading, const yyjson_val *object, size_t count)
{
	const yyjson_val *keys[SMALL_OBJECT], *key = object + 1;

	for (size_t i = 0; i < count; i++, key = next_value(key + 1)) {
		keys[i] = key;
		for (size_t j = 0; j < i; j++) {
			if (span_equal(key_span(key), key_span(keys[j])))
				return fail_repeated(reading, key);
		}
	}
	return CAPSULE_OK;
}

static enum capsule_status check_large_object(struct reading *reading, const yyjson_val *object, size_t count)
{
	HOLD(free_drop) struct slot *slots = NULL;
	const yyjson_val *key = object + 1;
	size_t mask = 4 * SMALL_OBJECT - 1;

	if (!reading->seeded && random_fill(reading->seed, sizeof reading->seed, reading->err) != CAPSULE_OK)
		return error_in(reading->err, "%s", reading->what);
	reading->seeded = true;
	while (mask < 2 * count)
		mask = 2 * mask + 1;
	slots = calloc(mask + 1, sizeof *slots);
	if (slots == NULL)
		return error_set(reading->err, CAPSULE_ENOMEM, "%s: out of memory for %zu keys", reading->what, count);
	for (size_t i = 0; i < count; i++, key = next_value(key + 1)) {
		struct span name = key_span(key);
		uint64_t hash = hash_keyed(reading->seed, name);
		size_t at = hash & mask;

		for (; slots[at].key != NULL; at = (at + 1) & mask) {
			if (slots[at].hash == hash && span_equal(name, key_span(slots[at].key)))
				return fail_repeated(reading, key);
		}
		slots[at] = (struct slot){ .hash = hash, .key = key };
	}
	return CAPSULE_OK;
}

static enum capsule_status check_object(struct reading *reading, const yyjson_val *object)
{
	size_t count = unsafe_yyjson_get_len(json_reader(object));

	if (reading->allow_duplicates || count < 2)
		return CAPSULE_OK;
	if (count <= SMALL_OBJECT)
		return check_small_object(reading, object, count);
	return check_large_object(reading, object, count);
}

/* Visit all values in the order of the text, with the ends of the containers around the current one on a stack. */
static enum capsule_status check_values(struct reading *reading)
{
	const yyjson_val *ends[LIMIT_JSON_DEPTH], *end = next_value(reading->doc->root);
	size_t depth = 0;

	for (const yyjson_val *value = reading->doc->root; value != end; value++) {
		enum capsule_status status = CAPSULE_OK;

		while (depth > 0 && value == ends[depth - 1])
			depth--;
		if (!unsafe_yyjson_is_ctn(json_reader(value)))
			continue;
		if (depth == reading->depth_max)
			return fail_too_deep(reading);
		ends[depth++] = next_value(value);
		if (unsafe_yyjson_get_type(json_reader(value)) == YYJSON_TYPE_OBJ)
			status = check_object(reading, value);
		if (status != CAPSULE_OK)
			return status;
	}
	return CAPSULE_OK;
}

static enum capsule_status fail_reading(
	const struct reading *reading, const yyjson_read_err *read_err, const struct budget *budget)
{
	/* Only opening brackets make a value of each byte, so only they exceed the budget. */
	if (budget->exceeded)
		return fail_too_deep(reading);
	if (read_err->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
		return error_set(reading->err, CAPSULE_ENOMEM, "%s: out of memory for %zu bytes of JSON", reading->what,
			reading->text.len);
	return fail_at(reading, CAPSULE_EINVAL, read_err->pos, read_err->msg);
}

enum capsule_status json_parse(yyjson_doc **out, struct span text, const struct json_limits *limits, const char *what,
	struct capsule_error *err)
{
	struct budget budget = { .left = yyjson_read_max_memory_usage(text.len, 0) + BUDGET_SLACK };
	const yyjson_alc alc = { budget_malloc, budget_realloc, budget_free, &budget };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct reading reading = { .text = text, .what = what, .err = err, .depth_max = limits->depth_max };
	yyjson_read_err read_err;
	enum capsule_status status;

	reading.allow_duplicates = limits->allow_duplicates;
	if (reading.depth_max == 0 || reading.depth_max > LIMIT_JSON_DEPTH)
		reading.depth_max = LIMIT_JSON_DEPTH;
	if (text.len > limits->bytes_max)
		return error_set(err, CAPSULE_ELIMIT, "%s: %zu bytes of JSON, at most %zu are allowed", what, text.len,
			limits->bytes_max);
	if (text.len == 0)
		return error_set(err, CAPSULE_EINVAL, "%s: empty, expected a JSON value", what);
	/* Without the in-situ flag yyjson reads from a copy and leaves the text alone. */
	doc = yyjson_read_opts((char *)(uintptr_t)text.data, text.len, YYJSON_READ_NOFLAG, &alc, &read_err);
	if (doc == NULL)
		return fail_reading(&reading, &read_err, &budget);
	reading.doc = doc;
	status = check_values(&reading);
	if (status == CAPSULE_OK)
		*out = GIVE(doc);
	return status;
}

yyjson_val *json_last(const yyjson_val *object, const char *key)
{
	yyjson_val *found = NULL, *name, *value;
	size_t index, count;

	yyjson_obj_foreach(json_reader(object), index, count, name, value)
	{
		if (span_is(key_span(name), key))
			found = value;
	}
	return found;
}

void json_doc_drop(yyjson_doc **doc)
{
	yyjson_doc_free(*doc);
}
