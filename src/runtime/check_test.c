/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reports on manifests and descriptions of modules. */
#include "runtime/runtime_fixture.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/blake3.h"
#include "base/json.h"

static struct capsule_report *check(struct fixture *fixture, const char *name)
{
	struct capsule_report *report = NULL;

	assert_status(fixture, capsule_check(&report, fixture_path(fixture, name), fixture->err), CAPSULE_OK);
	assert_non_null(report);
	return report;
}

static void a_good_capsule_has_an_empty_report(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_report *report;

	fixture_capsule_of(fixture, "good",
		"[[tool]]\nname = \"t\"\ndescription = \"d\"\n[tool.input_schema]\ntype = \"object\"\n", fixture_guest);
	report = check(fixture, "good");
	assert_int_equal(capsule_report_errors(report), 0);
	assert_int_equal(capsule_report_warnings(report), 0);
	assert_string_equal(capsule_report_text(report, false), "");
	assert_string_equal(capsule_report_json(report), "[]");
	capsule_report_free(report);
	capsule_report_free(NULL);
}

/* The member `name` of the entry `at` of a report as JSON. */
static yyjson_val *member(yyjson_doc *doc, size_t at, const char *name)
{
	yyjson_val *value = yyjson_obj_get(yyjson_arr_get(yyjson_doc_get_root(doc), at), name);

	assert_non_null(value);
	return value;
}

static void a_report_names_place_reason_and_fix(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_report *report;
	const char *text;
	yyjson_doc *doc;

	(void)fixture_capsule(fixture, "bad", "");
	fixture_write(fixture, "bad/Capsule.toml",
		"[package]\nname = \"bad\"\nversion = \"1.0.0\"\nnmae = 1\n\n[[component]]\nfile = 7\n");
	report = check(fixture, "bad/Capsule.toml");
	assert_int_equal(capsule_report_errors(report), 1);
	assert_int_equal(capsule_report_warnings(report), 1);
	text = capsule_report_text(report, false);
	assert_non_null(strstr(text, "bad/Capsule.toml:4:1"));
	assert_non_null(strstr(text, "bad/Capsule.toml:7:8"));
	assert_non_null(strstr(text, "file = 7"));
	assert_non_null(strchr(text, '^'));
	assert_null(strchr(text, 0x1b));
	assert_non_null(strchr(capsule_report_text(report, true), 0x1b));
	text = capsule_report_json(report);
	doc = yyjson_read(text, strlen(text), 0);
	assert_non_null(doc);
	assert_int_equal(yyjson_arr_size(yyjson_doc_get_root(doc)), 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(yyjson_obj_size(yyjson_arr_get(yyjson_doc_get_root(doc), i)), 7);
		assert_string_equal(yyjson_get_str(member(doc, i, "severity")), i == 0 ? "warning" : "error");
		assert_non_null(strstr(yyjson_get_str(member(doc, i, "file")), "bad/Capsule.toml"));
		assert_int_equal(yyjson_get_int(member(doc, i, "line")), i == 0 ? 4 : 7);
		assert_int_equal(yyjson_get_int(member(doc, i, "column")), i == 0 ? 1 : 8);
		assert_true(yyjson_is_uint(member(doc, i, "length")));
		assert_true(yyjson_get_len(member(doc, i, "message")) > 0);
		(void)member(doc, i, "fix");
	}
	yyjson_doc_free(doc);
	capsule_report_free(report);
}

static void files_that_are_missing_or_outside_are_errors(void **state)
{
	static const struct {
		const char *file, *says;
	} rows[] = {
		{ "none.wasm", "can't be opened" },
		{ "../outside.wat", "outside the capsule's folder" },
		{ "link.wat", "outside the capsule's folder" },
		{ "folder", "is not a regular file" },
	};
	struct fixture *fixture = *state;

	(void)fixture_capsule(fixture, "files", "");
	fixture_write(fixture, "outside.wat", fixture_guest);
	assert_int_equal(symlink("../outside.wat", fixture_path(fixture, "files/link.wat")), 0);
	assert_int_equal(mkdir(fixture_path(fixture, "files/folder"), 0755), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct capsule_report *report;
		char manifest[512];

		(void)snprintf(manifest, sizeof manifest,
			"[package]\nname = \"files\"\nversion = \"1.0.0\"\n[[component]]\nfile = \"%s\"\n",
			rows[i].file);
		fixture_write(fixture, "files/Capsule.toml", manifest);
		report = check(fixture, "files/");
		assert_int_equal(capsule_report_errors(report), 1);
		assert_non_null(strstr(capsule_report_text(report, false), rows[i].says));
		assert_non_null(strstr(capsule_report_text(report, false), "files/Capsule.toml:5:8"));
		assert_null(strstr(capsule_report_text(report, false), "files//"));
		capsule_report_free(report);
	}
}

static void the_module_must_have_the_hash_that_is_given(void **state)
{
	struct fixture *fixture = *state;
	char expected[BLAKE3_HEX], manifest[512];
	uint8_t hash[BLAKE3_SIZE];
	struct capsule_report *report;

	(void)fixture_capsule(fixture, "hashed", "");
	blake3_bytes(span_text(fixture_guest), hash);
	blake3_hex(hash, expected);
	for (unsigned changed = 0; changed < 3; changed++) {
		if (changed == 1)
			expected[0] = (char)toupper(expected[0]); /* either case is the same hash */
		if (changed == 2)
			expected[63] = expected[63] == '0' ? '1' : '0';
		(void)snprintf(manifest, sizeof manifest,
			"[package]\nname = \"hashed\"\nversion = \"1.0.0\"\n[[component]]\nfile = \"guest.wat\"\n"
			"hash = \"%s\"\n",
			expected);
		fixture_write(fixture, "hashed/Capsule.toml", manifest);
		report = check(fixture, "hashed");
		assert_int_equal(capsule_report_errors(report), changed == 2 ? 1 : 0);
		if (changed == 2) {
			const char *text = capsule_report_text(report, false);

			blake3_hex(hash, manifest);
			assert_non_null(strstr(text, "Capsule.toml:6:8: error: the module `guest.wat`"));
			assert_non_null(strstr(text, expected));
			assert_non_null(strstr(text, manifest));
		}
		capsule_report_free(report);
	}
}

static struct capsule_report *check_dependent(struct fixture *fixture, const char *name, const char *dependencies)
{
	fixture_capsule_of(fixture, name, dependencies, fixture_guest);
	return check(fixture, name);
}

static void what_no_other_one_provides_is_a_warning(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_report *reports[] = {
		check_dependent(
			fixture, "needs", "[dependencies]\nrequires = [\"topic:there\", \"topic:missing.*\"]\n"),
		check_dependent(fixture, "offers", "[dependencies]\nprovides = [\"topic:there\"]\n"),
	};

	assert_int_equal(capsule_check_together(reports, 1, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_report_warnings(reports[0]), 0);
	assert_int_equal(capsule_check_together(NULL, 0, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_check_together(reports, 2, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_report_warnings(reports[0]), 1);
	assert_int_equal(capsule_report_errors(reports[0]), 0);
	assert_int_equal(capsule_report_warnings(reports[1]), 0);
	assert_non_null(strstr(capsule_report_text(reports[0], false), "`topic:missing.*`"));
	assert_non_null(strstr(capsule_report_text(reports[0], false), "requires = ["));
	capsule_report_free(reports[0]);
	capsule_report_free(reports[1]);
}

static void beside_a_broken_manifest_nothing_counts_as_missing(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_report *reports[2] = { check_dependent(
		fixture, "needs", "[dependencies]\nrequires = [\"topic:there\"]\n") };

	(void)fixture_capsule(fixture, "broken", "");
	fixture_write(fixture, "broken/Capsule.toml", "[package\n");
	reports[1] = check(fixture, "broken");
	assert_int_equal(capsule_check_together(reports, 2, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_report_warnings(reports[0]), 0);
	capsule_report_free(reports[0]);
	capsule_report_free(reports[1]);
}

static void nothing_to_check_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_report *report = NULL;

	assert_int_equal(capsule_check(&report, NULL, fixture->err), CAPSULE_EINVAL);
	assert_int_equal(capsule_check(&report, "", NULL), CAPSULE_EINVAL);
	assert_int_equal(capsule_check(&report, fixture_path(fixture, "missing"), fixture->err), CAPSULE_ENOTFOUND);
	assert_says(fixture, "missing");
	assert_int_equal(capsule_check(&report, fixture->folder, fixture->err), CAPSULE_ENOTFOUND);
	assert_says(fixture, "has no Capsule.toml");
	assert_int_equal(capsule_check(&report, fixture->folder, NULL), CAPSULE_ENOTFOUND);
	assert_null(report);
}

/* Inspect and wait; the description, to be freed. */
static yyjson_doc *inspect(struct fixture *fixture, const char *path)
{
	struct capsule_op *op = NULL;
	const char *text;
	yyjson_doc *doc;
	size_t len;

	assert_int_equal(capsule_inspect(fixture->runtime, path, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_OK);
	text = capsule_op_result(op, &len);
	doc = yyjson_read(text, len, 0);
	assert_non_null(doc);
	assert_int_equal(yyjson_obj_size(yyjson_doc_get_root(doc)), 9);
	capsule_op_free(op);
	return doc;
}

static const char *text_at(yyjson_doc *doc, const char *pointer)
{
	return yyjson_get_str(yyjson_doc_ptr_get(doc, pointer));
}

static void a_capsule_is_described_with_what_its_manifest_grants(void **state)
{
	struct fixture *fixture = *state;
	yyjson_doc *doc;

	fixture_capsule_of(fixture, "described", "[capabilities]\nnet = [\"example.org\"]\n",
		"(module (import \"extism:host/user\" \"astrid_kv_get\" (func (param i64) (result i64)))\n"
		"(import \"extism:host/user\" \"astrid_read_file\" (func (param i64) (result i64)))\n"
		"(import \"extism:host/user\" \"astrid_http_request\" (func (param i64) (result i64)))\n"
		"(import \"somewhere\" \"else\" (global i32))\n"
		"(memory (export \"memory\") 2 5) (func (export \"astrid_tool_call\") (result i32) (i32.const 0)))");
	doc = inspect(fixture, fixture_path(fixture, "described"));
	assert_string_equal(text_at(doc, "/file"), "guest.wat");
	assert_string_equal(text_at(doc, "/capsule"), "described");
	assert_string_equal(text_at(doc, "/kind"), "tools");
	assert_int_equal(strlen(text_at(doc, "/blake3")), 64);
	assert_true(yyjson_get_uint(yyjson_doc_ptr_get(doc, "/bytes")) > 100);
	assert_int_equal(yyjson_arr_size(yyjson_doc_ptr_get(doc, "/imports")), 4);
	assert_string_equal(text_at(doc, "/imports/0/module"), "extism:host/user");
	assert_string_equal(text_at(doc, "/imports/0/name"), "astrid_kv_get");
	assert_string_equal(text_at(doc, "/imports/0/kind"), "function");
	assert_string_equal(text_at(doc, "/imports/0/type"), "(i64) -> i64");
	assert_true(yyjson_get_bool(yyjson_doc_ptr_get(doc, "/imports/0/known")));
	assert_false(yyjson_get_bool(yyjson_doc_ptr_get(doc, "/imports/3/known")));
	assert_string_equal(text_at(doc, "/imports/3/kind"), "global");
	assert_string_equal(text_at(doc, "/exports/1/name"), "astrid_tool_call");
	assert_int_equal(yyjson_get_int(yyjson_doc_ptr_get(doc, "/memory/pages_min")), 2);
	assert_int_equal(yyjson_get_int(yyjson_doc_ptr_get(doc, "/memory/pages_max")), 5);
	assert_int_equal(yyjson_arr_size(yyjson_doc_ptr_get(doc, "/host_functions")), 3);
	assert_string_equal(text_at(doc, "/host_functions/0/state"), "ok");
	assert_true(yyjson_is_null(yyjson_doc_ptr_get(doc, "/host_functions/0/capability")));
	assert_true(yyjson_is_null(yyjson_doc_ptr_get(doc, "/host_functions/0/reason")));
	assert_string_equal(text_at(doc, "/host_functions/1/state"), "refused");
	assert_string_equal(text_at(doc, "/host_functions/1/capability"), "fs_read");
	assert_non_null(strstr(text_at(doc, "/host_functions/1/reason"), "fs_read"));
	assert_string_equal(text_at(doc, "/host_functions/2/state"), "unserved");
	yyjson_doc_free(doc);
}

static void a_module_file_is_described_without_a_capsule(void **state)
{
	struct fixture *fixture = *state;
	yyjson_doc *doc;

	fixture_write(fixture, "run.wat", "(module (func (export \"run\")))");
	doc = inspect(fixture, fixture_path(fixture, "run.wat"));
	assert_string_equal(text_at(doc, "/file"), fixture_path(fixture, "run.wat"));
	assert_true(yyjson_is_null(yyjson_doc_ptr_get(doc, "/capsule")));
	assert_string_equal(text_at(doc, "/kind"), "run-loop");
	assert_true(yyjson_is_null(yyjson_doc_ptr_get(doc, "/memory")));
	assert_int_equal(yyjson_arr_size(yyjson_doc_ptr_get(doc, "/imports")), 0);
	yyjson_doc_free(doc);
	fixture_write(fixture, "open.wat", "(module (memory 1))");
	doc = inspect(fixture, fixture_path(fixture, "open.wat"));
	assert_true(yyjson_is_null(yyjson_doc_ptr_get(doc, "/memory/pages_max")));
	yyjson_doc_free(doc);
}

static void what_can_not_be_described_is_told(void **state)
{
	struct fixture *fixture = *state;
	const struct {
		const char *name;
		enum capsule_status status;
	} rows[] = {
		{ "missing", CAPSULE_ENOTFOUND },
		{ "", CAPSULE_ENOTFOUND },
		{ "broken.wat", CAPSULE_EMODULE },
		{ "broken/Capsule.toml", CAPSULE_EMANIFEST },
		{ "bare", CAPSULE_EMODULE },
		{ "away", CAPSULE_EMODULE },
	};

	fixture_write(fixture, "broken.wat", "(module");
	(void)fixture_capsule(fixture, "broken", "x");
	(void)fixture_capsule(fixture, "bare", "");
	fixture_write(fixture, "bare/Capsule.toml", "[package]\nname = \"bare\"\nversion = \"1.0.0\"\n");
	(void)fixture_capsule(fixture, "away", "");
	fixture_write(fixture, "away/Capsule.toml",
		"[package]\nname = \"away\"\nversion = \"1.0.0\"\n[[component]]\nfile = \"../bare/guest.wat\"\n");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct capsule_op *op = NULL;

		assert_int_equal(capsule_inspect(fixture->runtime, fixture_path(fixture, rows[i].name), NULL, NULL, &op,
					 fixture->err),
			CAPSULE_OK);
		assert_status(fixture, capsule_op_wait(op, fixture->err), rows[i].status);
		assert_string_equal(capsule_op_result(op, NULL), "");
		capsule_op_free(op);
	}
}

static void the_version_and_what_it_is_built_from_are_told(void **state)
{
	const char *version = capsule_version();

	(void)state;
	assert_int_equal(strspn(version, "0123456789."), strlen(version));
	assert_non_null(strchr(strchr(version, '.') + 1, '.'));
	assert_non_null(strstr(capsule_build_info(), "Wasmtime"));
	assert_null(strchr(capsule_build_info(), '\n'));
}

static void ids_are_checked_as_manifests_are(void **state)
{
	(void)state;
	assert_true(capsule_id_valid("a-1"));
	assert_false(capsule_id_valid(NULL));
	assert_false(capsule_id_valid(""));
	assert_false(capsule_id_valid("a_b"));
}

/* That the text of `report` has `part` in it. */
static void assert_told(struct capsule_report *report, const char *part)
{
	const char *text = capsule_report_text(report, false);

	if (strstr(text, part) == NULL)
		fail_msg("`%s` is not in: %s", part, text);
}

#define SERVER_HEAD                                                                                                    \
	"[package]\nname = \"mine\"\nversion = \"1.0.0\"\n"                                                            \
	"[capabilities]\nhost_process = [\"./server\", \"no-such-tool\"]\n"                                            \
	"[[mcp_server]]\nid = \"m\"\ntype = \"stdio\"\ncommand = \"./server\"\n"
#define OTHER "0123456789012345678901234567890123456789012345678901234567890123"

static void servers_are_checked_against_their_files(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_report *report;

	(void)fixture_capsule(fixture, "mine", "");
	fixture_write(fixture, "mine/server", "#!/bin/sh\n");
	fixture_write(fixture, "mine/data.txt", "x");
	fixture_write(fixture, "mine/Capsule.toml",
		SERVER_HEAD "hash = \"blake3:" OTHER "\"\nintegrity = [\"data.txt=sha256:" OTHER "\"]\n"
			    "args = [\"data.txt\", \"./gone\", \"plain\", \"./data.txt\", \"/etc/hostname\"]\n"
			    "[[mcp_server]]\nid = \"n\"\ntype = \"stdio\"\ncommand = \"no-such-tool\"\n");
	report = check(fixture, "mine");
	assert_int_equal(capsule_report_errors(report), 1);
	assert_int_equal(capsule_report_warnings(report), 4);
	assert_told(report, "can't be started here: Cannot resolve binary './server': it can't be executed");
	assert_told(report, "can't be started here: Cannot resolve binary 'no-such-tool'");
	assert_told(report, "write `./data.txt` if the file is meant");
	assert_told(report, "the argument `./gone` of the MCP server `m` names nothing");
	assert_told(
		report, "integrity: `data.txt` is not what the manifest says: expected sha256:" OTHER ", got sha256:");
	capsule_report_free(report);
	assert_int_equal(chmod(fixture_path(fixture, "mine/server"), 0700), 0);
	report = check(fixture, "mine");
	assert_int_equal(capsule_report_errors(report), 2);
	assert_told(report, "Binary hash mismatch for ./server: expected blake3:" OTHER ", got blake3:");
	capsule_report_free(report);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_good_capsule_has_an_empty_report),
		TEST(a_report_names_place_reason_and_fix),
		TEST(files_that_are_missing_or_outside_are_errors),
		TEST(the_module_must_have_the_hash_that_is_given),
		TEST(what_no_other_one_provides_is_a_warning),
		TEST(beside_a_broken_manifest_nothing_counts_as_missing),
		TEST(nothing_to_check_is_refused),
		TEST(a_capsule_is_described_with_what_its_manifest_grants),
		TEST(a_module_file_is_described_without_a_capsule),
		TEST(what_can_not_be_described_is_told),
		cmocka_unit_test(ids_are_checked_as_manifests_are),
		cmocka_unit_test(the_version_and_what_it_is_built_from_are_told),
		TEST(servers_are_checked_against_their_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
