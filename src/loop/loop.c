/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One turn after the other. A call that suspends nowhere passes through two turns, so a turn with something queued makes
 * no system call and hardly ever reads the clock; libuv is asked when nothing is queued, and otherwise often enough. */
#include "base/cleanup.h"
#include "loop/loop_internal.h"
#include <limits.h>

/* Steps (callbacks, runnables, turns) between two readings of the clock: a reading costs as much as an empty turn. */
#define CLOCK_EVERY 16

/* How long libuv may go unasked while there is always something queued: a system call costs more than a short call of a
 * guest. */
#define UNPOLLED_NS (NS_PER_MS / 2)
#define UNPOLLED_TURNS 64

/* Runnables in one turn, before descriptors, timers and completions come first again. */
#define FRESH_NS (2 * NS_PER_MS)
#define FRESH_RUNS 256

/* A spent runnable waits this long while there is other work, then gets a slice all the same. The second bound is for
 * a clock that stands still. */
#define SPENT_NS (2 * NS_PER_MS)
#define SPENT_TURNS 4096

DEFINE_DROP(loop_drop, struct loop *, loop_free)

static enum capsule_status loop_open(struct loop *loop, struct capsule_error *err)
{
	int result = uv_loop_init(&loop->uv);

	if (result != 0)
		return error_os(err, -result, "event loop: open it");
	loop->uv_open = true;
	result = uv_timer_init(&loop->uv, &loop->alarm);
	if (result != 0)
		return error_os(err, -result, "event loop: make its timer");
	return loop_post_init(loop, err);
}

static void set_in_turn(struct loop *loop, bool in_turn)
{
	atomic_store_explicit(&loop->in_turn, in_turn, memory_order_relaxed);
}

static void loop_read_clock(struct loop *loop)
{
	loop->now_ns = clock_monotonic_ns(loop->clock);
	loop->steps = 0;
}

enum capsule_status loop_new(struct loop **out, const struct clock *clock, struct capsule_error *err)
{
	struct loop *made = calloc(1, sizeof *made);
	HOLD(loop_drop) struct loop *loop = NULL;
	enum capsule_status status;

	if (made == NULL || pthread_mutex_init(&made->posts.lock, NULL) != 0) {
		free(made);
		return error_set(err, CAPSULE_ENOMEM, "event loop: out of memory");
	}
	loop = made;
	loop->posts.inbox_end = &loop->posts.inbox;
	list_init(&loop->finished);
	list_init(&loop->fresh);
	list_init(&loop->spent);
	list_init(&loop->closers);
	loop->clock = clock;
	loop->clock_is_real = clock == &clock_system;
	loop->reads_every = loop->clock_is_real ? CLOCK_EVERY : 1;
	loop_read_clock(loop);
	loop->polled_ns = loop->now_ns;
	status = loop_open(loop, err);
	if (status != CAPSULE_OK)
		return status;
	*out = GIVE(loop);
	return CAPSULE_OK;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void run_closers(struct loop *loop)
{
	struct list_node *node;

	while ((node = list_take_first(&loop->closers)) != NULL) {
		struct loop_closer *closer = LIST_ENTRY(node, struct loop_closer, link);

		closer->close(closer);
	}
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	set_in_turn(loop, true); /* completions of jobs run below, as in a turn */
	loop_post_close(loop);
	/* Each time around, since such a completion may open a handle or submit another job. */
	while (loop->uv_open && uv_loop_close(&loop->uv) == UV_EBUSY) {
		run_closers(loop);
		uv_walk(&loop->uv, close_handle, NULL);
		uv_run(&loop->uv, UV_RUN_ONCE);
	}
	loop_post_fini(loop);
	timer_heap_fini(&loop->timers);
	free(loop);
}

void loop_step(struct loop *loop)
{
	if (++loop->steps >= loop->reads_every)
		loop_read_clock(loop);
}

int64_t loop_now(const struct loop *loop)
{
	return clock_monotonic_ns(loop->clock);
}

int64_t loop_due_after(const struct loop *loop, uint64_t ms)
{
	int64_t due;

	if (ms > INT64_MAX / NS_PER_MS || __builtin_add_overflow(loop_now(loop), (int64_t)ms * NS_PER_MS, &due))
		return INT64_MAX;
	return due;
}

const struct clock *loop_clock(const struct loop *loop)
{
	return loop->clock;
}

void loop_closer_add(struct loop *loop, struct loop_closer *closer)
{
	list_append(loop->closers.next, &closer->link); /* in front of the one that is first now */
}

void loop_closer_remove(struct loop_closer *closer)
{
	list_remove(&closer->link);
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

int loop_fd(const struct loop *loop)
{
	return uv_backend_fd(&loop->uv);
}

bool loop_in_turn(const struct loop *loop)
{
	return atomic_load_explicit(&loop->in_turn, memory_order_relaxed);
}

/* Milliseconds for which poll() may wait: rounded up, 0 when due, -1 for never. */
static int ms_until(int64_t due_ns, int64_t now_ns)
{
	int64_t left, ms;

	if (due_ns == INT64_MAX)
		return -1;
	if (due_ns <= now_ns)
		return 0;
	if (__builtin_sub_overflow(due_ns, now_ns, &left))
		return INT_MAX;
	ms = left / NS_PER_MS + (left % NS_PER_MS != 0);
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* The shorter of two waits, each -1 for ever. */
static int shorter(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Whether a turn has something other than spent runnables to get on with. */
static bool has_prompt_work(const struct loop *loop)
{
	return !list_empty(&loop->finished) || !list_empty(&loop->fresh) || loop_post_waiting(loop);
}

static bool has_work(const struct loop *loop)
{
	return has_prompt_work(loop) || !list_empty(&loop->spent);
}

/* Whether a descriptor was added that the kernel hears about only in the next uv_run(): until then loop_fd() keeps
 * silent about it. No public function tells. The field begins with a pointer to the queue's first entry in every
 * libuv 1.x. */
static bool has_new_descriptors(const uv_loop_t *uv)
{
	const void *first;

	memcpy(&first, &uv->watcher_queue, sizeof first);
	return first != &uv->watcher_queue;
}

/* What libuv itself waits for at most. It reckons from the time of its last turn, which may be long ago. */
static int uv_timeout_ms(const uv_loop_t *uv)
{
	int ms = uv_backend_timeout(uv);
	uint64_t now = uv_hrtime() / (uint64_t)NS_PER_MS, last = uv_now(uv);

	if (ms <= 0 || now <= last)
		return ms;
	return now - last >= (uint64_t)ms ? 0 : ms - (int)(now - last);
}

int loop_timeout_ms(const struct loop *loop)
{
	if (has_work(loop) || has_new_descriptors(&loop->uv))
		return 0;
	return shorter(ms_until(timer_heap_next(&loop->timers), loop_now(loop)), uv_timeout_ms(&loop->uv));
}

/* libuv looks at its timers before it waits, too: when the time is over by then, it would wait for good, the alarm being
 * gone. */
static void alarm_rang(uv_timer_t *alarm)
{
	uv_stop(alarm->loop);
}

/* Let libuv run its callbacks, waiting for one at most `wait_ms`. */
static void poll_uv(struct loop *loop, int wait_ms)
{
	int64_t due = timer_heap_next(&loop->timers);

	if (wait_ms != 0 && (loop->clock_is_real || due <= loop->now_ns))
		wait_ms = shorter(wait_ms, ms_until(due, loop->now_ns));
	if (wait_ms > 0) {
		uv_update_time(&loop->uv);
		uv_timer_start(&loop->alarm, alarm_rang, (uint64_t)wait_ms, 0);
	}
	uv_run(&loop->uv, wait_ms == 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
	if (wait_ms > 0)
		uv_timer_stop(&loop->alarm);
	loop_read_clock(loop);
	loop->polled_ns = loop->now_ns;
	loop->unpolled = 0;
}

static void poll_when_needed(struct loop *loop, int wait_ms)
{
	if (!has_work(loop)) {
		if (wait_ms != 0)
			loop_read_clock(loop);
		poll_uv(loop, wait_ms);
	} else if (++loop->unpolled >= UNPOLLED_TURNS || loop->now_ns - loop->polled_ns >= UNPOLLED_NS) {
		poll_uv(loop, 0);
	}
}

/* Only timers armed before this step; what they arm for the past is moved behind the others by loop_timer_arm(). */
static bool fire_timers(struct loop *loop)
{
	uint64_t newest = loop->timers.sequence;
	int64_t now_ns = loop->now_ns;
	bool ran = false;

	loop->firing = true;
	while (loop->timers.count > 0 && loop->timers.items[0]->sequence <= newest) {
		struct timer *timer = timer_heap_take_due(&loop->timers, now_ns);

		if (timer == NULL)
			break;
		timer->fire(timer);
		ran = true;
	}
	loop->firing = false;
	return ran;
}

/* Only those that are finished already: a done() that finishes another one does not keep the turn going. */
static bool deliver_finished(struct loop *loop)
{
	struct list_node batch, *node;

	if (list_empty(&loop->finished))
		return false;
	list_append(&loop->finished, &batch);
	list_remove(&loop->finished); /* leaves the nodes in a ring of which `batch` is the head */
	while ((node = list_take_first(&batch)) != NULL) {
		op_deliver(LIST_ENTRY(node, struct op, link));
		loop_step(loop);
	}
	return true;
}

static bool run_first(struct list_node *queue)
{
	struct list_node *node = list_take_first(queue);
	struct runnable *runnable;

	if (node == NULL)
		return false;
	runnable = LIST_ENTRY(node, struct runnable, link);
	runnable->run(runnable);
	return true;
}

static bool run_fresh(struct loop *loop)
{
	int64_t start_ns = loop->now_ns;
	unsigned runs = 0;

	while (runs < FRESH_RUNS && loop->now_ns - start_ns < FRESH_NS && run_first(&loop->fresh)) {
		loop_step(loop);
		runs++;
	}
	return runs > 0;
}

/* At most one, and none in a turn that did something else: its caller may have been waiting for just that. */
static void run_spent(struct loop *loop, bool ran)
{
	bool other_work = ran || has_prompt_work(loop);

	if (list_empty(&loop->spent))
		return;
	if (other_work && ++loop->spent_skipped < SPENT_TURNS && loop->now_ns - loop->spent_ns < SPENT_NS)
		return;
	run_first(&loop->spent);
	loop_read_clock(loop);
	loop->spent_ns = loop->now_ns;
	loop->spent_skipped = 0;
}

/* The handle for posts keeps libuv's loop alive, or it would not even look for wake-ups; here it must not count. */
static bool is_anything_pending(struct loop *loop)
{
	bool alive;

	if (has_work(loop) || loop->timers.count > 0)
		return true;
	uv_unref((uv_handle_t *)&loop->posts.wake);
	alive = uv_loop_alive(&loop->uv) != 0;
	uv_ref((uv_handle_t *)&loop->posts.wake);
	return alive;
}

bool loop_turn(struct loop *loop, int wait_ms)
{
	bool ran;

	if (loop_in_turn(loop))
		return false;
	set_in_turn(loop, true);
	loop_step(loop);
	poll_when_needed(loop, wait_ms);
	ran = loop_post_run(loop);
	ran |= fire_timers(loop);
	ran |= deliver_finished(loop);
	ran |= run_fresh(loop);
	run_spent(loop, ran);
	set_in_turn(loop, false);
	return is_anything_pending(loop);
}

static bool is_queued(const struct runnable *runnable)
{
	return runnable->link.next != NULL && !list_empty(&runnable->link);
}

void loop_ready(struct loop *loop, struct runnable *runnable, bool spent)
{
	if (is_queued(runnable))
		return;
	if (!spent) {
		list_append(&loop->fresh, &runnable->link);
		return;
	}
	loop_read_clock(loop); /* a whole slice has gone by */
	if (list_empty(&loop->spent)) {
		loop->spent_ns = loop->now_ns;
		loop->spent_skipped = 0;
	}
	list_append(&loop->spent, &runnable->link);
}

void loop_unready(struct runnable *runnable)
{
	if (is_queued(runnable))
		list_remove(&runnable->link);
}

bool loop_timer_arm(struct loop *loop, struct timer *timer, int64_t due_ns)
{
	/* A timer that arms itself for the past again and again must not come before those that wait their turn. */
	if (loop->firing && due_ns < loop->now_ns)
		due_ns = loop->now_ns;
	return timer_heap_arm(&loop->timers, timer, due_ns);
}

void loop_timer_disarm(struct loop *loop, struct timer *timer)
{
	timer_heap_disarm(&loop->timers, timer);
}

void loop_op_finished(struct loop *loop, struct op *op)
{
	list_append(&loop->finished, &op->link);
}
