/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tests of sandboxed children share: a place with what a child may see and what it must not, and scripts that look. */
#ifndef PROCESS_SANDBOX_PLACE_H
#define PROCESS_SANDBOX_PLACE_H

#include "process/process_fixture.h"
#include "process/program.h"
#include "process/sandbox.h"

#include <limits.h>

/* A person's home with what nobody else should read, two capsules and their folders for state, and a workspace. */
struct place {
	char home[64];
	struct sandbox_plan plan;
	char workspace[PATH_MAX];
};

/* `path` below its home; four of them are good at once. */
const char *place_below(const struct place *place, const char *path);

/* Make it with the plan of a capsule `c` and the workspace `work`, both below the home, which is below /tmp. */
void place_init(struct place *place);
void place_fini(struct place *place);

/* Show `path` in its sandbox. */
void place_show(struct place *place, const char *path, bool writable, const char *why);

void place_write(const char *path, const char *content);

/* NULL when there is no such file; good until the next call. */
char *place_read(const char *path);

void place_start(const struct fixture *fixture, struct run *run, const struct sandbox_plan *plan,
	const char *const *argv, const struct program_image *image);

/* Run a shell script in the sandbox of `place`, with `argument` as $1; it must write `output` and end with 0. */
void place_expect(struct fixture *fixture, const struct place *place, const char *script, const char *argument,
	const char *output);

/* Its sandbox must not be made, for a reason that has `part` in it. */
void place_refused(struct fixture *fixture, const struct place *place, const char *part);

/* The whole of the test program again as an ordinary user, if this is root, who is somebody else in many ways. */
void place_as_nobody(void **state);

#endif
