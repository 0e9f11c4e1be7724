/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of the engine: a loop on a clock that is moved by hand, a store in memory, and guests given as WAT text. The
 * import module "capsule:test" has rows that wait until the test answers them. Nothing here asserts on a guest's stack:
 * what host functions see is recorded, and looked at afterwards. */
#ifndef WASM_ENGINE_FIXTURE_H
#define WASM_ENGINE_FIXTURE_H

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/wasm/wasm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define PARKED_MAX 32

struct engine_fixture {
	struct clock_manual clock;
	struct loop *loop;
	struct wasm_runtime *runtime;
	struct kv_store *store;
	struct kv_scope *scope;
	struct log_sink log;
	struct buffer logged;          /* messages, one a line */
	struct engine_limits limits;   /* of the guests made from now on */
	struct host_services services; /* likewise */
	char folder[64];               /* of the modules; "guest-<n>.wat" */
	unsigned guests;               /* made so far */
	int order;                     /* completions so far */
	/* Rows of capsule:test: */
	struct op *parked[PARKED_MAX]; /* those that wait, oldest first */
	int parked_count, parked_ever, stopped, late;
	struct origin origin; /* of the guest that parked last */
	uint32_t deep;        /* what the last deep call left */
};

struct guest {
	struct engine_fixture *fixture;
	struct engine *engine;
	struct manifest *manifest;
	struct op load, unload;
	int loaded, unloaded; /* completions */
	struct capsule_error load_error;
};

struct guest_call {
	struct engine_call call;
	struct guest *guest;
	int done;  /* completions */
	int order; /* of its completion among all */
	struct capsule_error error;
};

/** cmocka's set-up and tear-down; *state is the fixture. */
int engine_fixture_new(void **state);
int engine_fixture_free(void **state);

/** A runtime with these options (rows and log are set here), instead of the one there is, which must have no guests any
 *  more. */
void engine_fixture_restart(struct engine_fixture *fixture, struct wasm_options options);

/** A guest whose load was started. `lines` is what its manifest has besides [package] and [[component]]; NULL: a bare
 *  module. */
struct guest *guest_start(struct engine_fixture *fixture, struct span module, const char *lines);

/** The same for a file that stands somewhere, beneath the folder `dir` unless that is NULL. */
struct guest *guest_start_file(struct engine_fixture *fixture, const char *dir, const char *file);

/** As guest_start() with WAT text, loaded or failed. */
struct guest *guest_try(struct engine_fixture *fixture, const char *wat, const char *lines);

/** A bare module that has to load. */
struct guest *guest_new(struct engine_fixture *fixture, const char *wat);

/** op_done_fn of guest->load, to load it once more: counts, and keeps the error. */
void guest_load_done(struct op *op, void *user);

/** Unload without waiting; guest_free() waits, and unloads when that was not done. A run loop that does not end by itself
 *  has the clock moved for it. */
void guest_unload(struct guest *guest);
void guest_free(struct guest *guest);
void guest_drop(struct guest **guest);

/** Loading has to have failed with a message that contains `says`. Frees the guest. */
void assert_refused(struct guest *guest, enum capsule_status status, const char *says);

/** Start a call of the export `name`. */
void call_init(struct guest_call *call, struct guest *guest, const char *name, struct span input);
void call_start(struct guest_call *call);
void call_await(struct guest_call *call);
void call_fini(struct guest_call *call);

/** Call the export and wait for its end: it has to answer `text`, or fail so. */
void assert_answers(struct guest *guest, const char *name, const char *text);
void assert_fails(struct guest *guest, const char *name, enum capsule_status status, const char *says);

/** The end of a call that was started: waits, and checks that there is one end only. */
void assert_answered(struct guest_call *call, const char *text);
void assert_failed(struct guest_call *call, enum capsule_status status, const char *says);

void assert_says(const char *message, const char *text);

#define CALL(name, guest, export)                                                                                      \
	HOLD(call_fini) struct guest_call name;                                                                        \
	call_init(&name, guest, export, span_of(NULL, 0));                                                             \
	call_start(&name)

/** Turn the loop until *counter is at least `value`; fails the test when that does not come. */
void turn_until(struct engine_fixture *fixture, const int *counter, int value);

/** A few turns, for what is to happen without waiting or not at all. */
void settle(struct engine_fixture *fixture);
void advance_ms(struct engine_fixture *fixture, int64_t ms);

/** Use up processor time of the machine's own clock, which charges guests. */
void burn_ms(int64_t ms);

/** Answer the row that has waited longest. */
void answer_parked(struct engine_fixture *fixture, const char *text);
struct op *take_parked(struct engine_fixture *fixture);

/* A module with what most guests need. $say gives one byte as output, $give a block; `count` counts up on its instance and
 * says the digit; $arg is a number of the input. Further imports come in front of the functions. */
#define MODULE(imports, body)                                                                                          \
	"(module"                                                                                                      \
	"(import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))"                                \
	"(import \"extism:host/env\" \"length\" (func $length (param i64) (result i64)))"                              \
	"(import \"extism:host/env\" \"store_u8\" (func $store (param i64 i32)))"                                      \
	"(import \"extism:host/env\" \"output_set\" (func $output (param i64 i64)))"                                   \
	"(import \"extism:host/env\" \"input_load_u64\" (func $input (param i64) (result i64)))" imports               \
	"(global $n (mut i32) (i32.const 48))"                                                                         \
	"(func $say (param i32) (local i64)"                                                                           \
	"  (local.set 1 (call $alloc (i64.const 1))) (call $store (local.get 1) (local.get 0))"                        \
	"  (call $output (local.get 1) (i64.const 1)))"                                                                \
	"(func $give (param i64) (call $output (local.get 0) (call $length (local.get 0))))"                           \
	"(func $arg (param i64) (result i32)"                                                                          \
	"  (i32.wrap_i64 (call $input (i64.mul (local.get 0) (i64.const 8)))))"                                        \
	"(func $count (export \"count\")"                                                                              \
	"  (global.set $n (i32.add (global.get $n) (i32.const 1))) (call $say (global.get $n)))" body ")"

#define IMPORT_TEST(name, type) "(import \"capsule:test\" \"" name "\" (func $" name type "))"
#define SPIN "(func $spin (export \"spin\") (loop $again (br $again)))"
#define CRASH "(func $fall_over (unreachable)) (func (export \"crash\") (call $fall_over))"

#endif
