/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Stands where the runtime stands otherwise: on loop, engine and host. */
#include "passage.h"

#include "base/limits.h"
#include "engine/wasm/kernel_memory.h"
#include "engine/wasm/wasm.h"
#include "harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static enum host_answer begin_empty(struct host_call *call, struct capsule_error *err)
{
	(void)err;
	call->number = 0;
	return HOST_READY;
}

static const struct host_function rows[] = {
	{ .name = "bench_empty", .result = HOST_NUMBER, .waits = HOST_NOW, .service = "bench", .begin = begin_empty },
	{ .name = "bench_ready", .result = HOST_NUMBER, .waits = HOST_WAITS, .service = "bench", .begin = begin_empty },
};

struct passage {
	struct loop *loop;
	struct wasm_runtime *runtime;
	struct engine *engine;
	struct log_sink log;
	struct host host;
	struct host_call call;
	struct kernel_memory memory;
};

/* No capsule here stores anything. */
static enum capsule_status no_store(void *user, struct kv_scope **scope, struct capsule_error *err)
{
	(void)user;
	(void)scope;
	return error_set(err, CAPSULE_ESTORE, "no store in this bench");
}

static void note_done(struct op *op, void *user)
{
	(void)op;
	*(bool *)user = true;
}

static void await(struct passage *passage, const struct op *op, const bool *done)
{
	while (!*done)
		(void)loop_turn(passage->loop, -1);
	if (op->error.status != CAPSULE_OK)
		bench_fail("passage: %s", op->error.text);
}

static void load(struct passage *passage, const char *file)
{
	const struct engine_limits limits = { .call_cpu_ms = LIMIT_CALL_CPU_MS,
		.call_wall_ms = LIMIT_CALL_WALL_MS,
		.memory_pages = LIMIT_WASM_GUEST_PAGES,
		.queue_calls = LIMIT_CALL_QUEUE,
		.queue_bytes = LIMIT_CALL_QUEUE_BYTES,
		.module_bytes = LIMIT_WASM_MODULE };
	const struct engine_env env = { .loop = passage->loop,
		.capsule_id = "passage",
		.services = { .kv = no_store },
		.log = &passage->log,
		.limits = limits };
	struct capsule_error err;
	struct op op;
	bool done = false;

	if (wasm_capsule_new(&passage->engine, passage->runtime, &env, file, &err) != CAPSULE_OK)
		bench_fail("passage: %s", err.text);
	op_init(&op, passage->loop);
	op_start(&op, note_done, &done, NULL, 0, "load");
	passage->engine->ops->load(passage->engine, &op);
	await(passage, &op, &done);
	op_fini(&op);
}

static bool no_growth(struct kernel_memory *memory, uint32_t pages)
{
	(void)memory;
	(void)pages;
	return false;
}

static void no_resume(struct host_call *call)
{
	(void)call;
}

struct passage *passage_open(const char *guests)
{
	const struct wasm_extra extra = { rows, sizeof rows / sizeof rows[0] };
	const struct wasm_options options = { .extra = &extra };
	struct passage *passage = calloc(1, sizeof *passage);
	size_t bytes = LIMIT_WASM_PAGE;
	struct capsule_error err;
	char file[512];
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (passage == NULL || memory == MAP_FAILED)
		bench_fail("out of memory");
	if (loop_new(&passage->loop, &clock_system, &err) != CAPSULE_OK ||
		wasm_runtime_new(&passage->runtime, passage->loop, &options, &err) != CAPSULE_OK)
		bench_fail("passage: %s", err.text);
	(void)snprintf(file, sizeof file, "%s/passage.wasm", guests);
	load(passage, file);
	passage->host = (struct host){ .capsule_id = "passage", .loop = passage->loop, .log = &passage->log };
	host_call_init(&passage->call, &passage->host, no_resume, NULL);
	kernel_memory_init(&passage->memory, memory, bytes, no_growth, NULL);
	return passage;
}

void passage_close(struct passage *passage)
{
	struct op op;
	bool done = false;

	op_init(&op, passage->loop);
	op_start(&op, note_done, &done, NULL, 0, "unload");
	passage->engine->ops->unload(passage->engine, &op);
	await(passage, &op, &done);
	op_fini(&op);
	passage->engine->ops->free(passage->engine);
	wasm_runtime_free(passage->runtime);
	host_call_fini(&passage->call);
	(void)munmap(passage->memory.base, passage->memory.size);
	kernel_memory_fini(&passage->memory);
	loop_free(passage->loop);
	free(passage);
}

void passage_call(struct passage *passage, const char *name, uint64_t count)
{
	struct engine_call call = { .kind = ENGINE_EXPORT, .name = name };
	struct capsule_error err;
	char input[32];
	bool done = false;
	int len = snprintf(input, sizeof input, "%" PRIu64, count);

	call.input = span_of(input, (size_t)len);
	origin_init(&call.origin);
	op_init(&call.op, passage->loop);
	if (passage->engine->ops->call(passage->engine, &call, note_done, &done, &err) != CAPSULE_OK)
		bench_fail("passage: %s: %s", name, err.text);
	await(passage, &call.op, &done);
	op_fini(&call.op);
}

void passage_clock_work(struct passage *passage, uint64_t count)
{
	const struct host_function *row = host_function_find(span_text("astrid_clock_ms"));
	struct capsule_error err;
	bool ok = true;

	for (uint64_t i = 0; i < count; i++) {
		if (host_call_begin(&passage->call, row, &err) != HOST_READY)
			bench_fail("passage: %s", err.text);
		kernel_free(&passage->memory, kernel_put(&passage->memory, passage->call.result, &ok));
		if (!ok)
			bench_fail("passage: no room for the answer");
	}
}
