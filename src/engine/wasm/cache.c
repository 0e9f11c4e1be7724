/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/wasm/cache.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "capsule_deps.h"
#include "engine/wasm/cache_trim.h"
#include "engine/wasm/trap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#define FOLDERS_ABOVE 2 /* that are made with the cache's own: cache/ in the home, and the home */
#define USED_EVERY_S 60 /* how exactly the time of the last use is kept */

/* A file mapped for reading. */
struct mapping {
	void *base; /* MAP_FAILED: none */
	size_t len;
};

static void mapping_drop(struct mapping *mapping)
{
	if (mapping->base != MAP_FAILED)
		(void)munmap(mapping->base, mapping->len);
}

void cache_key(const uint8_t module[ARTEFACT_KEY], struct span description, uint8_t key[ARTEFACT_KEY])
{
	struct deps_hasher *hasher = deps_hasher_new();

	deps_hasher_update(hasher, module, ARTEFACT_KEY);
	deps_hasher_update(hasher, description.data, description.len);
	deps_hasher_finish(hasher, key);
	deps_hasher_free(hasher);
}

void cache_name(const uint8_t key[ARTEFACT_KEY], char name[CACHE_NAME])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < ARTEFACT_KEY; i++) {
		name[2 * i] = digits[key[i] >> 4];
		name[2 * i + 1] = digits[key[i] & 15];
	}
	memcpy(name + 2 * (size_t)ARTEFACT_KEY, CACHE_SUFFIX, sizeof CACHE_SUFFIX);
}

/* Make the folder and, where they are missing, `above` of those above it. */
static bool make_folders(const char *dir, int above)
{
	HOLD(free_drop) char *path = NULL;
	char *slash;

	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		return true;
	if (errno != ENOENT || above == 0)
		return false;
	path = strdup(dir);
	slash = path == NULL ? NULL : strrchr(path, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	return make_folders(path, above - 1) && (mkdir(dir, 0700) == 0 || errno == EEXIST);
}

static enum capsule_status check_folder(const struct cache *cache, int fd, struct capsule_error *err)
{
	struct stat info;

	if (fstat(fd, &info) != 0)
		return error_os(err, errno, "the cache folder %.512s", cache->dir);
	if (info.st_uid != geteuid())
		return error_set(err, CAPSULE_EDENIED,
			"the cache folder %.512s belongs to user %u, not to this one (%u): name another, or give it away",
			cache->dir, (unsigned)info.st_uid, (unsigned)geteuid());
	if ((info.st_mode & 077) != 0)
		return error_set(err, CAPSULE_EDENIED,
			"the cache folder %.512s is open to others (mode %03o): whoever can write there can run code here; "
			"chmod 700 it, after removing what is in it if it was writable",
			cache->dir, (unsigned)info.st_mode & 0777);
	return CAPSULE_OK;
}

/* Why the folder can't be opened. A link is no folder here: who made it decides where code comes from. */
static void tell_unusable(const struct cache *cache, int why, struct capsule_error *err)
{
	struct stat info;

	if (lstat(cache->dir, &info) == 0 && !S_ISDIR(info.st_mode))
		(void)error_set(err, CAPSULE_EIO,
			"the cache folder %.512s is a file or a link, expected a folder: remove it, or name another",
			cache->dir);
	else
		(void)error_os(err, why, "the cache folder %.512s", cache->dir);
}

int cache_folder(const struct cache *cache, bool make, struct capsule_error *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	HOLD(fd_drop) int fd = open(cache->dir, flags);

	error_clear(err);
	if (fd < 0 && errno == ENOENT && !make)
		return -1;
	if (fd < 0 && errno == ENOENT && make_folders(cache->dir, FOLDERS_ABOVE))
		fd = open(cache->dir, flags);
	if (fd < 0) {
		tell_unusable(cache, errno, err);
		return -1;
	}
	return check_folder(cache, fd, err) == CAPSULE_OK ? fd_give(&fd) : -1;
}

bool cache_usable(int fd, struct stat *info)
{
	return fstat(fd, info) == 0 && S_ISREG(info->st_mode) && info->st_uid == geteuid() &&
		(info->st_mode & 022) == 0 && info->st_size > ARTEFACT_SEAL &&
		(uint64_t)info->st_size <= LIMIT_ARTEFACT;
}

static bool entry_sound(struct span file, const uint8_t key[ARTEFACT_KEY])
{
	struct artefact_seal seal;

	return artefact_seal_read(file, &seal) && memcmp(seal.key, key, ARTEFACT_KEY) == 0 && artefact_sound(file);
}

static void note_use(int fd, const struct stat *info)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT } };

	if (time(NULL) - info->st_atim.tv_sec >= USED_EVERY_S)
		(void)futimens(fd, times);
}

wasmtime_module_t *cache_map(wasm_engine_t *engine, int fd, struct span code, struct capsule_error *err)
{
	wasmtime_module_t *module = NULL;
	wasmtime_error_t *error;
	char path[32];

	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (access(path, R_OK) == 0)
		error = wasmtime_module_deserialize_file(engine, path, &module);
	else
		error = wasmtime_module_deserialize(engine, code.data, code.len, &module);
	if (error == NULL)
		return module;
	(void)trap_error_text(err, CAPSULE_EINTERNAL, error, "compiled code can't be loaded");
	return NULL;
}

wasmtime_module_t *cache_load(
	const struct cache *cache, const uint8_t key[ARTEFACT_KEY], wasm_engine_t *engine, struct capsule_error *err)
{
	HOLD(mapping_drop) struct mapping mapping = { .base = MAP_FAILED };
	HOLD(fd_drop) int dir = -1;
	HOLD(fd_drop) int fd = -1;
	wasmtime_module_t *module = NULL;
	char name[CACHE_NAME];
	struct stat info;

	error_clear(err);
	if (cache->dir == NULL || (dir = cache_folder(cache, false, err)) < 0)
		return NULL;
	cache_name(key, name);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	if (cache_usable(fd, &info)) {
		mapping.len = (size_t)info.st_size;
		mapping.base = mmap(NULL, mapping.len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	}
	if (mapping.base != MAP_FAILED && entry_sound(span_of(mapping.base, mapping.len), key))
		module = cache_map(engine, fd, span_of(mapping.base, mapping.len - ARTEFACT_SEAL), err);
	if (module != NULL) {
		note_use(fd, &info);
		return module;
	}
	(void)unlinkat(dir, name, 0);
	(void)error_set(err, CAPSULE_EIO, "the cache entry %.512s/%s was damaged; it is made anew", cache->dir, name);
	return NULL;
}

/* A new file with a name of its own that nobody reads. */
static int open_draft(int dir, char name[48], struct capsule_error *err)
{
	uint64_t number;

	if (random_fill(&number, sizeof number, err) != CAPSULE_OK)
		return -1;
	(void)snprintf(name, 48, CACHE_DRAFT "%016llx", (unsigned long long)number);
	return openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int cache_put(const struct cache *cache, struct span code, const struct artefact_seal *seal, struct capsule_error *err)
{
	HOLD(fd_drop) int dir = -1;
	HOLD(fd_drop) int fd = -1;
	uint8_t sealed[ARTEFACT_SEAL];
	char name[CACHE_NAME], draft[48];

	error_clear(err);
	if (cache->dir == NULL || code.len + ARTEFACT_SEAL > cache->limit)
		return -1;
	dir = cache_folder(cache, true, err);
	if (dir < 0)
		return -1;
	fd = open_draft(dir, draft, err);
	if (fd < 0) {
		(void)error_os(err, errno, "the cache folder %.512s can't be written to", cache->dir);
		return -1;
	}
	artefact_seal_make(seal, code, sealed);
	cache_name(seal->key, name);
	if (fd_write_all(fd, code) != 0 || fd_write_all(fd, span_of(sealed, sizeof sealed)) != 0 ||
		fchmod(fd, 0400) != 0 || renameat(dir, draft, dir, name) != 0) {
		(void)error_os(err, errno, "the cache folder %.512s can't take %zu bytes", cache->dir, code.len);
		(void)unlinkat(dir, draft, 0);
		return -1;
	}
	cache_trim(dir, cache->limit, name);
	return fd_give(&fd);
}
