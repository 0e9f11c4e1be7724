/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as a Capsule.toml. A manifest is made exactly when no error was told, and keeps its promises; every problem stands
 * in the file and can be shown, in colour and as JSON, without a byte that steers a terminal. */
#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "manifest/manifest.h"
#include "fuzz/target.h"

static void check_json(const char *text)
{
	const struct json_limits limits = { .bytes_max = BUFFER_MAX };
	yyjson_doc *doc = NULL;

	CHECK(json_parse(&doc, span_text(text), &limits, "value", NULL) == CAPSULE_OK);
	yyjson_doc_free(doc);
}

static void check_place(const struct place *place)
{
	CHECK(place->line > 0 && place->column > 0 && place->length > 0);
}

static void check_list(const struct string_list *list)
{
	CHECK(list->count <= LIMIT_MANIFEST_ENTRIES);
	for (size_t i = 0; i < list->count; i++) {
		CHECK(strlen(list->items[i]) <= LIMIT_MANIFEST_TEXT);
		CHECK(text_is_utf8(span_text(list->items[i])));
		check_place(&list->places[i]);
	}
}

static void check_manifest(const struct manifest *manifest)
{
	CHECK(manifest_id_valid(manifest->package.name) && manifest->package.version != NULL);
	CHECK(manifest->components.count <= 1);
	for (size_t i = 0; i < manifest->components.count; i++)
		CHECK(manifest->components.items[i].file[0] != '\0');
	for (size_t i = 0; i < manifest->tools.count; i++) {
		CHECK(manifest_tool_find(manifest, manifest->tools.items[i].name) != NULL);
		check_json(manifest->tools.items[i].input_schema);
		check_place(&manifest->tools.items[i].name_place);
	}
	for (size_t i = 0; i < manifest->env.count; i++) {
		CHECK(i == 0 || strcmp(manifest->env.items[i - 1].key, manifest->env.items[i].key) < 0);
		CHECK(manifest->env.items[i].type != NULL);
		if (manifest->env.items[i].default_json != NULL)
			check_json(manifest->env.items[i].default_json);
	}
	if (manifest->package.metadata != NULL)
		check_json(manifest->package.metadata);
	check_list(&manifest->package.keywords);
	check_list(&manifest->capabilities.net);
	CHECK(manifest_grants(manifest, "net") == (manifest->capabilities.net.count > 0));
}

static void check_clean(const char *text)
{
	CHECK(text_is_utf8(span_text(text)));
	for (; *text != '\0'; text++)
		CHECK((uint8_t)*text >= 0x20 && *text != 0x7F);
}

static void check_problems(const struct diagnostics *found, struct span source)
{
	uint32_t lines = 1;

	for (size_t i = 0; i < source.len; i++)
		lines += source.data[i] == '\n';
	CHECK(found->count <= LIMIT_MANIFEST_DIAGNOSTICS);
	for (size_t i = 0; i < found->count; i++) {
		const struct diagnostic *item = &found->items[i];

		CHECK(item->line <= lines && (item->line == 0 || (item->column > 0 && item->length > 0)));
		CHECK(i == 0 || found->items[i - 1].line <= item->line);
		check_clean(item->text);
		if (item->fix != NULL)
			check_clean(item->fix);
	}
}

static void check_shown(const struct diagnostics *found, struct span source)
{
	HOLD(buffer_fini) struct buffer plain = { 0 }, colour = { 0 }, json = { 0 };

	CHECK(diagnostics_print(found, "Capsule.toml", source, false, &plain));
	CHECK(diagnostics_print(found, "Capsule.toml", source, true, &colour));
	CHECK(diagnostics_json(found, "Capsule.toml", &json));
	CHECK(text_is_utf8(buffer_span(&plain)));
	for (size_t i = 0; i < plain.len; i++)
		CHECK((plain.data[i] >= 0x20 || plain.data[i] == '\n') && plain.data[i] != 0x7F);
	check_json(buffer_text(&json));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(manifest_drop) struct manifest *manifest = NULL;
	struct span source = span_of(data, size);
	struct capsule_error err = { 0 };
	enum capsule_status status = manifest_parse(&manifest, source, "Capsule.toml", &found, &err);

	CHECK(status == CAPSULE_OK || status == CAPSULE_EMANIFEST);
	CHECK((status == CAPSULE_OK) == (manifest != NULL) && (status == CAPSULE_OK) == (found.errors == 0));
	CHECK(status == CAPSULE_OK || diagnostics_first_error(&found) != NULL);
	if (manifest != NULL)
		check_manifest(manifest);
	check_problems(&found, source);
	check_shown(&found, source);
	return 0;
}
