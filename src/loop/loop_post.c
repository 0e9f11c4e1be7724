/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls from other threads: one locked list, taken over whole by the loop thread, and an async handle that ends its
 * wait. A turn looks at the counter alone, so posts run without a system call while the loop is busy. */
#include "base/cleanup.h"
#include "loop/loop_internal.h"

/* Calls run in one turn, so that a flood of them can't hold the rest for long. */
#define POSTS_A_TURN 256

struct post {
	void (*fn)(void *arg);
	void *arg;
	struct post *next;
};

/* Only the wake-up matters: the turn runs the posts after it has asked libuv. */
static void woken(uv_async_t *wake)
{
	(void)wake;
}

enum capsule_status loop_post_init(struct loop *loop, struct capsule_error *err)
{
	struct post_queue *queue = &loop->posts;
	int result = uv_async_init(&loop->uv, &queue->wake, woken);

	if (result != 0)
		return error_os(err, -result, "event loop: make the handle that wakes it");
	return CAPSULE_OK;
}

static void free_posts(struct post *post)
{
	while (post != NULL) {
		struct post *next = post->next;

		free(post);
		post = next;
	}
}

static struct post *take_inbox(struct post_queue *queue)
{
	struct post *first;

	pthread_mutex_lock(&queue->lock);
	first = queue->inbox;
	queue->inbox = NULL;
	queue->inbox_end = &queue->inbox;
	pthread_mutex_unlock(&queue->lock);
	return first;
}

void loop_post_close(struct loop *loop)
{
	struct post_queue *queue = &loop->posts;

	pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	pthread_mutex_unlock(&queue->lock);
	free_posts(take_inbox(queue));
	free_posts(queue->batch);
	queue->batch = NULL;
	atomic_store(&queue->waiting, 0);
}

void loop_post_fini(struct loop *loop)
{
	pthread_mutex_destroy(&loop->posts.lock);
}

bool loop_post_run(struct loop *loop)
{
	struct post_queue *queue = &loop->posts;

	if (!loop_post_waiting(loop))
		return false;
	if (queue->batch == NULL)
		queue->batch = take_inbox(queue);
	for (unsigned count = 0; count < POSTS_A_TURN && queue->batch != NULL; count++) {
		struct post post = *queue->batch;

		free(queue->batch);
		queue->batch = post.next;
		atomic_fetch_sub_explicit(&queue->waiting, 1, memory_order_relaxed);
		post.fn(post.arg);
		loop_step(loop);
	}
	return true;
}

static void unlock_drop(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

/* Append and wake, all under the lock, so that the handle can't be closed between the two. */
static enum capsule_status push(struct post_queue *queue, struct post *post, struct capsule_error *err)
{
	HOLD(unlock_drop) pthread_mutex_t *lock = &queue->lock;

	pthread_mutex_lock(lock);
	if (queue->closed)
		return error_set(err, CAPSULE_ESTATE, "post a call: the loop is being freed");
	if (atomic_load_explicit(&queue->waiting, memory_order_relaxed) >= LOOP_POST_MAX)
		return error_set(err, CAPSULE_ELIMIT,
			"post a call: %d are waiting already; let the loop turn before posting more", LOOP_POST_MAX);
	atomic_fetch_add_explicit(&queue->waiting, 1, memory_order_relaxed);
	*queue->inbox_end = post;
	queue->inbox_end = &post->next;
	uv_async_send(&queue->wake);
	return CAPSULE_OK;
}

enum capsule_status loop_post(struct loop *loop, void (*fn)(void *arg), void *arg, struct capsule_error *err)
{
	HOLD(free_drop) struct post *post = malloc(sizeof *post);
	enum capsule_status status;

	if (post == NULL)
		return error_set(err, CAPSULE_ENOMEM, "post a call: out of memory");
	*post = (struct post){ .fn = fn, .arg = arg };
	status = push(&loop->posts, post, err);
	if (status == CAPSULE_OK)
		(void)GIVE(post);
	return status;
}
