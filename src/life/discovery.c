/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A root is listed once and its names are sorted; then each manifest costs one open, one look at its size, one read into a buffer
 * that all share, and one parse. Nothing is resolved folder by folder: they are opened relative to their root. */
#include "life/discovery.h"

#include "base/blake3.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "life/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE_NAME "Capsule.toml"
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) /* a pipe must not make us wait for its writer */
#define NOT_REGULAR "not a regular file"
#define READ_MAX (LIMIT_MANIFEST_BYTES + 1) /* one byte more tells that a manifest is too long */

struct scan {
	struct discovery *out;
	size_t capacity;                   /* of out->items */
	const struct discovery_root *root; /* the one that is looked through */
	const char *root_path;             /* absolute */
	struct buffer path;                /* of the manifest at hand */
	struct buffer text;                /* its bytes */
	struct capsule_error *err;
};

static void scan_fini(struct scan *scan)
{
	buffer_fini(&scan->path);
	buffer_fini(&scan->text);
}

static enum capsule_status no_memory(struct capsule_error *err)
{
	return error_set(err, CAPSULE_ENOMEM, "no memory for what a search for capsules finds");
}

static void discovered_fini(struct discovered *found)
{
	free(found->dir);
	manifest_free(found->manifest);
	diagnostics_fini(&found->diagnostics);
	buffer_fini(&found->source);
	free(found->approved);
	free(found->rights);
	free(found->problem);
}

void discovery_fini(struct discovery *discovery)
{
	for (size_t i = 0; i < discovery->count; i++)
		discovered_fini(&discovery->items[i]);
	for (size_t i = 0; i < discovery->warning_count; i++)
		free(discovery->warnings[i]);
	free(discovery->items);
	free(discovery->warnings);
	*discovery = (struct discovery){ 0 };
}

/* A root that can't be looked through: one line. */
static enum capsule_status PRINTF_LIKE(2, 3) warn(struct scan *scan, const char *format, ...)
{
	struct discovery *out = scan->out;
	char **grown = realloc(out->warnings, (out->warning_count + 1) * sizeof *grown);
	struct capsule_error line;
	char text[ERROR_TEXT_MAX];
	va_list arguments;

	if (grown == NULL)
		return no_memory(scan->err);
	out->warnings = grown;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	(void)error_set(&line, CAPSULE_EIO, "%s", text); /* which makes it fit for a terminal */
	out->warnings[out->warning_count] = text_copy(span_text(line.text));
	if (out->warnings[out->warning_count] == NULL)
		return no_memory(scan->err);
	out->warning_count++;
	return CAPSULE_OK;
}

/* A place for one more. */
static enum capsule_status add(struct scan *scan, struct discovered **found)
{
	struct discovery *out = scan->out;

	if (out->count >= LIMIT_CAPSULES)
		return error_set(scan->err, CAPSULE_ELIMIT,
			"there are more than %d capsules in the folders that are searched; the last one is %.512s",
			LIMIT_CAPSULES, buffer_text(&scan->path));
	if (out->count == scan->capacity) {
		size_t capacity = scan->capacity == 0 ? 16 : scan->capacity * 2;
		struct discovered *grown = realloc(out->items, capacity * sizeof *grown);

		if (grown == NULL)
			return no_memory(scan->err);
		out->items = grown;
		scan->capacity = capacity;
	}
	*found = &out->items[out->count++];
	**found = (struct discovered){ .origin = scan->root->origin };
	return CAPSULE_OK;
}

/* Usually one read: a regular file gives less than asked at its end, and what gives all of its size and no more needs no second one. */
static bool read_text(int fd, struct buffer *text, size_t size)
{
	buffer_clear(text);
	while (text->len < READ_MAX) {
		size_t want = size >= text->len && size - text->len < READ_MAX ? size - text->len + 1 : 16 * KIB;
		ssize_t got;

		want = want < READ_MAX - text->len ? want : READ_MAX - text->len;
		if (!buffer_reserve(text, want)) {
			errno = ENOMEM;
			return false;
		}
		got = read(fd, text->data + text->len, want);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		text->len += (size_t)got;
		if (got == 0 || (size > 0 && text->len == size))
			return true;
	}
	return true;
}

static enum capsule_status call_broken(struct scan *scan, struct discovered *found, const char *problem)
{
	found->state = DISCOVERY_BROKEN;
	found->problem = text_copy(span_text(problem));
	return found->problem != NULL ? CAPSULE_OK : no_memory(scan->err);
}

/* A manifest that can't be read at all. */
static enum capsule_status call_unreadable(struct scan *scan, struct discovered *found, const char *reason)
{
	struct capsule_error problem;

	(void)error_set(&problem, CAPSULE_EIO, "%s: %s", buffer_text(&scan->path), reason);
	return call_broken(scan, found, problem.text);
}

/* The first error, and how many there are. */
static enum capsule_status call_invalid(struct scan *scan, struct discovered *found, const char *first)
{
	size_t errors = found->diagnostics.errors;

	if (errors < 2)
		return call_broken(scan, found, first);
	found->state = DISCOVERY_BROKEN;
	if (asprintf(&found->problem, "%s (and %zu more: capsule check %s)", first, errors - 1, found->dir) >= 0)
		return CAPSULE_OK;
	found->problem = NULL;
	return no_memory(scan->err);
}

static enum capsule_status parse(struct scan *scan, struct discovered *found)
{
	struct span text = buffer_span(&scan->text);
	struct capsule_error problem;
	enum capsule_status status;

	error_clear(&problem);
	blake3_bytes(text, found->hash);
	status = manifest_parse(&found->manifest, text, buffer_text(&scan->path), &found->diagnostics, &problem);
	if (status == CAPSULE_OK)
		return CAPSULE_OK;
	if (status == CAPSULE_ENOMEM || !buffer_append_span(&found->source, text))
		return no_memory(scan->err);
	return call_invalid(scan, found, problem.text);
}

/* What `fd` is, is looked at after it was opened: a name can change in between. */
static enum capsule_status read_manifest(struct scan *scan, struct discovered *found, int fd)
{
	struct stat info;

	if (fstat(fd, &info) != 0)
		return call_unreadable(scan, found, strerror(errno));
	if (!S_ISREG(info.st_mode))
		return call_unreadable(scan, found, NOT_REGULAR);
	if (!read_text(fd, &scan->text, (size_t)info.st_size))
		return errno == ENOMEM ? no_memory(scan->err) : call_unreadable(scan, found, strerror(errno));
	return parse(scan, found);
}

/* Sets the path of the manifest in the folder `name` of the root, in the root itself when it is empty, and tells its folder. */
static char *name_manifest(struct scan *scan, const char *name)
{
	struct span folder;

	buffer_clear(&scan->path);
	buffer_append_text(&scan->path, scan->root_path);
	if (name[0] != '\0') {
		buffer_append_text(&scan->path, "/");
		buffer_append_text(&scan->path, name);
	}
	folder = buffer_span(&scan->path);
	if (!buffer_append_text(&scan->path, "/" FILE_NAME) || buffer_text(&scan->path) == NULL)
		return NULL;
	folder.data = scan->path.data;
	return text_copy(folder.len > 0 ? folder : span_text("/"));
}

/* A folder without a manifest, and a link that leads nowhere, is none and nothing to tell. */
static enum capsule_status look_into(struct scan *scan, int root_fd, const char *name)
{
	HOLD(free_drop) char *dir = name_manifest(scan, name);
	HOLD(fd_drop) int fd = -1;
	struct discovered *found = NULL;
	enum capsule_status status;
	int why;

	if (dir == NULL)
		return no_memory(scan->err);
	fd = openat(root_fd, (const char *)scan->path.data + strlen(scan->root_path) + 1, OPEN_FLAGS);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return CAPSULE_OK;
	why = errno;
	status = add(scan, &found);
	if (status != CAPSULE_OK)
		return status;
	found->dir = GIVE(dir);
	if (fd < 0)
		return call_unreadable(scan, found, why == ENXIO ? NOT_REGULAR : strerror(why));
	return read_manifest(scan, found, fd);
}

static enum capsule_status search_names(struct scan *scan, int root_fd)
{
	HOLD(listing_fini) struct listing listing = { 0 };
	int why = listing_read(&listing, root_fd);
	enum capsule_status status = CAPSULE_OK;

	if (why == ENOMEM)
		return no_memory(scan->err);
	if (why == EOVERFLOW)
		return warn(scan, "%s: more than %d entries, so none of its capsules is used: move out what is none",
			scan->root->path, LIMIT_DIRECTORY_ENTRIES);
	if (why != 0)
		return warn(scan, "%s: can't be listed, so none of its capsules is used: %s", scan->root->path,
			strerror(why));
	if (scan->root->origin != DISCOVERY_NAMED)
		status = look_into(scan, root_fd, "");
	for (size_t i = 0; i < listing.count && status == CAPSULE_OK; i++)
		status = look_into(scan, root_fd, listing.names[i]);
	return status;
}

static enum capsule_status search_root(struct scan *scan)
{
	const struct discovery_root *root = scan->root;
	HOLD(free_drop) char *path = realpath(root->path, NULL);
	HOLD(fd_drop) int fd = path == NULL ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	size_t before = scan->out->count;
	enum capsule_status status = CAPSULE_OK;

	if (fd < 0 && errno == ENOMEM)
		return no_memory(scan->err);
	if (fd < 0 && errno == ENOENT)
		return root->origin == DISCOVERY_NAMED ? warn(scan, "%s: there is no such folder", root->path)
						       : CAPSULE_OK;
	if (fd < 0)
		return warn(scan, "%s: %s", root->path, strerror(errno));
	scan->root_path = strcmp(path, "/") == 0 ? "" : path;
	if (root->origin == DISCOVERY_NAMED)
		status = look_into(scan, fd, "");
	if (status == CAPSULE_OK && scan->out->count == before)
		status = search_names(scan, fd);
	scan->root_path = NULL;
	return status;
}

static enum capsule_status call_duplicate(struct discovery *out, size_t index, size_t first, struct capsule_error *err)
{
	struct discovered *found = &out->items[index];

	found->state = DISCOVERY_DUPLICATE;
	found->other = first;
	if (strcmp(found->dir, out->items[first].dir) == 0) {
		found->problem = text_copy(span_text("it was found before: it is named twice"));
		return found->problem != NULL ? CAPSULE_OK : no_memory(err);
	}
	if (asprintf(&found->problem,
		    "the id `%s` is taken by %s, which comes first, so %s is not used: remove or rename one",
		    found->manifest->package.name, out->items[first].dir, found->dir) < 0) {
		found->problem = NULL;
		return no_memory(err);
	}
	return CAPSULE_OK;
}

/* Which of those of one id counts. What nobody approved takes no id away from others, and is not asked about when the id is taken. */
static enum capsule_status judge(
	struct discovery *out, discovery_trust_fn trusted, void *user, struct capsule_error *err)
{
	HOLD(map_fini) struct map ids = { 0 }; /* id -> index + 1 of the first good one */
	enum capsule_status status = CAPSULE_OK;

	for (size_t i = 0; i < out->count && status == CAPSULE_OK; i++) {
		struct discovered *found = &out->items[i];
		struct span id;
		uintptr_t first;

		if (found->state != DISCOVERY_GOOD)
			continue;
		id = span_text(found->manifest->package.name);
		first = (uintptr_t)map_get(&ids, id);
		if (first != 0) {
			status = call_duplicate(out, i, first - 1, err);
			continue;
		}
		if (found->origin == DISCOVERY_WORKSPACE && trusted != NULL)
			status = trusted(user, found, &found->problem, err);
		if (found->problem != NULL)
			found->state = DISCOVERY_UNAPPROVED;
		else if (status == CAPSULE_OK)
			status = map_put(&ids, id, (void *)(i + 1), NULL, err);
	}
	return status;
}

enum capsule_status discovery_find(struct discovery *out, const struct discovery_root *roots, size_t root_count,
	discovery_trust_fn trusted, void *user, struct capsule_error *err)
{
	HOLD(scan_fini) struct scan scan = { .out = out, .err = err };
	enum capsule_status status = CAPSULE_OK;

	*out = (struct discovery){ 0 };
	for (size_t i = 0; i < root_count && status == CAPSULE_OK; i++) {
		scan.root = &roots[i];
		status = search_root(&scan);
	}
	if (status == CAPSULE_OK)
		status = judge(out, trusted, user, err);
	if (status != CAPSULE_OK)
		discovery_fini(out);
	return status;
}
