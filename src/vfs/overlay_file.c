/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "vfs/overlay_file.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define VERSION 1
#define LINE_MAX_BYTES (6 * LIMIT_PATH + 1024) /* every byte of the path escaped, and the rest */

static const char *const kind_names[] = {
	[OVERLAY_FILE] = "file", [OVERLAY_FOLDER] = "folder", [OVERLAY_DELETED] = "deleted"
};
static const char *const below_names[] = { [OVERLAY_BELOW_NONE] = "none",
	[OVERLAY_BELOW_FILE] = "file",
	[OVERLAY_BELOW_FOLDER] = "folder",
	[OVERLAY_BELOW_OTHER] = "other" };
static const struct json_limits line_limits = { .bytes_max = LINE_MAX_BYTES, .depth_max = 4 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum capsule_status overlay_damaged(const char *dir, struct capsule_error *err, const char *format, ...)
{
	char what[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(what, sizeof what, format, arguments);
	va_end(arguments);
	return error_set(err, CAPSULE_ESTORE,
		"the overlay %.256s is damaged (%s): what the capsule wrote is in its folder upper/; copy from there "
		"what you need, then "
		"remove %.256s",
		dir, what, dir);
}

bool overlay_path_valid(struct span path)
{
	size_t start = 0;

	if (path.len == 0 || path.len >= LIMIT_PATH || !text_is_utf8(path) || memchr(path.data, '\0', path.len) != NULL)
		return false;
	for (size_t i = 0; i <= path.len; i++) {
		struct span name = span_of(path.data + start, i - start);

		if (i < path.len && path.data[i] != '/')
			continue;
		if (name.len == 0 || name.len > 255 || span_is(name, ".") || span_is(name, ".."))
			return false;
		start = i + 1;
	}
	return true;
}

/* A path that may hold any bytes is told by its hash; the text beside it is for people. */
static void root_hash(const char *root, char hex[BLAKE3_HEX])
{
	uint8_t hash[BLAKE3_SIZE];

	blake3_bytes(span_text(root), hash);
	blake3_hex(hash, hex);
}

void overlay_line_head(struct buffer *out, const char *root)
{
	struct buffer text = { 0 };
	char hex[BLAKE3_HEX];

	root_hash(root, hex);
	(void)text_append_lossy(&text, span_text(root));
	(void)buffer_printf(out, "{\"overlay\":%d,\"hash\":\"%s\",\"root\":", VERSION, hex);
	if (text.failed || !json_append_string(out, buffer_span(&text)))
		out->failed = true;
	(void)buffer_append_text(out, "}\n");
	buffer_fini(&text);
}

enum capsule_status overlay_head_check(const char *dir, struct span text, const char *root, struct capsule_error *err)
{
	yyjson_doc *doc = NULL;
	char hex[BLAKE3_HEX];
	const char *hash, *other;
	enum capsule_status status = CAPSULE_OK;

	if (json_parse(&doc, text, &line_limits, "line", NULL) != CAPSULE_OK)
		return overlay_damaged(dir, err, "index, line 1: it is not JSON");
	root_hash(root, hex);
	hash = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "hash"));
	other = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "root"));
	if (yyjson_get_uint(yyjson_obj_get(yyjson_doc_get_root(doc), "overlay")) != VERSION)
		status = overlay_damaged(dir, err, "index, line 1: it is not of version %d", VERSION);
	else if (hash == NULL || other == NULL)
		status = overlay_damaged(dir, err, "index, line 1: it names no folder");
	else if (strcmp(hash, hex) != 0)
		status = error_set(err, CAPSULE_ESTORE,
			"the overlay %.256s belongs to the folder %.256s, not to %.256s: name that one, or remove "
			"the overlay",
			dir, other, root);
	json_doc_drop(&doc);
	return status;
}

void overlay_line_entry(struct buffer *out, const struct overlay_entry *entry, enum overlay_kind kind)
{
	const struct overlay_base *base = &entry->base;
	char hex[BLAKE3_HEX];

	(void)buffer_append_text(out, "{\"path\":");
	(void)json_append_string(out, span_of(entry->path, entry->len));
	(void)buffer_printf(out, ",\"is\":\"%s\",\"base\":", kind_names[kind]);
	if (base->below == OVERLAY_BELOW_NONE) {
		(void)buffer_append_text(out, "null}\n");
		return;
	}
	blake3_hex(base->hash, hex);
	(void)buffer_printf(out,
		"{\"is\":\"%s\",\"size\":%" PRIu64 ",\"mtime\":%" PRId64 ",\"inode\":%" PRIu64 ",\"hash\":\"%s\"}}\n",
		below_names[base->below], base->size, base->mtime_ns, base->inode, hex);
}

void overlay_line_gone(struct buffer *out, const struct overlay_entry *entry)
{
	(void)buffer_append_text(out, "{\"path\":");
	(void)json_append_string(out, span_of(entry->path, entry->len));
	(void)buffer_append_text(out, ",\"is\":\"gone\"}\n");
}

/* Where `value` is among `names`, `count` when nowhere. */
static size_t name_at(yyjson_val *value, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (yyjson_equals_str(value, names[i]))
			return i;
	return count;
}

static int hex_value(char digit)
{
	return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool read_hash(yyjson_val *value, uint8_t hash[BLAKE3_SIZE])
{
	const char *text = yyjson_get_str(value);

	if (text == NULL || yyjson_get_len(value) != BLAKE3_HEX - 1)
		return false;
	for (size_t i = 0; i < BLAKE3_SIZE; i++) {
		int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		hash[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool read_base(yyjson_val *value, struct overlay_base *base)
{
	yyjson_val *size = yyjson_obj_get(value, "size"), *mtime = yyjson_obj_get(value, "mtime");
	yyjson_val *inode = yyjson_obj_get(value, "inode");
	size_t below = name_at(yyjson_obj_get(value, "is"), below_names, COUNT(below_names));

	*base = (struct overlay_base){ .below = OVERLAY_BELOW_NONE };
	if (yyjson_is_null(value))
		return true;
	if (below == COUNT(below_names) || below == OVERLAY_BELOW_NONE || !yyjson_is_uint(size) ||
		!yyjson_is_int(mtime) || (yyjson_is_uint(mtime) && yyjson_get_uint(mtime) > INT64_MAX) ||
		!yyjson_is_uint(inode))
		return false;
	base->below = (enum overlay_below)below;
	base->size = yyjson_get_uint(size);
	base->mtime_ns = yyjson_get_sint(mtime);
	base->inode = yyjson_get_uint(inode);
	return read_hash(yyjson_obj_get(value, "hash"), base->hash);
}

static const char *read_value(yyjson_val *root, struct overlay_line *line)
{
	yyjson_val *path = yyjson_obj_get(root, "path"), *is = yyjson_obj_get(root, "is");
	struct span text = span_of(yyjson_get_str(path), yyjson_get_len(path));
	size_t kind = name_at(is, kind_names, COUNT(kind_names));

	if (!yyjson_is_str(path) || !overlay_path_valid(text))
		return "it names no path below the folder";
	line->gone = yyjson_equals_str(is, "gone");
	if (!line->gone && kind == COUNT(kind_names))
		return "it does not tell what became of the path";
	line->kind = line->gone ? OVERLAY_DELETED : (enum overlay_kind)kind;
	if (!line->gone && !read_base(yyjson_obj_get(root, "base"), &line->base))
		return "it does not tell what the change was based on";
	return buffer_append_span(&line->path, text) ? NULL : "there is no memory to read it";
}

const char *overlay_line_read(struct span text, struct overlay_line *line)
{
	yyjson_doc *doc = NULL;
	const char *wrong;

	if (json_parse(&doc, text, &line_limits, "line", NULL) != CAPSULE_OK)
		return "it is not JSON";
	wrong = read_value(yyjson_doc_get_root(doc), line);
	json_doc_drop(&doc);
	if (wrong != NULL)
		buffer_fini(&line->path);
	return wrong;
}

enum capsule_status overlay_read_all(int fd, struct buffer *out, struct capsule_error *err)
{
	struct stat info;

	if (fstat(fd, &info) != 0)
		return error_os(err, errno, "can't be read");
	if (!S_ISREG(info.st_mode))
		return error_set(err, CAPSULE_EIO, "it is not a regular file");
	if (fd_read_all(fd, BUFFER_MAX, out) == 0)
		return CAPSULE_OK;
	return errno == EFBIG || errno == ENOMEM ? buffer_check(out, err) : error_os(err, errno, "can't be read");
}
