/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/static/static.h"

#include "base/json.h"

/* `,"key":` and a string, or null. */
static void append_text(struct buffer *out, const char *key, const char *text)
{
	buffer_printf(out, ",\"%s\":", key);
	if (text != NULL)
		json_append_string(out, span_text(text));
	else
		buffer_append_text(out, "null");
}

static void append_item(struct buffer *out, const struct content_item *item, bool with_text)
{
	buffer_append_text(out, "{\"name\":");
	json_append_string(out, span_text(item->name));
	append_text(out, "description", item->description);
	append_text(out, "file", item->file);
	buffer_printf(out, ",\"bytes\":%zu", item->len);
	append_text(out, "blake3", item->blake3[0] != '\0' ? item->blake3 : NULL);
	buffer_printf(out, ",\"meta\":%s", item->meta != NULL ? "" : "null");
	if (item->meta != NULL)
		buffer_append_text(out, item->meta);
	if (with_text) {
		buffer_append_text(out, ",\"text\":");
		if (item->text != NULL)
			json_append_string(out, span_of(item->text, item->len));
		else
			buffer_append_text(out, "null");
	}
	buffer_append_text(out, "}");
}

bool content_append_json(const struct content *content, enum content_kind kind, bool with_text, struct buffer *out)
{
	bool first = true;

	buffer_append_text(out, "[");
	for (size_t i = 0; i < content->count; i++) {
		if (content->items[i].kind != kind)
			continue;
		if (!first)
			buffer_append_text(out, ",");
		first = false;
		append_item(out, &content->items[i], with_text);
	}
	return buffer_append_text(out, "]");
}
