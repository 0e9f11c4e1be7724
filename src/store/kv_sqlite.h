/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The open database behind a store on disk: made by kv_sqlite_open.c, used by kv_sqlite.c.
 *
 *   scope(id, principal, capsule)     a number instead of two names in front of every key
 *   kv(id, scope_id, key, value)      and an index on (scope_id, key)
 *
 * Values stay out of the tree that is searched. In a table clustered by its key every comparison with a row that doesn't
 * fit on its page reads the whole row, so one guest's large values would slow down its neighbours' keys. */
#ifndef STORE_KV_SQLITE_H
#define STORE_KV_SQLITE_H

#include "base/error.h"

#include <sqlite3.h>

#define KV_SQLITE_APPLICATION_ID 0x4350534c /* "CPSL" in the header of the file */
#define KV_SQLITE_FORMAT 1                  /* user_version; raised when an older release could not use the file */

/* Bytes of a page. A write of a few hundred bytes costs what it takes to checksum and copy one page; 4 KiB are a third
 * slower for those, 1 KiB twice as slow for values of some KiB. */
#define KV_SQLITE_PAGE 2048

/* Size at which the log is copied into the database. Small enough for the log's index to stay one table, large enough
 * for the fsyncs of a copy to disappear among thousands of writes. */
#define KV_SQLITE_LOG_BYTES 8192000
#define KV_SQLITE_LOG_PAGES (KV_SQLITE_LOG_BYTES / KV_SQLITE_PAGE)

/* The number behind one of the names above, for the text of a statement. */
#define KV_SQLITE_TEXT(number) KV_SQLITE_TEXT_(number)
#define KV_SQLITE_TEXT_(number) #number

enum kv_sqlite_query {
	KV_SQLITE_SCOPE_FIND,
	KV_SQLITE_SCOPE_ADD,
	KV_SQLITE_GET,
	KV_SQLITE_SET,
	KV_SQLITE_DELETE,
	KV_SQLITE_LIST,
	KV_SQLITE_CLEAR,
	KV_SQLITE_QUERY_COUNT
};

struct kv_sqlite {
	sqlite3 *db;
	char *path; /* absolute, for messages too */
	sqlite3_stmt *query[KV_SQLITE_QUERY_COUNT];
	int log_pages;     /* in the log after the last commit */
	int log_pages_due; /* copy it when there are so many */
};

/** Open or make the database; see kv_open_sqlite(). Close it with kv_sqlite_close(). */
MUST_CHECK enum capsule_status kv_sqlite_open(struct kv_sqlite **out, const char *path, struct capsule_error *err);

/** Close (taken). Waits for the disk: the log is copied into the database and removed. */
void kv_sqlite_close(struct kv_sqlite *sqlite);

/** Fill `err` with what `code`, the last answer of the database, means; names the path. Returns the status:
 *  CAPSULE_ELOCKED, CAPSULE_ENOMEM, CAPSULE_EIO (CAPSULE_ENOTFOUND) when the system refused, else CAPSULE_ESTORE. */
enum capsule_status kv_sqlite_fail(const struct kv_sqlite *sqlite, int code, struct capsule_error *err);

#endif
