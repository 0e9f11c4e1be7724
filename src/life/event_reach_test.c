/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is told of events that nobody publishes or receives: each warning with its place, its text and its fix, and silence
 * where somebody does. */
#include "life/event_reach.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SUBJECTS_MAX 4

/* A set of manifests and what was said about each. */
struct world {
	struct manifest *manifests[SUBJECTS_MAX];
	struct diagnostics found[SUBJECTS_MAX];
	size_t count;
};

static void world_fini(struct world *world)
{
	for (size_t i = 0; i < world->count; i++) {
		manifest_free(world->manifests[i]);
		diagnostics_fini(&world->found[i]);
	}
}

/* Capsules c0, c1 ... from what stands behind their [package], which is 3 lines. */
static struct world world_of(const char *const *bodies, size_t count)
{
	struct world world = { .count = count };

	for (size_t i = 0; i < count; i++) {
		HOLD(diagnostics_fini) struct diagnostics found = { 0 };
		HOLD(buffer_fini) struct buffer text = { 0 };
		struct capsule_error err;

		assert_true(buffer_printf(&text, "[package]\nname = \"c%zu\"\nversion = \"0.1.0\"\n%s", i, bodies[i]));
		if (manifest_parse(&world.manifests[i], buffer_span(&text), "Capsule.toml", &found, &err) != CAPSULE_OK)
			fail_msg("%s", err.text);
	}
	return world;
}

static void check_alone(struct world *world)
{
	struct capsule_error err;

	for (size_t i = 0; i < world->count; i++)
		assert_int_equal(event_reach_alone(world->manifests[i], &world->found[i], &err), CAPSULE_OK);
}

static void check_together(struct world *world)
{
	struct reach_subject subjects[SUBJECTS_MAX];
	struct capsule_error err;

	for (size_t i = 0; i < world->count; i++)
		subjects[i] = (struct reach_subject){ world->manifests[i], &world->found[i] };
	assert_int_equal(event_reach_together(subjects, world->count, &err), CAPSULE_OK);
}

static void assert_silent(const struct world *world)
{
	for (size_t i = 0; i < world->count; i++)
		if (world->found[i].count > 0)
			fail_msg("c%zu: %s", i, world->found[i].items[0].text);
}

/* The one warning about capsule `index`. */
static void assert_warned(
	const struct world *world, size_t index, uint32_t line, uint32_t column, const char *text, const char *fix)
{
	const struct diagnostic *item = world->found[index].items;

	assert_int_equal(world->found[index].count, 1);
	assert_int_equal(item->severity, SEVERITY_WARNING);
	assert_string_equal(item->text, text);
	assert_string_equal(item->fix, fix);
	assert_int_equal(item->line, line);
	assert_int_equal(item->column, column);
}

#define WORLD(...)                                                                                                     \
	world_of((const char *const[]){ __VA_ARGS__ },                                                                 \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

#define LISTENS(event) "[[interceptor]]\nevent = \"" event "\"\naction = \"act\"\n"
#define PUBLISHES(topic) "[capabilities]\nipc_publish = [\"" topic "\"]\n"
#define SUBSCRIBES(topic) "[capabilities]\nipc_subscribe = [\"" topic "\"]\n"
#define TOPIC(name, direction) "[[topic]]\nname = \"" name "\"\ndirection = \"" direction "\"\n"

#define PUBLISHED_FIX "check it together with the capsule that publishes this, or correct the pattern"
#define INTERCEPTED_FIX PUBLISHED_FIX "; what hooks ask for is declared nowhere and not known here"

/* ---- One alone ---- */

static void ordinary_patterns_alone_are_not_judged(void **state)
{
	HOLD(world_fini)
	struct world world = WORLD(
		LISTENS("user.v1.prompt"), PUBLISHES("a.*"), SUBSCRIBES("a.*"), LISTENS("1.2.3.4.5.6.7.*"));

	(void)state;
	check_alone(&world);
	assert_silent(&world);
}

static void patterns_that_are_too_long_can_never_match(void **state)
{
	HOLD(world_fini)
	struct world world = WORLD(LISTENS("1.2.3.4.5.6.7.8.*"), SUBSCRIBES("1.2.3.4.5.6.7.8.*"),
		PUBLISHES("1.2.3.4.5.6.7.8.9"), LISTENS("1.2.3.4.5.6.7.8"));

	(void)state;
	check_alone(&world);
	assert_warned(&world, 0, 5, 9,
		"`1.2.3.4.5.6.7.8.*` in `event` of [[interceptor]] can never match: topics that capsules publish have at "
		"most 8 segments",
		"shorten it, or remove it");
	assert_warned(&world, 1, 5, 18,
		"`1.2.3.4.5.6.7.8.*` in `ipc_subscribe` of [capabilities] can never match: topics that capsules publish "
		"have at most 8 segments",
		"shorten it, or remove it");
	assert_warned(&world, 2, 5, 16,
		"`1.2.3.4.5.6.7.8.9` in `ipc_publish` of [capabilities] allows nothing: topics that capsules publish have "
		"at most 8 segments",
		"shorten it, or remove it");
	assert_int_equal(world.found[3].count, 0);
	/* And nothing is said twice. */
	diagnostics_fini(&world.found[3]);
	check_together(&world);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(world.found[i].count, 1);
}

static void topics_of_more_than_256_bytes_can_never_match(void **state)
{
	char bodies[2][400], name[258];
	const char *const texts[] = { bodies[0], bodies[1] };

	(void)state;
	memset(name, 'a', 257);
	name[257] = '\0';
	(void)snprintf(bodies[0], sizeof bodies[0], LISTENS("%s"), name);
	(void)snprintf(bodies[1], sizeof bodies[1], LISTENS("%s"), name + 1);
	{
		HOLD(world_fini) struct world world = world_of(texts, 2);

		check_alone(&world);
		assert_int_equal(world.found[0].count, 1);
		assert_non_null(strstr(world.found[0].items[0].text, "can never match: topics have at most 256 bytes"));
		assert_int_equal(world.found[1].count, 0);
	}
}

static void lifecycle_events_have_known_names(void **state)
{
	HOLD(world_fini)
	struct world world = WORLD(LISTENS("astrid.v1.lifecycle.tool_call_strated"),
		LISTENS("astrid.v1.lifecycle.zzzzzz"), LISTENS("astrid.v1.lifecycle.tool.*"),
		LISTENS("astrid.v1.lifecycle.tool_call_started") LISTENS("astrid.v1.lifecycle.*")
			LISTENS("astrid.v1.lifecycle.custom"));

	(void)state;
	check_alone(&world);
	assert_warned(&world, 0, 5, 9,
		"`astrid.v1.lifecycle.tool_call_strated` in `event` of [[interceptor]] can never match: there is no lifecycle "
		"event `tool_call_strated`",
		"did you mean `astrid.v1.lifecycle.tool_call_started`?");
	assert_warned(&world, 1, 5, 9,
		"`astrid.v1.lifecycle.zzzzzz` in `event` of [[interceptor]] can never match: there is no lifecycle event "
		"`zzzzzz`",
		"correct it, as `astrid.v1.lifecycle.tool_call_started`");
	assert_int_equal(world.found[2].count, 1);
	assert_int_equal(world.found[3].count, 0);
	check_together(&world);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(world.found[i].count, 1);
	assert_int_equal(world.found[3].count, 0);
}

static void lifecycle_events_reach_no_subscription(void **state)
{
	HOLD(world_fini)
	struct world world = WORLD(SUBSCRIBES("astrid.v1.lifecycle.*"), SUBSCRIBES("astrid.v1.*"));

	(void)state;
	check_alone(&world);
	check_together(&world);
	assert_warned(&world, 0, 5, 18,
		"`astrid.v1.lifecycle.*` in `ipc_subscribe` of [capabilities] can never match: lifecycle events come to "
		"interceptors, not to subscriptions",
		"declare an [[interceptor]] with this `event`");
	assert_int_equal(world.found[1].count, 0);
}

static void messages_of_ones_own_may_be_called_like_lifecycle_events(void **state)
{
	HOLD(world_fini)
	struct world world = WORLD("[capabilities]\nipc_publish = [\"astrid.v1.lifecycle.mine\"]\n"
				   "ipc_subscribe = [\"astrid.v1.lifecycle.*\"]\n" LISTENS("astrid.v1.lifecycle.mine"));

	(void)state;
	check_alone(&world);
	check_together(&world);
	assert_silent(&world);
}

static void topics_agree_with_the_lists_of_their_capsule(void **state)
{
	HOLD(world_fini)
	struct world world = WORLD(TOPIC("notes.v1.added", "publish"), TOPIC("notes.v1.added", "subscribe"),
		PUBLISHES("notes.v1.*") TOPIC("notes.v1.added", "publish") TOPIC("notes.v1.added", "subscribe"),
		"[capabilities]\nipc_subscribe = [\"a.*\"]\n" LISTENS("b.*") TOPIC("a.b.c", "subscribe")
			TOPIC("b.c", "subscribe") TOPIC("b.c.d", "subscribe"));

	(void)state;
	check_alone(&world);
	assert_warned(&world, 0, 5, 8,
		"[[topic]] says that the capsule publishes `notes.v1.added`, which no entry of its `ipc_publish` allows",
		"add \"notes.v1.added\" to `ipc_publish` in [capabilities], or correct `direction`");
	assert_warned(&world, 1, 5, 8,
		"[[topic]] says that the capsule listens to `notes.v1.added`, which none of its `ipc_subscribe` and "
		"[[interceptor]] receives",
		"add \"notes.v1.added\" to `ipc_subscribe` in [capabilities], or correct `direction`");
	assert_int_equal(world.found[2].count, 1);
	assert_int_equal(world.found[2].items[0].line, 10);
	assert_int_equal(world.found[3].count, 1); /* `*` of an interceptor is one segment */
	assert_non_null(strstr(world.found[3].items[0].text, "`b.c.d`"));
}

static void what_a_component_may_publish_counts(void **state)
{
	HOLD(world_fini)
	struct world world = WORLD("[[component]]\nfile = \"a\"\n[component.capabilities]\nipc_publish = [\"a.b\"]\n"
				   "ipc_subscribe = [\"1.2.3.4.5.6.7.8.9\"]\n" TOPIC("a.b", "publish"),
		LISTENS("a.*"));

	(void)state;
	check_alone(&world);
	check_together(&world);
	assert_int_equal(world.found[0].count, 1);
	assert_int_equal(world.found[0].items[0].line, 8);
	assert_non_null(strstr(world.found[0].items[0].text, "`ipc_subscribe` of [component.capabilities] can never"));
	assert_int_equal(world.found[1].count, 0);
}

/* ---- Several together ---- */

static void what_nobody_publishes_is_told_of_those_who_wait_for_it(void **state)
{
	HOLD(world_fini)
	struct world world = WORLD(LISTENS("a.*"), SUBSCRIBES("b.c"), PUBLISHES("a.b.c"), SUBSCRIBES("a.*"));

	(void)state;
	check_together(&world);
	assert_warned(&world, 0, 5, 9,
		"no capsule given publishes what `a.*` in `event` of [[interceptor]] matches, nor does the runtime",
		INTERCEPTED_FIX);
	assert_warned(&world, 1, 5, 18,
		"no capsule given publishes what `b.c` in `ipc_subscribe` of [capabilities] matches, nor does the runtime",
		PUBLISHED_FIX);
	assert_int_equal(world.found[2].count, 0);
	assert_int_equal(world.found[3].count, 0);
}

static void what_nobody_receives_is_told_of_the_publisher(void **state)
{
	HOLD(world_fini)
	struct world world = WORLD(PUBLISHES("a.b.c"),
		"[capabilities]\nipc_publish = [\"a.x\"]\nipc_subscribe = [\"a.x\"]\n", LISTENS("a.*"));

	(void)state;
	check_together(&world);
	assert_warned(&world, 0, 5, 16,
		"`a.b.c` in `ipc_publish` of [capabilities] publishes what nobody may receive: no capsule given subscribes to "
		"it or intercepts it",
		"check it together with the capsule that receives this, or correct the text");
	assert_int_equal(world.found[1].count, 0);
	assert_int_equal(world.found[2].count, 0);
}

/* `listener` beside a capsule with `other`: silent when `heard` is true. */
static void check_pair(const char *listener, const char *other, bool heard)
{
	HOLD(world_fini) struct world world = WORLD(listener, other);

	check_together(&world);
	if (heard)
		assert_silent(&world);
	else if (world.found[0].count != 1)
		fail_msg("nothing is said of %s beside %s", listener, other);
}

static void the_runtime_publishes_too(void **state)
{
#define TOOL "[[tool]]\nname = \"add.one\"\ndescription = \"d\"\ninput_schema = {}\n"
#define UPLINK "[[uplink]]\nname = \"u\"\nplatform = \"Telegram\"\nprofile = \"chat\"\n"
	static const struct {
		const char *listener, *other;
		bool heard;
	} rows[] = {
		{ LISTENS("astrid.v1.lifecycle.capsule_loaded"), "", true },
		{ LISTENS("astrid.v1.*.capsule_loaded"), "", true },
		{ LISTENS("astrid.v1.*.capsule_laoded"), "", false },
		{ LISTENS("astrid.v1.event_bus.lagged"), "", true },
		{ SUBSCRIBES("astrid.v1.event_bus.*"), "", true },
		{ SUBSCRIBES("astrid.v1.onboarding.required"), "", true },
		{ SUBSCRIBES("astrid.v1.response.failure.*"), "", true },
		{ LISTENS("astrid.v1.delivery.failure.0a1b"), "", true },
		{ LISTENS("astrid.v1.event_bus.late"), "", false },
		{ LISTENS("tool.v1.result.c1.add_one"), TOOL, true },
		{ LISTENS("tool.v1.call.*.*"), TOOL, true },
		{ SUBSCRIBES("tool.v1.call.c1.*"), TOOL, true },
		{ LISTENS("tool.v1.call.c1.add.one"), TOOL, false },
		{ LISTENS("tool.v1.result.c2.add_one"), TOOL, false },
		{ LISTENS("tool.v1.result.*.*"), "", false },
		{ SUBSCRIBES("uplink.v1.inbound.telegram"), UPLINK, true },
		{ SUBSCRIBES("uplink.v1.inbound.*"), UPLINK, true },
		{ SUBSCRIBES("uplink.v1.inbound.matrix"), UPLINK, false },
		{ PUBLISHES("tool.v1.request.cancel"), "", true },
		{ PUBLISHES("astrid.v1.approval.response.*"), "", true },
		{ PUBLISHES("astrid.v1.event_bus.lagged"), "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check_pair(rows[i].listener, rows[i].other, rows[i].heard);
#undef TOOL
#undef UPLINK
}

/* A last `*` is one segment of what is published and intercepted, one or more of what is subscribed to. */
static void wildcards_mean_what_they_mean_to_their_key(void **state)
{
	static const struct {
		const char *listener, *other;
		bool heard;
	} rows[] = {
		{ SUBSCRIBES("a.*"), PUBLISHES("a.b.c"), true },
		{ SUBSCRIBES("a.*"), PUBLISHES("*.*.*"), true },
		{ SUBSCRIBES("a.b.*"), PUBLISHES("a.*"), false },
		{ SUBSCRIBES("*"), PUBLISHES("a.b"), false },
		{ LISTENS("a.*"), PUBLISHES("a.b.c"), false },
		{ LISTENS("a.*"), PUBLISHES("*.b"), true },
		{ LISTENS("a.*.c"), PUBLISHES("a.b.*"), true },
		{ LISTENS("a.*.c"), PUBLISHES("a.b.d"), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check_pair(rows[i].listener, rows[i].other, rows[i].heard);
}

/* Two manifests with as many patterns as they may have, each of which looks at all of the other's. */
static void patterns_that_take_too_long_are_given_up(void **state)
{
	HOLD(buffer_fini) struct buffer publishes = { 0 }, subscribes = { 0 };
	HOLD(world_fini) struct world world = { 0 };
	struct reach_subject subjects[2];
	struct capsule_error err;

	(void)state;
	(void)buffer_append_text(&publishes, "[capabilities]\nipc_publish = [");
	(void)buffer_append_text(&subscribes, "[capabilities]\nipc_subscribe = [");
	for (size_t i = 0; i < LIMIT_MANIFEST_ENTRIES; i++) {
		(void)buffer_printf(&publishes, "\"a.p%zu.b\",", i);
		(void)buffer_printf(&subscribes, "\"*.*.s%zu\",", i);
	}
	(void)buffer_append_text(&publishes, "]\n");
	(void)buffer_append_text(&subscribes, "]\n");
	world = WORLD(buffer_text(&publishes), buffer_text(&subscribes));
	for (size_t i = 0; i < 2; i++)
		subjects[i] = (struct reach_subject){ world.manifests[i], &world.found[i] };
	assert_int_equal(event_reach_together(subjects, 2, &err), CAPSULE_ELIMIT);
	assert_non_null(strstr(err.text, "check fewer of them at once"));
	assert_true(world.found[0].count > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_patterns_alone_are_not_judged),
		cmocka_unit_test(patterns_that_are_too_long_can_never_match),
		cmocka_unit_test(topics_of_more_than_256_bytes_can_never_match),
		cmocka_unit_test(lifecycle_events_have_known_names),
		cmocka_unit_test(lifecycle_events_reach_no_subscription),
		cmocka_unit_test(messages_of_ones_own_may_be_called_like_lifecycle_events),
		cmocka_unit_test(topics_agree_with_the_lists_of_their_capsule),
		cmocka_unit_test(what_a_component_may_publish_counts),
		cmocka_unit_test(what_nobody_publishes_is_told_of_those_who_wait_for_it),
		cmocka_unit_test(what_nobody_receives_is_told_of_the_publisher),
		cmocka_unit_test(the_runtime_publishes_too),
		cmocka_unit_test(wildcards_mean_what_they_mean_to_their_key),
		cmocka_unit_test(patterns_that_take_too_long_are_given_up),
	};

	return cmocka_run_group_tests_name("life_event_reach", tests, NULL, NULL);
}
