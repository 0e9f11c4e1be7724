/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The public look at the folder of compiled modules. */
#include "engine/wasm/cache_report.h"
#include "engine/wasm/profile.h"
#include "runtime/internal.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"

#include <capsule/cache.h>

struct capsule_cache {
	struct cache cache;
	struct buffer description; /* of the usual profile */
	struct buffer json;        /* the last answer */
};

DEFINE_DROP(cache_drop, struct capsule_cache *, capsule_cache_close)

static enum capsule_status find_folder(struct capsule_cache *cache, const char *dir, struct capsule_error *err)
{
	HOLD(free_drop) char *home = NULL;

	if (dir != NULL && dir[0] != '/')
		return error_set(err, CAPSULE_EINVAL, "the cache folder is `%.256s`, expected an absolute path", dir);
	if (dir == NULL && home_default_path(&home, err) != CAPSULE_OK)
		return err != NULL ? err->status : CAPSULE_EINVAL;
	if (dir == NULL && home == NULL)
		return error_set(
			err, CAPSULE_EINVAL, "no home: set ASTRID_HOME to an absolute path, or name the folder");
	cache->cache.dir = dir != NULL ? text_copy(span_text(dir)) : home_cache_path(home);
	return cache->cache.dir != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for a cache");
}

enum capsule_status capsule_cache_open(struct capsule_cache **out, const char *dir, struct capsule_error *err)
{
	HOLD(cache_drop) struct capsule_cache *cache = calloc(1, sizeof *cache);
	struct wasm_profile profile = { 0 };
	struct capsule_error failure;
	enum capsule_status status;
	int fd;

	error_clear(err);
	if (cache == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a cache");
	status = find_folder(cache, dir, err);
	if (status != CAPSULE_OK)
		return status;
	profile_fill(&profile);
	profile_describe(&profile, &cache->description);
	fd = cache_folder(&cache->cache, false, &failure);
	if (fd < 0 && failure.status != CAPSULE_OK)
		return error_copy(err, &failure);
	fd_drop(&fd);
	*out = GIVE(cache);
	return CAPSULE_OK;
}

void capsule_cache_close(struct capsule_cache *cache)
{
	if (cache == NULL)
		return;
	buffer_fini(&cache->description);
	buffer_fini(&cache->json);
	free(cache->cache.dir);
	free(cache);
}

static enum capsule_status report(
	struct capsule_cache *cache, enum cache_look look, const char **json, struct capsule_error *err)
{
	enum capsule_status status;

	error_clear(err);
	buffer_clear(&cache->json);
	status = cache_report(&cache->cache, look, buffer_span(&cache->description), &cache->json, err);
	if (status != CAPSULE_OK)
		return status;
	*json = buffer_text(&cache->json);
	return *json != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for a list of the cache");
}

enum capsule_status capsule_cache_list(struct capsule_cache *cache, const char **json, struct capsule_error *err)
{
	return report(cache, CACHE_LIST, json, err);
}

enum capsule_status capsule_cache_verify(
	struct capsule_cache *cache, bool remove, const char **json, struct capsule_error *err)
{
	return report(cache, remove ? CACHE_REPAIR : CACHE_VERIFY, json, err);
}

enum capsule_status capsule_cache_clear(
	struct capsule_cache *cache, uint64_t *entries, uint64_t *bytes, struct capsule_error *err)
{
	uint64_t removed = 0, freed = 0;
	enum capsule_status status;

	error_clear(err);
	status = cache_clear(&cache->cache, &removed, &freed, err);
	if (entries != NULL)
		*entries = removed;
	if (bytes != NULL)
		*bytes = freed;
	return status;
}
