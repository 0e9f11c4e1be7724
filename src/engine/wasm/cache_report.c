/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/wasm/cache_report.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define ENTRIES_MAX 65536 /* listed in one go */

struct listed {
	char name[CACHE_NAME];
	uint64_t bytes;
	int64_t used_ns;
};

struct listing {
	const struct cache *cache;
	int dir_fd;
	enum cache_look look;
	struct span description;
	struct listed *items;
	size_t count, capacity;
	bool starved;
};

static bool note_file(void *user, const struct cache_file *file)
{
	struct listing *listing = user;
	struct listed *item;

	if (file->draft) {
		if (listing->look == CACHE_REPAIR)
			(void)unlinkat(listing->dir_fd, file->name, 0);
		return true;
	}
	if (listing->count == listing->capacity) {
		size_t capacity = listing->capacity == 0 ? 64 : 2 * listing->capacity;
		struct listed *items = realloc(listing->items, capacity * sizeof *items);

		listing->starved = items == NULL;
		if (items == NULL)
			return false;
		listing->items = items;
		listing->capacity = capacity;
	}
	item = &listing->items[listing->count++];
	memcpy(item->name, file->name, CACHE_NAME);
	item->bytes = file->bytes;
	item->used_ns = file->used_ns;
	return listing->count < ENTRIES_MAX;
}

static int newest_first(const void *a, const void *b)
{
	const struct listed *left = a, *right = b;

	if (left->used_ns != right->used_ns)
		return left->used_ns < right->used_ns ? 1 : -1;
	return strcmp(left->name, right->name);
}

/* The last bytes of an entry, and with `whole` whether its digest holds. */
static bool read_seal(int fd, bool whole, struct artefact_seal *seal)
{
	struct stat info;
	bool sound = false;
	void *bytes;

	if (!cache_usable(fd, &info))
		return false;
	bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes != MAP_FAILED) {
		struct span file = span_of(bytes, (size_t)info.st_size);

		sound = artefact_seal_read(file, seal) && (!whole || artefact_sound(file));
		(void)munmap(bytes, file.len);
	}
	return sound;
}

/* A look is no use: without O_NOATIME the first list of a day would turn the order around in which entries are removed. Only for
 * a file of somebody else that flag is refused, and such a file is no entry. */
static const char *state_of(const struct listing *listing, const struct listed *item, struct artefact_seal *seal)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOATIME;
	HOLD(fd_drop) int fd = openat(listing->dir_fd, item->name, flags);
	uint8_t key[ARTEFACT_KEY];
	char name[CACHE_NAME];

	if (fd < 0 || !read_seal(fd, listing->look != CACHE_LIST, seal))
		return "broken";
	cache_name(seal->key, name);
	if (strcmp(name, item->name) != 0)
		return "broken";
	cache_key(seal->module, listing->description, key);
	return memcmp(key, seal->key, sizeof key) == 0 ? "ok" : "other";
}

static void append_seal(struct buffer *json, const struct artefact_seal *seal)
{
	HOLD(buffer_fini) struct buffer name = { .limit = 4 * sizeof seal->name };

	text_append_lossy(&name, span_text(seal->name));
	buffer_append_text(json, "\"name\":");
	json_append_string(json, buffer_span(&name));
	buffer_append_text(json, ",\"module\":\"");
	for (size_t i = 0; i < sizeof seal->module; i++)
		buffer_printf(json, "%02x", seal->module[i]);
	buffer_printf(
		json, "\",\"module_bytes\":%" PRIu64 ",\"created\":%" PRId64 ",", seal->module_bytes, seal->created);
}

static void append_entry(struct buffer *json, const struct listing *listing, const struct listed *item)
{
	struct artefact_seal seal = { 0 };
	const char *state = state_of(listing, item, &seal);
	bool broken = strcmp(state, "broken") == 0;

	buffer_printf(json, "{\"key\":\"%.*s\",", 2 * ARTEFACT_KEY, item->name);
	if (broken)
		buffer_append_text(json, "\"name\":null,\"module\":null,\"module_bytes\":null,\"created\":null,");
	else
		append_seal(json, &seal);
	buffer_printf(json, "\"bytes\":%" PRIu64 ",\"used\":%" PRId64 ",\"state\":\"%s\"}", item->bytes,
		item->used_ns / NS_PER_S, state);
	if (broken && listing->look == CACHE_REPAIR)
		(void)unlinkat(listing->dir_fd, item->name, 0);
}

static enum capsule_status list_folder(struct listing *listing, struct buffer *json, struct capsule_error *err)
{
	uint64_t bytes = 0;

	if (listing->dir_fd >= 0 && !cache_walk(listing->dir_fd, note_file, listing))
		return error_os(err, errno, "the cache folder %.512s", listing->cache->dir);
	if (listing->starved)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a list of the cache");
	if (listing->count > 0)
		qsort(listing->items, listing->count, sizeof *listing->items, newest_first);
	for (size_t i = 0; i < listing->count; i++)
		bytes += listing->items[i].bytes;
	buffer_append_text(json, "{\"dir\":");
	json_append_string(json, span_text(listing->cache->dir));
	buffer_printf(json, ",\"bytes\":%" PRIu64 ",\"entries\":[", bytes);
	for (size_t i = 0; i < listing->count; i++) {
		if (i > 0)
			buffer_append_text(json, ",");
		append_entry(json, listing, &listing->items[i]);
	}
	buffer_append_text(json, "]}");
	return buffer_check(json, err);
}

enum capsule_status cache_report(const struct cache *cache, enum cache_look look, struct span description,
	struct buffer *json, struct capsule_error *err)
{
	struct listing listing = { .cache = cache, .look = look, .description = description };
	struct capsule_error failure;
	HOLD(fd_drop) int dir_fd = cache_folder(cache, false, &failure);
	enum capsule_status status;

	if (dir_fd < 0 && failure.status != CAPSULE_OK)
		return error_copy(err, &failure);
	listing.dir_fd = dir_fd;
	status = list_folder(&listing, json, err);
	free(listing.items);
	return status;
}

struct clearing {
	int dir_fd, failed; /* errno of a file that stays */
	uint64_t entries, bytes;
};

static bool clear_file(void *user, const struct cache_file *file)
{
	struct clearing *clearing = user;

	if (unlinkat(clearing->dir_fd, file->name, 0) != 0) {
		clearing->failed = errno == ENOENT ? clearing->failed : errno;
	} else if (!file->draft) {
		clearing->entries++;
		clearing->bytes += file->bytes;
	}
	return true;
}

enum capsule_status cache_clear(
	const struct cache *cache, uint64_t *entries, uint64_t *bytes, struct capsule_error *err)
{
	struct capsule_error failure;
	HOLD(fd_drop) int dir_fd = cache_folder(cache, false, &failure);
	struct clearing clearing = { .dir_fd = dir_fd };
	bool walked = dir_fd < 0 || cache_walk(dir_fd, clear_file, &clearing);

	*entries = clearing.entries;
	*bytes = clearing.bytes;
	if (dir_fd < 0 && failure.status != CAPSULE_OK)
		return error_copy(err, &failure);
	if (!walked)
		return error_os(err, errno, "the cache folder %.512s", cache->dir);
	if (clearing.failed != 0)
		return error_os(err, clearing.failed, "the cache folder %.512s can't be emptied", cache->dir);
	return CAPSULE_OK;
}
