/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The fixture of the host's tests; see host_fixture.h. */
#include "host/host_fixture.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TURN_MS 100
#define TURNS 200

static void take_record(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len)
{
	struct fixture *fixture = user;
	struct log_record *record = &fixture->records[fixture->record_count];

	if (fixture->record_count == FIXTURE_RECORDS)
		return;
	record->level = level;
	(void)snprintf(record->capsule, sizeof record->capsule, "%s", capsule);
	record->message = text_copy(span_of(message, len));
	record->len = len;
	fixture->record_count++;
}

static enum capsule_status lend_kv(void *user, struct kv_scope **scope, struct capsule_error *err)
{
	struct fixture *fixture = user;

	if (fixture->kv_error.status != CAPSULE_OK)
		return error_copy(err, &fixture->kv_error);
	*scope = fixture->scope;
	return CAPSULE_OK;
}

static void note_ready(struct host *host)
{
	struct fixture *fixture = LIST_ENTRY(host, struct fixture, host);

	fixture->ready_count++;
}

static enum capsule_status lend_files(void *user, enum host_tree tree, struct vfs **vfs, struct capsule_error *err)
{
	struct fixture *fixture = user;

	*vfs = fixture->trees[tree];
	return *vfs != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOTFOUND, "there is no such tree");
}

static void note_refused(void *user, const struct origin *origin, const struct gate_question *question,
	const struct gate_decision *decision)
{
	struct fixture *fixture = user;

	(void)origin;
	fixture->refused++;
	fixture->refused_operation = question->operation;
	fixture->refused_reason = decision->reason;
	(void)snprintf(fixture->refused_operand, sizeof fixture->refused_operand, "%.*s", SPAN_ARG(question->operand));
}

static bool lend_capable(void *user, const struct uuid *session, struct span capability)
{
	const struct fixture *fixture = user;

	return memcmp(session, &fixture->capable, sizeof *session) == 0 &&
		span_is(capability, "allow_prompt_injection");
}

static enum capsule_status lend_uplink(void *user, struct span name, struct span platform, enum uplink_profile profile,
	struct uuid *id, struct capsule_error *err)
{
	struct fixture *fixture = user;

	if (span_is(name, "twice"))
		return error_set(err, CAPSULE_EINVAL, "duplicate uplink");
	(void)snprintf(fixture->uplink_name, sizeof fixture->uplink_name, "%.*s", SPAN_ARG(name));
	(void)snprintf(fixture->uplink_platform, sizeof fixture->uplink_platform, "%.*s", SPAN_ARG(platform));
	fixture->uplink_profile = profile;
	*id = fixture->uplink;
	return CAPSULE_OK;
}

static void note_resume(struct host_call *call)
{
	struct fixture *fixture = call->user;

	fixture->resumed++;
}

static void open_store(struct fixture *fixture, const char *capsule)
{
	enum capsule_status status;

	if (fixture->path != NULL)
		status = kv_open_sqlite(&fixture->store, fixture->loop, fixture->path, &fixture->err);
	else
		status = kv_open_memory(&fixture->store, fixture->loop, &fixture->err);
	if (status != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	status = kv_scope_new(&fixture->scope, fixture->store, "default", capsule, &fixture->err);
	if (status != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
}

static void close_store(struct fixture *fixture)
{
	kv_scope_free(fixture->scope);
	kv_close(fixture->store);
	fixture->scope = NULL;
	fixture->store = NULL;
	fixture->host.kv = NULL;
}

void fixture_reopen(struct fixture *fixture, const char *capsule)
{
	close_store(fixture);
	open_store(fixture, capsule);
}

static void make_gate(struct fixture *fixture)
{
	struct gate_roots roots = { 0 };

	if (fixture->files == NULL && fixture->events == NULL)
		return;
	if (fixture->files != NULL)
		roots = (struct gate_roots){ .workspace = fixture_file(fixture, "workspace"),
			.global = fixture_file(fixture, "shared"),
			.forbidden = fixture_file(fixture, "workspace/home") };
	if (gate_new_manifest(&fixture->gate, fixture->manifest, &roots, GATE_FOR_COMPONENT, &fixture->err) !=
		CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	fixture->host.gate = fixture->gate;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
	(void)info;
	(void)kind;
	(void)at;
	return remove(path);
}

static void close_files(struct fixture *fixture)
{
	for (size_t i = 0; i < sizeof fixture->trees / sizeof fixture->trees[0]; i++)
		vfs_close(fixture->trees[i]);
	gate_free(fixture->gate);
	if (fixture->files != NULL)
		assert_int_equal(nftw(fixture->files, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(fixture->files);
}

static char *new_database_path(void)
{
	char folder[] = "/tmp/capsule-host-XXXXXX";
	char *path = NULL;

	assert_non_null(mkdtemp(folder));
	assert_true(asprintf(&path, "%s/capsule.db", folder) > 0);
	return path;
}

/* Remove the folder that holds `path` and the files in it. */
static void remove_database(char *path)
{
	DIR *folder;
	struct dirent *entry;

	*strrchr(path, '/') = '\0';
	folder = opendir(path);
	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL)
		(void)unlinkat(dirfd(folder), entry->d_name, 0);
	(void)closedir(folder);
	assert_int_equal(rmdir(path), 0);
}

struct fixture *fixture_new(bool on_disk)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	clock_manual_init(&fixture->clock, INT64_C(1700000000123) * NS_PER_MS);
	assert_int_equal(loop_new(&fixture->loop, &fixture->clock.clock, &fixture->err), CAPSULE_OK);
	if (on_disk)
		fixture->path = new_database_path();
	open_store(fixture, FIXTURE_CAPSULE);
	fixture->log = (struct log_sink){ .write = take_record, .user = fixture };
	fixture->host = (struct host){
		.capsule_id = FIXTURE_CAPSULE,
		.services = { .user = fixture,
			.kv = lend_kv,
			.refused = note_refused,
			.uplink = lend_uplink,
			.capable = lend_capable },
		.ready = note_ready,
		.loop = fixture->loop,
		.log = &fixture->log,
	};
	host_call_init(&fixture->call, &fixture->host, note_resume, fixture);
	return fixture;
}

void fixture_free(struct fixture *fixture)
{
	host_call_fini(&fixture->call);
	close_store(fixture);
	close_files(fixture);
	loop_free(fixture->loop);
	manifest_drop(&fixture->manifest);
	map_fini(&fixture->host.config);
	for (size_t i = 0; i < fixture->record_count; i++)
		free(fixture->records[i].message);
	if (fixture->path != NULL)
		remove_database(fixture->path);
	free(fixture->path);
	free(fixture);
}

void fixture_grant(struct fixture *fixture, const char *lines)
{
	struct diagnostics diagnostics = { 0 };
	HOLD(free_drop) char *text = NULL;
	enum capsule_status status;

	assert_true(asprintf(&text, "[package]\nname = \"%s\"\nversion = \"1.0.0\"\n[capabilities]\n%s\n",
			    FIXTURE_CAPSULE, lines) > 0);
	gate_free(fixture->gate);
	fixture->host.gate = fixture->gate = NULL;
	manifest_drop(&fixture->manifest);
	fixture->manifest = NULL;
	status = manifest_parse(&fixture->manifest, span_text(text), "Capsule.toml", &diagnostics, &fixture->err);
	diagnostics_fini(&diagnostics);
	if (status != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	fixture->host.manifest = fixture->manifest;
	make_gate(fixture);
}

const char *fixture_file(const struct fixture *fixture, const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof paths[0], "%s/%s", fixture->files, name);
	return path;
}

void fixture_put(const struct fixture *fixture, const char *name, const char *text)
{
	const char *path = fixture_file(fixture, name);
	FILE *file;

	for (char *slash = strchr(path + strlen(fixture->files) + 1, '/'); slash != NULL;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash = '/';
	}
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

void fixture_open_files(struct fixture *fixture, bool overlay)
{
	char folder[] = "/tmp/capsule-host-XXXXXX";
	struct vfs **trees = fixture->trees;
	enum capsule_status status;

	assert_non_null(mkdtemp(folder));
	fixture->files = realpath(folder, NULL);
	assert_non_null(fixture->files);
	assert_int_equal(mkdir(fixture_file(fixture, "workspace"), 0700), 0);
	assert_int_equal(mkdir(fixture_file(fixture, "shared"), 0700), 0);
	if (overlay)
		status = vfs_open_overlay(&trees[HOST_WORKSPACE], fixture->loop, fixture_file(fixture, "workspace"),
			fixture_file(fixture, "overlay"), NULL, &fixture->err);
	else
		status = vfs_open_direct(
			&trees[HOST_WORKSPACE], fixture->loop, fixture_file(fixture, "workspace"), true, &fixture->err);
	if (status == CAPSULE_OK)
		status = vfs_open_direct(
			&trees[HOST_GLOBAL], fixture->loop, fixture_file(fixture, "shared"), false, &fixture->err);
	if (status != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	fixture->host.services.files = lend_files;
}

enum host_answer fixture_begin(struct fixture *fixture, const char *name, size_t count, const struct span *args)
{
	const struct host_function *row = host_function_find(span_text(name));

	assert_non_null(row);
	assert_int_equal(row->arg_count, count);
	error_clear(&fixture->err);
	fixture->resumed = 0;
	for (uint32_t i = 0; i < row->arg_count; i++) {
		if (host_arg_check(row, i, args[i].len, &fixture->err) != CAPSULE_OK)
			return HOST_FAILED;
		fixture->call.args[i] = args[i];
	}
	return host_call_begin(&fixture->call, row, &fixture->err);
}

void fixture_await(struct fixture *fixture)
{
	for (int i = 0; i < TURNS && fixture->resumed == 0; i++)
		(void)loop_turn(fixture->loop, TURN_MS);
	assert_int_equal(fixture->resumed, 1);
}

enum capsule_status fixture_call(struct fixture *fixture, const char *name, size_t count, const struct span *args)
{
	switch (fixture_begin(fixture, name, count, args)) {
	case HOST_READY:
		return CAPSULE_OK;
	case HOST_WAITING:
		fixture_await(fixture);
		return host_call_finish(&fixture->call, &fixture->err);
	case HOST_FAILED:
		break;
	}
	assert_int_not_equal(fixture->err.status, CAPSULE_OK);
	return fixture->err.status;
}

void assert_result(const struct fixture *fixture, const char *text)
{
	struct span result = fixture->call.result;

	if (!span_is(result, text))
		fail_msg("result \"%.*s\" instead of \"%s\"", SPAN_ARG(result), text);
}

void assert_error_says(const struct fixture *fixture, const char *text)
{
	if (strstr(fixture->err.text, text) == NULL)
		fail_msg("error \"%s\" does not say \"%s\"", fixture->err.text, text);
}
