/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Thousands of graphs beside an oracle, and inputs made to be slow. */
#include "manifest/order.h"

#include "base/limits.h"
#include "manifest/order_oracle.h"
#include "manifest/order_testing.h"
#include "manifest/parse_testing.h"

#include <inttypes.h>

#define MANY 30000 /* MANY * MANY > LIMIT_ORDER_STEPS */

static_assert((uint64_t)MANY * MANY > LIMIT_ORDER_STEPS, "a quadratic search is given up");

static uint64_t seed = 0x9E3779B97F4A7C15;

/* The same numbers in every run. */
static size_t random_below(size_t limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (size_t)(seed >> 11) % limit;
}

static const char *pick(const char *const *words, size_t count)
{
	return words[random_below(count)];
}

/* How rich the capabilities of one graph are. */
struct flavour {
	size_t types, segments, words, wildcards; /* wildcards of 8 segments */
	size_t before;                            /* segments that all begin with */
};

static void add_capability(struct string_list *list, const struct flavour *flavour)
{
	static const char *const types[] = { "topic:", "tool:", "", "topic:x:" };
	static const char *const words[] = { "a", "b", "c", "a*", "", "d", "e", "f" };
	HOLD(buffer_fini) struct buffer text = { 0 };
	size_t segments = 1 + random_below(flavour->segments);

	(void)buffer_append_text(&text, pick(types, flavour->types));
	for (size_t i = 0; i < flavour->before; i++)
		(void)buffer_append_text(&text, i % 7 == 0 && random_below(40) == 0 ? "*." : "x.");
	for (size_t i = 0; i < segments; i++)
		(void)buffer_printf(&text, "%s%s", i > 0 ? "." : "",
			random_below(8) < flavour->wildcards ? "*" : pick(words, flavour->words));
	assert_non_null(buffer_text(&text));
	testing_list_add(list, buffer_span(&text));
}

static struct manifest *random_manifest(const struct flavour *flavour, size_t requires, size_t provides)
{
	static const char *const names[] = { "m", "a", "z", "k", "b", "y", "c", "x", "n" };
	struct manifest *manifest = testing_manifest(pick(names, 9));

	for (size_t i = random_below(requires + 1); i > 0; i--)
		add_capability(&manifest->requires, flavour);
	for (size_t i = random_below(provides + 1); i > 0; i--)
		add_capability(
			random_below(3) == 0 ? &manifest->capabilities.ipc_publish : &manifest->provides, flavour);
	return manifest;
}

static void compare_one(const struct flavour *flavour, size_t count, size_t requires, size_t provides, size_t *cyclic)
{
	const struct manifest *manifests[ORACLE_MAX] = { NULL };
	HOLD(order_fini) struct order order = { 0 };
	HOLD(oracle_fini) struct oracle oracle;
	struct capsule_error err = { 0 };
	uint64_t began = seed;
	const char *difference;

	for (size_t i = 0; i < count; i++)
		manifests[i] = random_manifest(flavour, requires, provides);
	assert_int_equal(order_manifests(&order, manifests, count, &err), CAPSULE_OK);
	oracle_make(&oracle, manifests, count);
	difference = oracle_differs(&oracle, &order);
	if (difference != NULL)
		fail_msg("%s differs; %zu manifests, seed %" PRIu64, difference, count, began);
	*cyclic += oracle.cycle_count > 0;
	for (size_t i = 0; i < count; i++)
		manifest_free((struct manifest *)(uintptr_t)manifests[i]);
}

static void random_graphs_are_ordered_as_the_oracle_says(void **state)
{
	static const struct flavour flavours[] = {
		{ 1, 1, 8, 0, 0 },
		{ 2, 2, 8, 1, 0 },
		{ 3, 3, 5, 2, 0 },
		{ 4, 4, 3, 3, 0 },
		{ 1, 6, 2, 4, 0 },
		{ 2, 3, 4, 1, 62 },
	};
	size_t graphs = 0, cyclic = 0;

	(void)state;
	for (size_t round = 0; round < 700; round++) {
		for (size_t i = 0; i < sizeof flavours / sizeof flavours[0]; i++) {
			size_t count = random_below(15);

			compare_one(&flavours[i], count, 1 + round % 3, 1 + round % 2, &cyclic);
			graphs++;
		}
		compare_one(
			&flavours[round % 6], 1 + random_below(ORACLE_MAX), 1 + round % 12, 1 + round % 12, &cyclic);
	}
	assert_true(cyclic > graphs / 10 && cyclic < graphs);
}

struct crowd {
	const struct manifest **manifests;
	size_t count;
};

static void crowd_fini(struct crowd *crowd)
{
	for (size_t i = 0; i < crowd->count; i++)
		manifest_free((struct manifest *)(uintptr_t)crowd->manifests[i]);
	free(crowd->manifests);
}

static struct manifest *crowd_add(struct crowd *crowd, const char *name)
{
	struct manifest *manifest = testing_manifest(name);

	if ((crowd->count & (crowd->count - 1)) == 0) /* a power of two: it is full */
		crowd->manifests = testing_memory(realloc(
			crowd->manifests, (crowd->count == 0 ? 1 : 2 * crowd->count) * sizeof *crowd->manifests));
	crowd->manifests[crowd->count++] = manifest;
	return manifest;
}

static void add_number(struct string_list *list, const char *before, size_t number, const char *after)
{
	char text[64];

	(void)snprintf(text, sizeof text, "%s%zu%s", before, number, after);
	testing_list_add(list, span_text(text));
}

/* Pair by pair these would be more steps than LIMIT_ORDER_STEPS allows. */
static void many_that_do_not_match_cost_what_they_are(void **state)
{
	static const struct {
		const char *requires[2], *provides[2];
	} rows[] = {
		{ { "topic:a.", ".c" }, { "topic:a.", ".d" } },
		{ { "topic:*.*.*.r", "" }, { "topic:a.b.c.p", "" } },
		{ { "topic:r", ".*.x" }, { "topic:p", ".*.x" } },
		{ { "topic:", "" }, { "tool:", "" } },
		{ { "topic:", "" }, { "topic:a.", "" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		HOLD(crowd_fini) struct crowd crowd = { 0 };
		HOLD(order_fini) struct order order = { 0 };
		struct capsule_error err = { 0 };

		for (size_t j = 0; j < MANY; j++) {
			add_number(
				&crowd_add(&crowd, "consumer")->requires, rows[i].requires[0], j, rows[i].requires[1]);
			add_number(
				&crowd_add(&crowd, "provider")->provides, rows[i].provides[0], j, rows[i].provides[1]);
		}
		assert_int_equal(order_manifests(&order, crowd.manifests, crowd.count, &err), CAPSULE_OK);
		assert_int_equal(order.unmet_count, MANY);
	}
}

static void a_provider_that_matches_often_is_one_edge_each(void **state)
{
	HOLD(crowd_fini) struct crowd crowd = { 0 };
	HOLD(order_fini) struct order order = { 0 };
	struct manifest *provider = crowd_add(&crowd, "provider");
	struct capsule_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < LIMIT_MANIFEST_ENTRIES; i++)
		add_number(&provider->provides, "topic:a.p", i, "");
	for (size_t i = 0; i < 10000; i++) {
		struct manifest *consumer = crowd_add(&crowd, "consumer");

		for (size_t j = 0; j < 20; j++)
			testing_list_add(&consumer->requires, span_text("topic:a.*"));
	}
	assert_int_equal(order_manifests(&order, crowd.manifests, crowd.count, &err), CAPSULE_OK);
	assert_int_equal(order.edge_count, 200000);
	assert_int_equal(order.edges[199999].provided, 0);
}

/* Wildcards in every combination on both sides, which no index makes fast. */
static void add_wild(struct manifest *manifest, size_t from, const char *end)
{
	for (size_t i = from; i < from + 2048; i++) {
		HOLD(buffer_fini) struct buffer needs = { 0 }, offers = { 0 };

		(void)buffer_append_text(&needs, "topic:");
		(void)buffer_append_text(&offers, "topic:");
		for (size_t bit = 0; bit < 13; bit++) {
			bool set = i >> bit & 1;

			(void)buffer_append_text(&needs, set ? "a." : "*.");
			(void)buffer_append_text(&offers, set ? "*." : "b.");
		}
		(void)buffer_append_text(&needs, "end");
		assert_true(buffer_append_text(&offers, end) && !needs.failed);
		testing_list_add(&manifest->requires, buffer_span(&needs));
		testing_list_add(&manifest->provides, buffer_span(&offers));
	}
}

static void patterns_full_of_wildcards_are_compared_or_refused(void **state)
{
	HOLD(crowd_fini) struct crowd crowd = { 0 };
	HOLD(order_fini) struct order order = { 0 };
	struct capsule_error err = { 0 };

	(void)state;
	add_wild(crowd_add(&crowd, "first"), 0, "other");
	add_wild(crowd_add(&crowd, "second"), 2048, "other");
	assert_int_equal(order_manifests(&order, crowd.manifests, crowd.count, &err), CAPSULE_OK);
	assert_int_equal(order.edge_count, 0);
	for (size_t i = 0; i < 8; i++)
		add_wild(crowd_add(&crowd, "wild"), i % 4 * 2048, "end");
	assert_int_equal(order_manifests(&(struct order){ 0 }, crowd.manifests, crowd.count, &err), CAPSULE_ELIMIT);
	assert_non_null(strstr(err.text, "with fewer `*`"));
	assert_non_null(strstr(err.text, "Capsule.toml:"));
}

static void too_many_edges_are_refused_with_who_brings_most(void **state)
{
	HOLD(crowd_fini) struct crowd crowd = { 0 };
	struct order order = { 0 };
	struct capsule_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < 1100; i++) {
		struct manifest *manifest = crowd_add(&crowd, i == 700 ? "greedy" : "modest");

		testing_list_add(&manifest->requires, span_text(i == 700 ? "topic:*" : "topic:b"));
		testing_list_add(&manifest->provides, span_text(i < 100 ? "topic:a" : "topic:b"));
	}
	assert_int_equal(order_manifests(&order, crowd.manifests, crowd.count, &err), CAPSULE_ELIMIT);
	assert_non_null(strstr(err.text, "`topic:*` of capsule 'greedy' (Capsule.toml:1) alone is met by 1099"));
	assert_null(order.sequence);
	assert_int_equal(order_manifests(&order, crowd.manifests, 1000, &err), CAPSULE_OK);
	assert_int_equal(order.edge_count, 100 * 900 + 899 * 899 + 999);
	order_fini(&order);
}

/* One text of many segments, given often: making ready to compare costs the most, and is given up as well. */
static void making_ready_is_given_up_too(void **state)
{
	HOLD(crowd_fini) struct crowd crowd = { 0 };
	HOLD(buffer_fini) struct buffer text = { 0 };
	struct capsule_error err = { 0 };
	struct manifest *consumer = crowd_add(&crowd, "consumer");

	(void)state;
	(void)buffer_append_text(&text, "topic:a");
	for (size_t i = 0; i < 32000; i++)
		(void)buffer_append_text(&text, ".a");
	for (size_t i = 0; i < 4; i++)
		testing_list_add(&consumer->requires, buffer_span(&text));
	for (size_t i = 0; i < 80; i++) {
		struct manifest *provider = crowd_add(&crowd, "provider");

		for (size_t j = 0; j < 15; j++)
			testing_list_add(&provider->provides, buffer_span(&text));
	}
	assert_int_equal(order_manifests(&(struct order){ 0 }, crowd.manifests, crowd.count, &err), CAPSULE_ELIMIT);
	assert_non_null(strstr(err.text, "of capsule 'consumer'"));
}

static void a_long_chain_and_a_long_cycle_need_no_stack(void **state)
{
	HOLD(crowd_fini) struct crowd crowd = { 0 };
	struct capsule_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < 50000; i++) {
		struct manifest *manifest = crowd_add(&crowd, "link");

		add_number(&manifest->requires, "topic:link.", i + 1, "");
		add_number(&manifest->provides, "topic:link.", i, "");
	}
	for (size_t cycles = 0; cycles < 2; cycles++) {
		HOLD(order_fini) struct order order = { 0 };

		assert_int_equal(order_manifests(&order, crowd.manifests, crowd.count, &err), CAPSULE_OK);
		assert_int_equal(order.cycle_count, cycles);
		assert_int_equal(order.unmet_count, 1 - cycles);
		assert_int_equal(order.sequence[0], cycles == 0 ? 49999 : 0);
		if (cycles == 1)
			assert_int_equal(order_cycle_error(&order, crowd.manifests, 1, &err), CAPSULE_EMANIFEST);
		add_number(&((struct manifest *)(uintptr_t)crowd.manifests[0])->provides, "topic:link.", 50000, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_graphs_are_ordered_as_the_oracle_says),
		cmocka_unit_test(many_that_do_not_match_cost_what_they_are),
		cmocka_unit_test(a_provider_that_matches_often_is_one_edge_each),
		cmocka_unit_test(patterns_full_of_wildcards_are_compared_or_refused),
		cmocka_unit_test(too_many_edges_are_refused_with_who_brings_most),
		cmocka_unit_test(making_ready_is_given_up_too),
		cmocka_unit_test(a_long_chain_and_a_long_cycle_need_no_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
