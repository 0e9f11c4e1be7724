/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a capsule serves without running anything, read from its folder. */
#include <capsule/content.h>

#include "base/cleanup.h"
#include "engine/static/static.h"
#include "runtime/internal.h"

struct capsule_content {
	struct content content;
	struct buffer json; /* last answer */
};

DEFINE_DROP(content_drop, struct capsule_content *, capsule_content_free)

static enum capsule_status read_content(struct content *out, const char *path, struct capsule_error *err)
{
	HOLD(manifest_drop) struct manifest *manifest = NULL;
	HOLD(free_drop) char *dir = NULL;
	struct diagnostics diagnostics = { 0 };
	enum capsule_status status = manifest_load(&manifest, path, NULL, &diagnostics, err);

	if (status == CAPSULE_OK) {
		dir = capsule_folder(path, err);
		status = dir == NULL ? CAPSULE_ENOTFOUND : content_load(out, manifest, dir, &diagnostics, err);
	}
	diagnostics_fini(&diagnostics);
	return status;
}

enum capsule_status capsule_content_new(struct capsule_content **out, const char *path, struct capsule_error *err)
{
	HOLD(content_drop) struct capsule_content *content = NULL;
	enum capsule_status status;

	error_clear(err);
	if (out == NULL || path == NULL || path[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no capsule is named");
	content = calloc(1, sizeof *content);
	if (content == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for what a capsule serves");
	status = read_content(&content->content, path, err);
	if (status == CAPSULE_OK)
		*out = GIVE(content);
	return status;
}

void capsule_content_free(struct capsule_content *content)
{
	if (content == NULL)
		return;
	content_fini(&content->content);
	buffer_fini(&content->json);
	free(content);
}

size_t capsule_content_count(const struct capsule_content *content, enum capsule_content_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < content->content.count; i++)
		count += content->content.items[i].kind == (enum content_kind)kind;
	return count;
}

void capsule_content_item(const struct capsule_content *content, enum capsule_content_kind kind, size_t index,
	struct capsule_content_item *out)
{
	*out = (struct capsule_content_item){ 0 };
	for (size_t i = 0; i < content->content.count; i++) {
		const struct content_item *item = &content->content.items[i];

		if (item->kind != (enum content_kind)kind || index-- > 0)
			continue;
		*out = (struct capsule_content_item){ .name = item->name,
			.description = item->description,
			.file = item->file,
			.text = item->text,
			.len = item->len,
			.meta = item->meta,
			.blake3 = item->blake3[0] != '\0' ? item->blake3 : NULL };
		return;
	}
}

const char *capsule_content_json(struct capsule_content *content, enum capsule_content_kind kind, bool with_text)
{
	buffer_clear(&content->json);
	content_append_json(&content->content, (enum content_kind)kind, with_text, &content->json);
	return buffer_text(&content->json);
}

const char *capsule_content_served(struct capsule *capsule, enum capsule_content_kind kind, bool with_text)
{
	static const struct content nothing = { 0 };
	const struct content *content = capsule->content == NULL ? NULL : static_engine_content(capsule->content);

	buffer_clear(&capsule->served);
	content_append_json(content != NULL ? content : &nothing, (enum content_kind)kind, with_text, &capsule->served);
	return buffer_text(&capsule->served);
}
