/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tests of children share: a loop on a clock moved by hand, runs whose result is kept, and pipes that tell how far a
 * child is. Every test ends with the descriptors that it began with and without a child left. */
#ifndef PROCESS_PROCESS_FIXTURE_H
#define PROCESS_PROCESS_FIXTURE_H

#include "process/process.h"
#include "process/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define FIXTURE_PATH 4096

struct fixture {
	struct clock_manual clock;
	struct loop *loop;
	char launcher[FIXTURE_PATH]; /* capsule-launch */
	char child[FIXTURE_PATH];    /* process_child */
	int ends[2];                 /* a pipe; the writing end is for a child */
	int fds_before;
};

/* One child and what became of it. */
struct run {
	struct process *process; /* NULL when it has ended */
	int calls;               /* of done */
	struct process_result result;
	char *output, *error; /* text, owned */
	struct capsule_error failure;
	size_t heard, most_heard; /* for tests that listen: bytes in all, and at once */
};

int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* Only what main() of a helper process needs. */
void fixture_paths(struct fixture *fixture);

/* A spec for `argv` with a limit for its output and nothing else. */
struct process_spec fixture_spec(const struct fixture *fixture, const char *const *argv);

/* A plan that shows process_child; sandbox_plan_fini() frees it. */
struct sandbox_plan fixture_plan(const struct fixture *fixture);

/* Start process_child in a sandbox, with the pipe as descriptor 3. */
void fixture_start_inside(const struct fixture *fixture, struct run *run, const struct sandbox_plan *plan,
	const char *verb, uint64_t grace_ms);

/* Start it, or process_child with the one word `verb` and the pipe as descriptor 3, or a shell script. */
void fixture_start(const struct fixture *fixture, struct run *run, const struct process_spec *spec);
void fixture_start_child(const struct fixture *fixture, struct run *run, const char *verb, uint64_t grace_ms);
void fixture_start_shell(const struct fixture *fixture, struct run *run, const char *script);

/* Turn until it has ended. */
void fixture_wait(const struct fixture *fixture, struct run *run);

/* Move the clock and take note of it. */
void fixture_advance(struct fixture *fixture, int64_t ms);

/* The next letter that a child writes into the pipe; 0 when nobody holds its other end any more, also here. */
char fixture_hear(const struct fixture *fixture);
void fixture_close_writing_end(struct fixture *fixture);

/* Compare what became of it, and free what the run holds. */
void fixture_expect(struct run *run, enum process_end end, int code, const char *output);
void fixture_expect_failure(struct run *run, enum capsule_status status, const char *text);
void run_fini(struct run *run);

/* With all that is in it; `path` must be there. */
void fixture_remove_folder(const char *path);

#endif
