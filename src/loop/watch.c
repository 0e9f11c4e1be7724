/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One handle of libuv for each descriptor. libuv lets go of it only in a later turn, so the memory outlives watch_stop(). */
#include "loop/watch.h"

#include "base/cleanup.h"
#include <stdlib.h>
#include <uv.h>

struct watch {
	uv_poll_t handle;
	int events; /* UV_READABLE or UV_WRITABLE */
	struct loop_closer closer;
	void (*ready)(void *user);
	void *user;
};

static void handle_ready(uv_poll_t *handle, int status, int events);

static int listen_to(struct watch *watch)
{
	return uv_poll_start(&watch->handle, watch->events, handle_ready);
}

static void handle_ready(uv_poll_t *handle, int status, int events)
{
	struct watch *watch = LIST_ENTRY(handle, struct watch, handle);

	(void)events;
	/* libuv stops at an error of the descriptor; whoever reads from it is told which one it is. */
	if (status < 0)
		(void)listen_to(watch);
	watch->ready(watch->user);
}

static void free_closed(uv_handle_t *handle)
{
	free(LIST_ENTRY(handle, struct watch, handle));
}

void watch_stop(struct watch *watch)
{
	if (watch == NULL)
		return;
	loop_closer_remove(&watch->closer);
	uv_close((uv_handle_t *)&watch->handle, free_closed);
}

static void close_with_loop(struct loop_closer *closer)
{
	watch_stop(LIST_ENTRY(closer, struct watch, closer));
}

static enum capsule_status start(struct watch **out, struct loop *loop, int fd, int events, void (*ready)(void *user),
	void *user, struct capsule_error *err)
{
	HOLD(free_drop) struct watch *watch = calloc(1, sizeof *watch);
	int result;

	if (watch == NULL)
		return error_set(err, CAPSULE_ENOMEM, "watch a descriptor: out of memory");
	watch->events = events;
	watch->ready = ready;
	watch->user = user;
	watch->closer.close = close_with_loop;
	result = uv_poll_init(loop_uv(loop), &watch->handle, fd);
	if (result != 0)
		return error_os(err, -result, "watch descriptor %d", fd);
	loop_closer_add(loop, &watch->closer);
	result = listen_to(watch);
	if (result != 0) {
		watch_stop(GIVE(watch));
		return error_os(err, -result, "watch descriptor %d", fd);
	}
	*out = GIVE(watch);
	return CAPSULE_OK;
}

enum capsule_status watch_start(
	struct watch **out, struct loop *loop, int fd, void (*ready)(void *user), void *user, struct capsule_error *err)
{
	return start(out, loop, fd, UV_READABLE, ready, user, err);
}

enum capsule_status watch_start_writable(
	struct watch **out, struct loop *loop, int fd, void (*ready)(void *user), void *user, struct capsule_error *err)
{
	return start(out, loop, fd, UV_WRITABLE, ready, user, err);
}
