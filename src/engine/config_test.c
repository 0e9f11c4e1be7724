/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The configuration of a capsule: which source of a value wins, what is missing, and what only the runtime may set. */
#include "engine/config.h"

#include "base/cleanup.h"
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define PACKAGE "[package]\nname = \"tested\"\nversion = \"1.0.0\"\n[env]\n"
#define KEY(name, rest) name " = { type = \"string\"" rest " }\n"
#define SOCKET "/home/sessions/system.sock"

struct fixture {
	struct loop *loop;
	struct kv_store *store;
	struct kv_scope *scope;
	struct manifest *manifest;
	struct capsule_error kv_error;
	int opened; /* how often the store was asked for */
	struct log_sink log;
	char logged[256];
	struct map config;
	struct capsule_error err;
};

static void take_record(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len)
{
	struct fixture *fixture = user;

	assert_int_equal(level, CAPSULE_LOG_WARN);
	assert_string_equal(capsule, "tested");
	assert_true(len < sizeof fixture->logged);
	memcpy(fixture->logged, message, len);
	fixture->logged[len] = '\0';
}

static enum capsule_status lend_kv(void *user, struct kv_scope **scope, struct capsule_error *err)
{
	struct fixture *fixture = user;

	fixture->opened++;
	*scope = fixture->scope;
	return fixture->kv_error.status == CAPSULE_OK ? CAPSULE_OK : error_copy(err, &fixture->kv_error);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	assert_int_equal(loop_new(&fixture->loop, &clock_system, NULL), CAPSULE_OK);
	assert_int_equal(kv_open_memory(&fixture->store, fixture->loop, NULL), CAPSULE_OK);
	assert_int_equal(kv_scope_new(&fixture->scope, fixture->store, "default", "tested", NULL), CAPSULE_OK);
	fixture->log = (struct log_sink){ .write = take_record, .user = fixture };
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	engine_config_fini(&fixture->config);
	manifest_drop(&fixture->manifest);
	kv_scope_free(fixture->scope);
	kv_close(fixture->store);
	loop_free(fixture->loop);
	free(fixture);
	return 0;
}

static void store_value(struct fixture *fixture, const char *key, struct span value)
{
	struct kv_request request = { .verb = KV_SET, .key = span_text(key), .value = value };

	op_init(&request.op, fixture->loop);
	assert_int_equal(kv_run(fixture->scope, &request, NULL), CAPSULE_OK);
	op_fini(&request.op);
}

static enum capsule_status fill(
	struct fixture *fixture, const char *text, const char *socket_path, const struct map *settings)
{
	struct engine_env env = { .loop = fixture->loop,
		.capsule_id = "tested",
		.socket_path = socket_path,
		.config = settings,
		.services = { .user = fixture, .kv = lend_kv },
		.log = &fixture->log };

	if (text != NULL) {
		struct diagnostics diagnostics = { 0 };

		if (manifest_parse(&fixture->manifest, span_text(text), "Capsule.toml", &diagnostics, &fixture->err) !=
			CAPSULE_OK)
			fail_msg("%s", fixture->err.text);
		diagnostics_fini(&diagnostics);
		env.manifest = fixture->manifest;
	}
	return engine_config_fill(&fixture->config, &env, &fixture->err);
}

static void assert_value(const struct fixture *fixture, const char *key, const char *value)
{
	const char *found = map_get(&fixture->config, span_text(key));

	assert_non_null(found);
	assert_string_equal(found, value);
}

static void assert_missing(const struct fixture *fixture, const char *names)
{
	if (strstr(fixture->err.text, names) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", fixture->err.text, names);
}

static void test_a_default_is_taken_as_it_is(void **state) /* abi:26 abi:27 rt:80 */
{
	struct fixture *fixture = *state;

	assert_int_equal(fill(fixture,
				 PACKAGE KEY("k", ", default = \"v\"") KEY("x", ", default = \"x\"")
					 KEY("yes", ", default = true") KEY("n", ", default = 5")
						 KEY("f", ", default = 1.5") KEY("list", ", default = [1, \"a\"]") KEY(
							 "empty", ", default = \"\"") KEY("quoted", ", default = '\"'"),
				 NULL, NULL),
		CAPSULE_OK);
	assert_value(fixture, "k", "v");
	assert_value(fixture, "x", "x");
	assert_value(fixture, "yes", "true");
	assert_value(fixture, "n", "5");
	assert_value(fixture, "f", "1.5");
	assert_value(fixture, "list", "[1,\"a\"]");
	assert_value(fixture, "empty", "");
	assert_value(fixture, "quoted", "\"");
}

static void test_a_stored_value_wins(void **state) /* abi:28 rt:81 */
{
	struct fixture *fixture = *state;

	store_value(fixture, "k", span_text("kv"));
	store_value(fixture, "choice", span_text("b"));
	store_value(fixture, "blank", span_of(NULL, 0));
	assert_int_equal(fill(fixture,
				 PACKAGE KEY("k", ", default = \"v\"") KEY("choice", ", enum_values = [\"a\", \"b\"]")
					 KEY("blank", ", default = \"v\""),
				 NULL, NULL),
		CAPSULE_OK);
	assert_value(fixture, "k", "kv");
	assert_value(fixture, "choice", "b");
	assert_value(fixture, "blank", "");
	assert_int_equal(fixture->opened, 1);
}

static void test_a_stored_value_that_is_no_text_is_missing(void **state) /* abi:29 rt:84 mv:24 */
{
	struct fixture *fixture = *state;

	store_value(fixture, "bytes", span_of("\xff", 1));
	store_value(fixture, "zero", span_of("a\0b", 3));
	assert_int_equal(fill(fixture,
				 PACKAGE KEY("bytes", ", default = \"v\"") KEY("zero", ", default = \"v\"")
					 KEY("fine", ", default = \"v\""),
				 NULL, NULL),
		CAPSULE_EMANIFEST);
	assert_missing(fixture, "Missing required environment variables: bytes, zero.");
}

static void test_what_only_a_person_can_say_is_missing(void **state) /* rt:83 */
{
	struct fixture *fixture = *state;

	assert_int_equal(fill(fixture,
				 PACKAGE KEY("choice", ", enum_values = [\"a\", \"b\"], default = \"a\"")
					 KEY("nothing", "") KEY("one", ", enum_values = [\"a\"]")
						 KEY("fine", ", enum_values = [\"a\"], default = \"a\""),
				 NULL, NULL),
		CAPSULE_EMANIFEST);
	assert_missing(fixture, "variables: choice, nothing, one. Give each a default");
}

static void test_the_socket_path_is_the_runtime_s(void **state) /* abi:34 rt:85 */
{
	struct fixture *fixture = *state;

	store_value(fixture, "ASTRID_SOCKET_PATH", span_text("/stored"));
	assert_int_equal(
		fill(fixture, PACKAGE KEY("ASTRID_SOCKET_PATH", ", default = \"/mine\""), SOCKET, NULL), CAPSULE_OK);
	assert_value(fixture, "ASTRID_SOCKET_PATH", SOCKET);
	assert_non_null(strstr(fixture->logged, "ASTRID_SOCKET_PATH is set by the runtime"));
}

static void test_without_a_home_the_socket_path_is_a_key_like_others(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(
		fill(fixture, PACKAGE KEY("ASTRID_SOCKET_PATH", ", default = \"/mine\""), NULL, NULL), CAPSULE_OK);
	assert_value(fixture, "ASTRID_SOCKET_PATH", "/mine");
	assert_string_equal(fixture->logged, "");
}

static void test_the_store_is_opened_only_for_an_env_table(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(fill(fixture, PACKAGE, SOCKET, NULL), CAPSULE_OK);
	assert_int_equal(fixture->opened, 0);
	assert_null(map_get(&fixture->config, span_text("missing")));
}

static void test_a_store_that_can_not_be_opened_fails_the_load(void **state)
{
	struct fixture *fixture = *state;

	(void)error_set(&fixture->kv_error, CAPSULE_ELOCKED, "somebody else has it");
	assert_int_equal(fill(fixture, PACKAGE KEY("k", ", default = \"v\""), NULL, NULL), CAPSULE_ELOCKED);
	assert_string_equal(fixture->err.text, "somebody else has it");
}

static void test_settings_of_a_bare_module_are_copied(void **state)
{
	struct fixture *fixture = *state;
	struct map settings = { 0 };
	char value[] = "blue", path[] = "/given";

	assert_int_equal(map_put(&settings, span_text("colour"), value, NULL, NULL), CAPSULE_OK);
	assert_int_equal(map_put(&settings, span_text("ASTRID_SOCKET_PATH"), path, NULL, NULL), CAPSULE_OK);
	assert_int_equal(fill(fixture, NULL, SOCKET, &settings), CAPSULE_OK);
	map_fini(&settings);
	memset(value, 'x', 4);
	assert_value(fixture, "colour", "blue");
	assert_value(fixture, "ASTRID_SOCKET_PATH", "/given");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_default_is_taken_as_it_is),
		TEST(test_a_stored_value_wins),
		TEST(test_a_stored_value_that_is_no_text_is_missing),
		TEST(test_what_only_a_person_can_say_is_missing),
		TEST(test_the_socket_path_is_the_runtime_s),
		TEST(test_without_a_home_the_socket_path_is_a_key_like_others),
		TEST(test_the_store_is_opened_only_for_an_env_table),
		TEST(test_a_store_that_can_not_be_opened_fails_the_load),
		TEST(test_settings_of_a_bare_module_are_copied),
	};

	return cmocka_run_group_tests_name("configuration", tests, NULL, NULL);
}
