/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as what a module answers to astrid_export_schemas. What is accepted can be written behind a manifest, which
 * then parses and has each tool with the description and the schema of the answer, or is refused for its size or depth
 * alone. */
#include "runtime/schemas.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "manifest/manifest.h"
#include "fuzz/target.h"

#define MANIFEST "[package]\nname = \"x\"\nversion = \"1.0.0\"\n"

static const struct json_limits limits = { .bytes_max = LIMIT_PAYLOAD };

static void check_error(const struct capsule_error *err, enum capsule_status status)
{
	CHECK(status == CAPSULE_EINVAL || status == CAPSULE_ELIMIT);
	CHECK(err->status == status && err->text[0] != '\0');
	CHECK(text_is_utf8(span_text(err->text)));
}

static void check_tool(const struct manifest *manifest, const struct schemas_tool *tool)
{
	const struct manifest_tool *declared = manifest_tool_find(manifest, tool->name);
	HOLD(buffer_fini) struct buffer ours = { 0 }, theirs = { 0 };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;

	CHECK(declared != NULL);
	CHECK(strcmp(declared->description, tool->description != NULL ? tool->description : "") == 0);
	CHECK(json_parse(&doc, span_text(declared->input_schema), &limits, "schema", NULL) == CAPSULE_OK);
	CHECK(schemas_append_canonical(&ours, tool->schema));
	CHECK(schemas_append_canonical(&theirs, yyjson_doc_get_root(doc)));
	CHECK(span_equal(buffer_span(&ours), buffer_span(&theirs)));
}

static void check_written(const struct schemas_tool *tools, size_t count, const char *eol)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(manifest_drop) struct manifest *manifest = NULL;
	struct schemas_notes notes = { 0 };
	struct capsule_error err = { 0 };

	buffer_append_text(&text, MANIFEST);
	for (size_t i = 0; i < count; i++)
		CHECK(schemas_append_table(&text, &tools[i], eol, &notes));
	CHECK(text_is_utf8(buffer_span(&notes.text)));
	buffer_fini(&notes.text);
	CHECK(text_is_utf8(buffer_span(&text)));
	if (manifest_parse(&manifest, buffer_span(&text), "Capsule.toml", &found, &err) != CAPSULE_OK) {
		CHECK(strstr(err.text, "nested too deeply") != NULL || strstr(err.text, "deeper than") != NULL ||
			text.len > LIMIT_MANIFEST_BYTES);
		return;
	}
	CHECK(manifest->tools.count == count);
	for (size_t i = 0; i < count; i++)
		check_tool(manifest, &tools[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	HOLD(free_drop) struct schemas_tool *tools = NULL;
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct capsule_error err = { 0 };
	enum capsule_status status = json_parse(&doc, span_of(data, size), &limits, "answer", &err);
	size_t count = 0;

	if (status == CAPSULE_OK)
		status = schemas_read(&tools, &count, yyjson_doc_get_root(doc), &err);
	if (status != CAPSULE_OK) {
		check_error(&err, status);
		return 0;
	}
	CHECK(count <= LIMIT_MANIFEST_ENTRIES);
	check_written(tools, count, "\n");
	check_written(tools, count, "\r\n");
	return 0;
}
