/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Running a guest one slice at a time. The loop polls the future of the current phase; a poll ends because the phase is
 * over, because the guest waits in the kernel's `wait`, or because its slice is used up (the epoch callback yielded). Only
 * code that runs from the loop - timers, cancels, unload - ends a call from outside, and never during a poll. */
#include "engine/wasm/activation.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/wasm/call_queue.h"
#include "engine/wasm/outcome.h"
#include "engine/wasm/trap.h"

#include <assert.h>
#include <time.h>
#include <unistd.h>

#define SLICE_MIN_NS (500 * NS_PER_US) /* a tick may come right after the start: such a slice goes on to the next one */
#define PRECISE_NS (200 * NS_PER_US) /* shorter slices are charged by the wall, longer ones by the processor's clock */
#define CHAIN_NS                                                                                                       \
	(100 * NS_PER_US) /* that calls may follow each other in one slice; the loop looks at its clock now and then only */
#define ABORTS_FREE 8     /* in a row before the next call has to wait */
#define PAUSE_MAX_MS 1024
#define TRIM_AFTER_NS NS_PER_S
#define TRIM_NS NS_PER_MS /* in one turn */
#define TRIM_STACK_KEEP                                                                                                \
	((size_t)16 *                                                                                                  \
		KIB) /* of an idle stack; below the frame of one that waits, many times what Wasmtime needs there */
#define TRIM_KERNEL_KEEP ((size_t)64 * KIB)

static int64_t system_ns(void)
{
	return clock_monotonic_ns(&clock_system);
}

static int64_t thread_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void charge(struct wasm_capsule *capsule, int64_t ns)
{
	capsule->cpu_ns += ns;
	capsule->since_wait_ns += ns;
	capsule->total_cpu_ns += ns;
}

/* The loop's time when the system's is `now_ns`: the same, unless the loop's clock is moved by hand. Saves a reading. */
static int64_t loop_time(const struct wasm_capsule *capsule, int64_t now_ns)
{
	const struct clock *clock = loop_clock(capsule->shared->loop);

	return clock == &clock_system ? now_ns : clock_monotonic_ns(clock);
}

/* What of its CPU time the current call has used: run loops count from their last wait. */
static int64_t budget_used(const struct wasm_capsule *capsule)
{
	return capsule->current == &capsule->run_call ? capsule->since_wait_ns : capsule->cpu_ns;
}

static void slice_begin(struct wasm_capsule *capsule)
{
	struct wasm_instance *instance = capsule->instance;

	/* Reading the processor's clock costs a system call: only guests that are known to spin pay for it. */
	if (capsule->cpu_ns > PRECISE_NS)
		capsule->thread_cpu_ns = thread_ns();
	else
		capsule->thread_cpu_ns = 0;
	capsule->slice_start_ns = system_ns();
	if (!capsule->started)
		capsule->started_ns = loop_time(capsule, capsule->slice_start_ns);
	capsule->started = true;
	slab_enter(capsule->shared->slab, instance->slot);
	wasmtime_context_set_epoch_deadline(instance->context, 1);
	ticker_enter(capsule->shared->ticker);
}

/* Charge what the slice used so far: the wall overstates it when the thread was not running. */
static void slice_charge(struct wasm_capsule *capsule)
{
	int64_t now = system_ns(), used = now - capsule->slice_start_ns;

	if (capsule->thread_cpu_ns != 0) {
		int64_t cpu = thread_ns(), precise = cpu - capsule->thread_cpu_ns;

		capsule->thread_cpu_ns = cpu;
		used = precise < used ? precise : used;
	}
	capsule->slice_start_ns = now;
	charge(capsule, used);
}

/* What ran has stopped; the slice goes on, or slice_end() follows. */
static void slice_stop(struct wasm_capsule *capsule)
{
	slice_charge(capsule);
	capsule->stopped_ns = loop_time(capsule, capsule->slice_start_ns);
}

static void slice_end(struct wasm_capsule *capsule)
{
	ticker_leave(capsule->shared->ticker);
	capsule->slice_start_ns = 0;
}

static enum capsule_status cpu_exceeded(const struct wasm_capsule *capsule, struct capsule_error *err)
{
	long long ms = (long long)(capsule->cpu_limit_ns / NS_PER_MS);

	if (capsule->current == &capsule->run_call)
		return error_set(err, CAPSULE_ETIMEOUT,
			"timeout: the run loop used %lld ms of CPU time without waiting once; let it wait in astrid_ipc_recv, "
			"or sleep, where it asks again and again",
			ms);
	return error_set(err, CAPSULE_ETIMEOUT, "timeout: the limit of %lld ms of CPU time is used up", ms);
}

wasmtime_error_t *activation_epoch(
	wasmtime_context_t *context, void *data, uint64_t *delta, wasmtime_update_deadline_kind_t *kind)
{
	struct wasm_capsule *capsule = data;
	struct wasm_instance *instance = capsule->instance;
	int64_t slice = system_ns() - capsule->slice_start_ns;

	(void)context;
	*delta = 1;
	*kind = WASMTIME_UPDATE_DEADLINE_CONTINUE;
	if (budget_used(capsule) + slice > capsule->cpu_limit_ns) {
		slice_charge(capsule);
		if (budget_used(capsule) > capsule->cpu_limit_ns) {
			(void)cpu_exceeded(capsule, &instance->failure);
			return wasmtime_error_new(instance->failure.text);
		}
	}
	if (slice >= SLICE_MIN_NS)
		*kind = WASMTIME_UPDATE_DEADLINE_YIELD;
	return NULL;
}

void capsule_drop_instance(struct wasm_capsule *capsule)
{
	instance_free(capsule->instance);
	capsule->instance = NULL;
}

static void future_delete(struct wasm_capsule *capsule)
{
	if (capsule->future != NULL)
		wasmtime_call_future_delete(capsule->future);
	capsule->future = NULL;
}

static size_t to_pages(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

/* A run loop that waits may do so for long. What it stands on stays: its stack from a little below the frame in which it
 * began to wait, and its live blocks. */
static void trim_waiting(struct wasm_instance *instance)
{
	const uint8_t *top = instance->slot->stack + LIMIT_FIBER_STACK, *frame = instance->wait_frame;

	host_call_trim(&instance->host_call);
	kernel_compact(&instance->kernel);
	if (frame > instance->slot->stack && frame < top && (size_t)(frame - instance->slot->stack) > TRIM_STACK_KEEP)
		slab_trim(instance->slot, to_pages((size_t)(top - frame) + TRIM_STACK_KEEP),
			to_pages(kernel_end(&instance->kernel)));
}

static void trim_idle(struct wasm_instance *instance)
{
	kernel_reset(&instance->kernel);
	host_call_trim(&instance->host_call);
	slab_trim(instance->slot, TRIM_STACK_KEEP, TRIM_KERNEL_KEEP);
}

/* One that is in a call comes back into the list at its end, or when a run loop waits: a guest that waits for hours causes
 * one wake-up, not one a second. */
static void trim_fire(struct timer *timer)
{
	struct wasm_runtime *shared = LIST_ENTRY(timer, struct wasm_runtime, trim);
	int64_t end = system_ns() + TRIM_NS;
	struct list_node *node;

	while ((node = list_take_first(&shared->active)) != NULL) {
		struct wasm_instance *instance = LIST_ENTRY(node, struct wasm_instance, active_link);
		const struct wasm_capsule *capsule = instance->owner;

		if (system_ns() > end) { /* thousands may be on it: the rest in the next turn */
			list_append(shared->active.next, node);
			(void)loop_timer_arm(shared->loop, &shared->trim, loop_now(shared->loop));
			return;
		}

		if (capsule->current == NULL)
			trim_idle(instance);
		else if (capsule->current == &capsule->run_call && instance->waiting)
			trim_waiting(instance);
	}
}

/* Idle instances give back the pages of stack and kernel memory that a deep or large call touched. */
static void note_active(struct wasm_capsule *capsule)
{
	struct wasm_runtime *shared = capsule->shared;
	struct wasm_instance *instance = capsule->instance;

	if (instance == NULL || !instance->begun || !list_empty(&instance->active_link))
		return;
	list_append(&shared->active, &instance->active_link);
	shared->trim.fire = trim_fire;
	if (shared->trim.index == 0)
		(void)loop_timer_arm(shared->loop, &shared->trim, loop_now(shared->loop) + TRIM_AFTER_NS);
}

static void pause_over(struct timer *timer)
{
	activation_next(LIST_ENTRY(timer, struct wasm_capsule, pause));
}

/* Each aborted call costs the host an instance. A capsule that does nothing else is slowed down. */
static void note_aborted(struct wasm_capsule *capsule)
{
	uint32_t over;
	int64_t ms;

	if (++capsule->aborted_in_row <= ABORTS_FREE)
		return;
	over = capsule->aborted_in_row - ABORTS_FREE;
	ms = over > 10 ? PAUSE_MAX_MS : INT64_C(1) << (over - 1);
	capsule->pause.fire = pause_over;
	(void)loop_timer_arm(capsule->shared->loop, &capsule->pause, loop_now(capsule->shared->loop) + ms * NS_PER_MS);
}

/* The call is over: tell its owner. `err` is NULL when it went well. The caller starts the next one. */
static void finish(struct wasm_capsule *capsule, const struct capsule_error *err, bool aborted)
{
	struct engine_call *call = capsule->current;

	loop_timer_disarm(capsule->shared->loop, &capsule->wall);
	call->wall_ns = capsule->started ? capsule->stopped_ns - capsule->started_ns : 0;
	call->cpu_ns = capsule->cpu_ns;
	capsule->current = NULL;
	capsule->phase = PHASE_IDLE;
	if (aborted || capsule->per_call)
		capsule_drop_instance(capsule);
	else
		note_active(capsule);
	if (capsule->instance != NULL)
		capsule->instance->host_call.origin = NULL;
	/* A guest that exits with success at the end of each call is not to blame. */
	if (aborted && err != NULL)
		note_aborted(capsule);
	else
		capsule->aborted_in_row = 0;
	if (err == NULL)
		op_finish(&call->op);
	else
		op_fail(&call->op, err);
	if (capsule->engine.tell_idle)
		engine_changed(&capsule->engine);
}

void activation_abort(struct wasm_capsule *capsule, const struct capsule_error *why)
{
	assert(capsule->slice_start_ns == 0);
	if (capsule->current == NULL)
		return;
	loop_unready(&capsule->runnable);
	future_delete(capsule);
	if (capsule->trap != NULL)
		wasm_trap_delete(capsule->trap);
	if (capsule->error != NULL)
		wasmtime_error_delete(capsule->error);
	capsule->trap = NULL;
	capsule->error = NULL;
	capsule->stopped_ns = loop_now(capsule->shared->loop);
	finish(capsule, why, true);
	activation_next(capsule);
}

static void wall_fire(struct timer *timer)
{
	struct wasm_capsule *capsule = LIST_ENTRY(timer, struct wasm_capsule, wall);
	const struct wasm_instance *instance = capsule->instance;
	int64_t ms = (loop_now(capsule->shared->loop) - capsule->started_ns) / NS_PER_MS;
	struct capsule_error err;

	if (instance != NULL && instance->waiting)
		(void)error_set(&err, CAPSULE_ETIMEOUT,
			"timeout: the wall limit is reached after %lld ms, the guest waits in %s", (long long)ms,
			instance->waits_in);
	else
		(void)error_set(
			&err, CAPSULE_ETIMEOUT, "timeout: the wall limit is reached after %lld ms", (long long)ms);
	activation_abort(capsule, &err);
}

/* The first future of the phase, or NULL with *err filled (a failure) or not (the phase has nothing to do). */
static wasmtime_call_future_t *phase_start(struct wasm_capsule *capsule, struct capsule_error *err)
{
	struct wasm_instance *instance = capsule->instance;

	capsule->trap = NULL;
	capsule->error = NULL;
	switch (capsule->phase) {
	case PHASE_KERNEL:
		return instance_start_kernel(instance, &capsule->trap, &capsule->error);
	case PHASE_GUEST:
		return instance_start_guest(instance, &capsule->trap, &capsule->error);
	case PHASE_INIT:
		return outcome_start_initializer(capsule);
	default:
		return outcome_start_call(capsule, err);
	}
}

/* The phase went well. Returns false when it was the last. */
static bool phase_advance(struct wasm_capsule *capsule, struct capsule_error *err)
{
	switch (capsule->phase) {
	case PHASE_KERNEL:
		capsule->phase = PHASE_GUEST;
		return instance_kernel_ready(capsule->instance, err) == CAPSULE_OK;
	case PHASE_GUEST:
		capsule->phase = PHASE_INIT;
		capsule->next_initializer = 0;
		return true;
	case PHASE_INIT:
		if (++capsule->next_initializer >= 2) {
			capsule->instance->ready = true;
			capsule->phase = PHASE_CALL;
		}
		return true;
	default:
		return false;
	}
}

/* A large book is not left until the next trim: thousands of loops would have one at the same time. */
static void loop_waits(struct wasm_capsule *capsule)
{
	kernel_compact_large(&capsule->instance->kernel);
	note_active(capsule);
}

/* The fiber stopped in the middle: it waits for something, or its time is up. */
static void suspended(struct wasm_capsule *capsule)
{
	struct wasm_instance *instance = capsule->instance;

	/* Most calls are over in their first slice and need no timer. */
	if (capsule->wall.index == 0 && capsule->wall_limit_ns != 0)
		(void)loop_timer_arm(
			capsule->shared->loop, &capsule->wall, capsule->started_ns + capsule->wall_limit_ns);
	if (!instance->waiting) {
		loop_ready(capsule->shared->loop, &capsule->runnable, true);
		return;
	}
	if (instance->wait_charged)
		capsule->wait_start_ns = system_ns();
	else
		capsule->since_wait_ns = 0;
	if (capsule->current == &capsule->run_call)
		loop_waits(capsule);
	if (instance->wait_over)
		loop_ready(capsule->shared->loop, &capsule->runnable, false);
}

void activation_resume(struct wasm_instance *instance)
{
	struct wasm_capsule *capsule = instance->owner;

	if (instance->wait_charged && capsule->wait_start_ns != 0) {
		charge(capsule, system_ns() - capsule->wait_start_ns);
		capsule->wait_start_ns = 0;
		if (budget_used(capsule) > capsule->cpu_limit_ns) {
			struct capsule_error err;

			(void)cpu_exceeded(capsule, &err);
			activation_abort(capsule, &err);
			return;
		}
	}
	loop_ready(capsule->shared->loop, &capsule->runnable, false);
}

/* Run phases until the call is over or the fiber stops. Returns true when it is over. */
static bool run_phases(struct wasm_capsule *capsule, struct capsule_error *err)
{
	for (;;) {
		if (capsule->future == NULL)
			capsule->future = phase_start(capsule, err);
		if (capsule->future != NULL) {
			if (!wasmtime_call_future_poll(capsule->future))
				return false;
			future_delete(capsule);
		}
		if (err->status != CAPSULE_OK || capsule->trap != NULL || capsule->error != NULL)
			return true;
		if (!phase_advance(capsule, err))
			return true;
	}
}

/* Limits of the call: the smaller of its own and the capsule's; 0 means none for the wall. */
static void set_limits(struct wasm_capsule *capsule, const struct engine_call *call)
{
	const struct engine_limits *limits = &capsule->env.limits;
	uint64_t cpu_ms = limits->call_cpu_ms, wall_ms = limits->call_wall_ms;

	if (call->cpu_ms != 0 && call->cpu_ms < cpu_ms)
		cpu_ms = call->cpu_ms;
	if (call->wall_ms != 0 && call->wall_ms < wall_ms)
		wall_ms = call->wall_ms;
	capsule->cpu_limit_ns = (int64_t)cpu_ms * NS_PER_MS;
	capsule->wall_limit_ns = call == &capsule->run_call ? 0 : (int64_t)wall_ms * NS_PER_MS;
	capsule->wall.fire = wall_fire;
}

/* Make `call` the current one. */
static void begin_call(struct wasm_capsule *capsule, struct engine_call *call)
{
	capsule->current = call;
	capsule->started = false;
	capsule->cpu_ns = 0;
	capsule->since_wait_ns = 0;
	capsule->phase = capsule->instance == NULL ? PHASE_KERNEL : PHASE_CALL;
	set_limits(capsule, call);
	if (capsule->instance != NULL)
		capsule->instance->host_call.origin = &call->origin;
}

/* Made when the call has its turn and not when it is queued: what queued it, a load above all, has let go of its own memory
 * by then. Initialisers and start functions act for the call that they are run for. */
static bool have_instance(struct wasm_capsule *capsule)
{
	struct capsule_error err;

	if (capsule->instance != NULL)
		return true;
	if (instance_new(&capsule->instance, capsule, capsule->module, &err) == CAPSULE_OK) {
		capsule->instance->host_call.origin = &capsule->current->origin;
		return true;
	}
	finish(capsule, &err, false);
	activation_next(capsule);
	return false;
}

/* The call is over, by itself. Returns whether another one may follow in the same slice: the instance stays, and there was
 * not so much output that copying it would have to be charged to somebody. */
static bool conclude(struct wasm_capsule *capsule, struct capsule_error *err)
{
	const struct engine_call *call = capsule->current;
	bool aborted, small;

	if (err->status == CAPSULE_OK)
		aborted = !outcome_decide(capsule, err);
	else
		aborted = !capsule->instance->ready;
	small = call->op.result.len <= LIMIT_INLINE_WORK;
	finish(capsule, err->status == CAPSULE_OK ? NULL : err, aborted);
	return small && capsule->instance != NULL;
}

/* Make the next call that waits the current one, in the slice that the one before it began at `begun_ns`: most calls take a
 * microsecond, and getting in and out of a slice a good part of that. */
static bool chain_next(struct wasm_capsule *capsule, int64_t begun_ns)
{
	struct engine_call *call;

	if (capsule->slice_start_ns - begun_ns >= CHAIN_NS || capsule->pause.index != 0)
		return false;
	call = call_queue_take(capsule);
	if (call == NULL)
		return false;
	begin_call(capsule, call);
	capsule->thread_cpu_ns = 0;
	capsule->started = true;
	capsule->started_ns = capsule->stopped_ns;
	return true;
}

void activation_run(struct runnable *runnable)
{
	struct wasm_capsule *capsule = LIST_ENTRY(runnable, struct wasm_capsule, runnable);
	struct capsule_error err;
	int64_t begun_ns;
	bool over;

	if (!have_instance(capsule))
		return;
	slice_begin(capsule);
	begun_ns = capsule->slice_start_ns;
	do {
		err.status = CAPSULE_OK;
		over = run_phases(capsule, &err);
		slice_stop(capsule);
	} while (over && conclude(capsule, &err) && chain_next(capsule, begun_ns));
	slice_end(capsule);
	if (over)
		activation_next(capsule);
	else
		suspended(capsule);
}

void activation_next(struct wasm_capsule *capsule)
{
	struct engine_call *call;

	if (capsule->current != NULL || capsule->pause.index != 0 || capsule->module == NULL)
		return;
	call = call_queue_take(capsule);
	if (call == NULL)
		return;
	begin_call(capsule, call);
	loop_ready(capsule->shared->loop, &capsule->runnable, false);
}
