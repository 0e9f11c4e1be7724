/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A capsule's host without a guest, for tests: a clock moved by hand, a real store, a log that remembers, and an adapter
 * that does with spans what the real one does with a guest's memory. */
#ifndef HOST_HOST_FIXTURE_H
#define HOST_HOST_FIXTURE_H

#include "host/host.h"

struct event_fixture;

#define FIXTURE_CAPSULE "testing"
#define FIXTURE_RECORDS 8

struct log_record {
	enum capsule_log_level level;
	char capsule[64];
	char *message;
	size_t len;
};

struct fixture {
	struct clock_manual clock;
	struct loop *loop;
	char *path; /* of the database, NULL for a store in memory */
	struct kv_store *store;
	struct kv_scope *scope;
	struct capsule_error kv_error; /* what services.kv answers unless CAPSULE_OK */
	struct manifest *manifest;
	struct log_sink log;
	struct log_record records[FIXTURE_RECORDS];
	size_t record_count;
	int ready_count;
	char *files;          /* of fixture_open_files(): its folder */
	struct vfs *trees[2]; /* by enum host_tree */
	struct gate *gate;    /* of the manifest; only with files or events */
	int refused;          /* how often something was told to the audit, and the last of it */
	enum gate_operation refused_operation;
	char refused_operand[256];
	enum gate_reason refused_reason;
	struct uuid capable; /* the session that host_services.capable knows */
	struct uuid uplink;  /* what host_services.uplink gives, and what it was given last */
	char uplink_name[64], uplink_platform[64];
	enum uplink_profile uplink_profile;
	struct event_fixture *events; /* of event_fixture_new() */
	struct host host;
	struct host_call call;
	int resumed;              /* how often resume() ran in the call */
	struct capsule_error err; /* of the last call */
};

/** Make one with a store in memory, or in a new database file when `on_disk`, for the capsule FIXTURE_CAPSULE without a
 *  manifest. Fails the test when it can't. Free with fixture_free(). */
struct fixture *fixture_new(bool on_disk);
void fixture_free(struct fixture *fixture);

/** Close the store and open it again, as the next process would. The scope is that of `capsule`. */
void fixture_reopen(struct fixture *fixture, const char *capsule);

/** Give the capsule a manifest with these lines in [capabilities]. */
void fixture_grant(struct fixture *fixture, const char *lines);

/** Give the capsule files: the folders `workspace` (below an overlay in the folder `overlay` if asked) and `shared`
 *  (global://) of a new folder, and a gate for them by the manifest that the next fixture_grant() gives it. `home` beside
 *  them is closed. */
void fixture_open_files(struct fixture *fixture, bool overlay);

/** `<folder of the files>/<name>`, borrowed until the next one but three. */
const char *fixture_file(const struct fixture *fixture, const char *name);

/** Write the file `name`, counted from that folder, with the folder that it is in. */
void fixture_put(const struct fixture *fixture, const char *name, const char *text);

/** Call the function `name` with `count` arguments as a guest would and wait for its end; its result is call.result. */
enum capsule_status fixture_call(struct fixture *fixture, const char *name, size_t count, const struct span *args);

/** The same up to the end of begin. HOST_FAILED leaves the reason in `err`. */
enum host_answer fixture_begin(struct fixture *fixture, const char *name, size_t count, const struct span *args);

/** Turn the loop until the call that waits can go on; fails the test when it never does. */
void fixture_await(struct fixture *fixture);

/* call(fixture, "astrid_kv_get", span_text("k")): arguments as they are written. */
#define CALL0(fixture, name) fixture_call((fixture), (name), 0, NULL)
#define CALL(fixture, name, ...)                                                                                       \
	fixture_call((fixture), (name), sizeof((const struct span[]){ __VA_ARGS__ }) / sizeof(struct span),            \
		(const struct span[]){ __VA_ARGS__ })

/** Fail the test unless the result of the last call is `text`. */
void assert_result(const struct fixture *fixture, const char *text);

/** Fail the test unless the error of the last call contains `text`. */
void assert_error_says(const struct fixture *fixture, const char *text);

#endif
