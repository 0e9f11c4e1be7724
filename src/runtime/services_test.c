/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a capsule is lent: files behind the gate, overlays, the embedder's gate and audit, uplinks, what others may do. */
#include "runtime/internal.h"
#include "runtime/runtime_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TURNS_MAX 100000

/* Each export takes a path, or a request, as its input. `write` writes the path into the file, `late` does and then fails. */
static const char guest[] =
	"(module\n"
	"(import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))\n"
	"(import \"extism:host/env\" \"length\" (func $size (param i64) (result i64)))\n"
	"(import \"extism:host/env\" \"store_u8\" (func $store_u8 (param i64 i32)))\n"
	"(import \"extism:host/env\" \"input_length\" (func $input_length (result i64)))\n"
	"(import \"extism:host/env\" \"input_load_u8\" (func $input_load_u8 (param i64) (result i32)))\n"
	"(import \"extism:host/env\" \"output_set\" (func $output_set (param i64 i64)))\n"
	"(import \"extism:host/user\" \"astrid_read_file\" (func $read (param i64) (result i64)))\n"
	"(import \"extism:host/user\" \"astrid_write_file\" (func $write (param i64 i64)))\n"
	"(import \"extism:host/user\" \"astrid_uplink_register\" (func $uplink (param i64 i64 i64) (result i64)))\n"
	"(import \"extism:host/user\" \"astrid_check_capsule_capability\" (func $capable (param i64) (result i64)))\n"
	"(memory (export \"memory\") 1)\n"
	"(func $input (result i64)\n"
	"(local $h i64) (local $len i64) (local $i i64)\n"
	"(local.set $len (call $input_length))\n"
	"(local.set $h (call $alloc (local.get $len)))\n"
	"(block $done (loop $next\n"
	"(br_if $done (i64.ge_u (local.get $i) (local.get $len)))\n"
	"(call $store_u8 (i64.add (local.get $h) (local.get $i)) (call $input_load_u8 (local.get $i)))\n"
	"(local.set $i (i64.add (local.get $i) (i64.const 1)))\n"
	"(br $next)))\n"
	"(local.get $h))\n"
	"(func $give (param $h i64) (call $output_set (local.get $h) (call $size (local.get $h))))\n"
	"(func (export \"read\") (call $give (call $read (call $input))))\n"
	"(func $put (export \"write\") (call $write (call $input) (call $input)))\n"
	"(func (export \"late\") (call $put) (unreachable))\n"
	"(func (export \"capable\") (call $give (call $capable (call $input))))\n"
	"(func (export \"uplink\") (local $text i64)\n"
	"(local.set $text (call $alloc (i64.const 4)))\n"
	"(call $store_u8 (local.get $text) (i32.const 99))\n"
	"(call $store_u8 (i64.add (local.get $text) (i64.const 1)) (i32.const 104))\n"
	"(call $store_u8 (i64.add (local.get $text) (i64.const 2)) (i32.const 97))\n"
	"(call $store_u8 (i64.add (local.get $text) (i64.const 3)) (i32.const 116))\n"
	"(call $give (call $uplink (call $input) (local.get $text) (local.get $text)))))\n";

static const char all_files[] = "[capabilities]\nfs_read = [\"*\"]\nfs_write = [\"*\"]\n";

/* The last record of the audit, and what the embedder's gate was asked. */
struct witness {
	struct capsule_runtime *runtime; /* to be called from inside */
	int audits, questions, warnings;
	enum capsule_log_level level; /* of the last record */
	char capsule[64], principal[64], operation[32], operand[512], reason[512], key[32];
	char asked[512], warned[512];
	const char *shut; /* end of operands that the gate denies, NULL: it allows everything */
	enum capsule_status inside;
};

static void try_inside(struct witness *witness)
{
	struct capsule_error err;

	witness->inside = witness->runtime == NULL
		? CAPSULE_ESTATE
		: capsule_runtime_set_overlay(witness->runtime, "x", CAPSULE_OVERLAY_OFF, &err);
}

static void audit(void *user, const struct capsule_audit_record *record)
{
	struct witness *witness = user;

	witness->audits++;
	(void)snprintf(witness->capsule, sizeof witness->capsule, "%s", record->capsule);
	(void)snprintf(witness->principal, sizeof witness->principal, "%s", record->principal);
	(void)snprintf(witness->operation, sizeof witness->operation, "%s", record->operation);
	(void)snprintf(witness->operand, sizeof witness->operand, "%s", record->operand);
	(void)snprintf(witness->reason, sizeof witness->reason, "%s", record->reason);
	(void)snprintf(witness->key, sizeof witness->key, "%s", record->key);
	try_inside(witness);
}

static bool embedder(void *user, const char *capsule, const char *operation, const char *operand, size_t len)
{
	struct witness *witness = user;
	size_t end = witness->shut == NULL ? 0 : strlen(witness->shut);

	witness->questions++;
	(void)snprintf(witness->asked, sizeof witness->asked, "%s %s %.*s", capsule, operation, (int)len, operand);
	try_inside(witness);
	return witness->shut == NULL || len < end || memcmp(operand + len - end, witness->shut, end) != 0;
}

static void note_log(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len)
{
	struct witness *witness = user;

	if (level < CAPSULE_LOG_WARN && strncmp(message, "refused: ", 9) != 0)
		return;
	witness->level = level;
	witness->warnings++;
	(void)snprintf(
		witness->warned, sizeof witness->warned, "%s: %.*s", capsule == NULL ? "" : capsule, (int)len, message);
}

static void restart(struct fixture *fixture, struct witness *witness, struct capsule_runtime_options options)
{
	const char *workspace = fixture_path(fixture, "workspace");

	(void)mkdir(workspace, 0700);
	options.workspace = workspace;
	options.log = note_log;
	options.log_user = witness;
	if (options.audit_user == NULL) {
		options.audit = audit;
		options.audit_user = witness;
	}
	if (!options.memory_store)
		options.home = fixture_path(fixture, "home");
	options.cache_dir = "";
	fixture_restart(fixture, options);
}

static struct capsule *load(struct fixture *fixture, const char *name, const char *more)
{
	char path[512];

	(void)snprintf(path, sizeof path, "%s", fixture_path(fixture, name));
	if (access(path, F_OK) != 0)
		fixture_capsule_of(fixture, name, more, guest);
	return fixture_load(fixture, path);
}

static enum capsule_status call(struct fixture *fixture, struct capsule *capsule, const char *name, const char *input)
{
	struct capsule_op *op = NULL;
	enum capsule_status status;

	assert_status(fixture, capsule_call_export(capsule, name, input, strlen(input), NULL, NULL, &op, fixture->err),
		CAPSULE_OK);
	status = capsule_op_wait(op, fixture->err);
	capsule_op_free(op);
	return status;
}

static void expect(
	struct fixture *fixture, struct capsule *capsule, const char *name, const char *input, const char *answer)
{
	struct capsule_op *op = NULL;

	assert_status(fixture, capsule_call_export(capsule, name, input, strlen(input), NULL, NULL, &op, fixture->err),
		CAPSULE_OK);
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_OK);
	assert_string_equal(capsule_op_result(op, NULL), answer);
	capsule_op_free(op);
}

static bool is_there(const struct fixture *fixture, const char *name)
{
	return access(fixture_path(fixture, name), F_OK) == 0;
}

/* The embedder. */

static void the_embedder_can_take_away(void **state)
{
	struct fixture *fixture = *state;
	struct witness witness = { .shut = "/shut" };
	struct capsule *capsule;

	restart(fixture, &witness,
		(struct capsule_runtime_options){ .memory_store = true, .gate = embedder, .gate_user = &witness });
	witness.runtime = fixture->runtime;
	fixture_write(fixture, "workspace/open", "1");
	fixture_write(fixture, "workspace/shut", "1");
	capsule = load(fixture, "narrow", all_files);
	expect(fixture, capsule, "read", "open", "1");
	assert_non_null(strstr(witness.asked, "narrow read /"));
	assert_non_null(strstr(witness.asked, "/workspace/open"));
	assert_int_equal(witness.inside, CAPSULE_ESTATE);
	assert_int_equal(witness.audits, 0);
	fixture_expect_traps();
	assert_status(fixture, call(fixture, capsule, "read", "shut"), CAPSULE_EDENIED);
	assert_says(fixture, "security denied read_file: ");
	assert_status(fixture, call(fixture, capsule, "write", "shut"), CAPSULE_EDENIED);
	assert_int_equal(witness.audits, 2);
	assert_string_equal(witness.operation, "write");
}

static void the_embedder_can_not_add(void **state)
{
	struct fixture *fixture = *state;
	struct witness witness = { 0 };
	struct capsule *capsule;

	restart(fixture, &witness,
		(struct capsule_runtime_options){ .memory_store = true, .gate = embedder, .gate_user = &witness });
	fixture_write(fixture, "workspace/open", "1");
	capsule = load(fixture, "same", "[capabilities]\nfs_read = [\"workspace://in\"]\n");
	fixture_expect_traps();
	assert_status(fixture, call(fixture, capsule, "read", "open"), CAPSULE_EDENIED);
	assert_says(fixture, "not declared in manifest");
	assert_int_equal(witness.questions, 0);
}

static void a_refusal_is_audited_in_exact_words(void **state)
{
	struct fixture *fixture = *state;
	struct witness witness = { 0 };
	struct capsule *capsule;
	char operand[512];

	restart(fixture, &witness, (struct capsule_runtime_options){ .memory_store = true, .principal = "somebody" });
	witness.runtime = fixture->runtime;
	capsule = load(fixture, "audited", "[capabilities]\nfs_read = [\"workspace://in\"]\n");
	fixture_expect_traps();
	assert_status(fixture, call(fixture, capsule, "read", "out/../secret"), CAPSULE_EDENIED);
	assert_int_equal(witness.audits, 1);
	assert_int_equal(witness.warnings, 1);
	assert_string_equal(witness.capsule, "audited");
	assert_string_equal(witness.principal, "somebody");
	assert_string_equal(witness.operation, "read");
	(void)snprintf(operand, sizeof operand, "%s", fixture_path(fixture, "workspace/secret"));
	assert_string_equal(witness.operand, operand);
	assert_string_equal(witness.key, "fs_read");
	assert_non_null(strstr(witness.reason, "denied: "));
	assert_non_null(strstr(witness.warned, "audited: refused: read `"));
	assert_non_null(strstr(witness.warned, witness.reason));
	assert_int_equal(witness.inside, CAPSULE_ESTATE);
	assert_int_equal(witness.level, CAPSULE_LOG_INFO);
	assert_status(fixture, call(fixture, capsule, "write", "in/a"), CAPSULE_EDENIED);
	assert_string_equal(witness.operation, "write");
	assert_string_equal(witness.operand, "in/a");
	assert_string_equal(witness.key, "fs_write");
}

static void without_an_audit_refusals_are_warnings(void **state)
{
	struct fixture *fixture = *state;
	struct witness witness = { 0 };
	struct capsule *capsule;

	restart(fixture, &witness, (struct capsule_runtime_options){ .memory_store = true, .audit_user = &witness });
	capsule = load(fixture, "logged", all_files);
	fixture_expect_traps();
	assert_status(fixture, call(fixture, capsule, "read", "global://a"), CAPSULE_ENOTFOUND);
	assert_int_equal(witness.warnings, 0);
	fixture_unload(fixture, capsule);
	capsule = load(fixture, "denied", "");
	assert_status(fixture, call(fixture, capsule, "read", "a"), CAPSULE_EDENIED);
	assert_int_equal(witness.warnings, 1);
	assert_int_equal(witness.level, CAPSULE_LOG_WARN);
	assert_int_equal(witness.audits, 0);
}

/* Overlays. */

static void writes_are_kept_committed_or_made_at_once(void **state)
{
	static const struct {
		const char *name;
		enum capsule_overlay_mode mode;
		bool on_disk, stays;
	} rows[] = {
		{ "manual", CAPSULE_OVERLAY_MANUAL, false, true },
		{ "auto", CAPSULE_OVERLAY_AUTO, true, false },
		{ "off", CAPSULE_OVERLAY_OFF, true, false },
	};
	struct fixture *fixture = *state;
	struct witness witness = { 0 };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct capsule *capsule;
		char file[64];

		restart(fixture, &witness, (struct capsule_runtime_options){ .overlay = rows[i].mode });
		capsule = load(fixture, rows[i].name, all_files);
		(void)snprintf(file, sizeof file, "workspace/%s-file", rows[i].name);
		expect(fixture, capsule, "write", file + sizeof "workspace", "");
		assert_int_equal(is_there(fixture, file), rows[i].on_disk);
		expect(fixture, capsule, "read", file + sizeof "workspace", file + sizeof "workspace");
		fixture_unload(fixture, capsule);
		assert_int_equal(is_there(fixture, file), rows[i].on_disk);
	}
	assert_int_equal(witness.warnings, 0);
}

static void after_a_call_that_fails_nothing_is_committed(void **state)
{
	struct fixture *fixture = *state;
	struct witness witness = { 0 };
	struct capsule *capsule;

	restart(fixture, &witness, (struct capsule_runtime_options){ .overlay = CAPSULE_OVERLAY_AUTO });
	capsule = load(fixture, "failing", all_files);
	fixture_expect_traps();
	assert_status(fixture, call(fixture, capsule, "late", "a"), CAPSULE_ETRAP);
	assert_false(is_there(fixture, "workspace/a"));
	expect(fixture, capsule, "write", "b", "");
	assert_true(is_there(fixture, "workspace/a"));
	assert_true(is_there(fixture, "workspace/b"));
}

static void a_capsule_can_be_treated_otherwise(void **state)
{
	struct fixture *fixture = *state;
	struct witness witness = { 0 };
	struct capsule *one, *two;

	restart(fixture, &witness, (struct capsule_runtime_options){ .overlay = CAPSULE_OVERLAY_MANUAL });
	assert_status(fixture, capsule_runtime_set_overlay(fixture->runtime, "two", CAPSULE_OVERLAY_AUTO, fixture->err),
		CAPSULE_OK);
	assert_status(fixture, capsule_runtime_set_overlay(fixture->runtime, "two", CAPSULE_OVERLAY_OFF, fixture->err),
		CAPSULE_OK);
	one = load(fixture, "one", all_files);
	two = load(fixture, "two", all_files);
	expect(fixture, one, "write", "of-one", "");
	expect(fixture, two, "write", "of-two", "");
	assert_false(is_there(fixture, "workspace/of-one"));
	assert_true(is_there(fixture, "workspace/of-two"));
	assert_status(fixture, capsule_runtime_set_overlay(fixture->runtime, NULL, CAPSULE_OVERLAY_OFF, fixture->err),
		CAPSULE_EINVAL);
	assert_status(fixture,
		capsule_runtime_set_overlay(fixture->runtime, "No Id", CAPSULE_OVERLAY_OFF, fixture->err),
		CAPSULE_EINVAL);
	assert_status(fixture,
		capsule_runtime_set_overlay(fixture->runtime, "two", (enum capsule_overlay_mode)3, fixture->err),
		CAPSULE_EINVAL);
	assert_status(
		fixture, capsule_runtime_set_overlay(NULL, "two", CAPSULE_OVERLAY_OFF, fixture->err), CAPSULE_EINVAL);
}

static void what_starts_programs_writes_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct witness witness = { 0 };
	char more[256];
	struct capsule *capsule;

	restart(fixture, &witness, (struct capsule_runtime_options){ .overlay = CAPSULE_OVERLAY_MANUAL });
	(void)snprintf(more, sizeof more, "%shost_process = [\"true\"]\n", all_files);
	capsule = load(fixture, "starter", more);
	expect(fixture, capsule, "write", "a", "");
	assert_true(is_there(fixture, "workspace/a"));
	assert_int_equal(witness.warnings, 0);
	assert_status(fixture,
		capsule_runtime_set_overlay(fixture->runtime, "starter", CAPSULE_OVERLAY_AUTO, fixture->err),
		CAPSULE_OK);
	fixture_unload(fixture, capsule);
	(void)load(fixture, "starter", more);
	assert_int_equal(witness.warnings, 1);
	assert_non_null(strstr(witness.warned, "starter: it may start programs"));
}

/* As when a capsule is loaded anew while the old one still goes on. */
static void loads_of_one_capsule_share_its_overlay(void **state)
{
	struct fixture *fixture = *state;
	struct witness witness = { 0 };
	struct services second = { 0 };
	struct vfs *ours = NULL, *theirs = NULL;
	struct capsule *capsule;
	struct capsule_error err;

	restart(fixture, &witness, (struct capsule_runtime_options){ .overlay = CAPSULE_OVERLAY_MANUAL });
	capsule = load(fixture, "twice", all_files);
	expect(fixture, capsule, "write", "a", "");
	assert_int_equal(services_open(&second, fixture->runtime, "twice", capsule->manifest, &err), CAPSULE_OK);
	assert_int_equal(services_files(&capsule->services, HOST_WORKSPACE, &ours, &err), CAPSULE_OK);
	assert_int_equal(services_files(&second, HOST_WORKSPACE, &theirs, &err), CAPSULE_OK);
	assert_ptr_equal(ours, theirs);
	services_close(&second);
	expect(fixture, capsule, "write", "b", "");
	fixture_unload(fixture, capsule);
	capsule = load(fixture, "twice", all_files);
	expect(fixture, capsule, "read", "a", "a");
	expect(fixture, capsule, "read", "b", "b");
}

static size_t entries_of(const char *path)
{
	DIR *folder = opendir(path);
	size_t count = 0;

	assert_non_null(folder);
	while (readdir(folder) != NULL)
		count++;
	(void)closedir(folder);
	return count - 2; /* "." and ".." */
}

static void with_a_store_in_memory_the_overlay_goes_with_the_capsule(void **state)
{
	struct fixture *fixture = *state;
	struct witness witness = { 0 };
	struct capsule *capsule;
	char temporary[512];

	(void)snprintf(temporary, sizeof temporary, "%s", fixture_path(fixture, "temporary"));
	assert_int_equal(mkdir(temporary, 0700), 0);
	assert_int_equal(setenv("TMPDIR", temporary, 1), 0);
	restart(fixture, &witness, (struct capsule_runtime_options){ .memory_store = true });
	capsule = load(fixture, "passing", all_files);
	assert_int_equal(entries_of(temporary), 0);
	expect(fixture, capsule, "write", "d/a", "");
	expect(fixture, capsule, "read", "d/a", "d/a");
	assert_int_equal(entries_of(temporary), 1);
	fixture_unload(fixture, capsule);
	fixture_settle(fixture);
	assert_int_equal(entries_of(temporary), 0);
	assert_int_equal(unsetenv("TMPDIR"), 0);
}

static void without_a_workspace_files_fail_and_the_capsule_loads(void **state)
{
	struct fixture *fixture = *state;
	struct witness witness = { 0 };
	struct capsule *capsule;

	restart(fixture, &witness, (struct capsule_runtime_options){ .memory_store = true });
	assert_int_equal(rmdir(fixture_path(fixture, "workspace")), 0);
	capsule = load(fixture, "lost", all_files);
	fixture_expect_traps();
	assert_status(fixture, call(fixture, capsule, "read", "a"), CAPSULE_ENOTFOUND);
	assert_says(fixture, "read_file failed: there is no workspace: the folder ");
	assert_status(fixture, call(fixture, capsule, "read", "global://a"), CAPSULE_ENOTFOUND);
	assert_says(fixture, "global:// is not available");
}

/* A call that has ended but for its commit. */
static struct capsule_op *start_to_commit(struct fixture *fixture, struct capsule *capsule, struct outcome *outcome)
{
	struct capsule_op *op = NULL;
	const char *stage = NULL;

	*outcome = (struct outcome){ 0 };
	assert_status(fixture, capsule_call_export(capsule, "write", "a", 1, fixture_note, outcome, &op, fixture->err),
		CAPSULE_OK);
	for (int i = 0; i < TURNS_MAX && (stage == NULL || strcmp(stage, "committing") != 0); i++) {
		assert_false(capsule_op_done(op));
		(void)capsule_runtime_turn(fixture->runtime, 0);
		stage = capsule_op_stage(op);
	}
	return op;
}

static void a_call_may_be_given_up_while_it_commits(void **state)
{
	struct fixture *fixture = *state;
	struct witness witness = { 0 };
	struct outcome outcome;
	struct capsule *capsule;
	struct capsule_op *op;

	restart(fixture, &witness, (struct capsule_runtime_options){ .overlay = CAPSULE_OVERLAY_AUTO });
	capsule = load(fixture, "hasty", all_files);
	capsule_op_free(start_to_commit(fixture, capsule, &outcome));
	assert_int_equal(outcome.done, 0);
	op = start_to_commit(fixture, capsule, &outcome);
	capsule_op_cancel(op);
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_ECANCELLED);
	capsule_op_free(op);
	expect(fixture, capsule, "write", "b", "");
	assert_true(is_there(fixture, "workspace/a"));
	assert_true(is_there(fixture, "workspace/b"));
	op = start_to_commit(fixture, capsule, &outcome);
	fixture_unload(fixture, capsule);
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_OK);
	capsule_op_free(op);
	assert_int_equal(outcome.done, 1);
	(void)start_to_commit(fixture, load(fixture, "hasty", all_files), &outcome); /* and the runtime ends */
}

/* Options. */

static void options_that_make_no_sense_are_named(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_runtime *runtime = NULL;
	struct capsule_runtime_options options = { .size = sizeof options, .memory_store = true, .workspace = "here" };

	assert_status(fixture, capsule_runtime_new(&runtime, &options, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "workspace is `here`, expected an absolute path");
	options.workspace = NULL;
	options.overlay = (enum capsule_overlay_mode)7;
	assert_status(fixture, capsule_runtime_new(&runtime, &options, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "overlay is 7");
	options.overlay = CAPSULE_OVERLAY_OFF;
	options.unload_grace_ms = UINT64_MAX;
	assert_status(fixture, capsule_runtime_new(&runtime, &options, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "unload_grace_ms is ");
}

/* Uplinks and sessions. */

static size_t declare_uplinks(char *out, size_t size, int count)
{
	size_t len = 0;

	for (int i = 0; i < count; i++)
		len += (size_t)snprintf(out + len, size - len,
			"[[uplink]]\nname = \"n%d\"\nplatform = \"chat\"\nprofile = \"chat\"\n", i);
	return len;
}

static void the_33rd_uplink_of_a_capsule_is_refused(void **state) /* abi:133 rt:204 */
{
	struct fixture *fixture = *state;
	struct witness witness = { 0 };
	char more[4096] = "", name[16];
	struct capsule *capsule;

	restart(fixture, &witness, (struct capsule_runtime_options){ .memory_store = true });
	(void)declare_uplinks(more, sizeof more, LIMIT_UPLINKS);
	capsule = load(fixture, "linked", more);
	fixture_expect_traps();
	for (int i = 0; i < LIMIT_UPLINKS; i++) {
		(void)snprintf(name, sizeof name, "n%d", i);
		assert_status(fixture, call(fixture, capsule, "uplink", name), CAPSULE_OK);
		if (i == 0)
			assert_status(fixture, call(fixture, capsule, "uplink", name), CAPSULE_EINVAL);
	}
	assert_int_equal(registry_uplinks_of(&fixture->runtime->registry, capsule_id(capsule)), LIMIT_UPLINKS);
	assert_status(fixture, call(fixture, capsule, "uplink", "undeclared"), CAPSULE_EDENIED);
	assert_string_equal(witness.operation, "uplink");
	(void)declare_uplinks(more, sizeof more, LIMIT_UPLINKS + 1);
	fixture_capsule_of(fixture, "too-many", more, guest);
	assert_status(fixture, fixture_load_fails(fixture, fixture_path(fixture, "too-many")), CAPSULE_ELIMIT);
	assert_says(fixture, "limit reached");
}

static void ask(struct fixture *fixture, struct capsule *capsule, const struct uuid *session, const char *capability,
	const char *answer)
{
	char text[UUID_TEXT_LEN + 1], request[256];

	uuid_format(session, text);
	(void)snprintf(request, sizeof request, "{\"source_uuid\":\"%s\",\"capability\":\"%s\"}", text, capability);
	expect(fixture, capsule, "capable", request, answer);
}

static void a_capsule_can_ask_what_another_may(void **state) /* rt:208 abi:86 */
{
	static const char yes[] = "{\"allowed\":true}", no[] = "{\"allowed\":false}";
	static const char flag[] = "allow_prompt_injection";
	struct fixture *fixture = *state;
	struct witness witness = { 0 };
	struct capsule *asking, *able, *other;
	struct uuid session = { 0 };

	restart(fixture, &witness, (struct capsule_runtime_options){ .memory_store = true });
	asking = load(fixture, "asking", "");
	able = load(fixture, "able", "[capabilities]\nallow_prompt_injection = true\n");
	other = load(fixture, "other", "[capabilities]\nallow_prompt_injection = false\n");
	ask(fixture, asking, &session, flag, no);
	ask(fixture, asking, &able->services.session, flag, yes);
	ask(fixture, asking, &able->services.session, "fs_read", no);
	ask(fixture, asking, &other->services.session, flag, no);
	ask(fixture, asking, &asking->services.session, flag, no);
	expect(fixture, asking, "capable", "{\"source_uuid\":\"no uuid\",\"capability\":\"allow_prompt_injection\"}",
		no);
	session = able->services.session;
	fixture_unload(fixture, able);
	ask(fixture, asking, &session, flag, no);
	fixture_expect_traps();
	assert_status(fixture, call(fixture, asking, "capable", "no JSON"), CAPSULE_EINVAL);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
		CASE(the_embedder_can_take_away),
		CASE(the_embedder_can_not_add),
		CASE(a_refusal_is_audited_in_exact_words),
		CASE(without_an_audit_refusals_are_warnings),
		CASE(writes_are_kept_committed_or_made_at_once),
		CASE(after_a_call_that_fails_nothing_is_committed),
		CASE(a_capsule_can_be_treated_otherwise),
		CASE(what_starts_programs_writes_at_once),
		CASE(loads_of_one_capsule_share_its_overlay),
		CASE(with_a_store_in_memory_the_overlay_goes_with_the_capsule),
		CASE(without_a_workspace_files_fail_and_the_capsule_loads),
		CASE(a_call_may_be_given_up_while_it_commits),
		CASE(options_that_make_no_sense_are_named),
		CASE(the_33rd_uplink_of_a_capsule_is_refused),
		CASE(a_capsule_can_ask_what_another_may),
	};
#undef CASE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
