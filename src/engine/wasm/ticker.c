/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `inside` is written by the loop, `asleep` by the ticker. Each side writes its own flag before it reads the other's, both
 * sequentially consistent: either the ticker sees that the loop went in, or the loop sees that the ticker sleeps. */
#include "engine/wasm/ticker.h"

#include "base/cleanup.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <wasmtime.h>

#define IDLE_TICKS 20 /* without a guest before it goes to sleep */

struct ticker {
	wasm_engine_t *engine;
	atomic_bool inside, asleep, stop;
	atomic_uint visits; /* so that short stays between two ticks keep it awake */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
};

/* A stay may be over before the ticker looks: it wakes for any visit after the `seen` ones. */
static void ticker_sleep(struct ticker *ticker, unsigned seen)
{
	pthread_mutex_lock(&ticker->lock);
	atomic_store(&ticker->asleep, true);
	while (!atomic_load(&ticker->inside) && atomic_load(&ticker->visits) == seen && !atomic_load(&ticker->stop))
		pthread_cond_wait(&ticker->wake, &ticker->lock);
	atomic_store(&ticker->asleep, false);
	pthread_mutex_unlock(&ticker->lock);
}

static void *ticker_main(void *arg)
{
	struct ticker *ticker = arg;
	const struct timespec period = { .tv_nsec = TICKER_PERIOD_US * 1000L };
	unsigned seen = 0, idle = 0;

	while (!atomic_load(&ticker->stop)) {
		unsigned visits;

		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &period, NULL);
		visits = atomic_load_explicit(&ticker->visits, memory_order_relaxed);
		if (atomic_load(&ticker->inside) || visits != seen) {
			wasmtime_engine_increment_epoch(ticker->engine);
			idle = 0;
		} else if (++idle >= IDLE_TICKS) {
			ticker_sleep(ticker, visits);
			idle = 0;
		}
		seen = visits;
	}
	return NULL;
}

/* The thread must not take signals that the program waits for elsewhere. */
static int thread_start(struct ticker *ticker)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&ticker->thread, NULL, ticker_main, ticker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

enum capsule_status ticker_new(struct ticker **out, wasm_engine_t *engine, struct capsule_error *err)
{
	HOLD(free_drop) struct ticker *ticker = calloc(1, sizeof *ticker);
	int rc;

	if (ticker == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the ticker");
	ticker->engine = engine;
	pthread_mutex_init(&ticker->lock, NULL);
	pthread_cond_init(&ticker->wake, NULL);
	rc = thread_start(ticker);
	if (rc != 0)
		return error_os(err, rc, "the ticker thread can't be started");
	*out = GIVE(ticker);
	return CAPSULE_OK;
}

static void ticker_wake(struct ticker *ticker)
{
	pthread_mutex_lock(&ticker->lock);
	pthread_cond_signal(&ticker->wake);
	pthread_mutex_unlock(&ticker->lock);
}

void ticker_free(struct ticker *ticker)
{
	if (ticker == NULL)
		return;
	atomic_store(&ticker->stop, true);
	ticker_wake(ticker);
	pthread_join(ticker->thread, NULL);
	pthread_cond_destroy(&ticker->wake);
	pthread_mutex_destroy(&ticker->lock);
	free(ticker);
}

void ticker_enter(struct ticker *ticker)
{
	unsigned visits = atomic_load_explicit(&ticker->visits, memory_order_relaxed);

	atomic_store_explicit(&ticker->visits, visits + 1, memory_order_relaxed);
	atomic_store(&ticker->inside, true);
	if (atomic_load(&ticker->asleep))
		ticker_wake(ticker);
}

void ticker_leave(struct ticker *ticker)
{
	atomic_store_explicit(&ticker->inside, false, memory_order_relaxed);
}
