/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Context files, skills and commands: what the manifest names is noted first, then read, so that reading can happen on another
 * thread. */
#include "engine/static/static.h"

#include "base/blake3.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/static/front_matter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static const char *const kind_names[] = { "context file", "skill", "command" };

void content_fini(struct content *content)
{
	for (size_t i = 0; i < content->count; i++) {
		struct content_item *item = &content->items[i];

		free(item->name);
		free(item->description);
		free(item->file);
		free(item->text);
		free(item->meta);
	}
	free(content->items);
	*content = (struct content){ 0 };
}

/* A copy of a text that may be absent; clears *ok when memory runs out. */
static char *copy(const char *text, bool *ok)
{
	char *result = text == NULL ? NULL : text_copy(span_text(text));

	*ok = *ok && (text == NULL || result != NULL);
	return result;
}

/* A command is called with one slash, however the manifest writes it. */
static char *command_name(const char *name, bool *ok)
{
	char *result = NULL;

	if (asprintf(&result, "/%s", name + strspn(name, "/")) < 0) {
		*ok = false;
		return NULL;
	}
	return result;
}

enum capsule_status content_plan(struct content *out, const struct manifest *manifest, struct capsule_error *err)
{
	size_t most = manifest->context_files.count + manifest->skills.count + manifest->commands.count;
	bool ok = true;

	*out = (struct content){ 0 };
	if (most == 0)
		return CAPSULE_OK;
	out->items = calloc(most, sizeof *out->items);
	if (out->items == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for what the capsule serves");
	for (size_t i = 0; ok && i < manifest->context_files.count; i++) {
		const struct manifest_context_file *file = &manifest->context_files.items[i];

		out->items[out->count++] = (struct content_item){ .kind = CONTENT_CONTEXT,
			.name = copy(file->name, &ok),
			.file = copy(file->file, &ok),
			.place = file->file_place };
	}
	for (size_t i = 0; ok && i < manifest->skills.count; i++) {
		const struct manifest_skill *skill = &manifest->skills.items[i];

		out->items[out->count++] = (struct content_item){ .kind = CONTENT_SKILL,
			.name = copy(skill->name, &ok),
			.description = copy(skill->description, &ok),
			.file = copy(skill->file, &ok),
			.place = skill->file_place };
	}
	for (size_t i = 0; ok && i < manifest->commands.count; i++) {
		const struct manifest_command *command = &manifest->commands.items[i];

		out->items[out->count++] = (struct content_item){ .kind = CONTENT_COMMAND,
			.name = command_name(command->name, &ok),
			.description = copy(command->description, &ok),
			.file = copy(command->file, &ok),
			.place = command->file != NULL ? command->file_place : command->place };
	}
	if (ok)
		return CAPSULE_OK;
	content_fini(out);
	return error_set(err, CAPSULE_ENOMEM, "no memory for what the capsule serves");
}

static void tell(struct diagnostics *diagnostics, const struct content_item *item, const char *fix, const char *reason)
{
	diagnostics_add(diagnostics, SEVERITY_ERROR, item->place.line, item->place.column, item->place.length, fix,
		"the %s `%.256s`: %.512s", kind_names[item->kind], item->file, reason);
}

/* All bytes of the regular file behind `fd`, which may grow meanwhile. Returns false with the reason in `err`. */
static bool read_whole(int fd, struct buffer *bytes, struct capsule_error *err)
{
	if (fd_read_all(fd, LIMIT_CONTENT_FILE, bytes) == 0)
		return true;
	if (errno == EFBIG)
		(void)error_set(err, CAPSULE_ELIMIT, "it is larger than %u bytes", LIMIT_CONTENT_FILE);
	else
		(void)error_os(err, errno, "it can't be read");
	return false;
}

/* Take the bytes over as the item's text; of a skill, front matter becomes `meta` and may describe it. */
static enum capsule_status take_text(struct content_item *item, struct span file, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer meta = { 0 };
	struct span matter = { 0 }, body = file;
	enum capsule_status status = CAPSULE_OK;

	if (item->kind == CONTENT_SKILL)
		status = front_matter_split(file, &matter, &body, err);
	if (status == CAPSULE_OK && matter.len > 0)
		status = front_matter_json(matter, 2, &meta, err);
	if (status != CAPSULE_OK)
		return status;
	if (meta.len > 0 && (item->meta = buffer_steal(&meta)) == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for its front matter");
	item->text = text_copy(body);
	item->len = body.len;
	return item->text != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for its text");
}

static enum capsule_status describe(struct content_item *item, struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = (size_t)LIMIT_FRONT_MATTER * 8 };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	yyjson_val *description;
	enum capsule_status status;

	if (item->description != NULL || item->meta == NULL)
		return CAPSULE_OK;
	status = json_parse(&doc, span_text(item->meta), &limits, "front matter", err);
	if (status != CAPSULE_OK)
		return status;
	description = yyjson_obj_get(yyjson_doc_get_root(doc), "description");
	if (!yyjson_is_str(description))
		return CAPSULE_OK;
	item->description = text_copy(span_of(yyjson_get_str(description), yyjson_get_len(description)));
	return item->description != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for its description");
}

static void read_item(
	struct content *content, struct content_item *item, const char *dir, struct diagnostics *diagnostics)
{
	HOLD(fd_drop) int fd = fd_open_beneath(dir, item->file, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	HOLD(buffer_fini) struct buffer bytes = { 0 };
	uint8_t hash[BLAKE3_SIZE];
	struct capsule_error err;
	struct stat info;
	size_t valid;

	error_clear(&err);
	if (fd < 0 && errno == EXDEV) {
		tell(diagnostics, item, "name a file inside the capsule's folder",
			"it lies outside the capsule's folder");
	} else if (fd < 0) {
		tell(diagnostics, item, "add it, or correct the name (it counts from the capsule's folder)",
			strerror(errno));
	} else if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
		tell(diagnostics, item, NULL, "it is not a regular file");
	} else if (!read_whole(fd, &bytes, &err)) {
		tell(diagnostics, item, NULL, err.text);
	} else if ((valid = text_utf8_valid_prefix(buffer_span(&bytes))) != bytes.len) {
		(void)error_set(&err, CAPSULE_EINVAL, "it is not UTF-8: byte %zu", valid);
		tell(diagnostics, item, "save it as UTF-8", err.text);
	} else if (content->bytes + bytes.len > LIMIT_CONTENT_TOTAL) {
		(void)error_set(
			&err, CAPSULE_ELIMIT, "with it the capsule serves more than %u bytes", LIMIT_CONTENT_TOTAL);
		tell(diagnostics, item, NULL, err.text);
	} else {
		blake3_bytes(buffer_span(&bytes), hash);
		blake3_hex(hash, item->blake3);
		content->bytes += bytes.len;
		if (take_text(item, buffer_span(&bytes), &err) != CAPSULE_OK || describe(item, &err) != CAPSULE_OK)
			tell(diagnostics, item, NULL, err.text);
	}
}

enum capsule_status content_read(
	struct content *content, const char *dir, struct diagnostics *diagnostics, struct capsule_error *err)
{
	size_t before = diagnostics->errors;
	const struct diagnostic *first;

	for (size_t i = 0; i < content->count; i++)
		if (content->items[i].file != NULL)
			read_item(content, &content->items[i], dir, diagnostics);
	if (diagnostics->errors == before)
		return CAPSULE_OK;
	first = diagnostics_first_error(diagnostics);
	return error_set(err, CAPSULE_EMANIFEST, "Capsule.toml:%u:%u: %s", first != NULL ? first->line : 0,
		first != NULL ? first->column : 0, first != NULL ? first->text : "no memory for its problems");
}

static bool is_approved(const struct content_item *item, const char *approved)
{
	size_t name = strlen(item->file);

	for (const char *line = approved; *line != '\0';) {
		size_t len = strcspn(line, "\n");

		if (len == BLAKE3_HEX + name && memcmp(line, item->blake3, BLAKE3_HEX - 1) == 0 &&
			memcmp(line + BLAKE3_HEX, item->file, name) == 0)
			return true;
		line += len + (line[len] == '\n');
	}
	return false;
}

enum capsule_status content_check(const struct content *content, const char *approved, struct capsule_error *err)
{
	for (size_t i = 0; i < content->count; i++) {
		const struct content_item *item = &content->items[i];

		if (item->file != NULL && !is_approved(item, approved))
			return error_set(err, CAPSULE_EMANIFEST,
				"the %s `%.256s` is not the one that was approved: approve the capsule again",
				kind_names[item->kind], item->file);
	}
	return CAPSULE_OK;
}

enum capsule_status content_load(struct content *out, const struct manifest *manifest, const char *dir,
	struct diagnostics *diagnostics, struct capsule_error *err)
{
	enum capsule_status status = content_plan(out, manifest, err);

	if (status == CAPSULE_OK)
		status = content_read(out, dir, diagnostics, err);
	if (status != CAPSULE_OK)
		content_fini(out);
	return status;
}

const struct content_item *content_find(const struct content *content, enum content_kind kind, const char *name)
{
	for (size_t i = 0; i < content->count; i++)
		if (content->items[i].kind == kind && strcmp(content->items[i].name, name) == 0)
			return &content->items[i];
	return NULL;
}
