/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The file functions over a real gate and real trees of files, with an overlay and without one. */
#include "host/host_fixture.h"

#include "base/limits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define LARGE (256 * 1024) /* over LIMIT_INLINE_WORK */
#define RACES 4000         /* reads while a link is swapped */

static int set_up(void **state, bool overlay)
{
	struct fixture *fixture = fixture_new(false);

	fixture_open_files(fixture, overlay);
	fixture_grant(fixture, "fs_read = [\"*\", \"global://\"]\nfs_write = [\"*\", \"global://\"]");
	*state = fixture;
	return 0;
}

static int set_up_overlay(void **state)
{
	return set_up(state, true);
}

static int set_up_direct(void **state)
{
	return set_up(state, false);
}

static int tear_down(void **state)
{
	fixture_free(*state);
	return 0;
}

/* Calls that must go well, with what they must give. */
static void expect(struct fixture *fixture, const char *function, const char *path, const char *result)
{
	if (CALL(fixture, function, span_text(path)) != CAPSULE_OK)
		fail_msg("%s(%s): %s", function, path, fixture->err.text);
	assert_result(fixture, result);
}

static void write_file(struct fixture *fixture, const char *path, struct span contents)
{
	if (CALL(fixture, "astrid_write_file", span_text(path), contents) != CAPSULE_OK)
		fail_msg("%s: %s", path, fixture->err.text);
}

static enum capsule_status fails(struct fixture *fixture, const char *function, const char *path)
{
	const struct span args[] = { span_text(path), span_text("contents") };
	enum capsule_status status = fixture_call(
		fixture, function, strcmp(function, "astrid_write_file") == 0 ? 2 : 1, args);

	assert_int_not_equal(status, CAPSULE_OK);
	return status;
}

static void link_to(const struct fixture *fixture, const char *target, const char *name)
{
	assert_int_equal(symlink(target, fixture_file(fixture, name)), 0);
}

static const char *const functions[] = { "astrid_fs_exists", "astrid_fs_mkdir", "astrid_fs_readdir", "astrid_fs_stat",
	"astrid_fs_unlink", "astrid_read_file", "astrid_write_file" };

#define EACH_FUNCTION(i) (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)

static void every_function_does_its_work(void **state) /* abi:98 abi:99 abi:108 */
{
	struct fixture *fixture = *state;

	expect(fixture, "astrid_fs_exists", "d/e.txt", "");
	expect(fixture, "astrid_fs_mkdir", "d/sub", "");
	expect(fixture, "astrid_fs_mkdir", "d/sub", "");
	write_file(fixture, "d/e.txt", span_text("hello"));
	expect(fixture, "astrid_fs_exists", "d/e.txt", "true");
	expect(fixture, "astrid_fs_exists", "", "true");
	expect(fixture, "astrid_read_file", "d/e.txt", "hello");
	expect(fixture, "astrid_fs_readdir", "d", "[\"e.txt\",\"sub\"]");
	expect(fixture, "astrid_fs_readdir", "d/sub", "[]");
	assert_int_equal(CALL(fixture, "astrid_fs_stat", span_text("d/e.txt")), CAPSULE_OK);
	assert_true(span_starts(fixture->call.result, span_text("{\"isDir\":false,\"mtime\":")));
	expect(fixture, "astrid_fs_unlink", "d/e.txt", "");
	expect(fixture, "astrid_fs_readdir", "d", "[\"sub\"]");
	assert_int_equal(fixture->refused, 0);
}

static void names_are_written_as_json(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "a\"b\n\xc3\xa9", span_text(""));
	expect(fixture, "astrid_fs_readdir", "", "[\"a\\\"b\\n\xc3\xa9\"]");
}

static void schemes_name_the_trees(void **state)
{
	struct fixture *fixture = *state;

	fixture_put(fixture, "workspace/f", "of the workspace");
	fixture_put(fixture, "shared/f", "of all");
	expect(fixture, "astrid_read_file", "f", "of the workspace");
	expect(fixture, "astrid_read_file", "/f", "of the workspace");
	expect(fixture, "astrid_read_file", "workspace://f", "of the workspace");
	expect(fixture, "astrid_read_file", "global://f", "of all");
	expect(fixture, "astrid_read_file", "global:///./x/../f", "of all");
	assert_int_equal(fails(fixture, "astrid_read_file", "Global://f"), CAPSULE_ENOTFOUND);
}

static void a_large_file_waits_for_the_pool(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *bytes = malloc(LARGE);
	const struct span path = span_text("large");

	assert_non_null(bytes);
	memset(bytes, 'x', LARGE);
	assert_int_equal(
		fixture_begin(fixture, "astrid_write_file", 2, (const struct span[]){ path, span_of(bytes, LARGE) }),
		HOST_WAITING);
	fixture_await(fixture);
	assert_int_equal(host_call_finish(&fixture->call, &fixture->err), CAPSULE_OK);
	assert_int_equal(fixture_begin(fixture, "astrid_read_file", 1, &path), HOST_WAITING);
	fixture_await(fixture);
	assert_int_equal(host_call_finish(&fixture->call, &fixture->err), CAPSULE_OK);
	assert_true(span_equal(fixture->call.result, span_of(bytes, LARGE)));
	free(bytes);
}

static void a_call_that_waits_can_be_let_go(void **state)
{
	struct fixture *fixture = *state;
	const struct span path = span_text("");

	fixture_put(fixture, "workspace/a", "1");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fixture_begin(fixture, "astrid_fs_readdir", 1, &path), HOST_WAITING);
		host_call_cancel(&fixture->call);
		assert_null(fixture->call.op);
	}
	expect(fixture, "astrid_read_file", "a", "1");
	expect(fixture, "astrid_fs_readdir", "", "[\"a\"]");
}

static void an_idle_call_keeps_no_path(void **state)
{
	struct fixture *fixture = *state;

	assert_null(fixture->call.fs);
	expect(fixture, "astrid_fs_exists", "a", "");
	assert_non_null(fixture->call.fs);
	host_call_trim(&fixture->call);
	assert_null(fixture->call.fs);
	expect(fixture, "astrid_fs_exists", "", "true");
}

static void links_are_followed_at_once_and_on_the_pool(void **state)
{
	struct fixture *fixture = *state;

	fixture_put(fixture, "workspace/real/f", "content");
	link_to(fixture, "real", "workspace/link");
	link_to(fixture, "link", "workspace/link-to-link");
	expect(fixture, "astrid_read_file", "link/f", "content");
	expect(fixture, "astrid_fs_readdir", "link-to-link", "[\"f\"]");
	write_file(fixture, "link/g", span_text("new"));
	expect(fixture, "astrid_read_file", "real/g", "new");
	expect(fixture, "astrid_fs_exists", "link-to-link/g", "true");
}

static void links_do_not_lead_out(void **state) /* abi:102 */
{
	struct fixture *fixture = *state;

	fixture_put(fixture, "outside/f", "secret");
	link_to(fixture, "../outside", "workspace/out");
	for
		EACH_FUNCTION(i)
		{
			assert_int_equal(fails(fixture, functions[i], "out/f"), CAPSULE_EDENIED);
			assert_error_says(fixture, "escapes root boundary");
		}
	assert_int_equal(access(fixture_file(fixture, "outside/f"), F_OK), 0);
}

static void failures_name_the_function(void **state) /* abi:101 abi:106 */
{
	struct fixture *fixture = *state;

	assert_int_equal(fails(fixture, "astrid_read_file", "/etc/passwd"), CAPSULE_ENOTFOUND);
	assert_error_says(fixture, "read_file failed: ");
	assert_int_equal(fails(fixture, "astrid_fs_stat", "lost"), CAPSULE_ENOTFOUND);
	assert_error_says(fixture, "fs_stat failed: ");
	assert_int_equal(fails(fixture, "astrid_fs_readdir", "lost"), CAPSULE_ENOTFOUND);
	assert_error_says(fixture, "readdir failed: ");
	assert_int_equal(fails(fixture, "astrid_fs_mkdir", ""), CAPSULE_EDENIED);
	assert_error_says(fixture, "mkdir failed: ");
	assert_int_equal(fails(fixture, "astrid_fs_unlink", "lost"), CAPSULE_ENOTFOUND);
	assert_error_says(fixture, "unlink failed: ");
	assert_int_equal(fails(fixture, "astrid_write_file", ""), CAPSULE_EIO);
	assert_error_says(fixture, "write_file failed: ");
}

static void what_can_not_be_looked_at_does_not_exist(void **state)
{
	struct fixture *fixture = *state;

	fixture_put(fixture, "workspace/file", "");
	expect(fixture, "astrid_fs_exists", "file/below", "");
	assert_int_equal(mkfifo(fixture_file(fixture, "workspace/fifo"), 0600), 0);
	expect(fixture, "astrid_fs_exists", "fifo", "true");
	assert_int_equal(fails(fixture, "astrid_read_file", "fifo"), CAPSULE_EUNSUPPORTED);
}

static void the_gate_is_asked_by_every_function(void **state)
{
	struct fixture *fixture = *state;

	fixture_put(fixture, "workspace/in/f", "1");
	fixture_put(fixture, "workspace/shut/f", "1");
	fixture_grant(fixture, "fs_read = [\"workspace://in\"]\nfs_write = [\"workspace://in\"]");
	for
		EACH_FUNCTION(i)
		{
			bool writes = i == 1 || i == 4 || i == 6;

			fixture->refused = 0;
			assert_int_equal(fails(fixture, functions[i], "shut/f"), CAPSULE_EDENIED);
			assert_error_says(fixture, "security denied ");
			assert_error_says(fixture, writes ? "write access" : "read access");
			assert_error_says(fixture, "not declared in manifest");
			assert_int_equal(fixture->refused, 1);
			assert_int_equal(fixture->refused_operation, writes ? GATE_WRITE : GATE_READ);
			assert_string_equal(fixture->refused_operand, fixture_file(fixture, "workspace/shut/f"));
		}
	expect(fixture, "astrid_read_file", "in/f", "1");
}

static void without_a_gate_nothing_is_allowed(void **state)
{
	struct fixture *fixture = *state;

	fixture_put(fixture, "workspace/f", "1");
	fixture->host.gate = NULL;
	for
		EACH_FUNCTION(i)
		{
			assert_int_equal(fails(fixture, functions[i], "f"), CAPSULE_EDENIED);
			assert_error_says(fixture, "security denied ");
		}
}

static void what_is_not_declared_at_all_is_audited_as_it_was_asked_for(void **state)
{
	struct fixture *fixture = *state;

	fixture_grant(fixture, "kv = [\"*\"]");
	assert_int_equal(fails(fixture, "astrid_read_file", "../x"), CAPSULE_EDENIED);
	assert_error_says(fixture, "security denied: astrid_read_file needs the capability `fs_read`");
	assert_int_equal(fixture->refused, 1);
	assert_int_equal(fixture->refused_reason, GATE_NOT_DECLARED);
	assert_string_equal(fixture->refused_operand, "../x");
	assert_int_equal(CALL(fixture, "astrid_http_request", span_text("{}")), CAPSULE_EDENIED);
	assert_int_equal(fixture->refused_operation, GATE_HTTP);
	assert_string_equal(fixture->refused_operand, "astrid_http_request");
}

static void from_a_denied_name_a_link_may_lead_to_an_allowed_place(void **state)
{
	struct fixture *fixture = *state;

	fixture_put(fixture, "workspace/in/f", "1");
	fixture_put(fixture, "workspace/shut/f", "1");
	link_to(fixture, "in", "workspace/to-in");
	link_to(fixture, "../shut", "workspace/in/to-shut");
	link_to(fixture, "elsewhere", "workspace/shut/link");
	fixture_grant(fixture, "fs_read = [\"workspace://in\"]");
	expect(fixture, "astrid_read_file", "to-in/f", "1");
	expect(fixture, "astrid_fs_readdir", "to-in", "[\"f\",\"to-shut\"]");
	assert_int_equal(fixture->refused, 0);
	assert_int_equal(fails(fixture, "astrid_read_file", "in/to-shut/f"), CAPSULE_EDENIED);
	assert_int_equal(fails(fixture, "astrid_fs_readdir", "in/to-shut"), CAPSULE_EDENIED);
	assert_error_says(fixture, "security denied readdir: ");
	assert_string_equal(fixture->refused_operand, fixture_file(fixture, "workspace/shut"));
	assert_int_equal(fails(fixture, "astrid_fs_exists", "shut/link"), CAPSULE_EDENIED);
	assert_error_says(fixture, "security denied exists check: ");
	assert_null(strstr(fixture->err.text, "elsewhere"));
}

static void a_tree_that_is_not_there_says_why(void **state)
{
	struct fixture *fixture = *state;

	vfs_close(fixture->trees[HOST_GLOBAL]);
	fixture->trees[HOST_GLOBAL] = NULL;
	assert_int_equal(fails(fixture, "astrid_read_file", "global://f"), CAPSULE_ENOTFOUND);
	assert_error_says(fixture, "read_file failed: there is no such tree");
	fixture->host.services.files = NULL;
	assert_int_equal(fails(fixture, "astrid_read_file", "f"), CAPSULE_EUNSUPPORTED);
	assert_error_says(fixture, "there are no files for 'testing'");
}

static void a_path_that_is_none_is_refused(void **state) /* abi:100 mv:212 */
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL(fixture, "astrid_read_file", span_of("\xFF\xFE", 2)), CAPSULE_EINVAL);
	assert_error_says(fixture, "astrid_read_file path is not valid UTF-8");
	assert_int_equal(CALL(fixture, "astrid_read_file", span_of("a\0b", 3)), CAPSULE_EINVAL);
	assert_int_equal(fails(fixture, "astrid_read_file", "../../etc/passwd"), CAPSULE_EDENIED);
	assert_error_says(fixture, "escapes root boundary");
}

/* A thread that lets the link `link` lead to a good place and to a bad one by turns. */
struct swapper {
	char link[512], fresh[520];
	atomic_bool over;
	pthread_t thread;
};

static void *swap(void *arg)
{
	struct swapper *swapper = arg;

	for (int i = 0; !atomic_load(&swapper->over); i++) {
		if (symlink(i % 2 == 0 ? "../shut" : "real", swapper->fresh) == 0)
			(void)rename(swapper->fresh, swapper->link);
	}
	return NULL;
}

static void a_link_that_is_swapped_shows_nothing_that_is_shut(void **state)
{
	struct fixture *fixture = *state;
	struct swapper swapper = { .over = false };
	int good = 0, bad = 0;

	fixture_put(fixture, "workspace/in/real/f", "inside");
	fixture_put(fixture, "workspace/shut/f", "outside");
	link_to(fixture, "real", "workspace/in/link");
	fixture_grant(fixture, "fs_read = [\"workspace://in\"]");
	(void)snprintf(swapper.link, sizeof swapper.link, "%s", fixture_file(fixture, "workspace/in/link"));
	(void)snprintf(swapper.fresh, sizeof swapper.fresh, "%s-fresh", swapper.link);
	assert_int_equal(pthread_create(&swapper.thread, NULL, swap, &swapper), 0);
	for (int i = 0; i < RACES; i++) {
		if (CALL(fixture, "astrid_read_file", span_text("in/link/f")) == CAPSULE_OK) {
			good += span_is(fixture->call.result, "inside");
			bad += !span_is(fixture->call.result, "inside");
		} else if (fixture->err.status != CAPSULE_EDENIED) {
			assert_error_says(fixture, "changed while it was used");
		}
	}
	atomic_store(&swapper.over, true);
	assert_int_equal(pthread_join(swapper.thread, NULL), 0);
	assert_int_equal(bad, 0);
	assert_true(good > 0);
}

int main(void)
{
#define BOTH(name)                                                                                                     \
	cmocka_unit_test_setup_teardown(name, set_up_overlay, tear_down),                                              \
		cmocka_unit_test_setup_teardown(name, set_up_direct, tear_down)
	static const struct CMUnitTest tests[] = {
		BOTH(every_function_does_its_work),
		BOTH(names_are_written_as_json),
		BOTH(schemes_name_the_trees),
		BOTH(a_large_file_waits_for_the_pool),
		BOTH(a_call_that_waits_can_be_let_go),
		BOTH(an_idle_call_keeps_no_path),
		BOTH(links_are_followed_at_once_and_on_the_pool),
		BOTH(links_do_not_lead_out),
		BOTH(failures_name_the_function),
		BOTH(what_can_not_be_looked_at_does_not_exist),
		BOTH(the_gate_is_asked_by_every_function),
		BOTH(without_a_gate_nothing_is_allowed),
		BOTH(what_is_not_declared_at_all_is_audited_as_it_was_asked_for),
		BOTH(from_a_denied_name_a_link_may_lead_to_an_allowed_place),
		BOTH(a_tree_that_is_not_there_says_why),
		BOTH(a_path_that_is_none_is_refused),
		BOTH(a_link_that_is_swapped_shows_nothing_that_is_shut),
	};
#undef BOTH

	return cmocka_run_group_tests(tests, NULL, NULL);
}
