/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The engine on a real loop and pool: loading, failing, being left in the middle. */
#include "engine/static/static.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char dir[64];
	struct loop *loop;
	struct manifest *manifest;
	struct engine *engine;
	struct op op;
	int done;
	enum capsule_status status;
};

static void note(struct op *op, void *user)
{
	struct fixture *fixture = user;

	fixture->done++;
	fixture->status = op->error.status;
}

static void make(struct fixture *fixture, const char *more)
{
	struct diagnostics diagnostics = { 0 };
	char text[1024];

	(void)snprintf(text, sizeof text, "[package]\nname = \"demo\"\nversion = \"1.0.0\"\n%s", more);
	assert_int_equal(
		manifest_parse(&fixture->manifest, span_text(text), "Capsule.toml", &diagnostics, NULL), CAPSULE_OK);
	diagnostics_fini(&diagnostics);
	const struct engine_env env = {
		.loop = fixture->loop, .capsule_id = "demo", .manifest = fixture->manifest, .dir = fixture->dir
	};
	assert_int_equal(static_engine_new(&fixture->engine, &env, NULL), CAPSULE_OK);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	FILE *file;
	char path[96];

	assert_non_null(fixture);
	(void)snprintf(fixture->dir, sizeof fixture->dir, "/tmp/capsule-static-XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	(void)snprintf(path, sizeof path, "%s/a.md", fixture->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs("hello", file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(loop_new(&fixture->loop, &clock_system, NULL), CAPSULE_OK);
	op_init(&fixture->op, fixture->loop);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char path[96];

	op_fini(&fixture->op);
	if (fixture->engine != NULL)
		fixture->engine->ops->free(fixture->engine);
	loop_free(fixture->loop);
	manifest_free(fixture->manifest);
	(void)snprintf(path, sizeof path, "%s/a.md", fixture->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(fixture->dir), 0);
	free(fixture);
	return 0;
}

static void start(struct fixture *fixture, void (*verb)(struct engine *engine, struct op *op))
{
	fixture->done = 0;
	op_start(&fixture->op, note, fixture, NULL, 0, "work");
	verb(fixture->engine, &fixture->op);
}

static void finish(struct fixture *fixture)
{
	while (fixture->done == 0)
		(void)loop_turn(fixture->loop, -1);
	assert_int_equal(fixture->done, 1);
}

static void served_while_it_is_loaded(void **state)
{
	struct fixture *fixture = *state;
	const struct content *content;

	make(fixture, "[[context_file]]\nname = \"a\"\nfile = \"a.md\"\n");
	assert_null(static_engine_content(fixture->engine));
	start(fixture, fixture->engine->ops->load);
	assert_int_equal(fixture->engine->ops->health(fixture->engine, NULL), ENGINE_LOADING);
	finish(fixture);
	assert_int_equal(fixture->status, CAPSULE_OK);
	assert_int_equal(fixture->engine->ops->health(fixture->engine, NULL), ENGINE_READY);
	content = static_engine_content(fixture->engine);
	assert_non_null(content);
	assert_string_equal(content->items[0].text, "hello");
	start(fixture, fixture->engine->ops->unload);
	finish(fixture);
	assert_null(static_engine_content(fixture->engine));
	assert_int_equal(fixture->engine->ops->health(fixture->engine, NULL), ENGINE_UNLOADED);
}

static void loaded_again_it_serves_what_is_there_now(void **state)
{
	struct fixture *fixture = *state;
	char path[96];
	FILE *file;

	make(fixture, "[[context_file]]\nname = \"a\"\nfile = \"a.md\"\n");
	start(fixture, fixture->engine->ops->load);
	finish(fixture);
	(void)snprintf(path, sizeof path, "%s/a.md", fixture->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs("changed", file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_string_equal(static_engine_content(fixture->engine)->items[0].text, "hello");
	start(fixture, fixture->engine->ops->unload);
	finish(fixture);
	start(fixture, fixture->engine->ops->load);
	finish(fixture);
	assert_string_equal(static_engine_content(fixture->engine)->items[0].text, "changed");
}

static void missing_file_fails_the_load(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_error why = { 0 };

	make(fixture, "[[skill]]\nname = \"b\"\nfile = \"b.md\"\n");
	start(fixture, fixture->engine->ops->load);
	finish(fixture);
	assert_int_equal(fixture->status, CAPSULE_EMANIFEST);
	assert_int_equal(fixture->engine->ops->health(fixture->engine, &why), ENGINE_FAILED);
	assert_non_null(strstr(why.text, "the skill `b.md`"));
}

/* BLAKE3 of "hello". */
#define HELLO "ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f"

static void only_what_was_approved_is_served(void **state)
{
	static const struct {
		const char *approved;
		enum capsule_status status;
	} cases[] = { { HELLO " a.md\n", CAPSULE_OK }, { HELLO " b.md\n" HELLO " a.md\n", CAPSULE_OK },
		{ "", CAPSULE_EMANIFEST }, { HELLO " b.md\n", CAPSULE_EMANIFEST },
		{ HELLO " a.mdx\n", CAPSULE_EMANIFEST }, { "fa" HELLO "\n", CAPSULE_EMANIFEST },
		{ "0000000000000000000000000000000000000000000000000000000000000000 a.md\n", CAPSULE_EMANIFEST } };
	struct fixture *fixture = *state;

	make(fixture, "[[context_file]]\nname = \"a\"\nfile = \"a.md\"\n");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct engine_env env = { .loop = fixture->loop,
			.capsule_id = "demo",
			.manifest = fixture->manifest,
			.approved = cases[i].approved,
			.dir = fixture->dir };

		fixture->engine->ops->free(fixture->engine);
		assert_int_equal(static_engine_new(&fixture->engine, &env, NULL), CAPSULE_OK);
		start(fixture, fixture->engine->ops->load);
		finish(fixture);
		assert_int_equal(fixture->status, cases[i].status);
		assert_int_equal(static_engine_content(fixture->engine) != NULL, cases[i].status == CAPSULE_OK);
	}
}

static void a_load_can_be_cancelled(void **state)
{
	struct fixture *fixture = *state;

	make(fixture, "[[context_file]]\nname = \"a\"\nfile = \"a.md\"\n");
	start(fixture, fixture->engine->ops->load);
	op_cancel(&fixture->op);
	finish(fixture);
	assert_int_equal(fixture->status, CAPSULE_ECANCELLED);
	start(fixture, fixture->engine->ops->unload);
	finish(fixture);
	start(fixture, fixture->engine->ops->load);
	finish(fixture);
	assert_int_equal(fixture->status, CAPSULE_OK);
}

static void it_can_be_freed_while_it_reads(void **state)
{
	struct fixture *fixture = *state;

	make(fixture, "[[context_file]]\nname = \"a\"\nfile = \"a.md\"\n");
	start(fixture, fixture->engine->ops->load);
	op_cancel(&fixture->op);
	fixture->engine->ops->free(fixture->engine);
	fixture->engine = NULL;
	finish(fixture);
	assert_int_equal(fixture->status, CAPSULE_ECANCELLED);
}

static void calls_are_for_others(void **state)
{
	struct fixture *fixture = *state;
	struct engine_call call = { .name = "x" };
	struct capsule_error err;

	make(fixture, "");
	start(fixture, fixture->engine->ops->load);
	finish(fixture);
	assert_int_equal(fixture->engine->ops->call(fixture->engine, &call, note, fixture, &err), CAPSULE_EUNSUPPORTED);
	assert_string_equal(err.text, "capsule 'demo' has no code that could be called");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(served_while_it_is_loaded, setup, teardown),
		cmocka_unit_test_setup_teardown(loaded_again_it_serves_what_is_there_now, setup, teardown),
		cmocka_unit_test_setup_teardown(missing_file_fails_the_load, setup, teardown),
		cmocka_unit_test_setup_teardown(only_what_was_approved_is_served, setup, teardown),
		cmocka_unit_test_setup_teardown(a_load_can_be_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(it_can_be_freed_while_it_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_are_for_others, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
