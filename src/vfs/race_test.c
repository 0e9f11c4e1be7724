/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A folder whose names change while they are used: one is a folder, a link to outside and a file in turn, as fast
 * as a thread can swap them. Whatever is asked for meanwhile, nothing outside is read, written, made or removed. */
#include "vfs/vfs_fixture.h"
#include "vfs/vfs_internal.h"

#include <pthread.h>
#include <stdatomic.h>

#define OPERATIONS_ENOUGH 100000
#define TIME_ENOUGH (2 * NS_PER_S)
#define TIME_MOST (60 * NS_PER_S) /* a machine so busy that the two never met by then */
#define MEETINGS_LEAST 20         /* of each kind: otherwise nothing was tried */

struct race {
	struct place *place;
	atomic_bool stop;
	int dir;
	unsigned inside, linked, refused, no_folder; /* how often what was met */
	struct vfs_request request;
};

/* root/x, root/y and root/z are a folder, a link and a file, in an order that changes all the time. */
static void *swap(void *arg)
{
	struct race *race = arg;

	for (unsigned i = 0; !atomic_load(&race->stop); i++)
		(void)renameat2(race->dir, "x", race->dir, i % 2 == 0 ? "y" : "z", RENAME_EXCHANGE);
	return NULL;
}

/* What was read must be of inside. */
static void check_answer(struct race *race)
{
	struct buffer *result = &race->request.op.result;

	race->inside++;
	if (race->request.verb == VFS_READ) {
		const char *text = buffer_text(result);

		assert_non_null(text);
		assert_true(strcmp(text, "inside") == 0 || strcmp(text, "file") == 0 || text[0] == '\0');
	} else if (race->request.verb == VFS_LIST && result->len != 0) { /* empty once its file is unlinked */
		assert_null(memmem(result->data, result->len, "secret", 7));
	}
}

static void done(struct op *op, void *user)
{
	bool *over = user;

	(void)op;
	*over = true;
}

/* Once. Returns whether a link was met, so that it is to be resolved. */
static bool attempt(struct race *race)
{
	const struct place *place = race->place;
	struct vfs_request *request = &race->request;
	bool over = false;

	if (vfs_submit(place->vfs, request, done, &over) == VFS_WAITING)
		while (!over)
			(void)loop_turn(place->loop, -1);
	switch (request->op.error.status) {
	case CAPSULE_OK:
		check_answer(race);
		return false;
	case CAPSULE_ENOTFOUND:
		return false;
	case CAPSULE_EIO:
		if (request->linked) {
			race->linked++;
			return true;
		}
		assert_true(request->op.error.os_errno == ENOTDIR || request->op.error.os_errno == EISDIR ||
			request->op.error.os_errno == ENOTEMPTY || request->op.error.os_errno == EAGAIN);
		race->no_folder++;
		return false;
	default: /* a refusal would be one of a path that nobody asked for */
		print_error("%s\n", request->op.error.text);
		fail();
		return false;
	}
}

static void ask(struct race *race, enum vfs_verb verb, const char *path)
{
	const struct place *place = race->place;
	struct vfs_request *request = &race->request;
	struct capsule_error error = { 0 };

	assert_int_equal(vfs_path_set(place->vfs, span_text(path), &request->path, &error), CAPSULE_OK);
	request->verb = verb;
	request->data = span_text("inside");
	for (int i = 0; i < 4 && attempt(race); i++) {
		enum capsule_status status = vfs_path_resolve(place->vfs, &request->path, &error);

		if (status == CAPSULE_OK) {
			assert_ptr_equal(strstr(request->path.text, place->root), request->path.text);
			continue;
		}
		assert_true(status == CAPSULE_EDENIED || status == CAPSULE_EIO || status == CAPSULE_ENOTFOUND);
		race->refused += status == CAPSULE_EDENIED;
		return;
	}
}

static bool is_enough(const struct race *race, unsigned operations, int64_t begun)
{
	int64_t took = clock_monotonic_ns(&clock_system) - begun;

	if (operations % 64 != 0 || (operations < OPERATIONS_ENOUGH && took < TIME_ENOUGH))
		return false;
	return took >= TIME_MOST ||
		(race->inside >= MEETINGS_LEAST && race->linked >= MEETINGS_LEAST && race->refused >= MEETINGS_LEAST &&
			race->no_folder >= MEETINGS_LEAST);
}

static void outside_is_as_it_was(const struct place *place)
{
	HOLD(buffer_fini) struct buffer names = { 0 };
	HOLD(tree_close) struct tree outside;

	expect_file(place, "outside/f", SECRET);
	expect_file(place, "outside/secret", SECRET);
	assert_int_equal(tree_open(&outside, place->outside), 0);
	assert_int_equal(tree_list(&outside, "", &names), 0);
	assert_int_equal(names.len, sizeof "f" + sizeof "secret" + sizeof "d");
	buffer_clear(&names);
	assert_int_equal(tree_list(&outside, "d", &names), 0);
	assert_int_equal(names.len, 0);
}

static void run_race(struct place *place)
{
	static const struct {
		enum vfs_verb verb;
		const char *path;
	} rows[] = {
		{ VFS_READ, "x/f" },
		{ VFS_WRITE, "x/f" },
		{ VFS_READ, "l/f" },
		{ VFS_WRITE, "x/made/deep/f" },
		{ VFS_READ, "x" },
		{ VFS_MKDIR, "x/folder/in/it" },
		{ VFS_EXISTS, "x/secret" },
		{ VFS_UNLINK, "x/f" },
		{ VFS_WRITE, "l/f" },
		{ VFS_STAT, "x/f" },
		{ VFS_UNLINK, "x/d" },
		{ VFS_LIST, "x" },
		{ VFS_WRITE, "x/f" },
	};
	static struct race race; /* the thread may outlive a test that fails */
	int64_t begun = clock_monotonic_ns(&clock_system);
	unsigned operations = 0;
	pthread_t thread;

	race = (struct race){ .place = place, .dir = open(place->root, O_PATH | O_CLOEXEC) };
	vfs_request_init(&race.request, place->loop);
	assert_int_equal(pthread_create(&thread, NULL, swap, &race), 0);
	for (; !is_enough(&race, operations, begun); operations++)
		ask(&race, rows[operations % 13].verb, rows[operations % 13].path);
	atomic_store(&race.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	vfs_request_fini(&race.request);
	(void)close(race.dir);
	outside_is_as_it_was(place);
	assert_true(race.inside >= MEETINGS_LEAST && race.linked >= MEETINGS_LEAST);
	assert_true(race.refused >= MEETINGS_LEAST && race.no_folder >= MEETINGS_LEAST);
}

static void prepare(const struct place *place)
{
	folder(place, "root/x");
	put(place, "root/x/f", "inside");
	link_to(place, "root/y", "../outside");
	put(place, "root/z", "file");
	link_to(place, "root/l", "x");
	put(place, "outside/f", SECRET);
	folder(place, "outside/d");
}

static void nothing_outside_is_touched_with_openat2(void **state)
{
	struct place *place = *state;

	prepare(place);
	run_race(place);
}

static void nothing_outside_is_touched_when_walking(void **state)
{
	struct place *place = *state;

	prepare(place);
	place->vfs->tree.walk = true;
	run_race(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_outside_is_touched_with_openat2, place_direct, place_free),
		cmocka_unit_test_setup_teardown(nothing_outside_is_touched_when_walking, place_direct, place_free),
	};

	return cmocka_run_group_tests_name("vfs_race", tests, NULL, NULL);
}
