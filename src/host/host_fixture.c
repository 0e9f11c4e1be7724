/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The fixture of the host's tests; see host_fixture.h. */
#include "host/host_fixture.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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
		.services = { .user = fixture, .kv = lend_kv },
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
	manifest_drop(&fixture->manifest);
	fixture->manifest = NULL;
	status = manifest_parse(&fixture->manifest, span_text(text), "Capsule.toml", &diagnostics, &fixture->err);
	diagnostics_fini(&diagnostics);
	if (status != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	fixture->host.manifest = fixture->manifest;
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
