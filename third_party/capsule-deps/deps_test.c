/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The C functions of the Rust library: hashes, versions, and TOML with its places, its problems and its limits. */
#include "capsule_deps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t abc_hash[DEPS_BLAKE3_SIZE] = { 0x64, 0x37, 0xb3, 0xac, 0x38, 0x46, 0x51, 0x33, 0xff, 0xb6, 0x3b,
	0x75, 0x27, 0x3a, 0x8d, 0xb5, 0x48, 0xc5, 0x58, 0x46, 0x5d, 0x79, 0xdb, 0x03, 0xfd, 0x35, 0x9c, 0x6c, 0xd5,
	0xbd, 0x9d, 0x85 };

static void blake3_of_abc_is_the_published_value(void **state)
{
	uint8_t out[DEPS_BLAKE3_SIZE];

	(void)state;
	deps_blake3((const uint8_t *)"abc", 3, out);
	assert_memory_equal(out, abc_hash, sizeof(out));
}

static void a_hash_in_pieces_equals_the_hash_at_once(void **state)
{
	struct deps_hasher *hasher = deps_hasher_new();
	uint8_t out[DEPS_BLAKE3_SIZE];

	(void)state;
	deps_hasher_update(hasher, (const uint8_t *)"a", 1);
	deps_hasher_update(hasher, NULL, 0);
	deps_hasher_update(hasher, (const uint8_t *)"bc", 2);
	deps_hasher_finish(hasher, out);
	deps_hasher_free(hasher);
	deps_hasher_free(NULL);
	assert_memory_equal(out, abc_hash, sizeof(out));
}

static bool version_is_valid(const char *text)
{
	return deps_semver_check(text, strlen(text), NULL, 0) == 1;
}

static bool requirement_is_valid(const char *text)
{
	return deps_semver_req_check(text, strlen(text), NULL, 0) == 1;
}

static void versions_are_strict(void **state)
{
	(void)state;
	assert_true(version_is_valid("1.2.3"));
	assert_true(version_is_valid("1.0.0-rc.1+build.5"));
	assert_false(version_is_valid("1.2"));
	assert_false(version_is_valid("v1.2.3"));
	assert_false(version_is_valid("01.2.3"));
	assert_false(version_is_valid(""));
	assert_false(version_is_valid(" 1.2.3"));
}

static void requirements_are_read_as_cargo_reads_them(void **state)
{
	(void)state;
	assert_true(requirement_is_valid("^1.2"));
	assert_true(requirement_is_valid(">=1, <3"));
	assert_true(requirement_is_valid("*"));
	assert_false(requirement_is_valid("latest"));
	assert_int_equal(deps_semver_matches("^1.2", 4, "1.3.0", 5), 1);
	assert_int_equal(deps_semver_matches("^1.2", 4, "2.0.0", 5), 0);
	assert_int_equal(deps_semver_matches("^1.2", 4, "2", 1), -1);
	assert_int_equal(deps_semver_matches("latest", 6, "2.0.0", 5), -1);
}

static void a_reason_is_cut_to_its_buffer(void **state)
{
	char reason[8];
	char whole[128];

	(void)state;
	assert_int_equal(deps_semver_check("1.2.3-\xff", 7, whole, sizeof(whole)), 0);
	assert_string_equal(whole, "not UTF-8");
	assert_int_equal(deps_semver_check("x", 1, whole, sizeof(whole)), 0);
	assert_non_null(strstr(whole, "major version"));
	assert_int_equal(deps_semver_check("x", 1, reason, sizeof(reason)), 0);
	assert_int_equal(strlen(reason), sizeof(reason) - 1);
	assert_int_equal(deps_semver_check("1.0.0", 5, reason, sizeof(reason)), 1);
	assert_string_equal(reason, "");
}

static void a_version_over_256_bytes_is_refused(void **state)
{
	char text[257 + 1] = "1.0.0-";

	(void)state;
	memset(text + 6, 'a', sizeof(text) - 7);
	assert_int_equal(deps_semver_check(text, 256, NULL, 0), 1);
	assert_int_equal(deps_semver_check(text, 257, NULL, 0), 0);
}

/* ---- TOML ---- */

static const struct deps_toml_node *child(const struct deps_toml_node *nodes, uint32_t parent, const char *key)
{
	for (uint32_t i = nodes[parent].first_child; i; i = nodes[i].next)
		if (strcmp(nodes[i].key, key) == 0)
			return &nodes[i];
	fail_msg("no key %s", key);
	return NULL;
}

static void assert_place(const char *text, size_t start, size_t end, const char *expected)
{
	assert_int_equal(end - start, strlen(expected));
	assert_memory_equal(text + start, expected, strlen(expected));
}

static void every_kind_of_value_has_its_content_and_place(void **state)
{
	const char *text =
		"s = \"a\\u00e9\"\ni = 0xff\nf = -1.5e3\nb = true\nd = 1979-05-27 07:32:00Z\nl = [1, 2]\nt = {}\n";
	struct deps_toml *toml = deps_toml_parse(text, strlen(text));
	size_t count;
	const struct deps_toml_node *nodes = deps_toml_nodes(toml, &count);
	const struct deps_toml_node *node;

	(void)state;
	deps_toml_errors(toml, &count);
	assert_int_equal(count, 0);
	assert_int_equal(nodes[0].child_count, 7);
	node = child(nodes, 0, "s");
	assert_int_equal(node->kind, DEPS_TOML_STRING);
	assert_string_equal(node->text, "a\xc3\xa9");
	assert_int_equal(node->text_len, 3);
	assert_place(text, node->key_start, node->key_end, "s");
	assert_place(text, node->start, node->end, "\"a\\u00e9\"");
	node = child(nodes, 0, "i");
	assert_int_equal(node->kind, DEPS_TOML_INTEGER);
	assert_int_equal(node->integer, 255);
	node = child(nodes, 0, "f");
	assert_int_equal(node->kind, DEPS_TOML_FLOAT);
	assert_true(node->number <= -1500.0 && node->number >= -1500.0);
	assert_int_equal(child(nodes, 0, "b")->kind, DEPS_TOML_BOOLEAN);
	assert_true(child(nodes, 0, "b")->boolean);
	assert_int_equal(child(nodes, 0, "d")->kind, DEPS_TOML_DATETIME);
	assert_string_equal(child(nodes, 0, "d")->text, "1979-05-27T07:32:00Z");
	node = child(nodes, 0, "l");
	assert_int_equal(node->kind, DEPS_TOML_ARRAY);
	assert_int_equal(node->child_count, 2);
	assert_null(nodes[node->first_child].key);
	assert_int_equal(nodes[nodes[node->first_child].next].integer, 2);
	assert_int_equal(child(nodes, 0, "t")->kind, DEPS_TOML_TABLE);
	deps_toml_free(toml);
	deps_toml_free(NULL);
}

static void children_stand_in_the_order_of_the_document(void **state)
{
	const char *text = "z = 1\na = 2\n[[tool]]\nn = 1\n[m]\n[[tool]]\nn = 2\n";
	const char *expected[] = { "z", "a", "tool", "m" };
	struct deps_toml *toml = deps_toml_parse(text, strlen(text));
	size_t count;
	const struct deps_toml_node *nodes = deps_toml_nodes(toml, &count);
	const struct deps_toml_node *tools = child(nodes, 0, "tool");
	uint32_t i = nodes[0].first_child;

	(void)state;
	for (size_t k = 0; k < 4; k++, i = nodes[i].next)
		assert_string_equal(nodes[i].key, expected[k]);
	assert_int_equal(i, 0);
	assert_int_equal(tools->child_count, 2);
	assert_place(text, tools->start, tools->end, "[[tool]]");
	assert_int_equal(child(nodes, tools->first_child, "n")->integer, 1);
	assert_int_equal(child(nodes, nodes[tools->first_child].next, "n")->integer, 2);
	for (size_t k = 1; k < count; k++)
		assert_true(nodes[k].parent < k);
	deps_toml_free(toml);
}

static void all_problems_of_a_document_are_told_in_one_run(void **state)
{
	const char *text = "a = 1\na = 2\nb = \nc = 99999999999999999999\nd = 1e999\ne = \"open\n";
	const size_t places[] = { 6, 16, 21, 46, 61 };
	struct deps_toml *toml = deps_toml_parse(text, strlen(text));
	size_t count;
	const struct deps_toml_error *errors = deps_toml_errors(toml, &count);

	(void)state;
	assert_int_equal(count, 5);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(errors[i].start, places[i]);
		assert_int_equal(strlen(errors[i].message), errors[i].message_len);
	}
	assert_string_equal(errors[0].message, "duplicate key");
	assert_string_equal(errors[2].message, "integer does not fit into 64 bits");
	deps_toml_free(toml);
}

static void assert_only_error(const char *text, size_t len, const char *message)
{
	struct deps_toml *toml = deps_toml_parse(text, len);
	size_t count;
	const struct deps_toml_error *errors = deps_toml_errors(toml, &count);

	if (message) {
		assert_int_equal(count, 1);
		assert_non_null(strstr(errors[0].message, message));
		assert_true(errors[0].start <= errors[0].end && errors[0].end <= len);
	} else {
		assert_int_equal(count, 0);
	}
	deps_toml_free(toml);
}

static void bytes_that_are_not_utf8_are_told_with_their_place(void **state)
{
	(void)state;
	assert_only_error("a = \"\xff\"", 7, "not UTF-8");
	assert_only_error(NULL, 0, NULL);
}

/** `count` times `unit` between `before` and `after`: one error with `message`, or none if that is NULL. */
static void assert_repeated(const char *before, const char *unit, size_t count, const char *after, const char *message)
{
	size_t width = strlen(unit), head = strlen(before), tail = strlen(after);
	char *text = malloc(head + width * count + tail);

	assert_non_null(text);
	memcpy(text, before, head);
	for (size_t i = 0; i < count; i++)
		memcpy(text + head + i * width, unit, width);
	memcpy(text + head + width * count, after, tail);
	assert_only_error(text, head + width * count + tail, message);
	free(text);
}

static void deep_documents_are_refused_before_they_cost_stack(void **state)
{
	(void)state;
	assert_repeated("", "a.", 79, "a = 1", NULL);
	assert_repeated("", "a.", 80, "a = 1", "nested too deeply");
	assert_repeated("", "a.", 1000000, "a = 1", "nested too deeply");
	assert_repeated("[", "a.", 1000000, "a]\nx = 1", "nested too deeply");
	assert_repeated("a = ", "[", 1000000, "", "nested too deeply");
	assert_repeated("a = ", "{a = ", 800000, "", "nested too deeply");
	assert_repeated("a = [", "{a = [", 63, "", "nested too deeply");
}

static void large_documents_are_refused(void **state)
{
	(void)state;
	assert_repeated("a = [", "1,", 199998, "]", NULL);
	assert_repeated("a = [", "1,", 200000, "]", "too large");
	assert_repeated("", "[[a]]\n", 150000, "", "too large");
	assert_repeated("# ", "x", ((size_t)4 << 20) - 2, "", NULL);
	assert_repeated("# ", "x", ((size_t)4 << 20) - 1, "", "too large");
}

static void no_more_than_64_problems_are_kept(void **state)
{
	char text[100 * 4];
	struct deps_toml *toml;
	size_t count;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		memcpy(text + i * 4, "a =\n", 4);
	toml = deps_toml_parse(text, sizeof(text));
	deps_toml_errors(toml, &count);
	assert_int_equal(count, 64);
	deps_toml_free(toml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blake3_of_abc_is_the_published_value),
		cmocka_unit_test(a_hash_in_pieces_equals_the_hash_at_once),
		cmocka_unit_test(versions_are_strict),
		cmocka_unit_test(requirements_are_read_as_cargo_reads_them),
		cmocka_unit_test(a_reason_is_cut_to_its_buffer),
		cmocka_unit_test(a_version_over_256_bytes_is_refused),
		cmocka_unit_test(every_kind_of_value_has_its_content_and_place),
		cmocka_unit_test(children_stand_in_the_order_of_the_document),
		cmocka_unit_test(all_problems_of_a_document_are_told_in_one_run),
		cmocka_unit_test(bytes_that_are_not_utf8_are_told_with_their_place),
		cmocka_unit_test(deep_documents_are_refused_before_they_cost_stack),
		cmocka_unit_test(large_documents_are_refused),
		cmocka_unit_test(no_more_than_64_problems_are_kept),
	};

	return cmocka_run_group_tests_name("deps", tests, NULL, NULL);
}
