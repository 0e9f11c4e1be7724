/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The order of a discovery, and how it is shown. */
#include "runtime/order.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void add(
	struct capsule_discovery *discovery, const char *name, enum discovery_state state, const char *dependencies)
{
	struct discovery *found = &discovery->found;
	HOLD(buffer_fini) struct buffer text = { 0 }, dir = { 0 };
	struct discovered item = { .state = state };
	struct capsule_error err = { 0 };

	(void)buffer_printf(
		&text, "[package]\nname = \"%s\"\nversion = \"1.0.0\"\n[dependencies]\n%s", name, dependencies);
	(void)buffer_printf(&dir, "/capsules/%s", name);
	if (state != DISCOVERY_BROKEN &&
		manifest_parse(&item.manifest, buffer_span(&text), "Capsule.toml", &item.diagnostics, &err) !=
			CAPSULE_OK)
		fail_msg("%s", err.text);
	item.dir = buffer_steal(&dir);
	found->items = realloc(found->items, (found->count + 1) * sizeof *found->items);
	assert_non_null(found->items);
	found->items[found->count++] = item;
}

static void finish(struct capsule_discovery *discovery)
{
	for (size_t i = 0; i < discovery->found.count; i++) {
		manifest_free(discovery->found.items[i].manifest);
		diagnostics_fini(&discovery->found.items[i].diagnostics);
		free(discovery->found.items[i].dir);
	}
	free(discovery->found.items);
}

static void order_of_all_drop(struct capsule_order **order)
{
	capsule_order_free(*order);
}

static struct capsule_order *order_of(struct capsule_discovery *discovery)
{
	struct capsule_order *order = NULL;
	struct capsule_error err = { 0 };

	if (capsule_order_new(&order, discovery, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	return order;
}

static void only_good_capsules_are_ordered(void **state)
{
	HOLD(finish) struct capsule_discovery discovery = { 0 };
	HOLD(order_of_all_drop) struct capsule_order *order = NULL;

	(void)state;
	add(&discovery, "broken", DISCOVERY_BROKEN, "");
	add(&discovery, "b", DISCOVERY_GOOD, "requires = [\"topic:x\"]\n");
	add(&discovery, "a", DISCOVERY_DUPLICATE, "provides = [\"topic:x\"]\n");
	add(&discovery, "a", DISCOVERY_UNAPPROVED, "provides = [\"topic:x\"]\n");
	add(&discovery, "a", DISCOVERY_GOOD, "provides = [\"topic:x\"]\n");
	order = order_of(&discovery);
	assert_int_equal(capsule_order_count(order), 2);
	assert_int_equal(capsule_order_at(order, 0), 4);
	assert_int_equal(capsule_order_at(order, 1), 1);
	assert_int_equal(capsule_order_at(order, 2), SIZE_MAX);
	assert_int_equal(capsule_order_cycles(order) + capsule_order_unmet(order), 0);
}

static void nothing_has_an_order_too(void **state)
{
	HOLD(finish) struct capsule_discovery discovery = { 0 };
	HOLD(order_of_all_drop) struct capsule_order *order = order_of(&discovery);
	struct capsule_error err = { 0 };

	(void)state;
	assert_int_equal(capsule_order_count(order), 0);
	assert_string_equal(capsule_order_text(order, true), "");
	assert_string_equal(capsule_order_json(order), "{\"order\":[],\"cycles\":[]}");
	assert_int_equal(capsule_order_new(NULL, &discovery, &err), CAPSULE_EINVAL);
	assert_int_equal(capsule_order_new(&order, NULL, &err), CAPSULE_EINVAL);
	capsule_order_free(NULL);
}

static void fill(struct capsule_discovery *discovery)
{
	add(discovery, "c", DISCOVERY_GOOD, "requires = [\"topic:a.*\", \"topic:none\"]\n");
	add(discovery, "a", DISCOVERY_GOOD, "provides = [\"topic:a.x\"]\nrequires = [\"topic:b\"]\n");
	add(discovery, "b", DISCOVERY_GOOD, "provides = [\"topic:b\"]\nrequires = [\"topic:a.x\"]\n");
	add(discovery, "d", DISCOVERY_GOOD, "");
}

static void a_person_reads_who_waits_for_whom_and_why(void **state)
{
	HOLD(finish) struct capsule_discovery discovery = { 0 };
	HOLD(order_of_all_drop) struct capsule_order *order = NULL;

	(void)state;
	fill(&discovery);
	order = order_of(&discovery);
	assert_int_equal(capsule_order_cycles(order), 1);
	assert_int_equal(capsule_order_unmet(order), 1);
	assert_string_equal(capsule_order_text(order, false),
		"  1  a  /capsules/a\n"
		"     after b: requires topic:b\n"
		"  2  b  /capsules/b\n"
		"     after a: requires topic:a.x\n"
		"  3  d  /capsules/d\n"
		"  4  c  /capsules/c\n"
		"     after a: requires topic:a.*, which provides topic:a.x\n"
		"     not met: requires topic:none, which no other capsule here provides\n"
		"dependency cycle detected: a, b\n"
		"     a requires topic:b, which b provides\n"
		"     b requires topic:a.x, which a provides\n"
		"     fix: take one of these requirements away; until then they load by name\n");
	assert_non_null(strchr(capsule_order_text(order, true), 0x1b));
}

static void a_requirement_that_many_meet_is_one_line(void **state)
{
	HOLD(finish) struct capsule_discovery discovery = { 0 };
	HOLD(order_of_all_drop) struct capsule_order *order = NULL;

	(void)state;
	add(&discovery, "all", DISCOVERY_GOOD, "requires = [\"topic:*\"]\n");
	for (char name[] = "a"; name[0] <= 'j'; name[0]++)
		add(&discovery, name, DISCOVERY_GOOD, "provides = [\"topic:x\"]\n");
	order = order_of(&discovery);
	assert_non_null(strstr(
		capsule_order_text(order, false), "     after a, b, c, d, e, f, g, h and 2 more: requires topic:*\n"));
}

static void programs_read_json(void **state)
{
	HOLD(finish) struct capsule_discovery discovery = { 0 };
	HOLD(order_of_all_drop) struct capsule_order *order = NULL;

	(void)state;
	fill(&discovery);
	discovery.found.items[3].dir[1] = (char)0xFF;
	order = order_of(&discovery);
	assert_string_equal(capsule_order_json(order),
		"{\"order\":["
		"{\"id\":\"a\",\"dir\":\"/capsules/a\",\"after\":[{\"id\":\"b\",\"requires\":\"topic:b\",\"provides\":\"topic:b\"}],\"unmet\":[]},"
		"{\"id\":\"b\",\"dir\":\"/capsules/b\",\"after\":[{\"id\":\"a\",\"requires\":\"topic:a.x\",\"provides\":\"topic:a.x\"}],\"unmet\":[]},"
		"{\"id\":\"d\",\"dir\":\"/\xEF\xBF\xBD"
		"apsules/d\",\"after\":[],\"unmet\":[]},"
		"{\"id\":\"c\",\"dir\":\"/capsules/c\",\"after\":[{\"id\":\"a\",\"requires\":\"topic:a.*\",\"provides\":\"topic:a.x\"}],"
		"\"unmet\":[\"topic:none\"]}],\"cycles\":[[\"a\",\"b\"]]}");
}

static void graphviz_reads_dot(void **state)
{
	HOLD(finish) struct capsule_discovery discovery = { 0 };
	HOLD(order_of_all_drop) struct capsule_order *order = NULL;

	(void)state;
	fill(&discovery);
	order = order_of(&discovery);
	assert_string_equal(capsule_order_dot(order),
		"digraph capsules {\n"
		"\trankdir=LR;\n"
		"\tnode [shape=box];\n"
		"\t\"a\" [color=red];\n"
		"\t\"b\" [color=red];\n"
		"\t\"d\";\n"
		"\t\"c\";\n"
		"\t\"c\" -> \"a\" [label=\"topic:a.*\"];\n"
		"\t\"a\" -> \"b\" [label=\"topic:b\", color=red];\n"
		"\t\"b\" -> \"a\" [label=\"topic:a.x\", color=red];\n"
		"\t\"unmet 1\" [style=dashed, label=\"topic:none\"];\n"
		"\t\"c\" -> \"unmet 1\" [style=dashed];\n"
		"}\n");
}

/* Whatever a manifest says, no byte of it steers a terminal or ends a string of the graph. */
static void strange_texts_are_harmless(void **state)
{
	HOLD(finish) struct capsule_discovery discovery = { 0 };
	HOLD(order_of_all_drop) struct capsule_order *order = NULL;
	struct string_list *requires;

	(void)state;
	add(&discovery, "a", DISCOVERY_GOOD, "requires = [\"topic:x\"]\n");
	add(&discovery, "b", DISCOVERY_GOOD, "");
	requires = &discovery.found.items[0].manifest->requires;
	free(requires->items[0]);
	requires->items[0] = text_copy(span_text("topic:\x1b[2J\"\\\n"));
	order = order_of(&discovery);
	assert_non_null(strstr(capsule_order_text(order, false), "requires topic:?[2J\"\\?, which"));
	assert_non_null(strstr(capsule_order_dot(order), "label=\"topic:?[2J\\\"\\\\?\"]"));
	assert_non_null(strstr(capsule_order_json(order), "topic:\\u001b[2J\\\"\\\\\\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_good_capsules_are_ordered),
		cmocka_unit_test(nothing_has_an_order_too),
		cmocka_unit_test(a_person_reads_who_waits_for_whom_and_why),
		cmocka_unit_test(a_requirement_that_many_meet_is_one_line),
		cmocka_unit_test(programs_read_json),
		cmocka_unit_test(graphviz_reads_dot),
		cmocka_unit_test(strange_texts_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
