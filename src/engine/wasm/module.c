/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From a file to a module that instances can be made of. Reading and hashing, then compiling, are jobs on the pool; between
 * them the loop looks whether the same bytes are loaded already. */
#include "engine/wasm/module.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/text.h"
#include "capsule_deps.h"
#include "engine/wasm/trap.h"
#include "loop/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

struct module_load {
	struct pool_job job;
	struct wasm_runtime *shared;
	char *dir; /* folder that the file must lie in; NULL: anywhere */
	char *file;
	char *expected_hash; /* NULL: any */
	uint64_t limit_bytes;
	void (*done)(void *user, struct wasm_module *module, const struct capsule_error *error);
	void (*inspected)(void *user, const struct module_inspected *module, const struct capsule_error *error);
	void *user;
	bool cancelled;
	/* Written by the jobs, read by the loop after them. */
	struct buffer bytes;
	uint8_t hash[HASH_LEN];
	size_t file_bytes;
	wasmtime_module_t *compiled;
	struct module_scan scan;
	struct capsule_error error;
};

static void load_free(struct module_load *load)
{
	if (load->compiled != NULL)
		wasmtime_module_delete(load->compiled);
	load->shared->jobs--;
	buffer_fini(&load->bytes);
	free(load->dir);
	free(load->file);
	free(load->expected_hash);
	free(load);
}

static void load_end(struct module_load *load, struct wasm_module *module)
{
	if (!load->cancelled)
		load->done(load->user, module, &load->error);
	else if (module != NULL)
		module_unref(module);
	load_free(load);
}

static void inspect_end(struct module_load *load)
{
	struct module_inspected module = { .scan = load->scan, .bytes = load->file_bytes };

	if (!load->cancelled && load->compiled == NULL)
		load->inspected(load->user, NULL, &load->error);
	if (!load->cancelled && load->compiled != NULL) {
		memcpy(module.hash, load->hash, HASH_LEN);
		wasmtime_module_imports(load->compiled, &module.imports);
		wasmtime_module_exports(load->compiled, &module.exports);
		load->inspected(load->user, &module, &load->error);
		wasm_importtype_vec_delete(&module.imports);
		wasm_exporttype_vec_delete(&module.exports);
	}
	load_free(load);
}

static enum capsule_status read_all(int fd, struct module_load *load)
{
	for (;;) {
		ssize_t got;

		if (load->bytes.len <= load->limit_bytes && !buffer_reserve(&load->bytes, 64 * KIB) &&
			load->bytes.starved)
			return error_set(&load->error, CAPSULE_ENOMEM,
				"Failed to read WASM module %s: no memory after %zu bytes", load->file,
				load->bytes.len);
		if (load->bytes.len > load->limit_bytes || load->bytes.failed)
			return error_set(&load->error, CAPSULE_ELIMIT,
				"Failed to read WASM module %s: it is over the limit of %llu bytes", load->file,
				(unsigned long long)load->limit_bytes);
		got = read(fd, load->bytes.data + load->bytes.len, load->bytes.capacity - load->bytes.len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_os(&load->error, errno, "Failed to read WASM module %s", load->file);
		if (got == 0)
			return CAPSULE_OK;
		load->bytes.len += (size_t)got;
	}
}

/* Not blocking, so that a named pipe can't hold the pool. A capsule's module is looked up beneath its folder by the kernel:
 * neither `..` nor a link leads out. */
static int open_file(const struct module_load *load)
{
	if (load->dir == NULL)
		return open(load->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd_open_beneath(load->dir, load->file, O_RDONLY | O_NONBLOCK);
}

static enum capsule_status read_file(struct module_load *load)
{
	HOLD(fd_drop) int fd = open_file(load);
	struct stat info;

	if (fd < 0 && load->dir != NULL && errno == EXDEV)
		return error_set(&load->error, CAPSULE_EMODULE,
			"Failed to read WASM module %s: it lies outside the capsule's folder %s; name a file inside",
			load->file, load->dir);
	if (fd < 0 || fstat(fd, &info) != 0)
		return error_os(&load->error, errno, "Failed to read WASM module %s", load->file);
	if (!S_ISREG(info.st_mode))
		return error_set(&load->error, CAPSULE_EMODULE,
			"Failed to read WASM module %s: it is not a regular file", load->file);
	if ((uint64_t)info.st_size > load->limit_bytes)
		return error_set(&load->error, CAPSULE_ELIMIT,
			"WASM module %s: %lld bytes are over the limit of %llu bytes", load->file,
			(long long)info.st_size, (unsigned long long)load->limit_bytes);
	if (info.st_size == 0)
		return error_set(&load->error, CAPSULE_EMODULE, "WASM module %s: the file is empty", load->file);
	load->bytes.limit = (size_t)load->limit_bytes + 64 * KIB + 1;
	return read_all(fd, load);
}

static enum capsule_status check_hash(struct module_load *load)
{
	char actual[2 * HASH_LEN + 1];

	if (load->expected_hash == NULL)
		return CAPSULE_OK;
	for (size_t i = 0; i < HASH_LEN; i++)
		(void)snprintf(actual + 2 * i, 3, "%02x", load->hash[i]);
	if (strcmp(actual, load->expected_hash) == 0)
		return CAPSULE_OK;
	return error_set(&load->error, CAPSULE_EMODULE,
		"WASM module %s is not the one that the manifest names: expected BLAKE3 %.80s, the file has %s",
		load->file, load->expected_hash, actual);
}

static bool is_text_file(const char *file)
{
	size_t len = strlen(file);

	return len > 4 && strcmp(file + len - 4, ".wat") == 0;
}

static enum capsule_status assemble(struct module_load *load)
{
	wasm_byte_vec_t binary = { 0 };
	wasmtime_error_t *error = wasmtime_wat2wasm((const char *)load->bytes.data, load->bytes.len, &binary);
	bool fits;

	if (error != NULL)
		return trap_error_text(&load->error, CAPSULE_EMODULE, error, "WASM module %.200s", load->file);
	buffer_clear(&load->bytes);
	fits = buffer_append(&load->bytes, binary.data, binary.size);
	wasm_byte_vec_delete(&binary);
	if (load->bytes.starved)
		return error_set(&load->error, CAPSULE_ENOMEM, "WASM module %s: no memory for its binary", load->file);
	return fits ? CAPSULE_OK
		    : error_set(&load->error, CAPSULE_ELIMIT, "WASM module %s: over the limit of %llu bytes as binary",
			      load->file, (unsigned long long)load->limit_bytes);
}

static void read_work(struct pool_job *job)
{
	struct module_load *load = LIST_ENTRY(job, struct module_load, job);

	if (read_file(load) != CAPSULE_OK)
		return;
	load->file_bytes = load->bytes.len;
	deps_blake3(load->bytes.data, load->bytes.len, load->hash);
	(void)check_hash(load);
}

static void compile_work(struct pool_job *job)
{
	struct module_load *load = LIST_ENTRY(job, struct module_load, job);
	wasmtime_error_t *error;

	if (is_text_file(load->file) && assemble(load) != CAPSULE_OK)
		return;
	if (module_is_component(buffer_span(&load->bytes))) {
		(void)error_set(&load->error, CAPSULE_EMODULE,
			"WASM module %s is a component; this release runs core modules: build for wasm32-wasip1 without "
			"componentizing",
			load->file);
		return;
	}
	if (load->bytes.len < 4 || memcmp(load->bytes.data, "\0asm", 4) != 0) {
		(void)error_set(&load->error, CAPSULE_EMODULE,
			"WASM module %s is no valid module: it does not begin as one (\\0asm); name a .wasm file, or text as .wat",
			load->file);
		return;
	}
	error = wasmtime_module_new(load->shared->engine, load->bytes.data, load->bytes.len, &load->compiled);
	if (error != NULL)
		(void)trap_error_text(
			&load->error, CAPSULE_EMODULE, error, "WASM module %.200s is no valid module", load->file);
	else
		(void)module_scan(buffer_span(&load->bytes), &load->scan);
}

static void module_free(struct wasm_module *module)
{
	if (module->module != NULL)
		wasmtime_module_delete(module->module);
	free(module->kernel_imports);
	free(module);
}

/* A module of what was compiled, entered under its hash. NULL with load->error filled. */
static struct wasm_module *module_make(struct module_load *load)
{
	struct wasm_module *module = calloc(1, sizeof *module);
	enum capsule_status status;

	if (module == NULL) {
		(void)error_set(&load->error, CAPSULE_ENOMEM, "no memory for a module");
		return NULL;
	}
	module->shared = load->shared;
	module->refs = 1;
	module->bytes = load->file_bytes;
	module->scan = load->scan;
	memcpy(module->hash, load->hash, HASH_LEN);
	module->module = GIVE(load->compiled);
	status = module_check(module, &load->shared->bindings, &load->error);
	if (status == CAPSULE_OK)
		status = map_put(&load->shared->modules, span_of(module->hash, HASH_LEN), module, NULL, &load->error);
	else
		(void)error_in(&load->error, "WASM module %.200s", load->file);
	if (status != CAPSULE_OK) {
		module_free(module);
		return NULL;
	}
	return module;
}

static struct wasm_module *module_known(struct module_load *load)
{
	struct wasm_module *module = map_get(&load->shared->modules, span_of(load->hash, HASH_LEN));

	return module == NULL ? NULL : module_ref(module);
}

static void compile_after(struct pool_job *job)
{
	struct module_load *load = LIST_ENTRY(job, struct module_load, job);
	struct wasm_module *module = NULL;

	if (load->inspected != NULL) {
		inspect_end(load);
		return;
	}
	if (load->error.status == CAPSULE_OK) {
		/* Another load of the same bytes may have been faster. */
		module = module_known(load);
		if (module == NULL)
			module = module_make(load);
	}
	load_end(load, module);
}

static void read_after(struct pool_job *job)
{
	struct module_load *load = LIST_ENTRY(job, struct module_load, job);
	struct wasm_module *module = NULL;

	if (load->error.status == CAPSULE_OK && load->inspected == NULL)
		module = module_known(load);
	if (load->error.status == CAPSULE_OK && module == NULL && !load->cancelled) {
		load->job = (struct pool_job){ .work = compile_work, .after = compile_after };
		if (pool_submit(load->shared->loop, &load->job, &load->error) == CAPSULE_OK)
			return;
	}
	if (load->inspected != NULL)
		inspect_end(load);
	else
		load_end(load, module);
}

static struct module_load *load_start(struct module_load *load, struct capsule_error *err)
{
	load->job = (struct pool_job){ .work = read_work, .after = read_after };
	if (pool_submit(load->shared->loop, &load->job, err) == CAPSULE_OK)
		return load;
	load_free(load);
	return NULL;
}

static struct module_load *load_new(struct wasm_runtime *shared, const char *dir, const char *file,
	uint64_t limit_bytes, const char *expected_hash, void *user, struct capsule_error *err)
{
	struct module_load *load = calloc(1, sizeof *load);

	if (load != NULL) {
		*load = (struct module_load){ .shared = shared, .limit_bytes = limit_bytes, .user = user };
		shared->jobs++;
		load->dir = dir == NULL ? NULL : text_copy(span_text(dir));
		load->file = text_copy(span_text(file));
		load->expected_hash = expected_hash == NULL ? NULL : text_copy(span_text(expected_hash));
		if (load->expected_hash != NULL)
			text_lower(load->expected_hash);
		if (load->file != NULL && (dir == NULL || load->dir != NULL) &&
			(expected_hash == NULL || load->expected_hash != NULL))
			return load;
		load_free(load);
	}
	(void)error_set(err, CAPSULE_ENOMEM, "no memory to load a module");
	return NULL;
}

struct module_load *module_load_start(struct wasm_runtime *shared, const char *dir, const char *file,
	uint64_t limit_bytes, const char *expected_hash,
	void (*done)(void *user, struct wasm_module *module, const struct capsule_error *error), void *user,
	struct capsule_error *err)
{
	struct module_load *load = load_new(shared, dir, file, limit_bytes, expected_hash, user, err);

	if (load == NULL)
		return NULL;
	load->done = done;
	return load_start(load, err);
}

struct module_load *module_inspect_start(struct wasm_runtime *shared, const char *dir, const char *file,
	uint64_t limit_bytes,
	void (*done)(void *user, const struct module_inspected *module, const struct capsule_error *error), void *user,
	struct capsule_error *err)
{
	struct module_load *load = load_new(shared, dir, file, limit_bytes, NULL, user, err);

	if (load == NULL)
		return NULL;
	load->inspected = done;
	return load_start(load, err);
}

void module_load_cancel(struct module_load *load)
{
	load->cancelled = true;
}

struct wasm_module *module_ref(struct wasm_module *module)
{
	module->refs++;
	return module;
}

void module_unref(struct wasm_module *module)
{
	if (module == NULL || --module->refs > 0)
		return;
	(void)map_remove(&module->shared->modules, span_of(module->hash, HASH_LEN));
	module_free(module);
}
