/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A descriptor that the loop looks at. All functions: loop thread. */
#ifndef LOOP_WATCH_H
#define LOOP_WATCH_H

#include "loop/loop.h"

struct watch;

/** Call `ready(user)` from turns of the loop while `fd` is readable, hung up or failed: level-triggered. `ready` may stop the
 *  watch. `fd` is borrowed: it must stay open until watch_stop(), one watch at a time can look at it, and it is made
 *  non-blocking. Counts as something to wait for (loop_turn() answers true). *out is valid until watch_stop(), at most until
 *  loop_free(), which stops what is left.
 *  Errors: CAPSULE_ENOMEM, CAPSULE_EIO (a descriptor that can't be polled, or that has a watch already). */
MUST_CHECK enum capsule_status watch_start(struct watch **out, struct loop *loop, int fd, void (*ready)(void *user),
	void *user, struct capsule_error *err);

/** The same while `fd` is writable, hung up or failed. */
MUST_CHECK enum capsule_status watch_start_writable(struct watch **out, struct loop *loop, int fd,
	void (*ready)(void *user), void *user, struct capsule_error *err);

/** End it (taken; NULL is fine). `ready` is not called any more, and the descriptor may be closed at once. */
void watch_stop(struct watch *watch);

#endif
