/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The public look at the folder of compiled code: what it says of sound, foreign and broken entries, and what it removes. The
 * entries come from runtimes that load a module. */
#include "runtime/runtime_fixture.h"

#include "base/json.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DAY 86400

/* A look into the folder `<folder>/cache`. */
struct look {
	struct capsule_cache *cache;
	yyjson_doc *doc;
	yyjson_val *entries;
};

static const char *folder_of(const struct fixture *fixture)
{
	return fixture_path(fixture, "cache");
}

/* A runtime that keeps its code there, and a module loaded by it; its kernel module is kept too. */
static void fill(struct fixture *fixture, bool no_signals)
{
	fixture_restart(fixture,
		(struct capsule_runtime_options){
			.memory_store = true, .cache_dir = folder_of(fixture), .no_signal_handlers = no_signals });
	fixture_unload(fixture, fixture_load_module(fixture));
}

static struct look look_into(struct fixture *fixture)
{
	struct look look = { 0 };

	assert_status(fixture, capsule_cache_open(&look.cache, folder_of(fixture), fixture->err), CAPSULE_OK);
	return look;
}

static void parse(struct look *look, const char *json)
{
	const struct json_limits limits = { .bytes_max = 1000000 };

	json_doc_drop(&look->doc);
	assert_int_equal(json_parse(&look->doc, span_text(json), &limits, "list", NULL), CAPSULE_OK);
	look->entries = yyjson_obj_get(yyjson_doc_get_root(look->doc), "entries");
	assert_true(yyjson_is_arr(look->entries));
}

static size_t list(struct fixture *fixture, struct look *look)
{
	const char *json = NULL;

	assert_status(fixture, capsule_cache_list(look->cache, &json, fixture->err), CAPSULE_OK);
	parse(look, json);
	return yyjson_arr_size(look->entries);
}

static size_t verify(struct fixture *fixture, struct look *look, bool remove)
{
	const char *json = NULL;

	assert_status(fixture, capsule_cache_verify(look->cache, remove, &json, fixture->err), CAPSULE_OK);
	parse(look, json);
	return yyjson_arr_size(look->entries);
}

static void look_fini(struct look *look)
{
	json_doc_drop(&look->doc);
	capsule_cache_close(look->cache);
}

static const char *text_at(yyjson_val *entry, const char *name)
{
	yyjson_val *value = yyjson_obj_get(entry, name);

	assert_true(yyjson_is_str(value));
	return yyjson_get_str(value);
}

static int64_t number_at(yyjson_val *entry, const char *name)
{
	yyjson_val *value = yyjson_obj_get(entry, name);

	assert_true(yyjson_is_int(value));
	return yyjson_get_sint(value);
}

static int count_state(const struct look *look, const char *state)
{
	int count = 0;
	size_t at, all;
	yyjson_val *entry;

	yyjson_arr_foreach(look->entries, at, all, entry) count += strcmp(text_at(entry, "state"), state) == 0;
	return count;
}

static yyjson_val *entry_named(const struct look *look, const char *name)
{
	size_t at, all;
	yyjson_val *entry;

	yyjson_arr_foreach(look->entries, at, all, entry)
	{
		if (yyjson_equals_str(yyjson_obj_get(entry, "name"), name))
			return entry;
	}
	fail_msg("no entry is of %s", name);
	return NULL;
}

/* The file of an entry. */
static const char *file_of(const struct fixture *fixture, yyjson_val *entry)
{
	char name[128];

	(void)snprintf(name, sizeof name, "cache/%s.code", text_at(entry, "key"));
	return fixture_path(fixture, name);
}

static int64_t size_of(const char *path)
{
	struct stat info;

	assert_int_equal(lstat(path, &info), 0);
	return info.st_size;
}

static bool exists(const char *path)
{
	struct stat info;

	return lstat(path, &info) == 0;
}

static void set_times(const char *path, int64_t read_s, int64_t written_s)
{
	const time_t now = time(NULL);
	const struct timespec times[2] = { { .tv_sec = now - read_s }, { .tv_sec = now - written_s } };

	assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

/* A file of the cache folder that no runtime wrote. */
static const char *leave(const struct fixture *fixture, const char *name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof path, "cache/%s", name);
	fixture_write(fixture, path, text);
	return fixture_path(fixture, path);
}

static void flip(const char *path, off_t at)
{
	uint8_t byte = 0;
	int fd;

	assert_int_equal(chmod(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	assert_int_equal(close(fd), 0);
}

/* ---- What is listed ---- */

static void a_folder_that_does_not_exist_is_an_empty_one(void **state)
{
	struct fixture *fixture = *state;
	struct look look = look_into(fixture);
	uint64_t entries = 7, bytes = 7;
	yyjson_val *root;

	assert_int_equal(list(fixture, &look), 0);
	root = yyjson_doc_get_root(look.doc);
	assert_string_equal(text_at(root, "dir"), folder_of(fixture));
	assert_int_equal(number_at(root, "bytes"), 0);
	assert_int_equal(verify(fixture, &look, true), 0);
	assert_status(fixture, capsule_cache_clear(look.cache, &entries, &bytes, fixture->err), CAPSULE_OK);
	assert_int_equal(entries + bytes, 0);
	assert_false(exists(folder_of(fixture)));
	look_fini(&look);
}

/* The hash of a module's file, as an inspection tells it. */
static void inspect_hash(struct fixture *fixture, const char *name, char hash[65])
{
	const char *path = fixture_path(fixture, name);
	struct capsule_op *op = NULL;
	const char *found;

	assert_status(fixture, capsule_inspect(fixture->runtime, path, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_OK);
	found = strstr(capsule_op_result(op, NULL), "\"blake3\":\"");
	assert_non_null(found);
	(void)snprintf(hash, 65, "%.64s", found + strlen("\"blake3\":\""));
	capsule_op_free(op);
}

static void an_entry_tells_what_it_was_made_of(void **state)
{
	struct fixture *fixture = *state;
	struct look look = look_into(fixture);
	yyjson_val *entry;
	char hash[65];

	fill(fixture, false);
	assert_int_equal(list(fixture, &look), 2);
	entry = entry_named(&look, "guest.wat");
	inspect_hash(fixture, "guest.wat", hash);
	assert_string_equal(text_at(entry, "module"), hash);
	assert_string_equal(text_at(entry, "state"), "ok");
	assert_int_equal(strlen(text_at(entry, "key")), 64);
	assert_int_equal(number_at(entry, "module_bytes"), strlen(fixture_guest));
	assert_in_range(number_at(entry, "created"), time(NULL) - 1000, time(NULL));
	assert_in_range(number_at(entry, "used"), time(NULL) - 1000, time(NULL));
	assert_int_equal(count_state(&look, "ok"), 2);
	look_fini(&look);
}

static void sizes_add_up(void **state)
{
	struct fixture *fixture = *state;
	struct look look = look_into(fixture);
	int64_t sum = 0;
	yyjson_val *entry;
	size_t at, all;

	fill(fixture, false);
	(void)leave(fixture, "notes", "not counted");
	(void)leave(fixture, ".draft-1", "not counted either");
	assert_int_equal(list(fixture, &look), 2);
	yyjson_arr_foreach(look.entries, at, all, entry)
	{
		assert_int_equal(number_at(entry, "bytes"), size_of(file_of(fixture, entry)));
		sum += number_at(entry, "bytes");
	}
	assert_int_equal(number_at(yyjson_doc_get_root(look.doc), "bytes"), sum);
	look_fini(&look);
}

static void what_was_used_last_comes_first(void **state)
{
	struct fixture *fixture = *state;
	struct look look = look_into(fixture);

	fill(fixture, false);
	(void)list(fixture, &look);
	set_times(file_of(fixture, entry_named(&look, "guest.wat")), 50, 5000);
	set_times(file_of(fixture, entry_named(&look, "(kernel)")), 100, 5000);
	(void)list(fixture, &look);
	assert_string_equal(text_at(yyjson_arr_get(look.entries, 0), "name"), "guest.wat");
	set_times(file_of(fixture, entry_named(&look, "guest.wat")), 200, 5000);
	(void)list(fixture, &look);
	assert_string_equal(text_at(yyjson_arr_get(look.entries, 0), "name"), "(kernel)");
	assert_in_range(number_at(yyjson_arr_get(look.entries, 1), "used"), time(NULL) - 260, time(NULL) - 200);
	look_fini(&look);
}

static void a_look_is_no_use(void **state)
{
	struct fixture *fixture = *state;
	struct look look = look_into(fixture);
	struct stat before, after;
	const char *path;

	fill(fixture, false);
	(void)list(fixture, &look);
	path = file_of(fixture, entry_named(&look, "guest.wat"));
	set_times(path, 10 * DAY, 20 * DAY); /* so long ago that the system would note it */
	assert_int_equal(lstat(path, &before), 0);
	(void)list(fixture, &look);
	(void)verify(fixture, &look, true);
	assert_int_equal(lstat(path, &after), 0);
	assert_int_equal(after.st_atim.tv_sec, before.st_atim.tv_sec);
	look_fini(&look);
}

static void code_of_another_configuration_is_of_another_state(void **state)
{
	struct fixture *fixture = *state;
	struct look look = look_into(fixture);

	fill(fixture, true);
	assert_int_equal(list(fixture, &look), 2);
	assert_int_equal(count_state(&look, "other"), 2);
	fill(fixture, false);
	assert_int_equal(list(fixture, &look), 4);
	assert_int_equal(count_state(&look, "other"), 2);
	assert_int_equal(count_state(&look, "ok"), 2);
	assert_int_equal(verify(fixture, &look, true), 4);
	assert_int_equal(list(fixture, &look), 4);
	look_fini(&look);
}

static void names_of_modules_are_shown_as_text(void **state)
{
	struct fixture *fixture = *state;
	const char *name = "q\"b\\n\n\x1b\xff.wat";
	struct look look = look_into(fixture);
	struct capsule_op *op = NULL;

	fill(fixture, false);
	fixture_write(fixture, name, "(module)");
	assert_status(fixture,
		capsule_load_module(
			fixture->runtime, fixture_path(fixture, name), NULL, 0, NULL, NULL, &op, fixture->err),
		CAPSULE_OK);
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_OK);
	capsule_op_free(op);
	assert_int_equal(list(fixture, &look), 3);
	(void)entry_named(&look, "q\"b\\n\n\x1b\xef\xbf\xbd.wat");
	look_fini(&look);
}

/* ---- What is broken ---- */

static const char broken_key[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.code";

static void assert_broken(struct fixture *fixture, struct look *look, size_t all)
{
	yyjson_val *entry = NULL;
	size_t at, count;

	assert_int_equal(list(fixture, look), all);
	assert_int_equal(count_state(look, "broken"), 1);
	yyjson_arr_foreach(look->entries, at, count, entry)
	{
		if (strcmp(text_at(entry, "state"), "broken") == 0)
			break;
	}
	assert_true(yyjson_is_null(yyjson_obj_get(entry, "name")));
	assert_true(yyjson_is_null(yyjson_obj_get(entry, "module")));
	assert_true(yyjson_is_null(yyjson_obj_get(entry, "module_bytes")));
	assert_true(yyjson_is_null(yyjson_obj_get(entry, "created")));
	assert_int_equal(number_at(entry, "bytes"), size_of(file_of(fixture, entry)));
	assert_true(number_at(entry, "used") > 0);
}

static void what_is_no_entry_is_broken(void **state)
{
	struct fixture *fixture = *state;
	struct look look = look_into(fixture);
	const char *entry, *odd;

	fill(fixture, false);
	(void)list(fixture, &look);
	entry = file_of(fixture, entry_named(&look, "guest.wat"));
	odd = leave(fixture, broken_key, "");
	assert_broken(fixture, &look, 3);
	(void)leave(fixture, broken_key, "some text that is no code");
	assert_broken(fixture, &look, 3);
	assert_int_equal(unlink(odd), 0);
	assert_int_equal(symlink(entry, odd), 0);
	assert_broken(fixture, &look, 3);
	assert_int_equal(unlink(odd), 0);
	assert_int_equal(mkfifo(odd, 0600), 0);
	assert_broken(fixture, &look, 3);
	assert_int_equal(unlink(odd), 0);
	assert_int_equal(rename(entry, odd), 0); /* the name is another key */
	assert_broken(fixture, &look, 2);
	assert_int_equal(rename(odd, entry), 0);
	assert_int_equal(chmod(entry, 0620), 0); /* is not loaded either */
	assert_broken(fixture, &look, 2);
	assert_int_equal(chmod(entry, 0400), 0);
	assert_int_equal(list(fixture, &look), 2);
	assert_int_equal(count_state(&look, "ok"), 2);
	look_fini(&look);
}

static void only_verifying_reads_the_code(void **state)
{
	struct fixture *fixture = *state;
	struct look look = look_into(fixture);
	const char *path;

	fill(fixture, false);
	(void)list(fixture, &look);
	path = file_of(fixture, entry_named(&look, "guest.wat"));
	assert_int_equal(verify(fixture, &look, false), 2);
	assert_int_equal(count_state(&look, "ok"), 2);
	flip(path, size_of(path) / 2);
	(void)list(fixture, &look);
	assert_int_equal(count_state(&look, "ok"), 2);
	(void)verify(fixture, &look, false);
	assert_int_equal(count_state(&look, "broken"), 1);
	assert_true(exists(path));
	look_fini(&look);
}

static void verifying_may_remove_what_is_broken_and_nothing_else(void **state)
{
	struct fixture *fixture = *state;
	struct look look = look_into(fixture);
	const char *broken, *draft, *notes, *path;

	fill(fixture, true);
	fill(fixture, false);
	(void)list(fixture, &look);
	path = file_of(fixture, entry_named(&look, "guest.wat"));
	flip(path, size_of(path) / 2);
	broken = leave(fixture, broken_key, "broken");
	draft = leave(fixture, ".draft-1", "draft");
	notes = leave(fixture, "notes", "notes");
	assert_int_equal(verify(fixture, &look, false), 5);
	assert_int_equal(count_state(&look, "broken"), 2);
	assert_true(exists(broken) && exists(draft) && exists(notes) && exists(path));
	assert_int_equal(verify(fixture, &look, true), 5);
	assert_int_equal(count_state(&look, "broken"), 2);
	assert_false(exists(broken) || exists(draft) || exists(path));
	assert_true(exists(notes));
	assert_int_equal(verify(fixture, &look, true), 3);
	assert_int_equal(count_state(&look, "broken"), 0);
	look_fini(&look);
}

/* ---- Clearing ---- */

static void clearing_removes_entries_and_drafts(void **state)
{
	struct fixture *fixture = *state;
	struct look look = look_into(fixture);
	uint64_t entries = 0, bytes = 0, all;
	const char *draft, *notes;

	fill(fixture, false);
	(void)leave(fixture, broken_key, "broken");
	draft = leave(fixture, ".draft-1", "draft");
	notes = leave(fixture, "notes", "notes");
	(void)list(fixture, &look);
	all = (uint64_t)number_at(yyjson_doc_get_root(look.doc), "bytes");
	assert_status(fixture, capsule_cache_clear(look.cache, &entries, &bytes, fixture->err), CAPSULE_OK);
	assert_int_equal(entries, 3);
	assert_int_equal(bytes, all);
	assert_int_equal(list(fixture, &look), 0);
	assert_false(exists(draft));
	assert_true(exists(notes));
	assert_status(fixture, capsule_cache_clear(look.cache, NULL, NULL, fixture->err), CAPSULE_OK);
	look_fini(&look);
}

static void a_runtime_keeps_what_it_has_loaded(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "loaded", "");
	struct look look = look_into(fixture);
	struct capsule *capsule;

	fill(fixture, false);
	capsule = fixture_load(fixture, path);
	assert_status(fixture, capsule_cache_clear(look.cache, NULL, NULL, fixture->err), CAPSULE_OK);
	assert_string_equal(fixture_call(fixture, capsule, "quoted", "{}"), "\"x\"");
	fixture_unload(fixture, capsule);
	capsule = fixture_load(fixture, path); /* compiled again, and kept */
	assert_string_equal(fixture_call(fixture, capsule, "quoted", "{}"), "\"x\"");
	assert_int_equal(list(fixture, &look), 1);
	look_fini(&look);
}

/* ---- Folders ---- */

static void refuse(struct fixture *fixture, const char *dir, enum capsule_status status, const char *says)
{
	struct capsule_cache *cache = NULL;

	assert_status(fixture, capsule_cache_open(&cache, dir, fixture->err), status);
	assert_says(fixture, says);
	assert_null(cache);
}

static void folders_that_are_not_ours_alone_are_refused(void **state)
{
	struct fixture *fixture = *state;
	struct look look = look_into(fixture);
	const char *json = NULL;
	uint64_t entries = 7;

	fill(fixture, false);
	assert_int_equal(chmod(folder_of(fixture), 0750), 0);
	refuse(fixture, folder_of(fixture), CAPSULE_EDENIED, "is open to others (mode 750)");
	assert_status(fixture, capsule_cache_list(look.cache, &json, fixture->err), CAPSULE_EDENIED);
	assert_status(fixture, capsule_cache_verify(look.cache, true, &json, fixture->err), CAPSULE_EDENIED);
	assert_status(fixture, capsule_cache_clear(look.cache, &entries, NULL, fixture->err), CAPSULE_EDENIED);
	assert_int_equal(entries, 0);
	assert_int_equal(chmod(folder_of(fixture), 0700), 0);
	assert_int_equal(list(fixture, &look), 2);
	look_fini(&look);
	if (geteuid() != 0)
		return; /* only root can give something away */
	assert_int_equal(chown(folder_of(fixture), 12345, (gid_t)-1), 0);
	refuse(fixture, folder_of(fixture), CAPSULE_EDENIED, "belongs to user 12345");
}

static void what_is_no_folder_is_refused(void **state)
{
	struct fixture *fixture = *state;

	refuse(fixture, "relative/cache", CAPSULE_EINVAL, "expected an absolute path");
	refuse(fixture, "", CAPSULE_EINVAL, "expected an absolute path");
	fixture_write(fixture, "cache", "a file");
	refuse(fixture, folder_of(fixture), CAPSULE_EIO, "is a file or a link");
	refuse(fixture, fixture_path(fixture, "cache/below"), CAPSULE_EIO, "Not a directory");
	assert_int_equal(unlink(folder_of(fixture)), 0);
	assert_int_equal(symlink(fixture->folder, folder_of(fixture)), 0);
	refuse(fixture, folder_of(fixture), CAPSULE_EIO, "is a file or a link");
	capsule_cache_close(NULL);
}

/* Open what the environment names, and compare. */
static void assert_default(struct fixture *fixture, const char *dir)
{
	struct look look = { 0 };

	assert_status(fixture, capsule_cache_open(&look.cache, NULL, fixture->err), CAPSULE_OK);
	(void)list(fixture, &look);
	assert_string_equal(text_at(yyjson_doc_get_root(look.doc), "dir"), dir);
	look_fini(&look);
}

static void without_a_name_it_is_the_folder_in_the_home(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_cache *cache = NULL;

	assert_int_equal(setenv("HOME", fixture_path(fixture, "user"), 1), 0);
	assert_int_equal(setenv("ASTRID_HOME", fixture_path(fixture, "astrid"), 1), 0);
	assert_default(fixture, fixture_path(fixture, "astrid/cache/capsules"));
	assert_int_equal(unsetenv("ASTRID_HOME"), 0);
	assert_default(fixture, fixture_path(fixture, "user/.astrid/cache/capsules"));
	assert_int_equal(unsetenv("HOME"), 0);
	assert_status(fixture, capsule_cache_open(&cache, NULL, fixture->err), CAPSULE_EINVAL);
	assert_says(fixture, "ASTRID_HOME");
	assert_null(cache);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_folder_that_does_not_exist_is_an_empty_one),
		TEST(an_entry_tells_what_it_was_made_of),
		TEST(sizes_add_up),
		TEST(what_was_used_last_comes_first),
		TEST(a_look_is_no_use),
		TEST(code_of_another_configuration_is_of_another_state),
		TEST(names_of_modules_are_shown_as_text),
		TEST(what_is_no_entry_is_broken),
		TEST(only_verifying_reads_the_code),
		TEST(verifying_may_remove_what_is_broken_and_nothing_else),
		TEST(clearing_removes_entries_and_drafts),
		TEST(a_runtime_keeps_what_it_has_loaded),
		TEST(folders_that_are_not_ours_alone_are_refused),
		TEST(what_is_no_folder_is_refused),
		TEST(without_a_name_it_is_the_folder_in_the_home),
	};

	return cmocka_run_group_tests_name("the cache", tests, NULL, NULL);
}
