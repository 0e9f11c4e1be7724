/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A descriptor that the loop looks at. All functions: loop thread. */
#ifndef LOOP_WATCH_H
#define LOOP_WATCH_H

#include "loop/loop.h"

struct watch;

/** Call `ready(user)` from turns of the loop while `fd` (borrowed; it must stay open until watch_stop()) is readable or hung up:
 *  level-triggered. `ready` may stop the watch. Counts as something to wait for (loop_turn() answers true).
 *  Errors: CAPSULE_ENOMEM, CAPSULE_EIO (a descriptor that can't be polled). */
MUST_CHECK enum capsule_status watch_start(struct watch **out, struct loop *loop, int fd, void (*ready)(void *user),
	void *user, struct capsule_error *err);

/** End it (taken; NULL is fine). `ready` is not called any more. */
void watch_stop(struct watch *watch);

#endif
