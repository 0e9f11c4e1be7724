/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The steps of a load: open, read, look whether the same bytes are loaded or being compiled already, look into the cache,
 * compile, keep. Each runs in a turn of the loop when it is quick, and on the pool otherwise. */
#include "engine/wasm/module_load.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/wasm/cache.h"
#include "engine/wasm/trap.h"
#include "loop/pool.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

struct module_load {
	struct wasm_runtime *shared;
	struct list_node link; /* shared->loads */
	struct op begin;       /* runs the first step from a turn */
	struct pool_job job;
	struct compile_job compile;
	bool in_child;  /* `compile` is under way */
	bool in_pool;   /* `job` is under way */
	bool ending;    /* its outcome is being told */
	bool cancelled; /* nobody waits for it any more, but those that follow */
	bool leads;     /* looks for code or compiles: others with the same bytes may follow */
	const char **stage;
	void (*done)(void *user, struct wasm_module *module, const struct capsule_error *error);
	void (*inspected)(void *user, const struct module_inspected *module, const struct capsule_error *error);
	void *user;

	struct module_load *leader; /* whose outcome it waits for; NULL: its own */
	struct list_node follow;    /* leader->followers */
	struct list_node followers;

	/* Written by the jobs, read by the loop after them. */
	struct module_source source;
	uint8_t key[ARTEFACT_KEY];
	wasmtime_module_t *code;
	bool named;                 /* the error says which file */
	struct capsule_error error; /* why it failed */
	struct capsule_error note;  /* what is wrong with the cache */
};

static void set_stage(struct module_load *load, const char *stage)
{
	if (load->stage != NULL)
		*load->stage = stage;
}

static void load_free(struct module_load *load)
{
	if (load->code != NULL)
		wasmtime_module_delete(load->code);
	fd_drop(&load->compile.code_fd);
	list_remove(&load->link);
	op_fini(&load->begin);
	module_source_fini(&load->source);
	load->shared->jobs--;
	free(load);
}

/* ---- The end ---- */

static void tell_module(struct module_load *load)
{
	struct wasm_module *module = NULL;

	if (load->cancelled)
		return;
	if (load->error.status == CAPSULE_OK)
		module = module_known(load->shared, load->source.hash);
	if (load->error.status == CAPSULE_OK && module == NULL)
		module = module_make(load->shared, GIVE(load->code), &load->source, &load->error);
	if (load->error.status != CAPSULE_OK && !load->named)
		(void)error_in(&load->error, "WASM module %.200s", load->source.file);
	load->done(load->user, module, &load->error);
}

static void tell_inspected(struct module_load *load)
{
	struct module_inspected module = { .source = &load->source };

	if (load->cancelled)
		return;
	if (load->code == NULL) {
		if (!load->named)
			(void)error_in(&load->error, "WASM module %.200s", load->source.file);
		load->inspected(load->user, NULL, &load->error);
		return;
	}
	wasmtime_module_imports(load->code, &module.imports);
	wasmtime_module_exports(load->code, &module.exports);
	load->inspected(load->user, &module, &load->error);
	wasm_importtype_vec_delete(&module.imports);
	wasm_exporttype_vec_delete(&module.exports);
}

/* The followers get their modules first, so that the one which is loaded now stays while the leader's owner looks at it. */
static void load_end(struct module_load *load)
{
	struct wasm_runtime *shared = load->shared;
	struct wasm_module *module = NULL;
	struct list_node *node;

	set_stage(load, NULL);
	load->ending = true;
	load->leads = false;
	wasm_runtime_warn(shared, &load->note);
	if (load->inspected != NULL) {
		tell_inspected(load);
		load_free(load);
		return;
	}
	if (load->error.status == CAPSULE_OK && load->code != NULL && !list_empty(&load->followers))
		module = module_make(shared, GIVE(load->code), &load->source, &load->error);
	while ((node = list_take_first(&load->followers)) != NULL) {
		struct module_load *follower = LIST_ENTRY(node, struct module_load, follow);

		follower->leader = NULL;
		(void)error_copy(&follower->error, &load->error);
		follower->named = load->named;
		load_end(follower);
	}
	tell_module(load);
	module_unref(module);
	load_free(load);
}

static void load_fail(struct module_load *load, const struct capsule_error *err)
{
	(void)error_copy(&load->error, err);
	load_end(load);
}

/* ---- Compiling ---- */

static void fill_seal(const struct module_load *load, struct artefact_seal *seal)
{
	const char *slash = strrchr(load->source.file, '/');

	*seal = (struct artefact_seal){ .module_bytes = load->source.file_bytes, .created = time(NULL) };
	memcpy(seal->key, load->key, ARTEFACT_KEY);
	memcpy(seal->module, load->source.hash, HASH_LEN);
	(void)snprintf(seal->engine, sizeof seal->engine, "Wasmtime %s", WASMTIME_VERSION);
	(void)snprintf(seal->name, sizeof seal->name, "%s", slash == NULL ? load->source.file : slash + 1);
}

/* Keep the code. Returns a descriptor to load it from, or -1. What the look into the cache found is still to be told when this
 * goes well. */
static int keep(struct module_load *load, struct span code)
{
	struct artefact_seal seal;
	struct capsule_error failure;
	int fd;

	fill_seal(load, &seal);
	fd = cache_put(&load->shared->cache, code, &seal, &failure);
	if (failure.status != CAPSULE_OK)
		(void)error_copy(&load->note, &failure);
	return fd;
}

static void compile_work(struct pool_job *job)
{
	struct module_load *load = LIST_ENTRY(job, struct module_load, job);
	const struct buffer *bytes = &load->source.bytes;
	wasmtime_error_t *error = wasmtime_module_new(load->shared->engine, bytes->data, bytes->len, &load->code);
	wasm_byte_vec_t code;

	if (error != NULL) {
		(void)trap_error_text(&load->error, CAPSULE_EMODULE, error, "it is no valid module");
		return;
	}
	if (load->shared->cache.dir == NULL)
		return;
	error = wasmtime_module_serialize(load->code, &code);
	if (error == NULL) {
		HOLD(fd_drop) int fd = keep(load, span_of(code.data, code.size));

		wasm_byte_vec_delete(&code);
	} else {
		wasmtime_error_delete(error);
	}
}

static void after_compile(struct pool_job *job)
{
	struct module_load *load = LIST_ENTRY(job, struct module_load, job);

	load->in_pool = false;
	load_end(load);
}

/* What a child wrote is in memory: keep it, and load it from where it is kept. */
static void take_work(struct pool_job *job)
{
	struct module_load *load = LIST_ENTRY(job, struct module_load, job);
	HOLD(fd_drop) int fd = fd_give(&load->compile.code_fd);
	HOLD(fd_drop) int kept = -1;
	struct span code = { 0 };
	struct stat info;
	void *bytes = MAP_FAILED;

	if (fstat(fd, &info) == 0)
		bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED) {
		(void)error_set(&load->error, CAPSULE_ENOMEM, "no memory for its compiled code");
		return;
	}
	code = span_of(bytes, (size_t)info.st_size);
	kept = keep(load, code);
	load->code = cache_map(load->shared->engine, kept >= 0 ? kept : fd, code, &load->error);
	(void)munmap(bytes, code.len);
}

static void run_on_pool(
	struct module_load *load, void (*work)(struct pool_job *job), void (*after)(struct pool_job *job))
{
	struct capsule_error err;

	load->job = (struct pool_job){ .work = work, .after = after };
	load->in_pool = true;
	if (pool_submit(load->shared->loop, &load->job, &err) == CAPSULE_OK)
		return;
	load->in_pool = false;
	load_fail(load, &err);
}

static void child_done(struct compile_job *job, const struct capsule_error *error)
{
	struct module_load *load = LIST_ENTRY(job, struct module_load, compile);

	load->in_child = false;
	if (error != NULL)
		load_fail(load, error);
	else
		run_on_pool(load, take_work, after_compile);
}

static void compile(struct module_load *load)
{
	struct capsule_error err;

	set_stage(load, "compiling");
	if (load->shared->compile_in_process || load->source.bytes.len <= LIMIT_COMPILE_INLINE) {
		run_on_pool(load, compile_work, after_compile);
		return;
	}
	load->in_child = compile_start(&load->compile, &load->shared->compiler, buffer_span(&load->source.bytes),
				 child_done, &err) == CAPSULE_OK;
	if (!load->in_child)
		load_fail(load, &err);
}

/* ---- Looking for what is there ---- */

static void lookup_work(struct pool_job *job)
{
	struct module_load *load = LIST_ENTRY(job, struct module_load, job);
	struct wasm_runtime *shared = load->shared;

	cache_key(load->source.hash, buffer_span(&shared->description), load->key);
	load->code = cache_load(&shared->cache, load->key, shared->engine, &load->note);
}

static void after_lookup(struct pool_job *job)
{
	struct module_load *load = LIST_ENTRY(job, struct module_load, job);

	load->in_pool = false;
	if (load->code != NULL || (load->cancelled && list_empty(&load->followers)))
		load_end(load);
	else
		compile(load);
}

static bool is_small(const struct module_load *load)
{
	return load->source.bytes.len <= LIMIT_INLINE_WORK && load->source.file_bytes <= LIMIT_INLINE_WORK;
}

/* The load that already works on the same bytes, NULL for none. */
static struct module_load *find_leader(const struct module_load *load)
{
	LIST_EACH (node, &load->shared->loads) {
		struct module_load *other = LIST_ENTRY(node, struct module_load, link);

		if (other != load && other->leads && memcmp(other->source.hash, load->source.hash, HASH_LEN) == 0)
			return other;
	}
	return NULL;
}

/* Whether the load is over, or follows another one: without a compiler. */
static bool look_among_loaded(struct module_load *load)
{
	struct wasm_runtime *shared = load->shared;
	struct wasm_module *module;

	if (module_check_resources(&load->source.scan, shared->profile.guest_pages, &load->error) != CAPSULE_OK) {
		load_end(load);
		return true;
	}
	module = module_known(shared, load->source.hash);
	if (module != NULL) {
		load_end(load);
		module_unref(module);
		return true;
	}
	load->leader = find_leader(load);
	if (load->leader != NULL) {
		set_stage(load, "compiling");
		list_append(&load->leader->followers, &load->follow);
		return true;
	}
	load->leads = true;
	return false;
}

static void look_up(struct module_load *load)
{
	if (load->inspected == NULL && look_among_loaded(load))
		return;
	if (!is_small(load)) {
		run_on_pool(load, lookup_work, after_lookup);
		return;
	}
	lookup_work(&load->job);
	after_lookup(&load->job);
}

static void read_work(struct pool_job *job)
{
	struct module_load *load = LIST_ENTRY(job, struct module_load, job);

	load->named = module_source_read(&load->source, &load->error) != CAPSULE_OK;
}

static void after_read(struct pool_job *job)
{
	struct module_load *load = LIST_ENTRY(job, struct module_load, job);

	load->in_pool = false;
	if (load->error.status != CAPSULE_OK || load->cancelled)
		load_end(load);
	else
		look_up(load);
}

static void begun(struct op *op, void *user)
{
	struct module_load *load = user;

	(void)op;
	load->named = module_source_open(&load->source, &load->error) != CAPSULE_OK;
	if (load->named) {
		load_end(load);
		return;
	}
	set_stage(load, "reading");
	if (load->source.file_bytes > LIMIT_INLINE_WORK) {
		run_on_pool(load, read_work, after_read);
		return;
	}
	read_work(&load->job);
	after_read(&load->job);
}

/* ---- Beginning and giving up ---- */

static struct module_load *load_new(struct wasm_runtime *shared, const char *dir, const char *file,
	uint64_t limit_bytes, const char *expected_hash, void *user, struct capsule_error *err)
{
	struct module_load *load = calloc(1, sizeof *load);

	if (load != NULL) {
		load->shared = shared;
		load->compile.code_fd = -1;
		load->user = user;
		shared->jobs++;
		list_init(&load->link);
		list_append(&shared->loads, &load->link);
		list_init(&load->follow);
		list_init(&load->followers);
		op_init(&load->begin, shared->loop);
		if (module_source_init(&load->source, dir, file, expected_hash, limit_bytes))
			return load;
		load_free(load);
	}
	(void)error_set(err, CAPSULE_ENOMEM, "no memory to load a module");
	return NULL;
}

static struct module_load *load_begin(struct module_load *load)
{
	op_start(&load->begin, begun, load, NULL, 0, "load");
	op_finish(&load->begin);
	return load;
}

struct module_load *module_load_start(struct wasm_runtime *shared, const char *dir, const char *file,
	uint64_t limit_bytes, const char *expected_hash, const char **stage,
	void (*done)(void *user, struct wasm_module *module, const struct capsule_error *error), void *user,
	struct capsule_error *err)
{
	struct module_load *load = load_new(shared, dir, file, limit_bytes, expected_hash, user, err);

	if (load == NULL)
		return NULL;
	load->done = done;
	load->stage = stage;
	return load_begin(load);
}

struct module_load *module_inspect_start(struct wasm_runtime *shared, const char *dir, const char *file,
	uint64_t limit_bytes, const char **stage,
	void (*done)(void *user, const struct module_inspected *module, const struct capsule_error *error), void *user,
	struct capsule_error *err)
{
	struct module_load *load = load_new(shared, dir, file, limit_bytes, NULL, user, err);

	if (load == NULL)
		return NULL;
	load->inspected = done;
	load->stage = stage;
	return load_begin(load);
}

/* Nobody waits for it, itself or behind it: a child is killed, a job on the pool goes on and frees it. */
static void give_up(struct module_load *load)
{
	if (load->ending)
		return;
	if (load->in_child)
		compile_cancel(&load->compile);
	if (!load->in_pool)
		load_free(load);
}

void module_load_cancel(struct module_load *load)
{
	struct module_load *leader = load->leader;

	set_stage(load, NULL);
	load->stage = NULL;
	load->cancelled = true;
	list_remove(&load->follow);
	if (list_empty(&load->followers))
		give_up(load);
	if (leader != NULL && leader->cancelled && list_empty(&leader->followers))
		give_up(leader);
}
