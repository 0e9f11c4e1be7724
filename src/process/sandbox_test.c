/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Plans of sandboxes: what they take, their order, what counts, how they are told. */
#include "process/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void show(struct sandbox_plan *plan, const char *path, bool writable)
{
	struct capsule_error err = { .status = CAPSULE_OK };

	if (sandbox_plan_show(plan, path, writable, "test", &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
}

static void hide(struct sandbox_plan *plan, const char *path)
{
	struct capsule_error err = { .status = CAPSULE_OK };

	if (sandbox_plan_hide(plan, path, "home", &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
}

/* The mounts that count, "r /a w /b ...", and the end of the plan. */
static void assert_mounts(struct sandbox_plan *plan, const char *expected)
{
	struct buffer text = { .limit = 0 };

	for (size_t i = 0; i < plan->count; i++)
		if (sandbox_plan_counts(plan, i))
			buffer_printf(&text, "%s%c %s", text.len > 0 ? " " : "", "hrw"[plan->mounts[i].access],
				plan -> mounts[i].path);
	assert_string_equal(text.len == 0 ? "" : buffer_text(&text), expected);
	buffer_fini(&text);
	sandbox_plan_fini(plan);
}

static void mounts_are_in_order_parents_before_children(void **state)
{
	struct sandbox_plan plan = { .count = 0 };

	(void)state;
	show(&plan, "/w/b/c", true);
	show(&plan, "/w.old", false);
	show(&plan, "/w", false);
	show(&plan, "/a", true);
	show(&plan, "/w-1", false);
	assert_mounts(&plan, "w /a r /w w /w/b/c r /w-1 r /w.old");
}

static void a_writable_folder_inside_a_read_only_one_stays_writable(void **state)
{
	struct sandbox_plan plan = { .count = 0 };

	(void)state;
	show(&plan, "/w", false);
	show(&plan, "/w/out", true);
	show(&plan, "/w/out/in", false); /* is not made read-only */
	show(&plan, "/w/doc", false);    /* says nothing new */
	assert_mounts(&plan, "r /w w /w/out");
}

static void what_is_below_a_writable_folder_is_writable(void **state)
{
	struct sandbox_plan plan = { .count = 0 };

	(void)state;
	show(&plan, "/w/ro/deep", false);
	show(&plan, "/w/ro", false);
	show(&plan, "/w", true);
	assert_mounts(&plan, "w /w");
}

static void one_path_shown_twice_is_as_writable_as_either_says(void **state)
{
	struct sandbox_plan plan = { .count = 0 };

	(void)state;
	show(&plan, "/w", false);
	show(&plan, "//w/./", true);
	show(&plan, "/w", false);
	assert_int_equal(plan.count, 1);
	assert_mounts(&plan, "w /w");
}

static void what_is_hidden_counts_only_where_it_would_be_seen(void **state)
{
	struct sandbox_plan plan = { .count = 0 };

	(void)state;
	hide(&plan, "/home/u/.astrid");
	show(&plan, "/home/u/.astrid/capsules/c", false);
	assert_mounts(&plan, "r /home/u/.astrid/capsules/c");
	hide(&plan, "/home/u/.astrid");
	hide(&plan, "/home/u/.astrid/keys");
	show(&plan, "/home/u", true);
	show(&plan, "/home/u/.astrid/capsules/c", false);
	show(&plan, "/home/u/.astrid/state/c", true);
	assert_mounts(&plan, "w /home/u h /home/u/.astrid r /home/u/.astrid/capsules/c w /home/u/.astrid/state/c");
}

static void hiding_is_stronger_than_showing_the_same_path(void **state)
{
	struct sandbox_plan plan = { .count = 0 };

	(void)state;
	show(&plan, "/w", true);
	show(&plan, "/w/h", true);
	hide(&plan, "/w/h");
	show(&plan, "/w/h", true);
	assert_mounts(&plan, "w /w h /w/h");
}

/* mv:62 (a quote works, bytes that are no UTF-8 are refused by name), mv:63 (a backslash works) */
static void paths_are_taken_or_refused(void **state)
{
	static const struct {
		const char *path, *refusal; /* NULL: taken */
	} rows[] = {
		{ "/a \"b\" 'c' d", NULL },
		{ "/back\\slash", NULL },
		{ "/a..b/..c", NULL },
		{ "/home/capsule", NULL },
		{ "/proceedings", NULL },
		{ "w", "`w`" },
		{ "", "``" },
		{ "/a/../b", "`/a/../b`" },
		{ "/a/..", "`..`" },
		{ "/a\xff", "not UTF-8" },
		{ "/", "above all homes" },
		{ "/home", "above all homes" },
		{ "/home/./", "above all homes" },
		{ "/proc", "/proc" },
		{ "/proc/1/root", "/proc/1/root" },
		{ "/dev/shm", "/dev/shm" },
		{ "/sys/fs", "/sys/fs" },
	};
	struct sandbox_plan plan = { .count = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct capsule_error err = { .status = CAPSULE_OK };
		enum capsule_status status = sandbox_plan_show(&plan, rows[i].path, true, "test", &err);

		assert_int_equal(status, rows[i].refusal == NULL ? CAPSULE_OK : CAPSULE_EINVAL);
		if (rows[i].refusal != NULL && strstr(err.text, rows[i].refusal) == NULL)
			fail_msg("%s", err.text);
	}
	assert_int_equal(plan.count, 5);
	sandbox_plan_fini(&plan);
}

static void there_are_not_more_mounts_than_may_be(void **state)
{
	struct sandbox_plan plan = { .count = 0 };
	struct capsule_error err = { .status = CAPSULE_OK };
	char path[32];

	(void)state;
	for (int i = 0; i < SANDBOX_MOUNTS_MAX; i++) {
		(void)snprintf(path, sizeof path, "/w/%d", i);
		show(&plan, path, true);
	}
	assert_int_equal(sandbox_plan_show(&plan, "/v", false, "test", &err), CAPSULE_ELIMIT);
	show(&plan, path, false);
	sandbox_plan_fini(&plan);
}

static void a_program_brings_its_folder(void **state)
{
	static const struct {
		const char *path, *dir, *mounts;
	} rows[] = {
		{ "/usr/bin/git", NULL, "" },
		{ "/bin/sh", NULL, "" },
		{ "/opt/tool/run", NULL, "r /opt/tool" },
		{ "/opt/tool/bin/run", NULL, "r /opt/tool" },
		{ "/opt/bin/run", NULL, "r /opt/bin" },
		{ "/home/u/bin/run", NULL, "r /home/u/bin" },
		{ "/home/u/.local/bin/run", NULL, "r /home/u/.local/bin" },
		{ "/home/u/run", NULL, "r /home/u/run" },
		{ "/root/run", NULL, "r /root/run" },
		{ "/run", NULL, "r /run" },
		{ "/opt/run", NULL, "r /opt/run" },
		{ "/x/home/bin/run", "/x/home/capsules/c", "r /x/home/bin" },
		{ "/x/home/run", "/x/home/capsules/c", "r /x/home/run" },
		{ "/x/c/run", "/x/c", "r /x/c" },
		{ "/y/person/bin/run", NULL, "r /y/person/bin" }, /* $HOME */
		{ "/y/bin/run", NULL, "r /y/bin" },
	};

	(void)state;
	(void)setenv("HOME", "/y/person", 1);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sandbox_plan plan = { .count = 0 };
		struct capsule_error err = { .status = CAPSULE_OK };

		assert_int_equal(sandbox_plan_show_program(&plan, rows[i].path, rows[i].dir, &err), CAPSULE_OK);
		assert_mounts(&plan, rows[i].mounts);
	}
}

static struct sandbox_plan described_plan(void)
{
	struct sandbox_plan plan = { .cwd = strdup("/w"), .limits = { .cpu_ms = 5000, .processes = 64 } };

	show(&plan, "/w", false);
	show(&plan, "/w/a \"b\"", true);
	show(&plan, "/w/a \"b\"/c", true);
	hide(&plan, "/w/h");
	return plan;
}

static void a_plan_is_told_to_a_person(void **state)
{
	struct sandbox_plan plan = described_plan();
	struct buffer text = { .limit = 0 };

	(void)state;
	assert_true(sandbox_plan_append_text(&plan, &text));
	assert_string_equal(buffer_text(&text),
		"read   /usr /bin /lib* /sbin, some files of /etc (system)\n"
		"write  /tmp (private)\n"
		"write  /home/capsule (private)\n"
		"read   /w (test)\n"
		"write  /w/a \"b\" (test)\n"
		"hide   /w/h (home)\n"
		"folder: /w\n"
		"network: none\n"
		"limit  processor time: 5 s\n"
		"limit  processes and threads: 64\n");
	buffer_fini(&text);
	sandbox_plan_fini(&plan);
}

static void what_is_told_to_a_person_is_in_readable_units_and_one_line_each(void **state)
{
	struct sandbox_plan plan = { .limits = {
					     .cpu_ms = 1500, .file_bytes = (uint64_t)16 << 30, .open_files = 4096 } };
	struct buffer text = { .limit = 0 };

	(void)state;
	plan.limits.memory_bytes = 1536u * 1024;
	show(&plan, "/w/\033[2J\nnetwork: none", false);
	assert_true(sandbox_plan_append_text(&plan, &text));
	assert_non_null(strstr(buffer_text(&text), "read   /w/\\x1b[2J\\x0anetwork: none (test)\n"));
	assert_non_null(strstr(buffer_text(&text), "limit  processor time: 1500 ms\n"));
	assert_non_null(strstr(buffer_text(&text), "limit  memory of each process: 1536 KiB\n"));
	assert_non_null(strstr(buffer_text(&text), "limit  size of a file: 16 GiB\n"));
	assert_non_null(strstr(buffer_text(&text), "limit  open files of each process: 4096\n"));
	buffer_fini(&text);
	sandbox_plan_fini(&plan);
}

static void a_plan_is_told_to_a_program(void **state)
{
	struct sandbox_plan plan = described_plan(), empty = { .network = true };
	struct buffer text = { .limit = 0 };

	(void)state;
	assert_true(sandbox_plan_append_json(&plan, &text));
	assert_string_equal(buffer_text(&text),
		"{\"mounts\":[{\"path\":\"/w\",\"access\":\"read\",\"why\":\"test\"},"
		"{\"path\":\"/w/a \\\"b\\\"\",\"access\":\"write\",\"why\":\"test\"},"
		"{\"path\":\"/w/h\",\"access\":\"none\",\"why\":\"home\"}],"
		"\"cwd\":\"/w\",\"network\":false,\"limits\":{\"cpu_ms\":5000,\"processes\":64}}");
	buffer_clear(&text);
	assert_true(sandbox_plan_append_json(&empty, &text));
	assert_string_equal(buffer_text(&text), "{\"mounts\":[],\"cwd\":\"/\",\"network\":true,\"limits\":{}}");
	buffer_fini(&text);
	sandbox_plan_fini(&plan);
}

static void a_description_that_does_not_fit_fails(void **state)
{
	struct sandbox_plan plan = described_plan();
	struct buffer text = { .limit = 100 }, json = { .limit = 100 };

	(void)state;
	assert_false(sandbox_plan_append_text(&plan, &text));
	assert_false(sandbox_plan_append_json(&plan, &json));
	buffer_fini(&text);
	buffer_fini(&json);
	sandbox_plan_fini(&plan);
}

static void the_environment_is_the_same_everywhere(void **state)
{
	struct sandbox_plan plan = { .count = 0 };
	struct buffer room = { .limit = 0 };
	char *entries[SANDBOX_ENV_MAX];

	(void)state;
	(void)setenv("PATH", "/evil", 1);
	assert_int_equal(sandbox_environment(&plan, entries, &room), 8);
	assert_string_equal(entries[0], "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin");
	assert_string_equal(entries[1], "HOME=/home/capsule");
	assert_string_equal(entries[2], "TMPDIR=/tmp");
	plan.home = strdup("/state/home");
	assert_int_equal(sandbox_environment(&plan, entries, &room), 8);
	assert_string_equal(entries[1], "HOME=/state/home");
	buffer_fini(&room);
	sandbox_plan_fini(&plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts_are_in_order_parents_before_children),
		cmocka_unit_test(a_writable_folder_inside_a_read_only_one_stays_writable),
		cmocka_unit_test(what_is_below_a_writable_folder_is_writable),
		cmocka_unit_test(one_path_shown_twice_is_as_writable_as_either_says),
		cmocka_unit_test(what_is_hidden_counts_only_where_it_would_be_seen),
		cmocka_unit_test(hiding_is_stronger_than_showing_the_same_path),
		cmocka_unit_test(paths_are_taken_or_refused),
		cmocka_unit_test(there_are_not_more_mounts_than_may_be),
		cmocka_unit_test(a_program_brings_its_folder),
		cmocka_unit_test(a_plan_is_told_to_a_person),
		cmocka_unit_test(what_is_told_to_a_person_is_in_readable_units_and_one_line_each),
		cmocka_unit_test(a_plan_is_told_to_a_program),
		cmocka_unit_test(a_description_that_does_not_fit_fails),
		cmocka_unit_test(the_environment_is_the_same_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
