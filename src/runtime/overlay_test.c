/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The public look at overlays: where they are, which paths are taken, whose they are. */
#include "runtime/overlay.h"

#include "base/cleanup.h"
#include "vfs/overlay.h"
#include <capsule/files.h>

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
	char dir[64], workspace[96], home[96];
	struct capsule_overlay *overlay;
	struct capsule_error *err;
};

static void write_as_capsule(struct fixture *f, const char *path, const char *text)
{
	HOLD(free_drop) char *dir = overlay_place(f->home, f->workspace, "scribe");
	struct vfs_work work = { .verb = VFS_WRITE, .relative = path, .data = span_text(text) };
	struct overlay *overlay = NULL;
	struct tree tree;

	assert_non_null(dir);
	assert_int_equal(tree_open(&tree, f->workspace), 0);
	assert_int_equal(overlay_open(&overlay, &tree, f->workspace, dir, true, NULL, f->err), CAPSULE_OK);
	assert_int_equal(overlay_run(overlay, &work, f->err), CAPSULE_OK);
	overlay_close(overlay);
	tree_close(&tree);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	(void)snprintf(f->dir, sizeof f->dir, "/tmp/overlay-look-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->workspace, sizeof f->workspace, "%s/workspace", f->dir);
	(void)snprintf(f->home, sizeof f->home, "%s/home", f->dir);
	assert_int_equal(mkdir(f->workspace, 0755), 0);
	f->err = capsule_error_new();
	assert_non_null(f->err);
	*state = f;
	return 0;
}

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *where)
{
	(void)info;
	(void)flag;
	(void)where;
	return remove(path);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	capsule_overlay_close(f->overlay);
	capsule_error_free(f->err);
	assert_int_equal(nftw(f->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(f);
	return 0;
}

static void open_it(struct fixture *f)
{
	if (capsule_overlay_open(&f->overlay, "scribe", f->workspace, f->home, f->err) != CAPSULE_OK)
		fail_msg("%s", capsule_error_text(f->err));
}

static void an_overlay_lies_by_workspace_and_id(void **state)
{
	struct fixture *f = *state;
	HOLD(free_drop) char *place = overlay_place("/h", "/w", "scribe");
	HOLD(free_drop) char *other = overlay_place("/h", "/v", "scribe");

	assert_non_null(place);
	assert_non_null(other);
	assert_int_equal(strlen(place), strlen("/h/overlays//scribe") + 32);
	assert_int_equal(strncmp(place, "/h/overlays/", 12), 0);
	assert_string_not_equal(place, other);
	assert_int_equal(capsule_overlay_open(&f->overlay, "scribe", f->workspace, f->home, f->err), CAPSULE_ENOTFOUND);
	assert_non_null(strstr(capsule_error_text(f->err), "wrote nothing there"));
	assert_int_not_equal(access(f->home, F_OK), 0); /* looking makes nothing */
	write_as_capsule(f, "a", "1");
	open_it(f);
	assert_non_null(strstr(capsule_overlay_dir(f->overlay), "/home/overlays/"));
}

static void the_workspace_is_told_by_its_canonical_path(void **state)
{
	struct fixture *f = *state;
	char link[128];
	const char *json = NULL;

	write_as_capsule(f, "a", "1");
	(void)snprintf(link, sizeof link, "%s/link", f->dir);
	assert_int_equal(symlink(f->workspace, link), 0);
	assert_int_equal(capsule_overlay_open(&f->overlay, "scribe", link, f->home, f->err), CAPSULE_OK);
	assert_int_equal(capsule_overlay_rollback(f->overlay, NULL, &json, f->err), CAPSULE_OK);
	assert_string_equal(json, "{\"dropped\":[\"a\"]}");
}

static void paths_are_relative_and_stay_inside(void **state)
{
	static const char *const same[] = { "d/x", "./d//x/", "d/../d/x", "a/b/../../d/./x" };
	static const char *const out[] = { "..", "d/../..", "/", "/etc", "../workspace/d/x" };
	struct fixture *f = *state;
	const char *json = NULL;
	char absolute[160];

	write_as_capsule(f, "d/x", "1");
	open_it(f);
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
		assert_int_equal(capsule_overlay_diff(f->overlay, same[i], &json, f->err), CAPSULE_OK);
		assert_non_null(strstr(json, "\"path\":\"d/x\""));
	}
	for (size_t i = 0; i < sizeof out / sizeof out[0]; i++)
		assert_int_equal(capsule_overlay_commit(f->overlay, out[i], &json, f->err), CAPSULE_EDENIED);
	(void)snprintf(absolute, sizeof absolute, "%s/d/x", f->workspace);
	assert_int_equal(capsule_overlay_diff(f->overlay, absolute, &json, f->err), CAPSULE_OK);
	(void)snprintf(absolute, sizeof absolute, "%s-else/d", f->workspace);
	assert_int_equal(capsule_overlay_diff(f->overlay, absolute, &json, f->err), CAPSULE_EDENIED);
	assert_int_equal(capsule_overlay_diff(f->overlay, "none", &json, f->err), CAPSULE_ENOTFOUND);
	assert_int_equal(capsule_overlay_commit(f->overlay, "", &json, f->err), CAPSULE_OK);
	assert_string_equal(json, "{\"committed\":[\"d\",\"d/x\"],\"conflicts\":[],\"failed\":[]}");
	assert_int_equal(capsule_overlay_diff(f->overlay, NULL, &json, f->err), CAPSULE_OK);
	assert_string_equal(json, "[]");
}

static void wrong_arguments_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(capsule_overlay_open(NULL, "scribe", f->workspace, f->home, f->err), CAPSULE_EINVAL);
	assert_int_equal(capsule_overlay_open(&f->overlay, NULL, f->workspace, f->home, f->err), CAPSULE_EINVAL);
	assert_int_equal(capsule_overlay_open(&f->overlay, "", f->workspace, f->home, f->err), CAPSULE_EINVAL);
	assert_int_equal(capsule_overlay_open(&f->overlay, "scribe", f->workspace, "relative", f->err), CAPSULE_EINVAL);
	assert_int_equal(
		capsule_overlay_open(&f->overlay, "scribe", "/none/at/all", f->home, f->err), CAPSULE_ENOTFOUND);
	assert_int_equal(
		capsule_overlay_open(&f->overlay, "../scribe", f->workspace, f->home, f->err), CAPSULE_ENOTFOUND);
	assert_null(f->overlay);
	capsule_overlay_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_overlay_lies_by_workspace_and_id, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_workspace_is_told_by_its_canonical_path, set_up, tear_down),
		cmocka_unit_test_setup_teardown(paths_are_relative_and_stay_inside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_arguments_are_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("overlays, from outside", tests, NULL, NULL);
}
