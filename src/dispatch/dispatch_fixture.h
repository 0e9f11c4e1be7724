/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of events: capsules with manifests, whose interceptors answer what a test says and when, on a loop with a
 * hand-moved clock. What the dispatcher tells is noted. */
#ifndef DISPATCH_DISPATCH_FIXTURE_H
#define DISPATCH_DISPATCH_FIXTURE_H

#include "base/cleanup.h"
#include "base/limits.h"
#include "dispatch/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define GUESTS_MAX 16

struct events;

/* A capsule whose engine keeps each call until the test ends it. */
struct guest {
	struct engine engine;
	struct events *events;
	char id[16];
	struct manifest *manifest;
	struct composite *composite;
	struct member *member;
	struct list_node calls; /* struct engine_call.link, in the order of their begin */
	size_t call_count, calls_most;
	uint64_t calls_ever;
	const char *answers;         /* calls end at once with this; NULL: they wait */
	enum capsule_status refuses; /* calls are refused; CAPSULE_OK: they are not */
};

struct events {
	struct clock_manual clock;
	struct loop *loop;
	struct log_sink log;
	struct buffer logged, notes;
	struct dispatch *dispatch;
	struct guest *guests[GUESTS_MAX];
	size_t count;
	uint64_t ended, settled; /* how often the hooks were called */
	/* Of the capsules that come from now on; `user` is the guest. */
	bool (*after_call)(void *user, struct op *op, op_done_fn done, void *done_user);
};

/* An operation that a test waits for. */
struct waiting {
	struct op op;
	int done;
	struct capsule_error error;
};

#define WAITING(name) HOLD(waiting_fini) struct waiting name = { 0 }

/* Options of a test's own are to be set before the first guest: events_open() again. */
int events_setup(void **state);
int events_teardown(void **state);
void events_open(struct events *events, const struct dispatch_options *options);

void events_turn(struct events *events);
void events_advance(struct events *events, int64_t ms);

/* A capsule that is ready; `tables` stands behind the head of its manifest. The second one is loaded and has no part in
 * events yet. */
struct guest *guest_add(struct events *events, const char *id, const char *tables);
struct guest *guest_join(struct events *events, const char *id, const char *tables);
void guest_drop(struct guest *guest); /* stopped, unloaded, freed */

/* The call at `at` of those in progress: its action and what it got, "action input". */
const char *guest_sees(const struct guest *guest, size_t at);
struct engine_call *guest_call(const struct guest *guest, size_t at);
void guest_answer(struct guest *guest, size_t at, const char *answer);
void guest_fail(struct guest *guest, size_t at, enum capsule_status status, const char *text);

/* Publish for the embedder, who does not wait; for a capsule that does not wait; for one that does. */
void publish(struct events *events, const char *topic, const char *json);
enum capsule_status publish_from(struct guest *guest, const char *topic, const char *json, struct capsule_error *err);
enum capsule_status publish_waiting(
	struct guest *guest, struct waiting *waiting, const char *topic, const char *json, struct capsule_error *err);
enum capsule_status publish_as(struct events *events, struct publication *publication, const char *topic,
	const char *json, struct capsule_error *err);

/* What a publisher was told who wants to know what those who decide say: `denied` is "" when they let it pass. */
struct decision {
	int told;
	char denied[512], payload[256];
};

void ask(struct events *events, struct decision *decision, const char *topic, const char *json);
void assert_allowed(const struct decision *decision);
void assert_denied(const struct decision *decision, const char *why);

void waiting_init(struct waiting *waiting, struct events *events);
void waiting_fini(struct waiting *waiting);
void waiting_done(struct op *op, void *user);

/* What was noted since: outcomes as "id/action topic: delivered", decisions as "id/action vetoes topic: reason" and
 * "id/action makes topic payload", "settled topic". One a line. */
void assert_notes(struct events *events, const char *text);
void notes_clear(struct events *events);
void assert_logged(struct events *events, const char *text);
void assert_not_logged(struct events *events);
void assert_fails(
	enum capsule_status status, const struct capsule_error *err, enum capsule_status wanted, const char *text);

/* The books of all and of each are closed, as far as nothing is pending, and what was published has settled. */
void assert_closed(struct events *events);

/* A table of the manifest. */
#define ON(event, action) "[[interceptor]]\nevent = \"" event "\"\naction = \"" action "\"\n"
#define GUARD(event, action) ON(event, action) "mode = \"guard\"\n"
#define REWRITE(event, action) ON(event, action) "mode = \"rewrite\"\n"
#define INBOX(messages) "[events]\ninbox_messages = " messages "\n"

#define DENY "{\"verdict\":\"deny\",\"reason\":\"no\"}"
#define ALLOW "{\"verdict\":\"allow\"}"

#endif
