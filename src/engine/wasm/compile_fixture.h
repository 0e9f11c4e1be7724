/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of compiling: binary modules of any size, made here, and a look at the children that compile them. */
#ifndef WASM_COMPILE_FIXTURE_H
#define WASM_COMPILE_FIXTURE_H

#include "engine/wasm/engine_fixture.h"

#include <sys/types.h>

/* A module whose export `answer` gives the last byte of its data, by way of its code. */
struct module_plan {
	uint32_t functions;  /* of 64 bytes each */
	uint32_t ifs;        /* one after the other, in one function more; 12 bytes each */
	uint32_t data_bytes; /* at least 1 */
	uint8_t answer;      /* 1 to 9; modules that differ in it differ in their bytes */
	bool broken;         /* the last function takes what is not there */
};

#define LARGE_FUNCTIONS 600 /* more than LIMIT_COMPILE_INLINE, compiled in a moment */
#define ENDLESS_IFS 100000  /* compiled in many seconds */

/** The module as bytes; free them with buffer_fini(). */
struct buffer module_bytes(const struct module_plan *plan);

/** Start the load of a module of `functions` functions, or of any plan, as guest_start(). */
struct guest *start_large(struct engine_fixture *fixture, uint8_t answer);
struct guest *start_plan(struct engine_fixture *fixture, const struct module_plan *plan);

/** Turn until the guest has loaded or failed. Returns how many children there were at most. */
int watch_load(struct guest *guest);

/** The guest has to have loaded, and its export to give `answer`. */
void assert_loaded(struct guest *guest, uint8_t answer);

/** How many children this process has, also those that have ended and nobody waited for; *one is one of them. */
int count_children(pid_t *one);

/** Turn until there are `count` children. Returns one of them. */
pid_t await_children(struct engine_fixture *fixture, int count);

/** Keep a child from going on, and let it. */
void stop_child(pid_t child);
void continue_child(pid_t child);

/** `<folder>/<name>` of the fixture; borrowed until the next one. */
const char *compile_path(const struct engine_fixture *fixture, const char *name);

/** cmocka's tear-down: as engine_fixture_free(), and no child may be left. */
int compile_fixture_free(void **state);

#endif
