/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/wasm/cache_fixture.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char wat[] = "(module (func (export \"answer\") (result i32) (i32.const 42)))";

wasm_byte_vec_t cache_compile(wasm_engine_t *engine)
{
	wasm_byte_vec_t binary = { 0 }, code = { 0 };
	wasmtime_module_t *module = NULL;

	assert_null(wasmtime_wat2wasm(wat, strlen(wat), &binary));
	assert_null(wasmtime_module_new(engine, (const uint8_t *)binary.data, binary.size, &module));
	assert_null(wasmtime_module_serialize(module, &code));
	wasmtime_module_delete(module);
	wasm_byte_vec_delete(&binary);
	return code;
}

int cache_fixture_new(void **state)
{
	struct cache_fixture *fixture = calloc(1, sizeof *fixture);
	struct wasm_profile profile = { 0 };

	assert_non_null(fixture);
	profile_fill(&profile);
	profile_describe(&profile, &fixture->description);
	fixture->engine = wasm_engine_new_with_config(profile_config(&profile));
	fixture->code = cache_compile(fixture->engine);
	(void)snprintf(fixture->root, sizeof fixture->root, "/tmp/capsule-cache-XXXXXX");
	assert_non_null(mkdtemp(fixture->root));
	(void)snprintf(fixture->dir, sizeof fixture->dir, "%s/cache", fixture->root);
	fixture->cache = (struct cache){ .dir = fixture->dir, .limit = LIMIT_CACHE };
	fixture->seal = (struct artefact_seal){ .module_bytes = 40, .created = time(NULL), .name = "guest.wasm" };
	memset(fixture->seal.module, 7, ARTEFACT_KEY);
	cache_key(fixture->seal.module, buffer_span(&fixture->description), fixture->seal.key);
	*state = fixture;
	return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

int cache_fixture_free(void **state)
{
	struct cache_fixture *fixture = *state;

	assert_int_equal(nftw(fixture->root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	wasm_byte_vec_delete(&fixture->code);
	wasm_engine_delete(fixture->engine);
	buffer_fini(&fixture->description);
	free(fixture);
	return 0;
}

/* ---- Names ---- */

static const char *join(const char *folder, const char *name)
{
	static char paths[8][CACHE_PATH];
	static unsigned next;
	char *path = paths[next++ % 8];

	assert_true(snprintf(path, CACHE_PATH, "%s/%s", folder, name) < CACHE_PATH);
	return path;
}

const char *cache_path(const struct cache_fixture *fixture, const char *name)
{
	return join(fixture->root, name);
}

const char *cache_file_path(const struct cache_fixture *fixture, const char *name)
{
	return join(fixture->dir, name);
}

const char *cache_entry_path(const struct cache_fixture *fixture, const uint8_t key[ARTEFACT_KEY])
{
	char name[CACHE_NAME];

	cache_name(key, name);
	return join(fixture->dir, name);
}

void cache_key_of(const struct cache_fixture *fixture, uint8_t number, uint8_t key[ARTEFACT_KEY])
{
	memcpy(key, fixture->seal.key, ARTEFACT_KEY);
	key[0] = number;
}

/* ---- Entries ---- */

static void put(const struct cache_fixture *fixture, const struct artefact_seal *seal)
{
	struct capsule_error err;
	int fd = cache_put(&fixture->cache, span_of(fixture->code.data, fixture->code.size), seal, &err);

	if (fd < 0)
		fail_msg("%s", err.text);
	assert_string_equal(err.text, "");
	assert_int_equal(close(fd), 0);
}

void cache_fill(struct cache_fixture *fixture)
{
	put(fixture, &fixture->seal);
}

void cache_fill_as(struct cache_fixture *fixture, uint8_t number)
{
	struct artefact_seal seal = fixture->seal;

	cache_key_of(fixture, number, seal.key);
	put(fixture, &seal);
}

bool cache_module_works(const struct cache_fixture *fixture, wasmtime_module_t *module)
{
	wasmtime_store_t *store = wasmtime_store_new(fixture->engine, NULL, NULL);
	wasmtime_context_t *context = wasmtime_store_context(store);
	wasmtime_val_t result = { .kind = WASMTIME_I32 };
	wasm_trap_t *trap = NULL;
	wasmtime_instance_t instance;
	wasmtime_extern_t item;
	bool works;

	wasmtime_context_set_epoch_deadline(context, UINT32_MAX);
	works = wasmtime_instance_new(context, module, NULL, 0, &instance, &trap) == NULL && trap == NULL &&
		wasmtime_instance_export_get(context, &instance, "answer", 6, &item) &&
		wasmtime_func_call(context, &item.of.func, NULL, 0, &result, 1, &trap) == NULL && trap == NULL;
	wasmtime_store_delete(store);
	wasmtime_module_delete(module);
	return works && result.of.i32 == 42;
}

bool cache_answers(struct cache_fixture *fixture, const char *says)
{
	struct capsule_error err;
	wasmtime_module_t *module = cache_load(&fixture->cache, fixture->seal.key, fixture->engine, &err);

	if (says[0] == '\0')
		assert_string_equal(err.text, "");
	else if (strstr(err.text, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, says);
	if (module == NULL)
		return false;
	assert_true(cache_module_works(fixture, module));
	return true;
}

/* ---- Files ---- */

void cache_write(const struct cache_fixture *fixture, const char *path, struct span bytes, unsigned mode)
{
	HOLD(fd_drop) int fd = -1;

	assert_true(mkdir(fixture->dir, 0700) == 0 || errno == EEXIST);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes.data, bytes.len), (ssize_t)bytes.len);
	assert_int_equal(fchmod(fd, mode), 0);
}

struct buffer cache_read(const char *path)
{
	HOLD(fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct buffer bytes = { 0 };
	struct stat info;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &info), 0);
	assert_true(buffer_reserve(&bytes, (size_t)info.st_size));
	bytes.len = (size_t)info.st_size;
	assert_int_equal(read(fd, bytes.data, bytes.len), info.st_size);
	return bytes;
}

int cache_count(const struct cache_fixture *fixture, const char *prefix)
{
	DIR *folder = opendir(fixture->dir);
	const struct dirent *entry;
	int count = 0;

	if (folder == NULL)
		return 0;
	while ((entry = readdir(folder)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	(void)closedir(folder);
	return count;
}

bool cache_exists(const char *path)
{
	struct stat info;

	return lstat(path, &info) == 0;
}

unsigned cache_mode(const char *path)
{
	struct stat info;

	assert_int_equal(lstat(path, &info), 0);
	return info.st_mode & 07777;
}

void cache_age(const char *path, int64_t read_s, int64_t written_s)
{
	const time_t now = time(NULL);
	const struct timespec times[2] = { { .tv_sec = now - read_s }, { .tv_sec = now - written_s } };

	assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

void cache_says(const struct capsule_error *err, enum capsule_status status, const char *text)
{
	if (strstr(err->text, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err->text, text);
	assert_int_equal(err->status, status);
}
