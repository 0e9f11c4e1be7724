/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is special about the store on disk: the file, its lock, damage, a full disk, the log. */
#include "store/kv_sqlite.h"
#include "store/kv_fixture.h"
#include "store/kv_internal.h"

#include <sys/stat.h>

static int set_up(void **state)
{
	fixture_new(state);
	fixture_open(*state, true);
	return 0;
}

static struct kv_sqlite *sqlite_of(const struct fixture *fixture)
{
	return fixture->store->state;
}

static void reopen(struct fixture *fixture)
{
	fixture_close(fixture);
	fixture_open(fixture, true);
}

/* Open the database again, which must fail. */
static void expect_refused(const struct fixture *fixture, enum capsule_status status, const char *text)
{
	struct capsule_error error = { .status = CAPSULE_OK };
	struct kv_store *store = NULL;

	assert_int_equal(kv_open_sqlite(&store, fixture->loop, fixture->path, &error), status);
	assert_null(store);
	assert_int_equal(error.status, status);
	assert_non_null(strstr(error.text, fixture->path));
	assert_non_null(strstr(error.text, text));
}

static char *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	char *bytes = malloc(4 * MIB);

	assert_non_null(file);
	assert_non_null(bytes);
	*size = fread(bytes, 1, 4 * MIB, file);
	(void)fclose(file);
	return bytes;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* Make or change a database with SQLite alone. What is in the log stays there, as after a crash. */
static void make_database(const char *path, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static mode_t mode_of(const struct fixture *fixture, const char *suffix)
{
	char path[128];
	struct stat info;

	(void)snprintf(path, sizeof path, "%s%s", fixture->path, suffix);
	return stat(path, &info) == 0 ? info.st_mode & 07777 : 0;
}

/* The file. */

/* hs:214 */
static void values_survive_closing_and_opening(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) uint8_t *bytes = bytes_new(LARGE, 1);
	struct kv_scope *other;

	set(fixture, "small", "v");
	assert_int_equal(set_in(fixture, fixture->scope, span_text("large"), span_of(bytes, LARGE)), CAPSULE_OK);
	reopen(fixture);
	expect(fixture, "small", "v");
	expect_in(fixture, fixture->scope, span_text("large"), span_of(bytes, LARGE));
	other = scope_new(fixture->store, "alice", "mail");
	expect_list(fixture, other, NOTHING, "[]");
	kv_scope_free(other);
}

static void the_files_are_for_their_owner_only_whatever_the_umask(void **state)
{
	struct fixture *fixture = *state;
	mode_t before = umask(0);

	fixture_close(fixture);
	assert_int_equal(unlink(fixture->path), 0);
	fixture_open(fixture, true);
	set(fixture, "k", "v");
	umask(before);
	assert_int_equal(mode_of(fixture, ""), 0600);
	assert_int_equal(mode_of(fixture, "-wal"), 0600);
	assert_int_equal(mode_of(fixture, "-shm"), 0); /* its contents are in memory */
}

static void rights_of_others_are_taken_away_from_an_old_file(void **state)
{
	struct fixture *fixture = *state;

	set(fixture, "k", "v");
	fixture_close(fixture);
	assert_int_equal(chmod(fixture->path, 0664), 0);
	fixture_open(fixture, true);
	assert_int_equal(mode_of(fixture, ""), 0600);
	expect(fixture, "k", "v");
}

static void closing_leaves_one_file(void **state)
{
	struct fixture *fixture = *state;

	set(fixture, "k", "v");
	assert_int_equal(mode_of(fixture, "-wal"), 0600);
	fixture_close(fixture);
	assert_int_equal(mode_of(fixture, "-wal"), 0);
	assert_int_equal(mode_of(fixture, "-journal"), 0);
}

static void an_empty_file_is_a_new_database(void **state)
{
	struct fixture *fixture = *state;

	fixture_close(fixture);
	write_file(fixture->path, "", 0);
	fixture_open(fixture, true);
	set(fixture, "k", "v");
	reopen(fixture);
	expect(fixture, "k", "v");
}

static void a_symbolic_link_is_refused_and_a_linked_folder_is_not(void **state)
{
	struct fixture *fixture = *state;
	char target[128], link[128];
	char path[sizeof fixture->path];

	fixture_close(fixture);
	(void)snprintf(target, sizeof target, "%s-target", fixture->path);
	assert_int_equal(rename(fixture->path, target), 0);
	assert_int_equal(symlink(target, fixture->path), 0);
	expect_refused(fixture, CAPSULE_ESTORE, "symbolic link");
	assert_int_equal(unlink(fixture->path), 0);
	assert_int_equal(symlink("capsule.db-nowhere", fixture->path), 0);
	expect_refused(fixture, CAPSULE_ESTORE, "symbolic link");
	assert_int_equal(unlink(fixture->path), 0);
	assert_int_equal(rename(target, fixture->path), 0);

	(void)snprintf(link, sizeof link, "%s-folder", fixture->path);
	assert_int_equal(symlink(fixture->folder, link), 0);
	memcpy(path, fixture->path, sizeof path);
	assert_true(snprintf(fixture->path, sizeof fixture->path, "%s/capsule.db", link) < (int)sizeof fixture->path);
	fixture_open(fixture, true);
	set(fixture, "k", "v");
	fixture_close(fixture);
	assert_int_equal(unlink(link), 0);
	memcpy(fixture->path, path, sizeof path);
	fixture_open(fixture, true);
	expect(fixture, "k", "v");
}

static void what_is_no_file_or_has_no_folder_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_error error = { .status = CAPSULE_OK };
	struct kv_store *store = NULL;

	assert_int_equal(kv_open_sqlite(&store, fixture->loop, "/nowhere/capsule.db", &error), CAPSULE_ENOTFOUND);
	assert_non_null(strstr(error.text, "/nowhere/capsule.db"));
	assert_int_equal(kv_open_sqlite(&store, fixture->loop, "/tmp/", &error), CAPSULE_EINVAL);
	assert_int_equal(kv_open_sqlite(&store, fixture->loop, "", &error), CAPSULE_EINVAL);
	assert_int_equal(kv_open_sqlite(&store, fixture->loop, "/", NULL), CAPSULE_EINVAL);
	fixture_close(fixture);
	assert_int_equal(unlink(fixture->path), 0);
	assert_int_equal(mkdir(fixture->path, 0700), 0);
	expect_refused(fixture, CAPSULE_ESTORE, "not a regular file");
	assert_int_equal(rmdir(fixture->path), 0);
}

/* Other files. */

static void expect_untouched(struct fixture *fixture, const char *text)
{
	size_t before_size, after_size;
	HOLD(free_drop) char *before = read_file(fixture->path, &before_size);

	expect_refused(fixture, CAPSULE_ESTORE, text);
	{
		HOLD(free_drop) char *after = read_file(fixture->path, &after_size);

		assert_int_equal(after_size, before_size);
		assert_memory_equal(after, before, before_size);
	}
	assert_int_equal(mode_of(fixture, "-journal"), 0);
}

static void what_is_no_database_is_refused_and_left_as_it_was(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) uint8_t *noise = bytes_new(8192, 1);

	fixture_close(fixture);
	write_file(fixture->path, noise, 8192);
	expect_untouched(fixture, "not a database");
}

static void a_database_of_another_program_is_refused_and_left_as_it_was(void **state)
{
	struct fixture *fixture = *state;

	fixture_close(fixture);
	assert_int_equal(unlink(fixture->path), 0);
	make_database(fixture->path, "CREATE TABLE kv(a, b); INSERT INTO kv VALUES(1, 2)");
	expect_untouched(fixture, "not a capsule database");
	make_database(fixture->path, "PRAGMA journal_mode=WAL; PRAGMA application_id=7; PRAGMA user_version=1");
	expect_untouched(fixture, "not a capsule database");
}

static void a_database_of_a_newer_release_is_refused_and_left_as_it_was(void **state)
{
	struct fixture *fixture = *state;

	set(fixture, "k", "v");
	fixture_close(fixture);
	make_database(fixture->path, "PRAGMA user_version=2");
	expect_untouched(fixture, "newer release (format 2, this one knows up to 1)");
}

static void a_database_without_its_tables_is_damaged(void **state)
{
	struct fixture *fixture = *state;

	fixture_close(fixture);
	make_database(fixture->path, "DROP TABLE kv");
	expect_refused(fixture, CAPSULE_ESTORE, "is damaged: no such table: kv");
}

/* Every page but the first is overwritten. */
static void a_damaged_file_gives_an_error_with_its_path_and_the_reason(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) char *bytes = NULL;
	size_t size;
	CALL(get, fixture, KV_GET, span_text("k7"), NOTHING);
	CALL(put, fixture, KV_SET, span_text("k7"), span_text("w"));
	CALL(list, fixture, KV_LIST, NOTHING, NOTHING);
	struct call *calls[] = { &get, &put, &list };

	for (int i = 0; i < 100; i++) {
		char key[16];

		(void)snprintf(key, sizeof key, "k%d", i);
		set(fixture, key, "some value that takes its place on the page");
	}
	fixture_close(fixture);
	bytes = read_file(fixture->path, &size);
	memset(bytes + KV_SQLITE_PAGE, 0x5a, size - KV_SQLITE_PAGE);
	write_file(fixture->path, bytes, size);
	fixture_open(fixture, true);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(call_run(calls[i], fixture, fixture->scope), CAPSULE_ESTORE);
		assert_non_null(strstr(calls[i]->request.op.error.text, fixture->path));
		assert_non_null(strstr(calls[i]->request.op.error.text, "damaged: database disk image is malformed"));
		assert_int_equal(calls[i]->request.op.result.len, 0);
	}
}

static void a_value_over_the_limit_that_somebody_smuggled_in_is_refused(void **state)
{
	struct fixture *fixture = *state;
	CALL(get, fixture, KV_GET, span_text("k"), NOTHING);

	set(fixture, "k", "v");
	set(fixture, "other", "v");
	fixture_close(fixture);
	make_database(fixture->path, "UPDATE kv SET value = zeroblob(20000000) WHERE key = x'6b'");
	fixture_open(fixture, true);
	assert_int_equal(call_run(&get, fixture, fixture->scope), CAPSULE_ESTORE);
	assert_non_null(strstr(get.request.op.error.text, "too big"));
	expect(fixture, "other", "v");
}

/* A full disk. */

static void limit_pages(const struct fixture *fixture, int more)
{
	char sql[64];
	sqlite3_stmt *query = NULL;
	int pages;

	assert_int_equal(sqlite3_prepare_v2(sqlite_of(fixture)->db, "PRAGMA page_count", -1, &query, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(query), SQLITE_ROW);
	pages = sqlite3_column_int(query, 0);
	sqlite3_finalize(query);
	(void)snprintf(sql, sizeof sql, "PRAGMA max_page_count=%d", pages + more);
	assert_int_equal(sqlite3_exec(sqlite_of(fixture)->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void a_full_disk_fails_the_write_and_nothing_else(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) uint8_t *bytes = bytes_new(LARGE, 1);
	struct span small = span_of(bytes, LIMIT_INLINE_WORK), large = span_of(bytes, LARGE);
	CALL(put_small, fixture, KV_SET, span_text("k"), small);
	CALL(put_large, fixture, KV_SET, span_text("k"), large);

	set(fixture, "k", "before");
	limit_pages(fixture, 8);
	assert_int_equal(call_run(&put_small, fixture, fixture->scope), CAPSULE_ESTORE);
	assert_non_null(strstr(put_small.request.op.error.text, "no space left"));
	assert_int_equal(call_run(&put_large, fixture, fixture->scope), CAPSULE_ESTORE);
	assert_non_null(strstr(put_large.request.op.error.text, fixture->path));
	expect(fixture, "k", "before");
	set(fixture, "k", "after");
	reopen(fixture);
	expect(fixture, "k", "after");
	assert_int_equal(call_run(&put_large, fixture, fixture->scope), CAPSULE_OK);
}

/* The log. */

static void the_log_is_copied_before_it_grows_without_end(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) uint8_t *bytes = bytes_new(32 * KIB, 1);
	struct stat info;
	char path[128];
	int waited = 0;

	for (int i = 0; i < 3 * KV_SQLITE_LOG_PAGES / (int)(32 * KIB / KV_SQLITE_PAGE); i++) {
		CALL(call, fixture, KV_SET, span_text("k"), span_of(bytes, 32 * KIB));
		enum kv_progress progress;

		for (size_t k = 0; k < 32 * KIB; k += 1024)
			bytes[k]++; /* pages that don't change are not written */
		progress = call_submit(&call, fixture->scope);

		if (progress == KV_WAITING)
			call_wait(&call, fixture);
		assert_int_equal(call.status, CAPSULE_OK);
		waited += progress == KV_WAITING;
	}
	assert_in_range(waited, 2, 4); /* small writes wait only when the log is copied */
	(void)snprintf(path, sizeof path, "%s-wal", fixture->path);
	assert_int_equal(stat(path, &info), 0);
	assert_in_range(info.st_size, 1, (KV_SQLITE_LOG_PAGES + 40) * (KV_SQLITE_PAGE + 24));
	expect_in(fixture, fixture->scope, span_text("k"), span_of(bytes, 32 * KIB));
}

/* The lock. */

static void a_second_runtime_of_this_process_is_refused(void **state)
{
	struct fixture *fixture = *state;

	expect_refused(fixture, CAPSULE_ELOCKED, "in use by another process");
	set(fixture, "k", "v"); /* and that did not loosen the first one's lock */
	expect_refused(fixture, CAPSULE_ELOCKED, "in use by another process");
}

static void a_reader_from_outside_keeps_the_store_closed(void **state)
{
	struct fixture *fixture = *state;
	sqlite3 *db = NULL;

	fixture_close(fixture);
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT * FROM kv", NULL, NULL, NULL), SQLITE_OK);
	expect_refused(fixture, CAPSULE_ELOCKED, "in use by another process");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	fixture_open(fixture, true);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, fixture_free)
	const struct CMUnitTest tests[] = {
		ROW(values_survive_closing_and_opening),
		ROW(the_files_are_for_their_owner_only_whatever_the_umask),
		ROW(rights_of_others_are_taken_away_from_an_old_file),
		ROW(closing_leaves_one_file),
		ROW(an_empty_file_is_a_new_database),
		ROW(a_symbolic_link_is_refused_and_a_linked_folder_is_not),
		ROW(what_is_no_file_or_has_no_folder_is_refused),
		ROW(what_is_no_database_is_refused_and_left_as_it_was),
		ROW(a_database_of_another_program_is_refused_and_left_as_it_was),
		ROW(a_database_of_a_newer_release_is_refused_and_left_as_it_was),
		ROW(a_database_without_its_tables_is_damaged),
		ROW(a_damaged_file_gives_an_error_with_its_path_and_the_reason),
		ROW(a_value_over_the_limit_that_somebody_smuggled_in_is_refused),
		ROW(a_full_disk_fails_the_write_and_nothing_else),
		ROW(the_log_is_copied_before_it_grows_without_end),
		ROW(a_second_runtime_of_this_process_is_refused),
		ROW(a_reader_from_outside_keeps_the_store_closed),
	};

	return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
