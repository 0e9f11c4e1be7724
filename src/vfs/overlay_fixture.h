/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Overlays for tests: a folder of its own for each test with `lower`, the workspace, and `home`, the overlay's place. */
#ifndef VFS_OVERLAY_FIXTURE_H
#define VFS_OVERLAY_FIXTURE_H

#include "base/json.h"
#include "vfs/overlay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
	char dir[64]; /* holds everything */
	char lower_path[96], overlay_path[96];
	struct tree lower;
	struct overlay *overlay; /* NULL while it is closed */
	struct vfs_limits limits;
	struct vfs_work work; /* the last one */
	struct buffer result;
	struct capsule_error error;
};

int fixture_new(void **state);
int fixture_free(void **state);

/** Open or close the overlay; fixture_new() has opened it. */
enum capsule_status fixture_try_open(struct fixture *fixture);
void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);
void fixture_reopen(struct fixture *fixture);

/** Do a verb; the status is that of overlay_run(), the text of a failure in fixture->error. */
enum capsule_status run_verb(struct fixture *fixture, enum vfs_verb verb, const char *path, const char *data);

/** The same where it has to succeed. */
void put(struct fixture *fixture, const char *path, const char *data);
void make_dir(struct fixture *fixture, const char *path);
void drop(struct fixture *fixture, const char *path);
const char *get(struct fixture *fixture, const char *path);
bool there(struct fixture *fixture, const char *path);
const char *names(struct fixture *fixture, const char *path); /* separated by ' ' */
const char *dirty(struct fixture *fixture);                   /* "path:status path:status!" sorted, ! for a conflict */
const char *commit_all(struct fixture *fixture);              /* the answer */
const char *rollback_all(struct fixture *fixture);

/* The folder below, past the overlay. */
void below_put(const struct fixture *fixture, const char *path, const char *data);     /* makes folders, too */
void below_put_old(const struct fixture *fixture, const char *path, const char *data); /* written a minute ago */
void below_mkdir(const struct fixture *fixture, const char *path);
void below_remove(const struct fixture *fixture, const char *path);
const char *below_get(struct fixture *fixture, const char *path); /* NULL when there is none */
bool below_there(const struct fixture *fixture, const char *path);

/** Every path below `dir` with its content, sorted, one a line. Free it. */
char *snapshot(const char *dir);

/** `format` as a path, in one of four buffers. */
const char *path_of(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
