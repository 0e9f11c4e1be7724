/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests for files on their way: what runs where, in which order, and how they are taken back. */
#include "vfs/vfs_calls.h"

#define LARGE (1u * MIB)

static void small_requests_are_done_inside_the_call(void **state)
{
	const struct place *place = *state;
	HOLD(free_drop) uint8_t *bytes = calloc(1, LIMIT_INLINE_WORK);
	CALL(write, VFS_WRITE, "f", span_of(bytes, LIMIT_INLINE_WORK));
	CALL(read, VFS_READ, "f", NOTHING);
	CALL(see, VFS_STAT, "f", NOTHING);
	CALL(make, VFS_MKDIR, "d", NOTHING);
	CALL(unlink, VFS_UNLINK, "f", NOTHING);
	struct call *calls[] = { write, read, see, make, unlink };

	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(submit(place, calls[i]), VFS_DONE);
		assert_int_equal(calls[i]->request.op.error.status, CAPSULE_OK);
	}
	assert_int_equal(read->request.op.result.len, LIMIT_INLINE_WORK);
	(void)loop_turn(place->loop, 0);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(calls[i]->done, 0);
}

static void large_requests_are_done_in_a_later_turn_and_in_their_order(void **state)
{
	const struct place *place = *state;
	HOLD(free_drop) uint8_t *bytes = calloc(1, LARGE);
	CALL(write, VFS_WRITE, "f", span_of(bytes, LARGE));
	CALL(read, VFS_READ, "f", NOTHING);
	CALL(small, VFS_WRITE, "f", span_text("small"));
	CALL(again, VFS_READ, "f", NOTHING);
	CALL(list, VFS_LIST, "", NOTHING);
	CALL(missing, VFS_READ, "nosuch", NOTHING);
	CALL(diff, VFS_DIFF, "", NOTHING);
	struct call *calls[] = { write, read, small, again, list, missing, diff };

	for (size_t i = 0; i < 7; i++)
		assert_int_equal(submit(place, calls[i]), VFS_WAITING);
	for (size_t i = 0; i < 7; i++) {
		wait_for(place, calls[i]);
		assert_int_equal(calls[i]->done, 1);
		assert_int_equal(
			calls[i]->request.op.error.status, calls[i] == missing ? CAPSULE_ENOTFOUND : CAPSULE_OK);
		assert_true(i == 0 || calls[i]->order == calls[i - 1]->order + 1);
	}
	assert_int_equal(read->request.op.result.len, LARGE);
	assert_string_equal(buffer_text(&again->request.op.result), "small");
	assert_int_equal(list->request.op.result.len, 2);
	assert_int_equal(submit(place, again), VFS_DONE); /* nothing is under way any more */
}

static void only_so_many_requests_may_wait(void **state)
{
	const struct place *place = *state;
	struct call **calls = calloc(VFS_WAITING_MAX + 1, sizeof(struct call *));
	int turns = 0;
	CALL(list, VFS_LIST, "", NOTHING);

	assert_int_equal(submit(place, list), VFS_WAITING);
	for (int i = 0; i <= VFS_WAITING_MAX; i++) {
		calls[i] = call_new(place, VFS_STAT, "", NOTHING);
		assert_int_equal(submit(place, calls[i]), i < VFS_WAITING_MAX ? VFS_WAITING : VFS_DONE);
	}
	assert_int_equal(calls[VFS_WAITING_MAX]->request.op.error.status, CAPSULE_ELIMIT);
	op_cancel(&calls[7]->request.op); /* makes room for one */
	assert_int_equal(submit(place, calls[VFS_WAITING_MAX]), VFS_WAITING);
	for (; calls[VFS_WAITING_MAX]->done == 0; turns++)
		(void)loop_turn(place->loop, -1);
	assert_true(turns > 10); /* timers and guests had theirs in between */
	for (int i = 0; i <= VFS_WAITING_MAX; i++) {
		assert_int_equal(calls[i]->done, 1);
		assert_int_equal(calls[i]->request.op.error.status, i == 7 ? CAPSULE_ECANCELLED : CAPSULE_OK);
		call_free(calls[i]);
	}
	free(calls);
}

/* Taking requests back. */

static void a_request_that_waits_can_be_cancelled(void **state)
{
	const struct place *place = *state;
	CALL(list, VFS_LIST, "", NOTHING);
	CALL(write, VFS_WRITE, "f", span_text("x"));
	CALL(see, VFS_EXISTS, "f", NOTHING);

	assert_int_equal(submit(place, list), VFS_WAITING);
	assert_int_equal(submit(place, write), VFS_WAITING);
	assert_int_equal(submit(place, see), VFS_WAITING);
	op_cancel(&write->request.op);
	wait_for(place, see);
	assert_int_equal(write->done, 1);
	assert_int_equal(write->request.op.error.status, CAPSULE_ECANCELLED);
	assert_false(see->request.exists);
}

/* Whether a thread has begun by then or not: its bytes may be freed at once, and what waits goes on. */
static void a_request_on_the_pool_can_be_let_go_of(void **state)
{
	const struct place *place = *state;

	for (int i = 0; i < 50; i++) {
		uint8_t *bytes = calloc(1, LARGE);
		struct call *call = call_new(place, VFS_WRITE, "f", span_of(bytes, LARGE));
		CALL(after, VFS_STAT, "f", NOTHING);

		assert_int_equal(submit(place, call), VFS_WAITING);
		assert_int_equal(submit(place, after), VFS_WAITING);
		if (i % 2 == 0) {
			op_cancel(&call->request.op);
			(void)loop_turn(place->loop, 0);
			assert_int_equal(call->done, 1);
			assert_int_equal(call->request.op.error.status, CAPSULE_ECANCELLED);
		}
		call_free(call);
		free(bytes);
		wait_for(place, after);
		if (after->request.op.error.status == CAPSULE_OK) /* whole or not at all */
			assert_int_equal(after->request.stat.size, LARGE);
		else
			assert_int_equal(after->request.op.error.status, CAPSULE_ENOTFOUND);
		(void)unlink(in(place, "root/f"));
	}
}

static void closing_stops_all_and_calls_nobody(void **state)
{
	struct place *place = *state;
	HOLD(free_drop) uint8_t *bytes = calloc(1, LARGE);

	for (int i = 0; i < 50; i++) {
		CALL(write, VFS_WRITE, "f", span_of(bytes, LARGE));
		CALL(list, VFS_LIST, "", NOTHING);
		struct stat seen;

		assert_int_equal(submit(place, write), VFS_WAITING);
		assert_int_equal(submit(place, list), VFS_WAITING);
		if (i % 3 == 0)
			op_cancel(&write->request.op);
		vfs_close(place->vfs);
		place->vfs = NULL;
		if (stat(in(place, "root/f"), &seen) == 0) { /* nothing is half done when it has returned */
			assert_int_equal(seen.st_size, LARGE);
			assert_int_equal(unlink(in(place, "root/f")), 0);
		}
		(void)loop_turn(place->loop, 0);
		assert_int_equal(write->done, i % 3 == 0 ? 1 : 0);
		assert_int_equal(list->done, 0);
		assert_int_equal(list->request.op.state, OP_IDLE);
		assert_int_equal(vfs_open_direct(&place->vfs, place->loop, place->root, true, NULL), CAPSULE_OK);
	}
}

/* Its lock is free again, whatever was under way. */
static void an_overlay_can_be_opened_again_at_once(void **state)
{
	struct place *place = *state;
	HOLD(free_drop) uint8_t *bytes = calloc(1, LARGE);
	char kept[96];

	(void)snprintf(kept, sizeof kept, "%s/kept", place->base);
	for (int i = 0; i < 10; i++) {
		vfs_close(place->vfs);
		place->vfs = NULL;
		assert_int_equal(vfs_open_overlay(&place->vfs, place->loop, place->root, kept, NULL, NULL), CAPSULE_OK);
		CALL(write, VFS_WRITE, "f", span_of(bytes, LARGE));
		assert_int_equal(submit(place, write), VFS_WAITING);
		vfs_close(place->vfs);
		place->vfs = NULL;
		assert_int_equal(vfs_open_overlay(&place->vfs, place->loop, place->root, kept, NULL, NULL), CAPSULE_OK);
	}
	assert_false(is_there(place, "root/f"));
}

/* What is done for the first time takes a fingerprint of what is below; from then on there is none to take. */
static void own_files_are_changed_at_once(void **state)
{
	struct place *place = *state;
	HOLD(free_drop) char *text = calloc(1, LARGE);

	assert_non_null(text);
	memset(text, 'x', LARGE - 1);
	put(place, "root/f", text);
	vfs_close(place->vfs);
	place->vfs = NULL;
	assert_int_equal(
		vfs_open_overlay(&place->vfs, place->loop, place->root, in(place, "kept"), NULL, NULL), CAPSULE_OK);
	CALL(write, VFS_WRITE, "f", span_text("small"));
	assert_int_equal(submit(place, write), VFS_WAITING);
	wait_for(place, write);
	assert_int_equal(submit(place, write), VFS_DONE);
	assert_int_equal(write->request.op.error.status, CAPSULE_OK);
	CALL(remove, VFS_UNLINK, "f", NOTHING);
	assert_int_equal(submit(place, remove), VFS_DONE);
	assert_int_equal(remove->request.op.error.status, CAPSULE_OK);
	CALL(look, VFS_EXISTS, "f", NOTHING);
	assert_int_equal(run(place, look), CAPSULE_OK);
	assert_false(look->request.exists);
	assert_true(is_there(place, "root/f"));
}

static void the_limit_of_a_result_stays(void **state)
{
	struct place *place = *state;
	CALL(list, VFS_LIST, "", NOTHING);

	put(place, "root/f", "");
	list->request.op.result.limit = 4096;
	assert_int_equal(submit(place, list), VFS_WAITING);
	wait_for(place, list);
	assert_int_equal(list->request.op.result.len, 2);
	assert_int_equal(list->request.op.result.limit, 4096);
}

/* It has to be seen that it is empty. */
static void own_folders_are_removed_on_the_pool(void **state)
{
	struct place *place = *state;

	vfs_close(place->vfs);
	place->vfs = NULL;
	assert_int_equal(
		vfs_open_overlay(&place->vfs, place->loop, place->root, in(place, "kept"), NULL, NULL), CAPSULE_OK);
	CALL(make, VFS_MKDIR, "d", NOTHING);
	CALL(remove, VFS_UNLINK, "d", NOTHING);
	assert_int_equal(submit(place, make), VFS_DONE);
	assert_int_equal(submit(place, remove), VFS_WAITING);
	wait_for(place, remove);
	assert_int_equal(remove->request.op.error.status, CAPSULE_OK);
	assert_false(vfs_dirty(place->vfs));
}

/* A job changes what the overlay knows while the loop thread asks about paths. */
static void links_are_followed_while_a_commit_runs(void **state)
{
	enum { FILES = 200 };
	struct place *place = *state;
	struct capsule_error error = { 0 };
	char name[96];
	unsigned looks = 0;

	folder(place, "root/d");
	link_to(place, "root/gone", "d");
	link_to(place, "root/kept", "d");
	vfs_close(place->vfs);
	place->vfs = NULL;
	(void)snprintf(name, sizeof name, "%s/kept", place->base);
	assert_int_equal(vfs_open_overlay(&place->vfs, place->loop, place->root, name, NULL, &error), CAPSULE_OK);
	CALL(commit, VFS_COMMIT, "", NOTHING);
	CALL(look, VFS_EXISTS, "", NOTHING);
	CALL(unlink, VFS_UNLINK, "gone", NOTHING);
	assert_int_equal(run(place, unlink), CAPSULE_OK);
	for (int i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof name, "new/%d", i);
		CALL(write, VFS_WRITE, name, span_text("x"));
		assert_int_equal(run(place, write), CAPSULE_OK);
	}
	assert_int_equal(submit(place, commit), VFS_WAITING);
	for (; commit->done == 0; looks++) {
		struct vfs_path *path = &look->request.path;

		assert_int_equal(vfs_path_set(place->vfs, span_text("gone/x"), path, &error), CAPSULE_OK);
		assert_int_equal(vfs_path_resolve(place->vfs, path, &error), CAPSULE_OK);
		assert_string_equal(path->relative, "gone/x");
		assert_int_equal(vfs_path_set(place->vfs, span_text("kept/x"), path, &error), CAPSULE_OK);
		assert_int_equal(vfs_path_resolve(place->vfs, path, &error), CAPSULE_OK);
		assert_string_equal(path->relative, "d/x");
		(void)vfs_dirty(place->vfs);
		(void)loop_turn(place->loop, 0);
	}
	assert_int_equal(commit->request.op.error.status, CAPSULE_OK);
	assert_true(looks > 0);
	assert_false(vfs_dirty(place->vfs) || is_there(place, "root/gone"));
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, place_direct, place_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(small_requests_are_done_inside_the_call),
		ROW(large_requests_are_done_in_a_later_turn_and_in_their_order),
		ROW(only_so_many_requests_may_wait),
		ROW(a_request_that_waits_can_be_cancelled),
		ROW(a_request_on_the_pool_can_be_let_go_of),
		ROW(closing_stops_all_and_calls_nobody),
		ROW(an_overlay_can_be_opened_again_at_once),
		ROW(own_files_are_changed_at_once),
		ROW(the_limit_of_a_result_stays),
		ROW(own_folders_are_removed_on_the_pool),
		ROW(links_are_followed_while_a_commit_runs),
	};

	return cmocka_run_group_tests_name("vfs_queue", tests, NULL, NULL);
}
