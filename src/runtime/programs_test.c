/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the programs of a capsule see, what is theirs, and what a granted word stands for. */
#include "runtime/programs.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct here {
	char root[64];
	struct manifest *manifest;
	struct programs_places places;
	struct log_sink log;
	struct buffer logged; /* a line each */
};

/* `<root>/<name>`, borrowed until the next one but seven. */
static const char *path(const struct here *place, const char *name)
{
	static char paths[8][128];
	static unsigned next;
	char *text = paths[next++ % 8];

	(void)snprintf(text, sizeof paths[0], "%s/%s", place->root, name);
	return text;
}

static void note(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len)
{
	struct here *place = user;

	assert_string_equal(capsule, "one");
	(void)buffer_printf(&place->logged, "%d %.*s\n", (int)level, (int)len, message);
}

static int set_up(void **state)
{
	static const char *const folders[] = { "w", "w/notes", "w/home", "w/home/shared", "c", "c/bin" };
	struct here *place = calloc(1, sizeof *place);
	char made[] = "/tmp/programs-XXXXXX";
	char *real;

	assert_non_null(place);
	assert_non_null(mkdtemp(made));
	real = realpath(made, NULL);
	assert_non_null(real);
	(void)snprintf(place->root, sizeof place->root, "%s", real);
	free(real);
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		assert_int_equal(mkdir(path(place, folders[i]), 0755), 0);
	place->log = (struct log_sink){ .write = note, .user = place };
	*state = place;
	return 0;
}

static int remove_entry(const char *name, const struct stat *info, int kind, struct FTW *at)
{
	(void)info;
	(void)kind;
	(void)at;
	return remove(name);
}

static int tear_down(void **state)
{
	struct here *place = *state;

	manifest_free(place->manifest);
	buffer_fini(&place->logged);
	assert_int_equal(nftw(place->root, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(place);
	return 0;
}

/* A capsule whose manifest has these lines behind [capabilities]. */
static void declare(struct here *place, const char *lines)
{
	HOLD(free_drop) char *text = NULL;
	struct diagnostics diagnostics = { 0 };
	struct capsule_error err;

	manifest_free(place->manifest);
	assert_true(asprintf(&text,
			    "[package]\nname = \"one\"\nversion = \"1.0.0\"\n[[component]]\nfile = \"g.wasm\"\n"
			    "[capabilities]\n%s\n",
			    lines) > 0);
	if (manifest_parse(&place->manifest, span_text(text), "Capsule.toml", &diagnostics, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	diagnostics_fini(&diagnostics);
	place->places = (struct programs_places){ .id = "one", .manifest = place->manifest };
}

/* The plan's mounts and its beginning, "read c, write w; w". */
static void expect_plan(struct here *place, enum gate_for whom, bool network, const char *wanted)
{
	static const char *const words[] = { "hide", "read", "write" };
	HOLD(buffer_fini) struct buffer told = { 0 };
	struct sandbox_plan plan = { 0 };
	struct capsule_error err;
	size_t below = strlen(place->root) + 1;

	if (programs_plan(&plan, &place->places, whom, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < plan.count; i++)
		if (sandbox_plan_counts(&plan, i))
			(void)buffer_printf(&told, "%s%s %s", told.len > 0 ? ", " : "", words[plan.mounts[i].access],
				plan.mounts[i].path + below);
	(void)buffer_printf(&told, "; %s", plan.cwd != NULL ? plan.cwd + below : "-");
	assert_string_equal(buffer_text(&told), wanted);
	assert_int_equal(plan.network, network);
	assert_true(plan.limits.processes > 0 && plan.limits.open_files > 0 && plan.limits.file_bytes > 0);
	sandbox_plan_fini(&plan);
}

static void a_plan_has_what_is_granted_to_whom(void **state)
{
	struct here *place = *state;

	declare(place,
		"fs_read = [\"workspace://\"]\nfs_write = [\"workspace://notes\"]\n"
		"[component.capabilities]\nfs_write = [\"global://\"]\nnet = [\"*\"]");
	place->places.dir = path(place, "c");
	place->places.workspace = path(place, "w");
	place->places.state = path(place, "s");
	place->places.global = path(place, "c/bin"); /* any other folder */
	expect_plan(place, GATE_FOR_COMPONENT, true, "read c, write c/bin, write s, read w, write w/notes; w");
	expect_plan(place, GATE_FOR_CAPSULE, false, "read c, write s, read w, write w/notes; s");
}

static void nothing_granted_is_nothing_seen(void **state)
{
	struct here *place = *state;

	declare(place, "host_process = [\"sh\"]\nnet = [\"a.test\"]");
	place->places.dir = path(place, "c");
	place->places.workspace = path(place, "w");
	expect_plan(place, GATE_FOR_COMPONENT, false, "read c; w");
	place->places.workspace = NULL;
	expect_plan(place, GATE_FOR_COMPONENT, false, "read c; -");
}

static void the_home_is_hidden_wherever_it_is(void **state)
{
	struct here *place = *state;

	declare(place, "fs_write = [\"workspace://\", \"/\", \"/proc\"]");
	place->places.dir = path(place, "w/home/c");
	place->places.workspace = path(place, "w");
	place->places.home = path(place, "w/home");
	place->places.state = path(place, "w/home/state/one");
	expect_plan(place, GATE_FOR_COMPONENT, false, "write w, hide w/home, read w/home/c, write w/home/state/one; w");
	/* What of it is open to the capsule is shown. */
	place->places.global = path(place, "w/home/shared");
	expect_plan(place, GATE_FOR_COMPONENT, false,
		"write w, hide w/home, read w/home/c, write w/home/shared, write w/home/state/one; w");
}

static void a_server_has_a_network_if_both_say_so(void **state)
{
	struct here *place = *state;
	struct sandbox_plan plan = { 0 };
	struct manifest_mcp_server server = { .command = NULL, .network = true };

	declare(place, "[component.capabilities]\nnet = [\"*\"]");
	assert_int_equal(programs_plan_server(&plan, &place->places, &server, NULL), CAPSULE_OK);
	assert_false(plan.network);
	sandbox_plan_fini(&plan);
	declare(place, "net = [\"*\"]");
	plan = (struct sandbox_plan){ 0 };
	assert_int_equal(programs_plan_server(&plan, &place->places, &server, NULL), CAPSULE_OK);
	assert_true(plan.network);
	sandbox_plan_fini(&plan);
	server.network = false;
	plan = (struct sandbox_plan){ 0 };
	assert_int_equal(programs_plan_server(&plan, &place->places, &server, NULL), CAPSULE_OK);
	assert_false(plan.network);
	sandbox_plan_fini(&plan);
}

static struct programs *make(struct here *place, bool temporary)
{
	const struct programs_options options = { .places = place->places,
		.launcher_missing = "capsule-launch is not there; looked in /x",
		.temporary_state = temporary,
		.log = &place->log };
	struct programs *programs = NULL;
	struct capsule_error err;

	if (programs_new(&programs, &options, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	return programs;
}

static void a_word_stands_for_what_was_found_at_load(void **state)
{
	struct here *place = *state;
	const struct program *program = NULL;
	struct process_spec spec;
	struct programs *programs;
	struct capsule_error err;
	FILE *tool;

	tool = fopen(path(place, "c/bin/tool"), "w");
	assert_non_null(tool);
	assert_int_equal(fchmod(fileno(tool), 0755), 0);
	assert_int_equal(fclose(tool), 0);
	declare(place,
		"host_process = [\"sh\", \"./bin/tool\", \"no-such-program\", \"sh\"]\n"
		"[component.capabilities]\nhost_process = [\"../x\"]");
	place->places.dir = path(place, "c");
	programs = make(place, false);
	assert_non_null(strstr(buffer_text(&place->logged), "`sh` of host_process is /"));
	assert_non_null(strstr(buffer_text(&place->logged), "c/bin/tool\n"));
	assert_non_null(strstr(buffer_text(&place->logged), "`no-such-program` of host_process can't be started: "));
	assert_non_null(strstr(buffer_text(&place->logged), "`../x` of host_process can't be started: "));
	assert_int_equal(
		programs_command(programs, span_text("no-such-program"), &program, &spec, &err), CAPSULE_ENOTFOUND);
	assert_non_null(strstr(err.text, "no-such-program"));
	assert_int_equal(programs_command(programs, span_text("git"), &program, &spec, &err), CAPSULE_ENOTFOUND);
	/* Without the launcher nothing starts on this machine, which is not the program's fault. */
	assert_int_equal(programs_command(programs, span_text("sh"), &program, &spec, &err), CAPSULE_EUNSUPPORTED);
	assert_string_equal(err.text, "capsule-launch is not there; looked in /x");
	programs_free(programs);
}

static unsigned mode_of(const char *name)
{
	struct stat info;

	assert_int_equal(lstat(name, &info), 0);
	return info.st_mode & ALLPERMS;
}

static enum capsule_status plan_of(struct programs *programs, struct capsule_error *err)
{
	struct sandbox_plan plan = { 0 };
	enum capsule_status status = programs_server_plan(programs, &plan, err);

	sandbox_plan_fini(&plan);
	return status;
}

static void the_state_folder_is_made_closed_to_others(void **state)
{
	struct here *place = *state;
	HOLD(free_drop) char *folder = programs_state_path(path(place, "home"), "one");
	struct programs *programs;
	struct capsule_error err;

	assert_string_equal(folder, path(place, "home/state/one"));
	declare(place, "");
	place->places.home = path(place, "home");
	place->places.state = folder;
	programs = make(place, false);
	assert_int_equal(access(folder, F_OK), -1);
	assert_int_equal(plan_of(programs, &err), CAPSULE_OK);
	assert_int_equal(mode_of(folder), 0700);
	assert_int_equal(mode_of(path(place, "home/state")), 0700);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(plan_of(programs, &err), CAPSULE_OK);
	assert_int_equal(mode_of(folder), 0700);
	/* A link could lead anywhere. */
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(symlink(path(place, "w"), folder), 0);
	assert_int_equal(plan_of(programs, &err), CAPSULE_EIO);
	assert_non_null(strstr(err.text, "is no folder of this user"));
	programs_free(programs);
	place->places.state = NULL;
	programs = make(place, false);
	assert_int_equal(plan_of(programs, &err), CAPSULE_ESTORE);
	programs_free(programs);
}

static void a_temporary_state_folder_goes_with_the_capsule(void **state)
{
	struct here *place = *state;
	struct sandbox_plan plan = { 0 };
	struct programs *programs;
	HOLD(free_drop) char *folder = NULL;

	declare(place, "");
	programs = make(place, true);
	assert_int_equal(programs_server_plan(programs, &plan, NULL), CAPSULE_OK);
	folder = text_copy(span_text(plan.cwd));
	sandbox_plan_fini(&plan);
	assert_int_equal(mode_of(folder), 0700);
	programs_free(programs);
	assert_int_equal(access(folder, F_OK), -1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(a_plan_has_what_is_granted_to_whom),
		CASE(nothing_granted_is_nothing_seen),
		CASE(the_home_is_hidden_wherever_it_is),
		CASE(a_server_has_a_network_if_both_say_so),
		CASE(a_word_stands_for_what_was_found_at_load),
		CASE(the_state_folder_is_made_closed_to_others),
		CASE(a_temporary_state_folder_goes_with_the_capsule),
	};
#undef CASE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
