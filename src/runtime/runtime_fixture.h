/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of the public functions, which use nothing else of the library: a folder for the files of one test, a
 * runtime that keeps its state in memory, and a guest with one tool for each thing that a test needs. */
#ifndef RUNTIME_RUNTIME_FIXTURE_H
#define RUNTIME_RUNTIME_FIXTURE_H

#include <capsule/capsule.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
	char folder[64];
	struct capsule_runtime *runtime;
	struct capsule_error *err; /* of the last fixture_wait() and whatever a test hands it to */
};

/* How often done() ran for an operation, and with what. */
struct outcome {
	int done;
	enum capsule_status status;
	struct capsule_op *op;
	char text[256];   /* of the error, its beginning */
	char result[256]; /* likewise */
};

/* The module of fixture_capsule(): tools `echo` (gives back its whole input), `bytes` (an answer that is no UTF-8),
 * `nothing`, `quoted`, `spin`, `rest` (waits 5 ms), `wait` (waits for minutes), `log`, `keep` (stores a value), `get` (reads
 * it), `trap` and `fail`; and the exports `echo`, `spin`, `wait`, `keep`, `get` and `setting` (the value of "greeting"). */
extern const char fixture_guest[];

/* A module with interceptors: `echo` publishes 1 under "echo.it", `wait` waits for minutes, `trap`, `deny` denies, any other
 * action does nothing (the first letter tells). There is one tool, `tool`, which answers 1. */
extern const char fixture_event_guest[];

/** To be called first in a test whose guests trap: Wasmtime's handlers of signals are set once in a process, and cmocka sets
 *  its own for each test. */
void fixture_expect_traps(void);

/** cmocka's setup and teardown: *state is a struct fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/** `<folder>/<name>`, in one of 16 places that are used in turn. */
const char *fixture_path(const struct fixture *fixture, const char *name);

/** Write a file, in place of what stood there; its folder must exist. */
void fixture_write(const struct fixture *fixture, const char *name, const char *text);

/** A capsule folder `name` with a manifest that declares the tools of fixture_guest, then `more`, and that module. Returns
 *  its path as fixture_path(). */
const char *fixture_capsule(const struct fixture *fixture, const char *name, const char *more);

/** The same with tools and module of the test's own. */
void fixture_capsule_of(const struct fixture *fixture, const char *name, const char *more, const char *module);

/** A runtime of the given options (size is set here; calls have 1 ms to end at an unload unless they say so), instead of the
 *  one there is. */
void fixture_restart(struct fixture *fixture, struct capsule_runtime_options options);

/** Load and wait; fails the test when that fails. */
struct capsule *fixture_load(struct fixture *fixture, const char *path);

/** Unload `capsule`, then the same: a runtime has one capsule of an id. */
struct capsule *fixture_load_again(struct fixture *fixture, struct capsule *capsule, const char *path);

/** Load the guest as a bare module. */
struct capsule *fixture_load_module(struct fixture *fixture);

/** Load, wait and tell the status, which must be a failure; its text is in fixture->err. */
enum capsule_status fixture_load_fails(struct fixture *fixture, const char *path);

/** Start a call with the arguments {} and note its end in `outcome`, which is cleared. */
void fixture_start(struct fixture *fixture, struct capsule *capsule, const char *tool, struct outcome *outcome);

/** Call `tool` with `arguments` and wait. The answer, borrowed until the next one; fails the test when the call fails. */
const char *fixture_call(struct fixture *fixture, struct capsule *capsule, const char *tool, const char *arguments);

/** The same, of a call that must fail when it is under way: the status; the text is in fixture->err. */
enum capsule_status fixture_call_fails(struct fixture *fixture, struct capsule *capsule, const char *tool);

/** A capsule_done_fn: `user` is a struct outcome. */
void fixture_note(struct capsule_op *op, void *user);

/** Unload and wait. */
void fixture_unload(struct fixture *fixture, struct capsule *capsule);

/** Turn until nothing is left that can go on without waiting. */
void fixture_settle(const struct fixture *fixture);

/** Fail the test unless the text of fixture->err contains `text`. */
void assert_says(const struct fixture *fixture, const char *text);

/** Fail the test unless `status` is the one wanted; the message has the text of fixture->err. */
void assert_status(const struct fixture *fixture, enum capsule_status status, enum capsule_status wanted);

#endif
