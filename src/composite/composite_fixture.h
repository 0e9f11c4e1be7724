/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of capsules made of engines: engines that do what a test tells them and note what is asked of them, on a loop with a
 * hand-moved clock. */
#ifndef COMPOSITE_COMPOSITE_FIXTURE_H
#define COMPOSITE_COMPOSITE_FIXTURE_H

#include "composite/composite.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/map.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define ENGINES_MAX 3
#define CALLS_MAX 4

struct fixture;

struct fake {
	struct engine engine;
	struct fixture *fixture;
	const char *name;
	/* What it does: */
	bool hold_load, hold_unload, hold_ready; /* until the test says so */
	const char *load_error, *unload_error, *call_error;
	bool takes_calls;
	bool interceptor_unknown; /* takes calls, but of interceptors none */
	const char *tool;
	/* What became of it: */
	struct op *loading, *unloading;
	struct list_node waiting; /* op.link */
	struct list_node calls;   /* engine_call.link */
	size_t call_count;
	const char *failure;
	bool recovers; /* `failure` is one that it tries to come back from */
	bool loaded, ready;
};

struct fixture {
	struct clock_manual clock;
	struct loop *loop;
	struct log_sink log;
	struct buffer logged;
	struct buffer notes;
	struct composite *composite;
	struct fake *fakes[ENGINES_MAX];
	size_t count;
	int changes, retooled, gone;
};

struct waiter {
	struct op op;
	int done;
	struct capsule_error error;
};

/* The second leaves out what may be left out, the third offers its tool by name. */
extern const struct engine_ops fake_ops, plain_ops, offering_ops;

#define WAITER(name) HOLD(waiter_fini) struct waiter name

int composite_setup(void **state);
void composite_fixture_turn(struct fixture *fixture);
void composite_fixture_advance(struct fixture *fixture, int64_t ms);
int composite_teardown(void **state);
void composite_fixture_make(struct fixture *fixture, size_t count);
void waiter_done(struct op *op, void *user);
void waiter_fini(struct waiter *waiter);
void waiter_init(struct waiter *waiter, struct fixture *fixture);
void load_start(struct fixture *fixture, struct waiter *waiter);
void unload_start(struct fixture *fixture, struct waiter *waiter);
void assert_ended(struct fixture *fixture, const struct waiter *waiter, enum capsule_status status);
void composite_fixture_load(struct fixture *fixture);
void composite_fixture_unload(struct fixture *fixture);
void assert_notes(struct fixture *fixture, const char *text);
void assert_tools(struct fixture *fixture, const char *text, size_t count);
void recover_by_itself(struct fake *fake, const char *why);
void fail_by_itself(struct fake *fake, const char *why);
void call_start(struct fixture *fixture, struct engine_call *call, struct waiter *waiter);
void call_finish(struct engine_call *call);

#endif
