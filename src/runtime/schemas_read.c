/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What astrid_export_schemas answers. Kits differ in the shape; what fits none of them is refused, not guessed at. */
#include "runtime/schemas.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "manifest/twins.h"

#include <stdio.h>

#define SHOWN 64 /* bytes of a key in a message */

/* Where the list of tools stands: "" or "/tools". */
struct reading {
	const char *at;
	struct schemas_tool *tools;
	struct capsule_error *err;
};

/* The place of a tool in messages. */
struct place {
	char text[SHOWN + 64];
};

/* For printf("%.*s"): the beginning of a key, whole characters. */
#define KEY_ARG(key) (int)text_utf8_valid_prefix(span_of(key, strnlen(key, SHOWN))), (key)

static struct place place_of(const struct reading *reading, const char *key, size_t index)
{
	struct place place;

	if (key != NULL)
		(void)snprintf(place.text, sizeof place.text, "%s/%.*s", reading->at, KEY_ARG(key));
	else
		(void)snprintf(place.text, sizeof place.text, "%s/%zu", reading->at, index);
	return place;
}

static bool has_nul(const yyjson_val *string)
{
	return memchr(yyjson_get_str(json_reader(string)), '\0', yyjson_get_len(json_reader(string))) != NULL;
}

static enum capsule_status check_name(const struct reading *reading, const struct place *place, const yyjson_val *name)
{
	size_t len = yyjson_get_len(json_reader(name));

	if (len == 0)
		return error_set(reading->err, CAPSULE_EINVAL, "%s: the name of the tool is empty", place->text);
	if (len > LIMIT_NAME)
		return error_set(reading->err, CAPSULE_ELIMIT,
			"%s: the name of the tool has %zu bytes, at most %d are allowed", place->text, len, LIMIT_NAME);
	if (has_nul(name))
		return error_set(
			reading->err, CAPSULE_EINVAL, "%s: the name of the tool contains a NUL character", place->text);
	return CAPSULE_OK;
}

/* `value` is the description, NULL when there is none. */
static enum capsule_status read_description(
	const struct reading *reading, const struct place *place, const yyjson_val *value, const char **description)
{
	*description = NULL;
	if (value == NULL || yyjson_is_null(json_reader(value)))
		return CAPSULE_OK;
	if (!yyjson_is_str(json_reader(value)))
		return error_set(reading->err, CAPSULE_EINVAL, "%s/description: expected a string", place->text);
	if (yyjson_get_len(json_reader(value)) > LIMIT_MANIFEST_TEXT)
		return error_set(reading->err, CAPSULE_ELIMIT, "%s/description: %zu bytes, at most %u are allowed",
			place->text, yyjson_get_len(json_reader(value)), LIMIT_MANIFEST_TEXT);
	if (has_nul(value))
		return error_set(reading->err, CAPSULE_EINVAL, "%s/description: contains a NUL character", place->text);
	*description = yyjson_get_str(json_reader(value));
	return CAPSULE_OK;
}

/* Members that no shape has are refused: they may mean something that would be lost. */
static enum capsule_status check_members(
	const struct reading *reading, const char *place, const yyjson_val *object, const char *const *known)
{
	size_t index, count;
	yyjson_val *key, *value;

	yyjson_obj_foreach(json_reader(object), index, count, key, value)
	{
		size_t i = 0;

		while (known[i] != NULL && !yyjson_equals_str(key, known[i]))
			i++;
		if (known[i] == NULL)
			return error_set(reading->err, CAPSULE_EINVAL, "%s/%.*s: no such member is known here", place,
				KEY_ARG(yyjson_get_str(key)));
	}
	return CAPSULE_OK;
}

static enum capsule_status read_schema(
	const struct reading *reading, const struct place *place, const yyjson_val *value, const yyjson_val **schema)
{
	if (!yyjson_is_obj(json_reader(value)))
		return error_set(reading->err, CAPSULE_EINVAL,
			"%s/input_schema: expected a JSON Schema as an object, for example {\"type\":\"object\"}",
			place->text);
	*schema = value;
	return CAPSULE_OK;
}

/* {"name", "description", "input_schema"}, the name elsewhere when `named` is false. */
static enum capsule_status read_described(const struct reading *reading, const struct place *place,
	const yyjson_val *object, bool named, struct schemas_tool *tool)
{
	static const char *const members[] = { "description", "input_schema", "name", NULL };
	static const char *const unnamed[] = { "description", "input_schema", NULL };
	enum capsule_status status = check_members(reading, place->text, object, named ? members : unnamed);

	if (status == CAPSULE_OK)
		status = read_description(
			reading, place, yyjson_obj_get(json_reader(object), "description"), &tool->description);
	if (status == CAPSULE_OK)
		status = read_schema(
			reading, place, yyjson_obj_get(json_reader(object), "input_schema"), &tool->schema);
	return status;
}

static enum capsule_status read_array(const struct reading *reading, const yyjson_val *array)
{
	size_t index, count;
	yyjson_val *value;

	yyjson_arr_foreach(json_reader(array), index, count, value)
	{
		struct place place = place_of(reading, NULL, index);
		const yyjson_val *name = yyjson_obj_get(value, "name");
		enum capsule_status status;

		if (!yyjson_is_obj(value))
			return error_set(reading->err, CAPSULE_EINVAL,
				"%s: expected a tool as an object with name, description and input_schema", place.text);
		if (!yyjson_is_str(json_reader(name)))
			return error_set(reading->err, CAPSULE_EINVAL, "%s/name: expected a string", place.text);
		status = check_name(reading, &place, name);
		reading->tools[index].name = yyjson_get_str(json_reader(name));
		if (status == CAPSULE_OK)
			status = read_described(reading, &place, value, true, &reading->tools[index]);
		if (status != CAPSULE_OK)
			return status;
	}
	return CAPSULE_OK;
}

static enum capsule_status read_map(const struct reading *reading, const yyjson_val *object)
{
	size_t index, count;
	yyjson_val *key, *value;

	yyjson_obj_foreach(json_reader(object), index, count, key, value)
	{
		struct place place = place_of(reading, yyjson_get_str(key), index);
		struct schemas_tool *tool = &reading->tools[index];
		enum capsule_status status = check_name(reading, &place, key);

		tool->name = yyjson_get_str(key);
		if (status == CAPSULE_OK && !yyjson_is_obj(value))
			return error_set(reading->err, CAPSULE_EINVAL,
				"%s: expected a JSON Schema, or an object with description and input_schema",
				place.text);
		if (status == CAPSULE_OK && yyjson_obj_get(value, "input_schema") != NULL) {
			status = read_described(reading, &place, value, false, tool);
		} else if (status == CAPSULE_OK) {
			tool->schema = value;
			status = read_description(
				reading, &place, yyjson_obj_get(value, "description"), &tool->description);
		}
		if (status != CAPSULE_OK)
			return status;
	}
	return CAPSULE_OK;
}

/* A map may hold a tool that is called "tools": then its value is a schema, and one of the schema's members is no object. */
static const yyjson_val *find_list(const yyjson_val *root, const char **at)
{
	yyjson_val *tools = yyjson_obj_get(json_reader(root), "tools"), *key, *value;
	yyjson_val *description = yyjson_obj_get(json_reader(root), "description");
	size_t index, count;

	*at = "";
	if (tools == NULL || (!yyjson_is_arr(tools) && yyjson_is_obj(description)))
		return root;
	*at = "/tools";
	if (yyjson_is_arr(tools) || description != NULL)
		return tools;
	yyjson_obj_foreach(tools, index, count, key, value)
	{
		if (!yyjson_is_obj(value))
			*at = "";
	}
	if (yyjson_obj_size(json_reader(root)) > 1)
		*at = "";
	return (*at)[0] == '\0' ? root : tools;
}

static enum capsule_status check_distinct(const struct reading *reading, size_t count)
{
	HOLD(free_drop) struct twin *twins = calloc(count + 1, sizeof *twins);

	if (twins == NULL)
		return error_set(reading->err, CAPSULE_ENOMEM, "no memory for %zu tools", count);
	for (size_t i = 0; i < count; i++)
		twins[i] = (struct twin){ .name = reading->tools[i].name, .more = reading->tools[i].name };
	if (!twins_find(twins, count))
		return error_set(reading->err, CAPSULE_ENOMEM, "no memory for %zu tools", count);
	for (size_t i = 0; i < count; i++) {
		if (twins[i].first != i)
			return error_set(reading->err, CAPSULE_EINVAL,
				"%s/%zu: a second tool `%s`, the first is %s/%zu", reading->at, i, twins[i].name,
				reading->at, twins[i].first);
	}
	return CAPSULE_OK;
}

enum capsule_status schemas_read(
	struct schemas_tool **tools, size_t *count, const yyjson_val *root, struct capsule_error *err)
{
	static const char *const around[] = { "description", "tools", NULL };
	HOLD(free_drop) struct schemas_tool *made = NULL;
	struct reading reading = { .err = err };
	const yyjson_val *list;
	const char *unused;
	enum capsule_status status = CAPSULE_OK;
	size_t found;

	if (!yyjson_is_ctn(json_reader(root)))
		return error_set(err, CAPSULE_EINVAL, "expected an array or an object of tools");
	list = find_list(root, &reading.at);
	if (!yyjson_is_ctn(json_reader(list)))
		return error_set(err, CAPSULE_EINVAL, "%s: expected an array or an object of tools", reading.at);
	found = yyjson_get_len(json_reader(list));
	if (found > LIMIT_MANIFEST_ENTRIES)
		return error_set(
			err, CAPSULE_ELIMIT, "%zu tools, at most %d are allowed", found, LIMIT_MANIFEST_ENTRIES);
	reading.tools = made = calloc(found + 1, sizeof *made);
	if (made == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for %zu tools", found);
	if (list != root)
		status = check_members(&reading, "", root, around);
	if (status == CAPSULE_OK && list != root)
		status = read_description(
			&reading, &(struct place){ "" }, yyjson_obj_get(json_reader(root), "description"), &unused);
	if (status == CAPSULE_OK)
		status = yyjson_is_arr(json_reader(list)) ? read_array(&reading, list) : read_map(&reading, list);
	if (status == CAPSULE_OK)
		status = check_distinct(&reading, found);
	if (status != CAPSULE_OK)
		return status;
	*tools = GIVE(made);
	*count = found;
	return CAPSULE_OK;
}
