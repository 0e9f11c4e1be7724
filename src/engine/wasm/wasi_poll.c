/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* poll_oneoff: how a WASI guest sleeps. Waiting for time parks the fiber until the earliest clock is due; anything about
 * descriptors is answered at once, since there are none that could become ready. */
#include "engine/wasm/wasi.h"

#include "base/limits.h"
#include "engine/wasm/activation.h"
#include "engine/wasm/guest_memory.h"

#define SUBSCRIPTIONS_MAX 64
#define EVENT_SIZE 32
#define TAG_CLOCK 0
#define CLOCK_ABSOLUTE 1

struct subscription {
	uint64_t userdata;
	uint8_t tag;
	uint32_t id;      /* clock or descriptor */
	uint64_t timeout; /* of clocks */
	bool absolute;
};

static uint32_t subscription_size(bool old_layout)
{
	return old_layout ? 56 : 48;
}

static struct subscription subscription_read(const uint8_t *at, bool old_layout)
{
	struct subscription s = { .userdata = wasi_load64(at), .tag = at[8] };

	at += 16;
	if (old_layout && s.tag == TAG_CLOCK)
		at += 8; /* an identifier that nothing uses */
	s.id = wasi_load32(at);
	if (s.tag == TAG_CLOCK) {
		s.timeout = wasi_load64(at + 8);
		s.absolute = (at[24] & CLOCK_ABSOLUTE) != 0;
	}
	return s;
}

/* When a clock subscription is due on the monotonic clock, saturated. */
static int64_t due_at(const struct subscription *s, const struct clock *clock, int64_t started_ns)
{
	int64_t timeout = s->timeout > INT64_MAX ? INT64_MAX : (int64_t)s->timeout;
	int64_t due;

	if (s->absolute && s->id == WASI_CLOCK_MONOTONIC)
		return timeout;
	if (s->absolute)
		timeout = timeout > clock_realtime_ns(clock) ? timeout - clock_realtime_ns(clock) : 0;
	return __builtin_add_overflow(started_ns, timeout, &due) ? INT64_MAX : due;
}

static bool clock_known(const struct subscription *s)
{
	return s->tag == TAG_CLOCK && s->id <= WASI_CLOCK_MONOTONIC;
}

/* Write the events of what is ready now. Returns their number. */
static uint32_t write_events(
	struct wasm_instance *instance, const struct wasi_poll *poll, const uint8_t *subscriptions, uint8_t *events)
{
	const struct clock *clock = loop_clock(instance->shared->loop);
	int64_t now = clock_monotonic_ns(clock);
	uint32_t number = 0;

	for (uint32_t i = 0; i < poll->count; i++) {
		struct subscription s = subscription_read(
			subscriptions + i * subscription_size(poll->old_layout), poll->old_layout);
		uint8_t *event = events + number * EVENT_SIZE;

		if (clock_known(&s) && due_at(&s, clock, poll->started_ns) > now)
			continue;
		memset(event, 0, EVENT_SIZE);
		wasi_store64(event, s.userdata);
		if (!clock_known(&s) && !(s.tag != TAG_CLOCK && s.id <= 2))
			wasi_store16(event + 8, s.tag == TAG_CLOCK ? WASI_INVAL : WASI_BADF);
		event[10] = s.tag;
		number++;
	}
	return number;
}

/* Answer now if anything is ready. Returns whether it did; *error is the WASI error otherwise or WASI_OK. */
static bool try_answer(struct wasm_instance *instance, const struct wasi_poll *poll, enum wasi_errno *error)
{
	struct guest_memory memory = guest_memory_of(instance);
	const uint8_t *subscriptions = guest_memory_at(
		&memory, poll->subscriptions, (uint64_t)poll->count * subscription_size(poll->old_layout));
	uint8_t *events = guest_memory_at(&memory, poll->events, (uint64_t)poll->count * EVENT_SIZE);
	uint8_t *stored = guest_memory_at(&memory, poll->stored, 4);
	uint32_t number;

	*error = WASI_FAULT;
	if (subscriptions == NULL || events == NULL || stored == NULL)
		return true;
	*error = WASI_OK;
	number = write_events(instance, poll, subscriptions, events);
	if (number == 0)
		return false;
	wasi_store32(stored, number);
	return true;
}

static wasm_trap_t *poll_finish(struct wasm_instance *instance, wasmtime_caller_t *caller, int64_t *result)
{
	enum wasi_errno error;

	(void)caller;
	/* The clock that woke the guest is due, so there is an answer; realtime may have been set back meanwhile. */
	if (!try_answer(instance, &instance->poll, &error))
		error = WASI_INVAL;
	*result = (int64_t)error;
	return NULL;
}

static void sleep_over(struct timer *timer)
{
	instance_resume(LIST_ENTRY(timer, struct wasm_instance, sleep));
}

static int64_t earliest(struct wasm_instance *instance)
{
	const struct wasi_poll *poll = &instance->poll;
	const struct clock *clock = loop_clock(instance->shared->loop);
	struct guest_memory memory = guest_memory_of(instance);
	uint32_t size = subscription_size(poll->old_layout);
	const uint8_t *at = guest_memory_at(&memory, poll->subscriptions, (uint64_t)poll->count * size);
	int64_t first = INT64_MAX;

	for (uint32_t i = 0; i < poll->count; i++) {
		struct subscription s = subscription_read(at + i * size, poll->old_layout);
		int64_t due = due_at(&s, clock, poll->started_ns);

		first = due < first ? due : first;
	}
	return first;
}

wasm_trap_t *wasi_poll_begin(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count)
{
	struct wasm_instance *instance = instance_of(caller);
	struct wasi_poll *poll = &instance->poll;
	enum wasi_errno error = WASI_INVAL;

	(void)count;
	poll->subscriptions = (uint32_t)values[0].i32;
	poll->events = (uint32_t)values[1].i32;
	poll->count = (uint32_t)values[2].i32;
	poll->stored = (uint32_t)values[3].i32;
	poll->old_layout = env != NULL;
	poll->started_ns = loop_now(instance->shared->loop);
	instance->finish = NULL;
	values[0].i32 = 0;
	if (poll->count > 0 && poll->count <= SUBSCRIPTIONS_MAX && !try_answer(instance, poll, &error)) {
		instance->sleep.fire = sleep_over;
		if (!loop_timer_arm(instance->shared->loop, &instance->sleep, earliest(instance))) {
			(void)error_set(&instance->failure, CAPSULE_ENOMEM, "no memory for a timer");
			return instance_trap(instance);
		}
		instance->finish = poll_finish;
		instance->waits_in = "poll_oneoff";
		instance->wait_charged = false;
		values[0].i32 = 1;
		return NULL;
	}
	instance->ready_result = (int64_t)error;
	return NULL;
}
