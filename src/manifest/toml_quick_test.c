/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The quick reader against the library: documents that it must read, documents that it must leave, and many made by chance. */
#include "manifest/toml_quick_testing.h"
#include "base/buffer.h"
#include "base/cleanup.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Whether the quick reader reads `text`; what it makes of it must be what the library makes of it. */
static bool reads(struct span text)
{
	struct toml_quick quick = { 0 };
	const struct deps_toml_node *nodes, *differs;
	struct deps_toml *toml;
	size_t count, errors;

	if (!toml_quick_read(&quick, text))
		return false;
	toml = deps_toml_parse((const char *)text.data, text.len);
	nodes = deps_toml_nodes(toml, &count);
	(void)deps_toml_errors(toml, &errors);
	differs = errors > 0 ? quick.nodes : first_difference(quick.nodes, nodes);
	if (differs != NULL || count != quick.count)
		fail_msg("%zu errors, %zu nodes and not %zu, other at byte %zu of:\n%.*s", errors, quick.count, count,
			differs != NULL ? differs->start : 0, SPAN_ARG(text));
	deps_toml_free(toml);
	toml_quick_fini(&quick);
	return true;
}

static void assert_reads(const char *text)
{
	if (!reads(span_text(text)))
		fail_msg("not read: %s", text);
}

static void assert_leaves(const char *text)
{
	if (reads(span_text(text)))
		fail_msg("read: %s", text);
}

static void documents_of_every_form_are_read(void **state)
{
	(void)state;
	assert_reads("\n");
	assert_reads("# only a comment");
	assert_reads("a = 1");
	assert_reads("a = 1\r\nb = 2 # c\r\n\r\n");
	assert_reads(
		"a = -0\nb = 123456789012345678\nc = -1\nd = 0.5\ne = -12.25\nf = 3.141592653589\ng = -0.0\nh = 0.1");
	assert_reads("a = true\nb = false");
	assert_reads("a = \"\"\nb = ''\n\"\" = 'x'\n'q r' = \"y\"\n-_9 = 0");
	assert_reads("a = \"\\b\\t\\n\\f\\r\\\"\\\\ \\u00e9\\u20AC\\U0001F600 \\u0000 \\u007f\"");
	assert_reads("a = 'C:\\path \"x\"'\nb = \"it's\"\t# it's");
	assert_reads(
		"a = \"\"\"one\ntwo \"quoted\" \\\" \"\" three\"\"\"\nb = '''\nraw \\ ' '' x'''\nc = \"\"\"\"\"\"");
	assert_reads("a = []\nb = [1, 'two', [3.5], { four = 4 }, ]\nc = [ # one\n 1,\n\n 2 # two\n , ]\n");
	assert_reads("a = {}\nb = { x = 1, y.z = 2, y.w = { v = [] } }\n");
	assert_reads("a.b.c = 1\na.b.d = 2\na.e = 3\n");
	assert_reads("[a]\n[a.b]\nx = 1\n[c . \"d\" . 'e']\n[c.f]\n[ g ] # g\n");
	assert_reads("[[t]]\nn = 1\n[t.s]\nx = 1\n[[t.u]]\n[[t.u]]\n[[t]]\nn = 2\n[t.s]\n[[t.u]]\n");
	assert_reads("[a.b]\nk.l = 1\nk.m = 2\n[a.c]\nk.l = 1\n[a.b.n]\n");
	assert_reads("k = \"\xc3\x89lan\" # \xe2\x82\xac\n");
}

static void what_is_wrong_or_rare_is_left(void **state)
{
	static const char *const texts[] = { "", "a", "a =", "a = \n", "= 1", "a = 1 b = 2", "a = 1\na = 2", "[a]\n[a]",
		"[a.b]\n[a]", "[a]\nb = 1\n[a.b]", "a = {}\n[a.b]", "a = []\n[[a]]", "[a]\n[[a]]", "[[a]]\n[a]",
		"a.b = 1\n[a]", "a.b = 1\n[a.c]", "[a]\nb.c = 1\n[a.b.d]", "a = 1\na.b = 2", "a = { b = 1 }\na.c = 2",
		"[a.b]\n[c]\n[a]\nb.c = 1", "a = { b = 1, b = 2 }", "a = { b = 1, }", "a = {\nb = 1 }", "a = { b = 1",
		"a = [1", "a = [1 2]", "a = [,]", "[a", "[a]]", "[[a]", "[ [a]]", "[[a] ]", "[]", "[a.]", "[.a]",
		"a. = 1", "a = 01", "a = 1_000", "a = 0x10", "a = +1", "a = 1.", "a = .5", "a = 1e3", "a = inf",
		"a = nan", "a = 1979-05-27", "a = 07:32:00", "a = 1234567890123456789", "a = 0.12345678901234567",
		"a = True", "a = truex", "a = \"", "a = 'x", "a = \"\\q\"", "a = \"\\e\"", "a = \"\\x41\"",
		"a = \"\\u12\"", "a = \"\\ud800\"", "a = \"\\U00110000\"", "a = \"x\ny\"", "a = 'x\ny'", "a = \"\x01\"",
		"a = '\x7f'", "# \x01\n", "a = 1 \r b = 2", "a = 1\r", "a = \"\"\"\r\n\"\"\"",
		"a = \"\"\"x\\\n  y\"\"\"", "a = \"\"\"x\"\"\"\"", "a = '''x''''", "a = \"\"\"x", "\"\"\"a\"\"\" = 1",
		"a = 1 # \x7f" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_leaves(texts[i]);
	assert_false(reads(span_of("a = \"\\\0\"", 8)));
	assert_false(reads(span_of("a = 1\0", 6)));
	assert_false(reads(span_of("a\0 = 1", 6)));
}

static void deep_and_large_documents_are_left(void **state)
{
	HOLD(buffer_fini) struct buffer text = { 0 };

	(void)state;
	buffer_append_text(&text, "a = ");
	for (int i = 0; i < 100000; i++)
		buffer_append_byte(&text, '[');
	assert_false(reads(buffer_span(&text)));
	buffer_clear(&text);
	for (int i = 0; i < 100000; i++)
		buffer_append_text(&text, "a.");
	buffer_append_text(&text, "a = 1");
	assert_false(reads(buffer_span(&text)));
	buffer_clear(&text);
	for (int i = 0; i < 40; i++)
		buffer_append_text(&text, "a = { b.c.d = [{");
	assert_false(reads(buffer_span(&text)));
	buffer_clear(&text);
	for (int i = 0; i < 200000; i++)
		buffer_printf(&text, "k%d=1\n", i);
	assert_false(reads(buffer_span(&text)));
}

/* Past the small hash table, and several growths. */
static void many_keys_are_read(void **state)
{
	HOLD(buffer_fini) struct buffer text = { 0 };

	(void)state;
	for (int i = 0; i < 20000; i++)
		buffer_printf(&text, i % 7 == 0 ? "[t%d]\n" : "k%d = 1\n", i);
	assert_true(reads(buffer_span(&text)));
	buffer_append_text(&text, "[t0.x]\n[t7]\n");
	assert_false(reads(buffer_span(&text)));
}

static uint32_t chance(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

/* Pieces from which lines are made, most of them good where they are put. */
static const char *const keys[] = { "a", "b", "a.b", "a.a", "b.a.b", "\"a\"", "'b'", "c . a", "\"\"" };
static const char *const values[] = { "1", "-20", "true", "\"x\"", "'y'", "[]", "{}", "[1, [2]]", "{ a = 1, b.a = 2 }",
	"[{ a = [] }, { b = 1.5 }]", "\"\"\"l\nm\"\"\"", "\"\\u00e9\\n\"", "1e5", "{ a.b = 1, a.c = 2 }", "[\n1,\n]" };
static const char *const ends[] = { "\n", "\r\n", " # c\n", "\n\n", " " };

#define PICK(seed, list) list[chance(seed, sizeof(list) / sizeof((list)[0]))]

static void documents_made_by_chance_are_read_alike(void **state)
{
	uint64_t seed = 20260101;
	size_t count = 0;

	(void)state;
	for (int i = 0; i < 40000; i++) {
		HOLD(buffer_fini) struct buffer text = { 0 };

		for (uint32_t lines = 1 + chance(&seed, 6); lines > 0; lines--) {
			uint32_t form = chance(&seed, 5);

			if (form == 0)
				buffer_printf(&text, "[%s]%s", PICK(&seed, keys), PICK(&seed, ends));
			else if (form == 1)
				buffer_printf(&text, "[[%s]]%s", PICK(&seed, keys), PICK(&seed, ends));
			else
				buffer_printf(
					&text, "%s = %s%s", PICK(&seed, keys), PICK(&seed, values), PICK(&seed, ends));
		}
		count += reads(buffer_span(&text));
	}
	assert_true(count > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_of_every_form_are_read),
		cmocka_unit_test(what_is_wrong_or_rare_is_left),
		cmocka_unit_test(deep_and_large_documents_are_left),
		cmocka_unit_test(many_keys_are_read),
		cmocka_unit_test(documents_made_by_chance_are_read_alike),
	};

	return cmocka_run_group_tests_name("manifest_toml_quick", tests, NULL, NULL);
}
