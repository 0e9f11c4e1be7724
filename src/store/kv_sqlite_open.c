/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Opening the database so that everything that can be wrong with it is told here and not at the first write: the file
 * is ours alone (mode 0600, no symbolic link), it is a database of this program and of a format it knows, nobody else
 * has it open, and nobody else can open it from now on. A file that is refused is left as it was. */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "store/kv_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Two processes that open at the same instant can each keep the other from getting the lock. */
#define LOCK_ATTEMPTS 4
#define LOCK_PAUSE_MS 16 /* at most, between two attempts */

DEFINE_DROP(sqlite_drop, struct kv_sqlite *, kv_sqlite_close)

static const char *const query_text[KV_SQLITE_QUERY_COUNT] = {
	[KV_SQLITE_SCOPE_FIND] = "SELECT id FROM scope WHERE principal = ?1 AND capsule = ?2",
	[KV_SQLITE_SCOPE_ADD] = "INSERT INTO scope(principal, capsule) VALUES(?1, ?2)",
	[KV_SQLITE_GET] =
		"SELECT CASE WHEN length(value) <= ?3 THEN value END FROM kv WHERE scope_id = ?1 AND key = ?2",
	[KV_SQLITE_SET] =
		("INSERT INTO kv(scope_id, key, value) VALUES(?1, ?2, ?3) "
		 "ON CONFLICT(scope_id, key) DO UPDATE SET value = excluded.value WHERE length(kv.value) <= ?4"),
	[KV_SQLITE_DELETE] = "DELETE FROM kv WHERE scope_id = ?1 AND key = ?2 AND length(value) <= ?3",
	[KV_SQLITE_LIST] = "SELECT key FROM kv WHERE scope_id = ?1 AND key >= ?2 AND key < ?3 ORDER BY key",
	[KV_SQLITE_CLEAR] = "DELETE FROM kv WHERE scope_id = ?1 AND key >= ?2 AND key < ?3",
};

#define PAGE KV_SQLITE_TEXT(KV_SQLITE_PAGE)
#define APPLICATION_ID KV_SQLITE_TEXT(KV_SQLITE_APPLICATION_ID)
#define FORMAT KV_SQLITE_TEXT(KV_SQLITE_FORMAT)

static const char opening[] = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=" PAGE "; BEGIN EXCLUSIVE";

static const char schema[] =
	"CREATE TABLE scope(id INTEGER PRIMARY KEY, principal TEXT NOT NULL, capsule TEXT NOT NULL, "
	"UNIQUE(principal, capsule));"
	"CREATE TABLE kv(id INTEGER PRIMARY KEY, scope_id INTEGER NOT NULL, key BLOB NOT NULL, "
	"value BLOB NOT NULL, UNIQUE(scope_id, key));"
	"PRAGMA application_id=" APPLICATION_ID "; PRAGMA user_version=" FORMAT;

/* No memory mapping: a page that can't be read would be a signal instead of an error. */
static const char settings[] = "PRAGMA synchronous=NORMAL;"
			       "PRAGMA mmap_size=0;"
			       "PRAGMA cache_size=-8192;"
			       "PRAGMA temp_store=MEMORY;"
			       "PRAGMA cell_size_check=ON;"
			       "PRAGMA journal_size_limit=" KV_SQLITE_TEXT(KV_SQLITE_LOG_BYTES);

enum capsule_status kv_sqlite_fail(const struct kv_sqlite *sqlite, int code, struct capsule_error *err)
{
	const char *reason = sqlite->db != NULL ? sqlite3_errmsg(sqlite->db) : sqlite3_errstr(code);
	int os_errno = sqlite->db != NULL ? sqlite3_system_errno(sqlite->db) : 0;

	switch (code & 0xff) { /* the higher bits only refine it */
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return error_set(
			err, CAPSULE_ELOCKED, "'%s' is in use by another process; end that one first", sqlite->path);
	case SQLITE_NOMEM:
		return error_set(err, CAPSULE_ENOMEM, "'%s': out of memory", sqlite->path);
	case SQLITE_FULL:
		return error_set(
			err, CAPSULE_ESTORE, "'%s': no space left to write to; free some on its disk", sqlite->path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return error_set(err, CAPSULE_ESTORE,
			"'%s' is damaged: %s; put a copy in its place, or move it away to begin anew", sqlite->path,
			reason);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		if (os_errno != 0)
			return error_os(err, os_errno, "'%s': %s", sqlite->path, reason);
		return error_set(err, CAPSULE_EIO, "'%s': %s", sqlite->path, reason);
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return error_set(err, CAPSULE_EIO, "'%s' can't be written to: %s; check its owner and mode",
			sqlite->path, sqlite3_errstr(code));
	default:
		return error_set(err, CAPSULE_ESTORE, "'%s': %s", sqlite->path, reason);
	}
}

/* The file. */

/* `path` with its folder resolved, so that links may lead to the folder while the file itself must not be one. */
static enum capsule_status resolve_path(char **out, const char *path, struct capsule_error *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	HOLD(free_drop)
	char *folder = text_copy(slash != NULL ? span_of(path, (size_t)(slash + 1 - path)) : span_text("."));
	HOLD(free_drop) char *real = NULL;
	HOLD(buffer_fini) struct buffer full = { 0 };

	if (folder == NULL)
		return error_set(err, CAPSULE_ENOMEM, "'%s': out of memory", path);
	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_set(err, CAPSULE_EINVAL, "'%s' does not name a file", path);
	real = realpath(folder, NULL);
	if (real == NULL)
		return error_os(err, errno, "folder of '%s'", path);
	buffer_printf(&full, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
	*out = buffer_steal(&full);
	return *out != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "'%s': out of memory", path);
}

/* Look at the file that is there. O_PATH, because closing an ordinary descriptor would take away the locks of another
 * runtime of this process that has the same file open. */
static enum capsule_status check_file(const char *path, struct capsule_error *err)
{
	HOLD(fd_drop) int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char link[sizeof "/proc/self/fd/" + 16];
	struct stat info;

	if (fd < 0 || fstat(fd, &info) != 0)
		return error_os(err, errno, "'%s'", path);
	if (S_ISLNK(info.st_mode))
		return error_set(err, CAPSULE_ESTORE, "'%s' is a symbolic link; name the file that it leads to", path);
	if (!S_ISREG(info.st_mode))
		return error_set(err, CAPSULE_ESTORE, "'%s' is not a regular file", path);
	if ((info.st_mode & 077) == 0)
		return CAPSULE_OK;
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	if (chmod(link, 0600) != 0)
		return error_os(err, errno, "'%s': take away the rights of others", path);
	return CAPSULE_OK;
}

/* Make the file with the right mode instead of changing the umask, which all threads share; log and journal get the mode
 * of the database. An empty file is a database without tables. */
static enum capsule_status prepare_file(const char *path, struct capsule_error *err)
{
	HOLD(fd_drop) int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0)
		return CAPSULE_OK;
	return errno == EEXIST ? check_file(path, err) : error_os(err, errno, "make '%s'", path);
}

/* The database. */

static enum capsule_status execute(struct kv_sqlite *sqlite, const char *sql, struct capsule_error *err)
{
	int code = sqlite3_exec(sqlite->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? CAPSULE_OK : kv_sqlite_fail(sqlite, code, err);
}

static enum capsule_status read_number(
	struct kv_sqlite *sqlite, const char *sql, int64_t *number, struct capsule_error *err)
{
	sqlite3_stmt *query = NULL;
	enum capsule_status status = CAPSULE_OK;
	int code = sqlite3_prepare_v2(sqlite->db, sql, -1, &query, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(query);
	if (code == SQLITE_ROW)
		*number = sqlite3_column_int64(query, 0);
	else
		status = kv_sqlite_fail(sqlite, code, err);
	(void)sqlite3_finalize(query);
	return status;
}

/* Whether the file is ours; `*fresh` when there is nothing in it yet. */
static enum capsule_status identify(struct kv_sqlite *sqlite, bool *fresh, struct capsule_error *err)
{
	int64_t id = 0, format = 0, tables = 0;
	enum capsule_status status = read_number(sqlite, "PRAGMA application_id", &id, err);

	if (status == CAPSULE_OK)
		status = read_number(sqlite, "PRAGMA user_version", &format, err);
	if (status == CAPSULE_OK)
		status = read_number(sqlite, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (status != CAPSULE_OK)
		return status;
	*fresh = id == 0 && format == 0 && tables == 0;
	if (*fresh)
		return CAPSULE_OK;
	if (id != KV_SQLITE_APPLICATION_ID || format < 1)
		return error_set(
			err, CAPSULE_ESTORE, "'%s' is not a capsule database; name another file", sqlite->path);
	if (format > KV_SQLITE_FORMAT)
		return error_set(err, CAPSULE_ESTORE,
			"'%s' was made by a newer release (format %" PRId64
			", this one knows up to %d); use that release",
			sqlite->path, format, KV_SQLITE_FORMAT);
	return CAPSULE_OK;
}

/* Take the lock that is held until the end, look at the file, and make the tables when it is empty: in one transaction,
 * so that a crash leaves an empty file or a finished one. Exclusive locking comes before the first access because then
 * the index of the log lives in memory of ours instead of a file shared with others. */
static enum capsule_status lock_and_identify(struct kv_sqlite *sqlite, struct capsule_error *err)
{
	enum capsule_status status = execute(sqlite, opening, err);
	bool fresh = false;

	if (status == CAPSULE_OK)
		status = identify(sqlite, &fresh, err);
	if (status == CAPSULE_OK && fresh)
		status = execute(sqlite, schema, err);
	if (status == CAPSULE_OK)
		status = execute(sqlite, "COMMIT", err);
	return status;
}

static int note_mode(void *is_wal, int count, char **values, char **names)
{
	(void)names;
	*(bool *)is_wal = count == 1 && values[0] != NULL && strcmp(values[0], "wal") == 0;
	return 0;
}

static enum capsule_status use_log(struct kv_sqlite *sqlite, struct capsule_error *err)
{
	bool is_wal = false;
	int code = sqlite3_exec(sqlite->db, "PRAGMA journal_mode=WAL", note_mode, &is_wal, NULL);

	if (code != SQLITE_OK)
		return kv_sqlite_fail(sqlite, code, err);
	if (!is_wal)
		return error_set(err, CAPSULE_ESTORE, "'%s': no write-ahead log on this file system", sqlite->path);
	return CAPSULE_OK;
}

static int note_log(void *state, sqlite3 *db, const char *name, int pages)
{
	struct kv_sqlite *sqlite = state;

	(void)db;
	(void)name;
	sqlite->log_pages = pages;
	return SQLITE_OK;
}

/* From here on the file is known to be ours. The hook takes the place of SQLite's own copying of the log. */
static enum capsule_status set_up(struct kv_sqlite *sqlite, struct capsule_error *err)
{
	enum capsule_status status = use_log(sqlite, err);

	if (status == CAPSULE_OK)
		status = execute(sqlite, settings, err);
	if (status != CAPSULE_OK)
		return status;
	(void)sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	(void)sqlite3_wal_hook(sqlite->db, note_log, sqlite);
	sqlite->log_pages_due = KV_SQLITE_LOG_PAGES;
	return CAPSULE_OK;
}

static enum capsule_status prepare_queries(struct kv_sqlite *sqlite, struct capsule_error *err)
{
	for (size_t i = 0; i < KV_SQLITE_QUERY_COUNT; i++) {
		int code = sqlite3_prepare_v3(
			sqlite->db, query_text[i], -1, SQLITE_PREPARE_PERSISTENT, &sqlite->query[i], NULL);

		if (code == SQLITE_ERROR) /* the text is right, so the tables are not */
			code = SQLITE_CORRUPT;
		if (code != SQLITE_OK)
			return kv_sqlite_fail(sqlite, code, err);
	}
	return CAPSULE_OK;
}

static enum capsule_status connect_to(struct kv_sqlite *sqlite, struct capsule_error *err)
{
	/* NOMUTEX: the store never lets two threads use the connection at once. */
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
	int code = sqlite3_open_v2(sqlite->path, &sqlite->db, flags, NULL);
	enum capsule_status status;

	if (code != SQLITE_OK)
		return kv_sqlite_fail(sqlite, code, err);
	if (sqlite3_db_readonly(sqlite->db, NULL) > 0)
		return kv_sqlite_fail(sqlite, SQLITE_READONLY, err);
	(void)sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* until known to be ours */
	(void)sqlite3_limit(sqlite->db, SQLITE_LIMIT_LENGTH, (int)(LIMIT_PAYLOAD + LIMIT_KEY + 64 * KIB));
	status = lock_and_identify(sqlite, err);
	if (status == CAPSULE_OK)
		status = set_up(sqlite, err);
	if (status == CAPSULE_OK)
		status = prepare_queries(sqlite, err);
	return status;
}

static void disconnect(struct kv_sqlite *sqlite)
{
	for (size_t i = 0; i < KV_SQLITE_QUERY_COUNT; i++) {
		(void)sqlite3_finalize(sqlite->query[i]);
		sqlite->query[i] = NULL;
	}
	(void)sqlite3_close(sqlite->db);
	sqlite->db = NULL;
}

static void pause_a_little(void)
{
	uint8_t random;

	sqlite3_randomness(sizeof random, &random);
	(void)sqlite3_sleep(1 + random % LOCK_PAUSE_MS);
}

enum capsule_status kv_sqlite_open(struct kv_sqlite **out, const char *path, struct capsule_error *err)
{
	HOLD(sqlite_drop) struct kv_sqlite *sqlite = calloc(1, sizeof *sqlite);
	enum capsule_status status;

	if (sqlite == NULL)
		return error_set(err, CAPSULE_ENOMEM, "'%s': out of memory", path);
	if (sqlite3_threadsafe() == 0)
		return error_set(err, CAPSULE_EUNSUPPORTED, "'%s': this SQLite was built without threads", path);
	status = resolve_path(&sqlite->path, path, err);
	if (sqlite->path == NULL)
		return status;
	status = prepare_file(sqlite->path, err);
	if (status == CAPSULE_OK)
		status = connect_to(sqlite, err);
	for (int i = 1; status == CAPSULE_ELOCKED && i < LOCK_ATTEMPTS; i++) {
		disconnect(sqlite);
		pause_a_little();
		status = connect_to(sqlite, err);
	}
	if (status != CAPSULE_OK)
		return status;
	*out = GIVE(sqlite);
	return CAPSULE_OK;
}

void kv_sqlite_close(struct kv_sqlite *sqlite)
{
	disconnect(sqlite);
	free(sqlite->path);
	free(sqlite);
}
