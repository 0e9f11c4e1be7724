/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A folder for a test, with another one, capsule/, in it: files by short names, all of it gone afterwards. */
#ifndef PROCESS_PLACE_FIXTURE_H
#define PROCESS_PLACE_FIXTURE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct place_fixture {
	char root[64];
	char capsule[96]; /* root/capsule */
	struct capsule_error err;
};

int place_set_up(void **state);
int place_tear_down(void **state);

/* The path of `name` below the root; one of eight that are reused in turn. */
const char *place_path(const struct place_fixture *fixture, const char *name);

/* Make the file `name`, or another one in its place. */
void place_write(const struct place_fixture *fixture, const char *name, const char *text, mode_t mode);
void place_folder(const struct place_fixture *fixture, const char *name);
void place_link(const struct place_fixture *fixture, const char *name, const char *target);
void place_fifo(const struct place_fixture *fixture, const char *name);
void place_remove(const struct place_fixture *fixture, const char *name);
void place_move(const struct place_fixture *fixture, const char *from, const char *to);

/* That fixture->err has `part` in it. */
void place_assert_error(const struct place_fixture *fixture, const char *part);

#endif
