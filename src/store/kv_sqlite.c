/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The store on disk. Each write is a transaction of its own: when it is acknowledged its frames have been handed to the
 * operating system in the write-ahead log, so the death of this process loses none of them and tears none: the next
 * opening replays the log up to the last complete transaction. Nothing is fsynced before the log is copied into the
 * database (synchronous=NORMAL). A power cut may therefore lose the latest writes, but leaves the database whole. */
#include "store/kv_sqlite.h"
#include "base/limits.h"
#include "store/kv_backend.h"

/* First key behind all those with a prefix. */
struct range_end {
	uint8_t bytes[LIMIT_KEY + 1];
	size_t len;
};

static void reset(sqlite3_stmt *query)
{
	(void)sqlite3_reset(query); /* repeats the code of the last step */
}

/* The bytes are borrowed until the statement is reset. A NULL pointer would be bound as SQL's NULL. */
static int bind_span(sqlite3_stmt *query, int index, struct span bytes)
{
	return sqlite3_bind_blob(
		query, index, bytes.len > 0 ? (const void *)bytes.data : "", (int)bytes.len, SQLITE_STATIC);
}

static int bind_size(sqlite3_stmt *query, int index, size_t size)
{
	return sqlite3_bind_int64(query, index, size < INT64_MAX ? (sqlite3_int64)size : INT64_MAX);
}

static int bind_key(sqlite3_stmt *query, const struct kv_work *work)
{
	int code = sqlite3_bind_int64(query, 1, work->scope);

	return code == SQLITE_OK ? bind_span(query, 2, work->key) : code;
}

static int bind_name(sqlite3_stmt *query, const char *principal, const char *capsule)
{
	int code = sqlite3_bind_text(query, 1, principal, -1, SQLITE_STATIC);

	return code == SQLITE_OK ? sqlite3_bind_text(query, 2, capsule, -1, SQLITE_STATIC) : code;
}

/* Run a bound statement that answers no rows. */
static enum capsule_status run(struct kv_sqlite *sqlite, sqlite3_stmt *query, int code, struct capsule_error *err)
{
	enum capsule_status status = CAPSULE_OK;

	if (code == SQLITE_OK)
		code = sqlite3_step(query);
	if (code != SQLITE_DONE)
		status = kv_sqlite_fail(sqlite, code, err);
	reset(query);
	return status;
}

/* Scopes. */

static enum capsule_status sqlite_scope(
	void *state, const char *principal, const char *capsule, bool create, int64_t *id, struct capsule_error *err)
{
	struct kv_sqlite *sqlite = state;
	sqlite3_stmt *query = sqlite->query[KV_SQLITE_SCOPE_FIND];
	enum capsule_status status = CAPSULE_OK;
	int code = bind_name(query, principal, capsule);

	if (code == SQLITE_OK)
		code = sqlite3_step(query);
	if (code == SQLITE_ROW)
		*id = sqlite3_column_int64(query, 0);
	else if (code != SQLITE_DONE)
		status = kv_sqlite_fail(sqlite, code, err);
	reset(query);
	if (status != CAPSULE_OK || code == SQLITE_ROW || !create)
		return status;

	query = sqlite->query[KV_SQLITE_SCOPE_ADD];
	status = run(sqlite, query, bind_name(query, principal, capsule), err);
	if (status == CAPSULE_OK)
		*id = sqlite3_last_insert_rowid(sqlite->db);
	return status;
}

/* Single keys. */

/* Position the GET statement on the row; the value is NULL when it is over work->size_max. Reset it afterwards. */
static int seek_value(struct kv_sqlite *sqlite, const struct kv_work *work)
{
	sqlite3_stmt *query = sqlite->query[KV_SQLITE_GET];
	int code = bind_key(query, work);

	if (code == SQLITE_OK)
		code = bind_size(query, 3, work->size_max);
	return code == SQLITE_OK ? sqlite3_step(query) : code;
}

static enum capsule_status take_value(sqlite3_stmt *query, struct kv_work *work, struct capsule_error *err)
{
	const void *value = sqlite3_column_blob(query, 0);
	int size = sqlite3_column_bytes(query, 0);

	work->found = true;
	if (size > 0 && !buffer_append(work->result, value, (size_t)size))
		return buffer_check(work->result, err);
	return CAPSULE_OK;
}

static enum capsule_status sqlite_get(void *state, struct kv_work *work, struct capsule_error *err)
{
	struct kv_sqlite *sqlite = state;
	sqlite3_stmt *query = sqlite->query[KV_SQLITE_GET];
	enum capsule_status status = CAPSULE_OK;
	int code = seek_value(sqlite, work);

	if (code == SQLITE_ROW && sqlite3_column_type(query, 0) == SQLITE_NULL)
		work->too_large = true;
	else if (code == SQLITE_ROW)
		status = take_value(query, work, err);
	else if (code != SQLITE_DONE)
		status = kv_sqlite_fail(sqlite, code, err);
	reset(query);
	return status;
}

static enum capsule_status sqlite_set(void *state, struct kv_work *work, struct capsule_error *err)
{
	struct kv_sqlite *sqlite = state;
	sqlite3_stmt *query = sqlite->query[KV_SQLITE_SET];
	enum capsule_status status;
	int code = bind_key(query, work);

	if (code == SQLITE_OK)
		code = bind_span(query, 3, work->value);
	if (code == SQLITE_OK)
		code = bind_size(query, 4, work->size_max);
	status = run(sqlite, query, code, err);
	if (status == CAPSULE_OK)
		work->too_large = sqlite3_changes64(sqlite->db) == 0;
	return status;
}

static enum capsule_status sqlite_delete(void *state, struct kv_work *work, struct capsule_error *err)
{
	struct kv_sqlite *sqlite = state;
	sqlite3_stmt *query = sqlite->query[KV_SQLITE_DELETE];
	enum capsule_status status;
	int code = bind_key(query, work);

	if (code == SQLITE_OK)
		code = bind_size(query, 3, work->size_max);
	status = run(sqlite, query, code, err);
	if (status != CAPSULE_OK)
		return status;
	work->found = sqlite3_changes64(sqlite->db) > 0;
	if (work->found || work->size_max >= LIMIT_PAYLOAD)
		return CAPSULE_OK;

	/* It isn't there, or it is too large to be deleted now. */
	code = seek_value(sqlite, work);
	work->too_large = code == SQLITE_ROW;
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		status = kv_sqlite_fail(sqlite, code, err);
	reset(sqlite->query[KV_SQLITE_GET]);
	return status;
}

/* Prefixes. */

/* The prefix with its last byte incremented, bytes FF at its end dropped; when nothing is left (the prefix is empty or
 * FF only) more FF than a key can have. */
static struct span range_end(struct range_end *end, struct span prefix)
{
	end->len = prefix.len;
	while (end->len > 0 && prefix.data[end->len - 1] == 0xff)
		end->len--;
	if (end->len > 0) {
		memcpy(end->bytes, prefix.data, end->len);
		end->bytes[end->len - 1]++;
	} else {
		end->len = sizeof end->bytes;
		memset(end->bytes, 0xff, sizeof end->bytes);
	}
	return span_of(end->bytes, end->len);
}

static int bind_range(sqlite3_stmt *query, const struct kv_work *work, struct range_end *end)
{
	int code = bind_key(query, work);

	return code == SQLITE_OK ? bind_span(query, 3, range_end(end, work->key)) : code;
}

static enum capsule_status sqlite_list(void *state, struct kv_work *work, struct capsule_error *err)
{
	struct kv_sqlite *sqlite = state;
	sqlite3_stmt *query = sqlite->query[KV_SQLITE_LIST];
	enum capsule_status status = CAPSULE_OK;
	struct range_end end;
	int code = bind_range(query, work, &end);

	if (code == SQLITE_OK)
		code = sqlite3_step(query);
	while (code == SQLITE_ROW) {
		const void *key = sqlite3_column_blob(query, 0);

		if (!kv_list_key(work->result, span_of(key, (size_t)sqlite3_column_bytes(query, 0))))
			break;
		code = sqlite3_step(query);
	}
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		status = kv_sqlite_fail(sqlite, code, err);
	reset(query);
	return status;
}

static enum capsule_status sqlite_clear_prefix(void *state, struct kv_work *work, struct capsule_error *err)
{
	struct kv_sqlite *sqlite = state;
	sqlite3_stmt *query = sqlite->query[KV_SQLITE_CLEAR];
	struct range_end end;
	enum capsule_status status = run(sqlite, query, bind_range(query, work, &end), err);

	if (status == CAPSULE_OK)
		work->count = (uint64_t)sqlite3_changes64(sqlite->db);
	return status;
}

/* The log. Copying it costs fsyncs, so it is done on the pool instead of inside the commit that happens to fill it. */

static bool sqlite_upkeep_due(const void *state)
{
	const struct kv_sqlite *sqlite = state;

	return sqlite->log_pages >= sqlite->log_pages_due;
}

static void sqlite_upkeep(void *state)
{
	struct kv_sqlite *sqlite = state;
	int total = 0, copied = -1;
	int code = sqlite3_wal_checkpoint_v2(sqlite->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &total, &copied);

	if (code == SQLITE_OK && copied == total) {
		/* The commit that begins the log anew has an fsync of its own. Let it be one of no importance here, and not
		 * the next one on the loop; should it fail, it will be that one after all. */
		(void)sqlite3_exec(
			sqlite->db, "PRAGMA user_version=" KV_SQLITE_TEXT(KV_SQLITE_FORMAT), NULL, NULL, NULL);
		sqlite->log_pages = 0;
		sqlite->log_pages_due = KV_SQLITE_LOG_PAGES;
	} else {
		/* The disk is full, say. Nothing is lost: all of it stays in the log. Try again when that has grown. */
		sqlite->log_pages_due = sqlite->log_pages + KV_SQLITE_LOG_PAGES;
	}
}

static void sqlite_close(void *state)
{
	kv_sqlite_close(state);
}

static const struct kv_backend sqlite_backend = {
	.scope = sqlite_scope,
	.get = sqlite_get,
	.set = sqlite_set,
	.remove = sqlite_delete,
	.list = sqlite_list,
	.clear_prefix = sqlite_clear_prefix,
	.upkeep_due = sqlite_upkeep_due,
	.upkeep = sqlite_upkeep,
	.close = sqlite_close,
};

enum capsule_status kv_open_sqlite(
	struct kv_store **out, struct loop *loop, const char *path, struct capsule_error *err)
{
	struct kv_sqlite *sqlite;
	enum capsule_status status = kv_sqlite_open(&sqlite, path, err);

	return status == CAPSULE_OK ? kv_store_new(out, loop, &sqlite_backend, sqlite, err) : status;
}
