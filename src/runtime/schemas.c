/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tools as a module exports them, beside those that its manifest declares. */
#include "runtime/schemas.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/limits.h"
#include "runtime/internal.h"
#include <capsule/check.h>

#include <errno.h>
#include <fcntl.h>

struct entry {
	struct capsule_schemas_item item;
	char *schema;             /* what item.input_schema is, when it is the module's */
	struct schemas_tool tool; /* the module's */
};

struct capsule_schemas {
	struct buffer source; /* the manifest's text when it was opened */
	struct manifest *manifest;
	char *module;
	yyjson_doc *answer; /* last one; the tools in `entries` borrow from it */
	struct entry *entries;
	size_t count;
	bool compared;
	struct schemas_notes notes;
	struct buffer json; /* last answer of capsule_schemas_json() */
};

static const struct json_limits schema_limits = { .bytes_max = LIMIT_MANIFEST_BYTES };

DEFINE_DROP(schemas_drop, struct capsule_schemas *, capsule_schemas_free)

/* The bare module is loaded by its path, so what the manifest may name is checked here. */
static enum capsule_status find_module(struct capsule_schemas *schemas, const char *path, struct capsule_error *err)
{
	HOLD(free_drop) char *dir = NULL;
	HOLD(fd_drop) int fd = -1;
	const char *file;
	enum capsule_status status = capsule_component(schemas->manifest, &file, err);

	if (status != CAPSULE_OK)
		return status;
	dir = capsule_folder(path, err);
	if (dir == NULL)
		return CAPSULE_ENOTFOUND;
	fd = fd_open_beneath(dir, file, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == EXDEV)
		return error_set(err, CAPSULE_EMODULE, "the module `%.512s` is outside the capsule's folder", file);
	if (fd < 0)
		return error_os(err, errno, "open the module `%.512s` in %.512s", file, dir);
	if (asprintf(&schemas->module, "%s/%s", dir, file) < 0) {
		schemas->module = NULL;
		return error_set(err, CAPSULE_ENOMEM, "no memory for the module's name");
	}
	return CAPSULE_OK;
}

enum capsule_status capsule_schemas_open(struct capsule_schemas **out, const char *path, struct capsule_error *err)
{
	HOLD(schemas_drop) struct capsule_schemas *schemas = NULL;
	struct diagnostics diagnostics = { 0 };
	enum capsule_status status;

	error_clear(err);
	if (out == NULL || path == NULL || path[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no capsule is named");
	schemas = calloc(1, sizeof *schemas);
	if (schemas == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for tools and their schemas");
	status = manifest_load(&schemas->manifest, path, &schemas->source, &diagnostics, err);
	diagnostics_fini(&diagnostics);
	if (status == CAPSULE_OK)
		status = find_module(schemas, path, err);
	if (status == CAPSULE_OK)
		*out = GIVE(schemas);
	return status;
}

static void forget(struct capsule_schemas *schemas)
{
	for (size_t i = 0; i < schemas->count; i++)
		free(schemas->entries[i].schema);
	free(schemas->entries);
	schemas->entries = NULL;
	schemas->count = 0;
	schemas->compared = false;
	yyjson_doc_free(schemas->answer);
	schemas->answer = NULL;
	buffer_fini(&schemas->notes.text);
	schemas->notes.skipped = 0;
}

void capsule_schemas_free(struct capsule_schemas *schemas)
{
	if (schemas == NULL)
		return;
	forget(schemas);
	buffer_fini(&schemas->source);
	buffer_fini(&schemas->json);
	manifest_free(schemas->manifest);
	free(schemas->module);
	free(schemas);
}

const char *capsule_schemas_module(const struct capsule_schemas *schemas)
{
	return schemas->module;
}

/* Whether the schema of the module and that of a manifest, which is JSON text, are worth the same. */
static enum capsule_status is_same_schema(
	bool *same, const struct schemas_tool *tool, const struct manifest_tool *declared, struct capsule_error *err)
{
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	HOLD(buffer_fini) struct buffer ours = { 0 }, theirs = { 0 };
	enum capsule_status status = json_parse(
		&doc, span_text(declared->input_schema), &schema_limits, "the manifest's schema", err);

	if (status != CAPSULE_OK)
		return status;
	schemas_append_canonical(&ours, tool->schema);
	schemas_append_canonical(&theirs, yyjson_doc_get_root(doc));
	*same = span_equal(buffer_span(&ours), buffer_span(&theirs));
	status = buffer_check(&ours, err);
	return status == CAPSULE_OK ? buffer_check(&theirs, err) : status;
}

static enum capsule_status compare_tool(const struct manifest *manifest, struct entry *entry, struct capsule_error *err)
{
	const struct manifest_tool *declared = manifest_tool_find(manifest, entry->tool.name);
	HOLD(buffer_fini) struct buffer schema = { .limit = LIMIT_MANIFEST_BYTES };
	struct capsule_schemas_item *item = &entry->item;
	enum capsule_status status;
	bool same = true;

	json_append_value(&schema, entry->tool.schema);
	status = buffer_check(&schema, err);
	if (status != CAPSULE_OK)
		return error_in(err, "the schema of the tool `%.128s`", entry->tool.name);
	entry->schema = buffer_steal(&schema);
	if (entry->schema == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the tool `%.128s`", entry->tool.name);
	item->name = entry->tool.name;
	item->description = entry->tool.description;
	item->input_schema = entry->schema;
	item->state = CAPSULE_SCHEMA_MISSING;
	if (declared == NULL)
		return CAPSULE_OK;
	status = is_same_schema(&same, &entry->tool, declared, err);
	item->schema_differs = !same;
	item->description_differs = item->description != NULL && strcmp(item->description, declared->description) != 0;
	item->state = item->schema_differs || item->description_differs ? CAPSULE_SCHEMA_DIFFERS : CAPSULE_SCHEMA_SAME;
	return status;
}

static bool is_exported(const struct schemas_tool *tools, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(tools[i].name, name) == 0)
			return true;
	return false;
}

static enum capsule_status compare_all(
	struct capsule_schemas *schemas, const struct schemas_tool *tools, size_t count, struct capsule_error *err)
{
	const struct manifest *manifest = schemas->manifest;
	enum capsule_status status = CAPSULE_OK;

	schemas->entries = calloc(count + manifest->tools.count + 1, sizeof *schemas->entries);
	if (schemas->entries == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for %zu tools", count);
	for (size_t i = 0; i < count && status == CAPSULE_OK; i++) {
		struct entry *entry = &schemas->entries[schemas->count++];

		entry->tool = tools[i];
		status = compare_tool(manifest, entry, err);
	}
	for (size_t i = 0; i < manifest->tools.count && status == CAPSULE_OK; i++) {
		const struct manifest_tool *tool = &manifest->tools.items[i];

		if (!is_exported(tools, count, tool->name))
			schemas->entries[schemas->count++].item = (struct capsule_schemas_item){ .name = tool->name,
				.description = tool->description,
				.input_schema = tool->input_schema,
				.state = CAPSULE_SCHEMA_UNSERVED };
	}
	return status;
}

enum capsule_status capsule_schemas_compare(
	struct capsule_schemas *schemas, const char *answer, size_t len, struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = LIMIT_PAYLOAD };
	HOLD(free_drop) struct schemas_tool *tools = NULL;
	enum capsule_status status;
	size_t count = 0;

	error_clear(err);
	if (schemas == NULL || (answer == NULL && len > 0))
		return error_set(err, CAPSULE_EINVAL, "no answer is given");
	forget(schemas);
	status = json_parse(
		&schemas->answer, span_of(answer, len), &limits, "the answer of " CAPSULE_SCHEMAS_EXPORT, err);
	if (status != CAPSULE_OK)
		return status;
	status = schemas_read(&tools, &count, yyjson_doc_get_root(schemas->answer), err);
	if (status == CAPSULE_OK)
		status = compare_all(schemas, tools, count, err);
	schemas->compared = status == CAPSULE_OK;
	if (status == CAPSULE_OK)
		return CAPSULE_OK;
	forget(schemas);
	return error_in(err, "the answer of " CAPSULE_SCHEMAS_EXPORT);
}

size_t capsule_schemas_count(const struct capsule_schemas *schemas)
{
	return schemas->count;
}

void capsule_schemas_item(const struct capsule_schemas *schemas, size_t index, struct capsule_schemas_item *out)
{
	*out = index < schemas->count ? schemas->entries[index].item : (struct capsule_schemas_item){ 0 };
}

const char *capsule_schemas_json(struct capsule_schemas *schemas)
{
	static const char *const states[] = { "same", "differs", "missing", "unserved", "added" };
	struct buffer *out = &schemas->json;

	buffer_clear(out);
	for (size_t i = 0; i < schemas->count; i++) {
		const struct capsule_schemas_item *item = &schemas->entries[i].item;

		buffer_append_text(out, i == 0 ? "[{\"name\":" : ",{\"name\":");
		json_append_string(out, span_text(item->name));
		buffer_append_text(out, ",\"description\":");
		if (item->description != NULL)
			json_append_string(out, span_text(item->description));
		else
			buffer_append_text(out, "null");
		buffer_printf(out, ",\"input_schema\":%s,\"state\":\"%s\"}", item->input_schema, states[item->state]);
	}
	buffer_append_text(out, schemas->count == 0 ? "[]" : "]");
	return buffer_text(out);
}

/* Whether every byte that was there is there, and every missing tool with the worth that it has in the module. */
static enum capsule_status check_result(
	const struct capsule_schemas *schemas, const struct manifest *made, size_t missing, struct capsule_error *err)
{
	bool same = made->tools.count == schemas->manifest->tools.count + missing;
	enum capsule_status status = CAPSULE_OK;

	for (size_t i = 0; i < schemas->count && same && status == CAPSULE_OK; i++) {
		const struct schemas_tool *tool = &schemas->entries[i].tool;
		const struct manifest_tool *declared;

		if (schemas->entries[i].item.state != CAPSULE_SCHEMA_MISSING)
			continue;
		declared = manifest_tool_find(made, tool->name);
		same = declared != NULL &&
			strcmp(declared->description, tool->description != NULL ? tool->description : "") == 0;
		if (same)
			status = is_same_schema(&same, tool, declared, err);
	}
	if (status == CAPSULE_OK && !same)
		return error_set(err, CAPSULE_EINTERNAL,
			"what would be written to %.512s does not say what the module does; nothing was changed",
			schemas->manifest->path);
	return status;
}

/* The text of the manifest with the missing tools behind it. */
static void append_result(struct capsule_schemas *schemas, struct buffer *out, size_t *missing)
{
	const uint8_t *source = schemas->source.data, *end = memchr(source, '\n', schemas->source.len);
	const char *eol = end != NULL && end > source && end[-1] == '\r' ? "\r\n" : "\n";

	buffer_append_span(out, buffer_span(&schemas->source));
	if (out->len > 0 && out->data[out->len - 1] != '\n')
		buffer_append_text(out, eol);
	for (size_t i = 0; i < schemas->count; i++) {
		if (schemas->entries[i].item.state != CAPSULE_SCHEMA_MISSING)
			continue;
		schemas_append_table(out, &schemas->entries[i].tool, eol, &schemas->notes);
		++*missing;
	}
}

static enum capsule_status write_missing(struct capsule_schemas *schemas, size_t *missing, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { .limit = LIMIT_MANIFEST_BYTES };
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(manifest_drop) struct manifest *made = NULL;
	const char *path = schemas->manifest->path;
	enum capsule_status status;

	append_result(schemas, &text, missing);
	if (*missing == 0)
		return CAPSULE_OK;
	status = buffer_check(&text, err);
	if (status != CAPSULE_OK)
		return error_in(err, "%.512s with %zu more tools; nothing was changed", path, *missing);
	status = manifest_parse(&made, buffer_span(&text), path, &found, err);
	if (status == CAPSULE_EMANIFEST)
		return error_in(err,
			"%.256s could not be read any more with the tools that are missing, so nothing was changed (an inline list "
			"of tools must become [[tool]] tables first)",
			path);
	if (status == CAPSULE_OK)
		status = check_result(schemas, made, *missing, err);
	if (status == CAPSULE_OK)
		status = schemas_replace(path, buffer_span(&schemas->source), buffer_span(&text), err);
	return status;
}

enum capsule_status capsule_schemas_write(struct capsule_schemas *schemas, size_t *added, struct capsule_error *err)
{
	enum capsule_status status;
	size_t missing = 0;

	error_clear(err);
	if (schemas == NULL || added == NULL)
		return error_set(err, CAPSULE_EINVAL, "no place for the count is given");
	*added = 0;
	if (!schemas->compared)
		return error_set(err, CAPSULE_ESTATE, "nothing was compared with the manifest yet");
	buffer_fini(&schemas->notes.text);
	schemas->notes.skipped = 0;
	status = write_missing(schemas, &missing, err);
	if (status != CAPSULE_OK)
		return status;
	for (size_t i = 0; i < schemas->count; i++)
		if (schemas->entries[i].item.state == CAPSULE_SCHEMA_MISSING)
			schemas->entries[i].item.state = CAPSULE_SCHEMA_ADDED;
	*added = missing;
	return CAPSULE_OK;
}

const char *capsule_schemas_notes(struct capsule_schemas *schemas)
{
	struct schemas_notes *notes = &schemas->notes;

	if (notes->skipped > 0)
		buffer_printf(&notes->text, "and %zu more of the kind\n", notes->skipped);
	notes->skipped = 0;
	return buffer_text(&notes->text);
}
