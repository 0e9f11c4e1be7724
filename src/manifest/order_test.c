/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The order of few capsules, case by case. */
#include "manifest/order.h"

#include "manifest/order_testing.h"
#include "manifest/parse_testing.h"
#include "manifest/provides.h"

#define SET_MAX 8

/* Capsules in the order in which they were found, and what came of ordering them. */
struct set {
	const struct manifest *manifests[SET_MAX];
	size_t count;
	struct order order;
};

/* The rest of a manifest: what it requires and provides, as TOML. */
#define REQUIRES(list) "[dependencies]\nrequires = [" list "]\n"
#define PROVIDES(list) "[dependencies]\nprovides = [" list "]\n"
#define BOTH(needs, offers) REQUIRES(needs) "provides = [" offers "]\n"
#define PUBLISHES(list) "[capabilities]\nipc_publish = [" list "]\n"
#define TOOL(name) "[[tool]]\nname = \"" name "\"\ndescription = \"d\"\ninput_schema = { type = \"object\" }\n"

static void set_add(struct set *set, const char *name, const char *rest)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	struct parsed parsed;

	assert_true(set->count < SET_MAX);
	assert_true(buffer_printf(&text, "[package]\nname = \"%s\"\nversion = \"1.0.0\"\n%s", name, rest));
	parsed = parse_text(buffer_text(&text));
	if (parsed.status != CAPSULE_OK)
		fail_msg("%s", parsed.err.text);
	set->manifests[set->count++] = parsed.manifest;
	diagnostics_fini(&parsed.found);
}

static void set_fini(struct set *set)
{
	for (size_t i = 0; i < set->count; i++)
		manifest_free((struct manifest *)(uintptr_t)set->manifests[i]);
	order_fini(&set->order);
}

/* Order the set: the names must come out as in `expected`, with that many edges, unmet requirements and cycles. */
static void assert_order(struct set *set, const char *expected, size_t edges, size_t unmet, size_t cycles)
{
	HOLD(buffer_fini) struct buffer names = { 0 };
	struct capsule_error err = { 0 };

	assert_int_equal(order_manifests(&set->order, set->manifests, set->count, &err), CAPSULE_OK);
	assert_int_equal(set->order.count, set->count);
	for (size_t i = 0; i < set->count; i++)
		assert_true(buffer_printf(
			&names, "%s%s", i > 0 ? " " : "", set->manifests[set->order.sequence[i]]->package.name));
	assert_string_equal(set->count > 0 ? buffer_text(&names) : "", expected);
	assert_int_equal(set->order.edge_count, edges);
	assert_int_equal(set->order.unmet_count, unmet);
	assert_int_equal(set->order.cycle_count, cycles);
}

static void assert_cycle(const struct set *set, size_t cycle, const char *text)
{
	struct capsule_error err = { 0 };

	assert_int_equal(order_cycle_error(&set->order, set->manifests, cycle, &err), CAPSULE_EMANIFEST);
	assert_string_equal(err.text, text);
	assert_int_equal(order_cycle_error(&set->order, set->manifests, cycle, NULL), CAPSULE_EMANIFEST);
}

/* rt:101-112: the index and the matcher have the same answer. */
static void a_requirement_meets_what_matches_it(void **state)
{
	static const struct {
		const char *requirement, *provided;
		bool match;
	} rows[] = {
		{ "topic:foo.bar", "topic:foo.bar", true },
		{ "topic:llm.stream.*", "topic:llm.stream.anthropic", true },
		{ "topic:llm.request.generate.anthropic", "topic:llm.request.generate.*", true },
		{ "topic:foo", "tool:foo", false },
		{ "topic:a.b", "topic:a.b.c", false },
		{ "topic:a.b", "topic:a", false },
		{ "topic:a.*.c", "topic:a.b", false },
		{ "topic:a.b.c", "topic:a", false },
		{ "foo", "foo", true },
		{ "foo", "bar", false },
		{ "topic:*.stream", "topic:llm.*", true },
		{ "topic:llm.*.anthropic", "topic:llm.stream.anthropic", true },
		{ "topic:llm.*.anthropic", "topic:llm.stream.openai", false },
		{ "", "", true },
		{ "topic:", "topic:", true },
		{ "topic:", "tool:", false },
		{ "topic:foo*", "topic:foobar", false },
		{ "topic:*", "topic:", true },
		{ "topic:a:b", "topic:a:b", true },
		{ "topic:a:b", "topic:a:c", false },
		{ "*:a", "topic:a", false },
		{ "topic:a..b", "topic:a.*.b", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (int turned = 0; turned < 2; turned++) {
			const char *requirement = turned != 0 ? rows[i].provided : rows[i].requirement;
			const char *provided = turned != 0 ? rows[i].requirement : rows[i].provided;
			struct manifest *consumer = testing_manifest("consumer"),
					*provider = testing_manifest("provider");
			HOLD(set_fini) struct set set = { .manifests = { consumer, provider }, .count = 2 };

			testing_list_add(&consumer->requires, span_text(requirement));
			testing_list_add(&provider->provides, span_text(provided));
			assert_int_equal(capability_match(span_text(requirement), span_text(provided)), rows[i].match);
			assert_order(&set, rows[i].match ? "provider consumer" : "consumer provider", rows[i].match,
				!rows[i].match, 0);
		}
	}
}

static void nobody_and_one_alone_are_left_as_they_are(void **state) /* rt:113 */
{
	HOLD(set_fini) struct set none = { 0 }, one = { 0 };

	(void)state;
	assert_order(&none, "", 0, 0, 0);
	set_add(&one, "a", REQUIRES("\"topic:missing\""));
	assert_order(&one, "a", 0, 0, 0);
}

static void a_provider_comes_before_its_consumer(void **state) /* rt:114 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "b", REQUIRES("\"topic:other\", \"topic:foo\""));
	set_add(&set, "a", PUBLISHES("\"x\", \"foo\", \"foo\", \"*\""));
	assert_order(&set, "a b", 2, 0, 0);
	assert_int_equal(set.order.edges[1].provider, 1);
	assert_int_equal(set.order.edges[1].consumer, 0);
	assert_int_equal(set.order.edges[1].requirement, 1);
	assert_int_equal(set.order.edges[1].provided, 1);
	assert_int_equal(set.order.edges[0].provided, 3);
}

static void every_provider_that_matches_comes_first(void **state) /* rt:115 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "c", REQUIRES("\"topic:llm.stream.*\""));
	set_add(&set, "a", PROVIDES("\"topic:llm.stream.anthropic\""));
	set_add(&set, "b", PROVIDES("\"topic:llm.stream.openai\""));
	assert_order(&set, "a b c", 2, 0, 0);
}

static void what_nobody_provides_counts_as_met(void **state) /* rt:116 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "a", "");
	set_add(&set, "b", REQUIRES("\"topic:missing\""));
	assert_order(&set, "a b", 0, 1, 0);
	assert_int_equal(set.order.unmet[0].consumer, 1);
	assert_int_equal(set.order.unmet[0].requirement, 0);
}

static void two_that_need_each_other_are_a_cycle(void **state) /* rt:117 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "a", BOTH("\"topic:b\"", "\"topic:a\""));
	set_add(&set, "b", BOTH("\"topic:a\"", "\"topic:b\""));
	assert_order(&set, "a b", 2, 0, 1);
	assert_cycle(&set, 1, "dependency cycle detected: a, b");
}

static void a_cycle_of_three_names_all_three(void **state) /* rt:118 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "a", BOTH("\"topic:c\"", "\"topic:a\""));
	set_add(&set, "b", BOTH("\"topic:a\"", "\"topic:b\""));
	set_add(&set, "c", BOTH("\"topic:b\"", "\"topic:c\""));
	assert_order(&set, "a b c", 3, 0, 1);
	assert_cycle(&set, 1, "dependency cycle detected: a, b, c");
}

static void without_dependencies_the_order_stays(void **state) /* rt:119 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "x", "");
	set_add(&set, "y", "");
	set_add(&set, "z", "");
	assert_order(&set, "x y z", 0, 0, 0);
}

static void a_diamond(void **state) /* rt:120 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "d", REQUIRES("\"topic:b\", \"topic:c\""));
	set_add(&set, "b", BOTH("\"topic:a\"", "\"topic:b\""));
	set_add(&set, "c", BOTH("\"topic:a\"", "\"topic:c\""));
	set_add(&set, "a", PROVIDES("\"topic:a\""));
	assert_order(&set, "a b c d", 4, 0, 0);
}

static void what_is_published_is_provided(void **state) /* rt:121 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "consumer", REQUIRES("\"topic:foo.bar\""));
	set_add(&set, "provider", PUBLISHES("\"foo.bar\""));
	assert_order(&set, "provider consumer", 1, 0, 0);
}

static void a_wildcard_waits_for_all(void **state) /* rt:122 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "consumer", REQUIRES("\"topic:*\""));
	set_add(&set, "one", PROVIDES("\"topic:foo\""));
	set_add(&set, "two", PROVIDES("\"topic:bar\""));
	assert_order(&set, "one two consumer", 2, 0, 0);
}

static void said_and_derived_provisions_go_together(void **state) /* rt:123 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "react", REQUIRES("\"topic:identity.response.ready\", \"topic:session.response.*\""));
	set_add(&set, "session", PROVIDES("\"topic:session.response.get\"") PUBLISHES("\"session.*\""));
	set_add(&set, "identity", PUBLISHES("\"identity.response.ready\""));
	assert_order(&set, "session identity react", 2, 0, 0);
}

static void nobody_meets_a_requirement_of_its_own(void **state) /* rt:124 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "selfish", BOTH("\"topic:mine\"", "\"topic:mine\""));
	set_add(&set, "other", "");
	assert_order(&set, "selfish other", 0, 1, 0);
	assert_int_equal(set.order.unmet[0].consumer, 0);
}

static void two_edges_between_two_are_harmless(void **state) /* rt:125 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "b", REQUIRES("\"topic:p\", \"topic:q\""));
	set_add(&set, "a", PROVIDES("\"topic:p\", \"topic:q\""));
	assert_order(&set, "a b", 2, 0, 0);
}

static void who_waits_goes_behind_who_does_not(void **state) /* rt:126 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "z", "");
	set_add(&set, "y", REQUIRES("\"tool:t\""));
	set_add(&set, "x", "");
	set_add(&set, "w", TOOL("t"));
	assert_order(&set, "z x w y", 1, 0, 0);
}

static void a_cycle_holds_up_only_who_needs_it(void **state) /* rt:127 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "b", BOTH("\"topic:a\"", "\"topic:b\""));
	set_add(&set, "c", REQUIRES("\"topic:a\""));
	set_add(&set, "a", BOTH("\"topic:b\"", "\"topic:a\""));
	set_add(&set, "d", "");
	assert_order(&set, "a b d c", 3, 0, 1);
	assert_cycle(&set, 1, "dependency cycle detected: b, a");
}

static void a_cycle_waits_for_what_it_needs_from_outside(void **state)
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "n", BOTH("\"topic:m\"", "\"topic:n\""));
	set_add(&set, "m", BOTH("\"topic:n\", \"topic:far\"", "\"topic:m\""));
	set_add(&set, "free", "");
	set_add(&set, "far", BOTH("\"topic:near\"", "\"topic:far\""));
	set_add(&set, "near", PROVIDES("\"topic:near\""));
	assert_order(&set, "free near far m n", 4, 0, 1);
}

static void two_cycles_are_told_apart(void **state)
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "d", BOTH("\"topic:c\"", "\"topic:d\""));
	set_add(&set, "b", BOTH("\"topic:a\", \"topic:c\"", "\"topic:b\""));
	set_add(&set, "c", BOTH("\"topic:d\"", "\"topic:c\""));
	set_add(&set, "a", BOTH("\"topic:b\"", "\"topic:a\""));
	assert_order(&set, "c d a b", 5, 0, 2);
	assert_cycle(&set, 1, "dependency cycle detected: d, c");
	assert_cycle(&set, 2, "dependency cycle detected: b, a");
}

static void said_provisions_hide_derived_ones(void **state) /* rt:128 */
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "b", REQUIRES("\"topic:foo.bar\""));
	set_add(&set, "a", PROVIDES("\"tool:x\"") PUBLISHES("\"foo.bar\""));
	assert_order(&set, "b a", 0, 1, 0);
	assert_int_equal(set.order.unmet[0].consumer, 0);
}

static void capsules_of_one_name_are_two(void **state)
{
	HOLD(set_fini) struct set set = { 0 };

	(void)state;
	set_add(&set, "a", BOTH("\"topic:x\"", "\"topic:y\""));
	set_add(&set, "a", BOTH("\"topic:y\"", "\"topic:x\""));
	set_add(&set, "b", REQUIRES("\"topic:x\""));
	assert_order(&set, "a a b", 3, 0, 1);
	assert_int_equal(set.order.sequence[0], 0);
	assert_cycle(&set, 1, "dependency cycle detected: a, a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_requirement_meets_what_matches_it),
		cmocka_unit_test(nobody_and_one_alone_are_left_as_they_are),
		cmocka_unit_test(a_provider_comes_before_its_consumer),
		cmocka_unit_test(every_provider_that_matches_comes_first),
		cmocka_unit_test(what_nobody_provides_counts_as_met),
		cmocka_unit_test(two_that_need_each_other_are_a_cycle),
		cmocka_unit_test(a_cycle_of_three_names_all_three),
		cmocka_unit_test(without_dependencies_the_order_stays),
		cmocka_unit_test(a_diamond),
		cmocka_unit_test(what_is_published_is_provided),
		cmocka_unit_test(a_wildcard_waits_for_all),
		cmocka_unit_test(said_and_derived_provisions_go_together),
		cmocka_unit_test(nobody_meets_a_requirement_of_its_own),
		cmocka_unit_test(two_edges_between_two_are_harmless),
		cmocka_unit_test(who_waits_goes_behind_who_does_not),
		cmocka_unit_test(a_cycle_holds_up_only_who_needs_it),
		cmocka_unit_test(a_cycle_waits_for_what_it_needs_from_outside),
		cmocka_unit_test(two_cycles_are_told_apart),
		cmocka_unit_test(said_provisions_hide_derived_ones),
		cmocka_unit_test(capsules_of_one_name_are_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
