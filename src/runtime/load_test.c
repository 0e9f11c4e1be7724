/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From a folder to a capsule: what loads, what does not and why, and what a capsule says about itself. */
#include "runtime/runtime_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"

static const char run_module[] = "(module (func (export \"run\") (loop $again (br $again))))";

static void a_folder_and_its_manifest_load_the_same_capsule(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "twice", ""));

	assert_string_equal(capsule_id(capsule), "twice");
	assert_int_equal(capsule_health(capsule, fixture->err), CAPSULE_READY);
	assert_int_equal(capsule_cpu_ns(capsule), 0);
	assert_string_equal(fixture_call(fixture, capsule, "quoted", "{}"), "\"x\"");
	capsule = fixture_load_again(fixture, capsule, fixture_path(fixture, "twice/Capsule.toml"));
	assert_string_equal(capsule_id(capsule), "twice");
	assert_string_equal(fixture_call(fixture, capsule, "quoted", "{}"), "\"x\"");
}

static void an_id_is_loaded_once(void **state) /* rt:201 */
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "same", "");
	struct capsule *capsule = fixture_load(fixture, path);

	assert_int_equal(fixture_load_fails(fixture, path), CAPSULE_ESTATE);
	assert_says(fixture, "Already registered: same");
	assert_string_equal(fixture_call(fixture, capsule, "quoted", "{}"), "\"x\"");
	(void)fixture_load_again(fixture, capsule, path);
}

static void a_path_may_be_relative_or_end_in_a_slash(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule;
	char here[512], path[512];

	(void)fixture_capsule(fixture, "near", "");
	(void)snprintf(path, sizeof path, "%s/", fixture_path(fixture, "near"));
	capsule = fixture_load(fixture, path);
	assert_non_null(getcwd(here, sizeof here));
	assert_int_equal(chdir(fixture_path(fixture, "near")), 0);
	capsule = fixture_load_again(fixture, capsule, "Capsule.toml");
	capsule = fixture_load_again(fixture, capsule, ".");
	(void)fixture_load_again(fixture, capsule, "../near");
	assert_int_equal(chdir(here), 0);
}

static void a_manifest_that_is_a_link_belongs_to_the_folder_of_the_link(void **state)
{
	struct fixture *fixture = *state;
	char target[512];

	(void)fixture_capsule(fixture, "farm", "");
	(void)snprintf(target, sizeof target, "%s", fixture_path(fixture, "elsewhere.toml"));
	assert_int_equal(rename(fixture_path(fixture, "farm/Capsule.toml"), target), 0);
	assert_int_equal(symlink(target, fixture_path(fixture, "farm/Capsule.toml")), 0);
	(void)fixture_load_again(fixture, fixture_load(fixture, fixture_path(fixture, "farm")),
		fixture_path(fixture, "farm/Capsule.toml"));
}

static void nothing_to_load_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_op *op = NULL;

	assert_int_equal(capsule_load(fixture->runtime, NULL, NULL, NULL, &op, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "no folder is named");
	assert_int_equal(capsule_load(fixture->runtime, "", NULL, NULL, &op, NULL), CAPSULE_EINVAL);
	assert_int_equal(
		capsule_load_module(fixture->runtime, NULL, NULL, 0, NULL, NULL, &op, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "no module file is named");
	assert_null(op);
	assert_int_equal(fixture_load_fails(fixture, fixture_path(fixture, "missing")), CAPSULE_ENOTFOUND);
	assert_says(fixture, "missing");
	assert_int_equal(fixture_load_fails(fixture, fixture->folder), CAPSULE_ENOTFOUND);
	assert_says(fixture, "has no Capsule.toml");
}

static void a_broken_manifest_is_told_with_its_place(void **state)
{
	struct fixture *fixture = *state;

	(void)fixture_capsule(fixture, "broken", "[package\n");
	assert_int_equal(fixture_load_fails(fixture, fixture_path(fixture, "broken")), CAPSULE_EMANIFEST);
	assert_says(fixture, "broken/Capsule.toml:");
	fixture_write(fixture, "broken/Capsule.toml", "[package]\nname = 5\nversion = \"1.0.0\"\n");
	assert_int_equal(fixture_load_fails(fixture, fixture_path(fixture, "broken")), CAPSULE_EMANIFEST);
	assert_says(fixture, "broken/Capsule.toml:2:8");
}

static void a_manifest_without_a_component_loads_and_has_no_module(void **state) /* rt:189 abi:1 */
{
	struct fixture *fixture = *state;
	struct capsule_op *op = NULL;
	struct capsule *capsule;

	(void)fixture_capsule(fixture, "empty", "");
	fixture_write(fixture, "empty/Capsule.toml", "[package]\nname = \"empty\"\nversion = \"1.0.0\"\n");
	capsule = fixture_load(fixture, fixture_path(fixture, "empty"));
	assert_non_null(strstr(capsule_states_json(fixture->runtime), "\"engines\":[\"static\"],\"tools\":0"));
	assert_int_equal(capsule_health(capsule, NULL), CAPSULE_READY);
	assert_string_equal(capsule_tools_json(capsule), "[]");
	assert_int_equal(capsule_cpu_ns(capsule), 0);
	assert_int_equal(
		capsule_call_export(capsule, "run", "", 0, NULL, NULL, &op, fixture->err), CAPSULE_EUNSUPPORTED);
	/* Who asks for its module is told that there is none. */
	assert_int_equal(
		capsule_inspect(fixture->runtime, fixture_path(fixture, "empty"), NULL, NULL, &op, NULL), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, fixture->err), CAPSULE_EMODULE);
	capsule_op_free(op);
	assert_says(fixture, "Unsupported entry point");
	assert_says(fixture, "[[component]]");
}

static void name_module(struct fixture *fixture, const char *file)
{
	char manifest[1024];

	(void)snprintf(manifest, sizeof manifest,
		"[package]\nname = \"inside\"\nversion = \"1.0.0\"\n[[component]]\nfile = \"%s\"\n", file);
	fixture_write(fixture, "inside/Capsule.toml", manifest);
}

static void a_module_is_found_in_the_folder_and_nowhere_else(void **state) /* abi:2 */
{
	static const char *const outside[] = { "../guest.wat", "link.wat", "away/guest.wat", "sub/../../guest.wat" };
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "inside", "");
	struct capsule *capsule;

	fixture_write(fixture, "guest.wat", fixture_guest);
	assert_int_equal(symlink("../guest.wat", fixture_path(fixture, "inside/link.wat")), 0);
	assert_int_equal(symlink(fixture->folder, fixture_path(fixture, "inside/away")), 0);
	assert_int_equal(mkdir(fixture_path(fixture, "inside/sub"), 0755), 0);
	for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
		name_module(fixture, outside[i]);
		assert_int_equal(fixture_load_fails(fixture, path), CAPSULE_EMODULE);
		assert_says(fixture, "outside the capsule's folder");
	}
	name_module(fixture, fixture_path(fixture, "inside/guest.wat"));
	assert_int_equal(fixture_load_fails(fixture, path), CAPSULE_EMODULE);
	assert_int_equal(symlink("guest.wat", fixture_path(fixture, "inside/near.wat")), 0);
	name_module(fixture, "near.wat");
	capsule = fixture_load(fixture, path);
	name_module(fixture, "sub/../guest.wat");
	(void)fixture_load_again(fixture, capsule, path);
}

static void a_module_that_can_not_be_used_is_told(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "inside", "");

	name_module(fixture, "none.wasm");
	assert_int_equal(fixture_load_fails(fixture, path), CAPSULE_ENOTFOUND);
	assert_says(fixture, "none.wasm");
	name_module(fixture, ".");
	assert_int_equal(fixture_load_fails(fixture, path), CAPSULE_EMODULE);
	assert_says(fixture, "not a regular file");
	name_module(fixture, "guest.wat");
	fixture_write(fixture, "inside/guest.wat", "");
	assert_int_equal(fixture_load_fails(fixture, path), CAPSULE_EMODULE);
	assert_says(fixture, "empty");
	fixture_write(fixture, "inside/guest.wat", "(module");
	assert_int_equal(fixture_load_fails(fixture, path), CAPSULE_EMODULE);
	fixture_write(fixture, "inside/guest.wat", "(module (import \"extism:host/env\" \"nonsense\" (func)))");
	assert_int_equal(fixture_load_fails(fixture, path), CAPSULE_EMODULE);
	assert_says(fixture, "nonsense");
}

static void a_bare_module_that_can_not_be_used_is_told(void **state)
{
	static const struct capsule_setting bad[] = { { "key", "value" }, { "key", NULL } };
	struct fixture *fixture = *state;
	struct capsule_op *op = NULL;

	assert_int_equal(capsule_load_module(fixture->runtime, "none.wasm", bad, 2, NULL, NULL, &op, fixture->err),
		CAPSULE_EINVAL);
	assert_says(fixture, "setting 1 has no value");
	assert_null(op);
	assert_int_equal(
		capsule_load_module(fixture->runtime, "none.wasm", NULL, 0, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, fixture->err), CAPSULE_ENOTFOUND);
	assert_says(fixture, "none.wasm");
	assert_null(capsule_op_capsule(op));
	capsule_op_free(op);
}

static void tools_are_told_as_json(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule;
	yyjson_doc *doc;
	yyjson_val *tools, *tool;

	fixture_capsule_of(fixture, "tools",
		"[[tool]]\nname = \"first\"\ndescription = \"Says \\\"hi\\\"\\n\"\n"
		"[[tool]]\nname = \"second\"\ndescription = \"\"\n[tool.input_schema]\ntype = \"object\"\nrequired = [\"a\"]\n",
		fixture_guest);
	capsule = fixture_load(fixture, fixture_path(fixture, "tools"));
	doc = yyjson_read(capsule_tools_json(capsule), strlen(capsule_tools_json(capsule)), 0);
	assert_non_null(doc);
	tools = yyjson_doc_get_root(doc);
	assert_int_equal(yyjson_arr_size(tools), 2);
	tool = yyjson_arr_get(tools, 0);
	assert_int_equal(yyjson_obj_size(tool), 4);
	assert_string_equal(yyjson_get_str(yyjson_obj_get(tool, "origin")), "wasm");
	assert_string_equal(yyjson_get_str(yyjson_obj_get(tool, "name")), "first");
	assert_string_equal(yyjson_get_str(yyjson_obj_get(tool, "description")), "Says \"hi\"\n");
	assert_string_equal(yyjson_get_str(yyjson_ptr_get(tool, "/input_schema/type")), "object");
	tool = yyjson_arr_get(tools, 1);
	assert_string_equal(yyjson_get_str(yyjson_ptr_get(tool, "/input_schema/required/0")), "a");
	yyjson_doc_free(doc);
}

static void a_run_loop_has_no_tools_and_takes_no_calls(void **state) /* abi:44 */
{
	struct fixture *fixture = *state;
	struct capsule_op *op = NULL;
	struct capsule *capsule;

	fixture_capsule_of(fixture, "loop", "[[tool]]\nname = \"t\"\ndescription = \"d\"\n", run_module);
	capsule = fixture_load(fixture, fixture_path(fixture, "loop"));
	assert_string_equal(capsule_tools_json(capsule), "[]");
	assert_int_equal(capsule_call(capsule, "t", "{}", 2, NULL, NULL, &op, fixture->err), CAPSULE_EUNSUPPORTED);
	assert_says(fixture, "Not supported");
	for (int i = 0; i < 5; i++)
		assert_true(capsule_runtime_turn(fixture->runtime, -1));
	assert_true(capsule_cpu_ns(capsule) > 0);
	fixture_unload(fixture, capsule);
}

static void a_run_loop_that_ended_makes_the_capsule_fail(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_op *op = NULL;
	struct capsule *capsule;

	fixture_capsule_of(
		fixture, "over", "[[tool]]\nname = \"t\"\ndescription = \"d\"\n", "(module (func (export \"run\")))");
	capsule = fixture_load(fixture, fixture_path(fixture, "over"));
	fixture_settle(fixture);
	assert_int_equal(capsule_health(capsule, fixture->err), CAPSULE_FAILED);
	assert_says(fixture, "exited unexpectedly");
	assert_int_equal(capsule_health(capsule, NULL), CAPSULE_FAILED);
	assert_int_equal(capsule_call(capsule, "t", "{}", 2, NULL, NULL, &op, fixture->err), CAPSULE_ESTATE);
	assert_says(fixture, "has failed");
	fixture_unload(fixture, capsule);
}

static void every_function_goes_without_an_error_object(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "quiet", "");
	struct capsule_runtime *runtime = NULL;
	struct capsule_op *load = NULL, *op = NULL;
	struct capsule *capsule;

	assert_int_equal(capsule_runtime_new(&runtime, NULL, NULL), CAPSULE_OK);
	capsule_runtime_free(runtime);
	assert_int_equal(capsule_load(fixture->runtime, fixture->folder, NULL, NULL, &op, NULL), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, NULL), CAPSULE_ENOTFOUND);
	capsule_op_free(op);
	assert_int_equal(capsule_load(fixture->runtime, path, NULL, NULL, &load, NULL), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(load, NULL), CAPSULE_OK);
	capsule = capsule_op_capsule(load);
	assert_int_equal(capsule_health(capsule, NULL), CAPSULE_READY);
	assert_int_equal(capsule_call(capsule, "quoted", "{ }", 3, NULL, NULL, &op, NULL), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, NULL), CAPSULE_OK);
	capsule_op_free(op);
	assert_int_equal(capsule_call_export(capsule, "echo", "x", 1, NULL, NULL, &op, NULL), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, NULL), CAPSULE_OK);
	capsule_op_free(op);
	assert_int_equal(capsule_unload(capsule, NULL, NULL, &op, NULL), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, NULL), CAPSULE_OK);
	capsule_op_free(op);
	capsule_op_free(load);
	assert_int_equal(capsule_load_module(fixture->runtime, "/none", NULL, 0, NULL, NULL, &op, NULL), CAPSULE_OK);
	capsule_op_free(op);
	assert_int_equal(capsule_inspect(fixture->runtime, path, NULL, NULL, &op, NULL), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, NULL), CAPSULE_OK);
	capsule_op_free(op);
	assert_int_equal(capsule_inspect(fixture->runtime, NULL, NULL, NULL, &op, NULL), CAPSULE_EINVAL);
	assert_int_equal(capsule_inspect(fixture->runtime, "", NULL, NULL, &op, NULL), CAPSULE_EINVAL);
}

static void error_accessors_take_null(void **state)
{
	(void)state;
	assert_int_equal(capsule_error_status(NULL), CAPSULE_OK);
	assert_string_equal(capsule_error_text(NULL), "");
	assert_int_equal(capsule_error_os(NULL), 0);
	capsule_error_free(NULL);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_folder_and_its_manifest_load_the_same_capsule),
		TEST(an_id_is_loaded_once),
		TEST(a_path_may_be_relative_or_end_in_a_slash),
		TEST(a_manifest_that_is_a_link_belongs_to_the_folder_of_the_link),
		TEST(nothing_to_load_is_refused),
		TEST(a_broken_manifest_is_told_with_its_place),
		TEST(a_manifest_without_a_component_loads_and_has_no_module),
		TEST(a_module_is_found_in_the_folder_and_nowhere_else),
		TEST(a_module_that_can_not_be_used_is_told),
		TEST(a_bare_module_that_can_not_be_used_is_told),
		TEST(tools_are_told_as_json),
		TEST(a_run_loop_has_no_tools_and_takes_no_calls),
		TEST(a_run_loop_that_ended_makes_the_capsule_fail),
		TEST(every_function_goes_without_an_error_object),
		cmocka_unit_test(error_accessors_take_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
