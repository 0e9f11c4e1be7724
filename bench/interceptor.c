/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What does a call of an interceptor cost the engine, with 100 bytes of payload and a guest that reads nothing? Once as
 * dispatch does it, four of one capsule at a time, each followed by the next from its done(), and once with many that
 * wait. */
#include "harness.h"

#include "base/log.h"
#include "engine/wasm/wasm.h"

#include <stdio.h>
#include <time.h>

#define AT_ONCE 4
#define WAITING 256
#define PAYLOAD                                                                                                        \
	"{\"session\":\"0123456789abcdef\",\"text\":\"a message of a hundred bytes, as interceptors get most of all\"}"

struct subject {
	struct loop *loop;
	struct engine *engine;
	size_t at_once;
	struct engine_call calls[WAITING];
	uint64_t to_start, running;
};

static void call_done(struct op *op, void *user);

static void start(struct subject *subject, struct engine_call *call)
{
	struct capsule_error err;

	subject->to_start--;
	subject->running++;
	if (subject->engine->ops->call(subject->engine, call, call_done, subject, &err) != CAPSULE_OK)
		bench_fail("call: %s", err.text);
}

static void call_done(struct op *op, void *user)
{
	struct subject *subject = user;

	if (op->error.status != CAPSULE_OK)
		bench_fail("call: %s", op->error.text);
	subject->running--;
	if (subject->to_start > 0)
		start(subject, LIST_ENTRY(op, struct engine_call, op));
}

/* The loop is one thread that never waits here: its processor time is what a call costs, however busy the machine is. */
static int64_t cpu_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static int64_t run(void *arg, uint64_t count)
{
	struct subject *subject = arg;
	int64_t begun = cpu_now();

	subject->to_start = count;
	for (size_t i = 0; i < subject->at_once && subject->to_start > 0; i++)
		start(subject, &subject->calls[i]);
	while (subject->running > 0)
		(void)loop_turn(subject->loop, -1);
	return cpu_now() - begun;
}

static void op_ended(struct op *op, void *user)
{
	bool *ended = user;

	if (op->error.status != CAPSULE_OK)
		bench_fail("%s", op->error.text);
	*ended = true;
}

/* Load or unload it, and wait. */
static void step(struct subject *subject, void (*begin)(struct engine *engine, struct op *op))
{
	bool ended = false;
	struct op op;

	op_init(&op, subject->loop);
	op_start(&op, op_ended, &ended, NULL, 0, "bench");
	begin(subject->engine, &op);
	while (!ended)
		(void)loop_turn(subject->loop, -1);
	op_fini(&op);
}

static void subject_open(
	struct subject *subject, struct wasm_runtime *runtime, struct loop *loop, const char *module, size_t at_once)
{
	static const struct log_sink nobody = { .level = CAPSULE_LOG_OFF };
	const struct engine_env env = { .loop = loop, .capsule_id = "hook", .log = &nobody };
	struct capsule_error err;

	subject->loop = loop;
	subject->at_once = at_once;
	if (wasm_capsule_new(&subject->engine, runtime, &env, module, &err) != CAPSULE_OK)
		bench_fail("%s", err.text);
	step(subject, subject->engine->ops->load);
	for (size_t i = 0; i < at_once; i++) {
		struct engine_call *call = &subject->calls[i];

		op_init(&call->op, loop);
		call->kind = ENGINE_INTERCEPTOR;
		call->name = "act";
		call->input = span_text(PAYLOAD);
		origin_init(&call->origin);
	}
}

static void subject_close(struct subject *subject)
{
	step(subject, subject->engine->ops->unload);
	for (size_t i = 0; i < subject->at_once; i++)
		op_fini(&subject->calls[i].op);
	subject->engine->ops->free(subject->engine);
}

int main(int argc, char **argv)
{
	static struct subject few, many;
	const struct bench_case cases[] = {
		{ "interceptor.4", "µs", 1000, run, &few },
		{ "interceptor.256", "µs", 1000, run, &many },
	};
	const char *guests = bench_guests(argc, argv);
	struct wasm_runtime *runtime;
	struct capsule_error err;
	struct loop *loop;
	char module[512];

	(void)snprintf(module, sizeof module, "%s/hook.wasm", guests);
	if (loop_new(&loop, &clock_system, &err) != CAPSULE_OK ||
		wasm_runtime_new(&runtime, loop, NULL, &err) != CAPSULE_OK)
		bench_fail("%s", err.text);
	subject_open(&few, runtime, loop, module, AT_ONCE);
	subject_open(&many, runtime, loop, module, WAITING);
	bench_run(cases, sizeof cases / sizeof cases[0]);
	subject_close(&few);
	subject_close(&many);
	wasm_runtime_free(runtime);
	loop_free(loop);
	return 0;
}
