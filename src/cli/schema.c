/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads the part of JSON Schema that tools are described with; what it does not understand it calls "any". Schemas come from
 * manifests: nothing about their shape is taken for granted. */
#include "cli/schema.h"
#include "cli/json.h"
#include "cli/table.h"
#include <stdlib.h>

#define INDENT 4
#define SHOWN_MAX 256 /* properties of one tool; the machine-readable form has them all */

/* Words of an array of strings ("type") or of any values ("enum"), joined. */
static void write_list(FILE *stream, yyjson_val *list, const char *separator)
{
	yyjson_arr_iter items = yyjson_arr_iter_with(list);
	const char *before = "";
	yyjson_val *item;

	while ((item = yyjson_arr_iter_next(&items)) != NULL) {
		char *text = yyjson_is_str(item) ? NULL : yyjson_val_write(item, 0, NULL);

		(void)fprintf(stream, "%s%s", before,
			yyjson_is_str(item)    ? yyjson_get_str(item)
				: text != NULL ? text
					       : "");
		free(text);
		before = separator;
	}
}

/* "string", "string or null", "one of a, b", "array of integer", "any" */
static void write_type(FILE *stream, yyjson_val *schema)
{
	yyjson_val *type = yyjson_obj_get(schema, "type"), *words = yyjson_obj_get(schema, "enum");
	yyjson_val *items = yyjson_obj_get(schema, "items");

	if (yyjson_arr_size(words) > 0) {
		(void)fputs("one of ", stream);
		write_list(stream, words, ", ");
	} else if (yyjson_arr_size(type) > 0) {
		write_list(stream, type, " or ");
	} else {
		(void)fputs(yyjson_is_str(type) ? yyjson_get_str(type) : "any", stream);
	}
	if (yyjson_equals_str(type, "array") && yyjson_is_str(yyjson_obj_get(items, "type")))
		(void)fprintf(stream, " of %s", yyjson_get_str(yyjson_obj_get(items, "type")));
}

static char *type_text(yyjson_val *schema)
{
	char *text = NULL;
	size_t len;
	FILE *stream = open_memstream(&text, &len);

	if (stream == NULL)
		return NULL;
	write_type(stream, schema);
	if (fclose(stream) == 0)
		return text;
	free(text);
	return NULL;
}

static bool is_required(yyjson_val *schema, const char *name)
{
	yyjson_arr_iter names = yyjson_arr_iter_with(yyjson_obj_get(schema, "required"));
	yyjson_val *item;

	while ((item = yyjson_arr_iter_next(&names)) != NULL) {
		if (yyjson_equals_str(item, name))
			return true;
	}
	return false;
}

static bool add_property(struct table *table, yyjson_val *schema, yyjson_val *key)
{
	yyjson_val *property = yyjson_obj_iter_get_val(key);
	const char *name = yyjson_get_str(key);
	char *type = type_text(property);
	const struct table_cell cells[TABLE_COLUMNS] = {
		{ name, STYLE_NAME },
		{ type, STYLE_PLAIN },
		{ is_required(schema, name) ? "required" : "optional", STYLE_FAINT },
		{ cli_json_string(property, "description"), STYLE_PLAIN },
	};
	bool added = type != NULL && cli_table_add(table, cells);

	free(type);
	return added;
}

bool cli_schema_print(const struct output *out, yyjson_val *schema)
{
	yyjson_obj_iter keys = yyjson_obj_iter_with(yyjson_obj_get(schema, "properties"));
	struct table table = { 0 };
	bool added = true;
	yyjson_val *key;

	while (added && table.count < SHOWN_MAX && (key = yyjson_obj_iter_next(&keys)) != NULL)
		added = add_property(&table, schema, key);
	if (added) {
		cli_table_print(out, &table, INDENT);
		if (keys.idx < keys.max)
			(void)printf("%*s... and %zu more\n", INDENT, "", keys.max - keys.idx);
	}
	cli_table_fini(&table);
	return added;
}
