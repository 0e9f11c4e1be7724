/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requirements on versions against a slow and obvious reading of their grammar, by many of both made by chance. */
#include "base/buffer.h"
#include "base/cleanup.h"

#include <capsule_deps.h>

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { EXACT, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, TILDE, CARET, OPERATORS };

static const char *const operators[OPERATORS] = { "=", ">", ">=", "<", "<=", "~", "^" };
static const char *const prereleases[] = { "", "alpha", "alpha.1", "alpha.2", "alpha.10", "beta", "1", "2", "11",
	"rc.1.x" };

#define PRERELEASES (sizeof(prereleases) / sizeof(prereleases[0]))

struct version {
	unsigned part[3];
	const char *pre; /* "" for none */
};

/* The parts that are given: 0 for `*` alone, 1 to 3. */
struct comparator {
	int op;
	int given;
	struct version version;
};

static uint32_t chance(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

static bool is_number(const char *text, size_t len)
{
	return strspn(text, "0123456789") >= len;
}

/* Identifiers between dots: numbers by value and before words, words by their bytes; the longer list is the greater. */
static int compare_identifiers(const char *a, const char *b)
{
	while (*a != '\0' && *b != '\0') {
		size_t a_len = strcspn(a, "."), b_len = strcspn(b, "."), len = a_len < b_len ? a_len : b_len;
		bool a_number = is_number(a, a_len), b_number = is_number(b, b_len);
		int order;

		if (a_number != b_number)
			return a_number ? -1 : 1;
		if (a_number)
			order = (int)(strtol(a, NULL, 10) - strtol(b, NULL, 10));
		else
			order = memcmp(a, b, len) != 0 ? memcmp(a, b, len) : (a_len > b_len) - (a_len < b_len);
		if (order != 0)
			return order;
		a += a_len + (a[a_len] == '.');
		b += b_len + (b[b_len] == '.');
	}
	return (*a != '\0') - (*b != '\0');
}

static int compare(const struct version *a, const struct version *b)
{
	for (int i = 0; i < 3; i++)
		if (a->part[i] != b->part[i])
			return a->part[i] < b->part[i] ? -1 : 1;
	if (a->pre[0] == '\0' || b->pre[0] == '\0')
		return (a->pre[0] == '\0') - (b->pre[0] == '\0');
	return compare_identifiers(a->pre, b->pre);
}

/* The first `count` parts are equal. */
static bool same_parts(const struct version *a, const struct version *b, int count)
{
	for (int i = 0; i < count; i++)
		if (a->part[i] != b->part[i])
			return false;
	return true;
}

/* Below the next version that `^` excludes: the leftmost part that is not 0 must stay, of those that are given. */
static bool caret_compatible(const struct comparator *c, const struct version *v)
{
	int keep = 0;

	while (keep < c->given - 1 && c->version.part[keep] == 0)
		keep++;
	return same_parts(&c->version, v, keep + 1);
}

/* A comparator with fewer than three parts stands for all versions that share them; of these, only `^` takes pre-releases. */
static bool comparator_meets(const struct comparator *c, const struct version *v)
{
	bool partial = c->given < 3, shared = same_parts(&c->version, v, c->given);
	bool same = partial ? shared && v->pre[0] == '\0' : compare(v, &c->version) == 0;
	int order = partial && shared ? 0 : compare(v, &c->version); /* parts that are not given are 0 */

	if (c->given == 0)
		return true;
	switch (c->op) {
	case EXACT:
		return same;
	case GREATER:
		return order > 0;
	case GREATER_EQUAL:
		return same || order > 0;
	case LESS:
		return order < 0;
	case LESS_EQUAL:
		return same || order < 0;
	case TILDE:
		return same_parts(&c->version, v, c->given < 2 ? 1 : 2) && (same || order > 0);
	default:
		return caret_compatible(c, v) && order >= 0;
	}
}

/* All comparators hold; a pre-release needs one that names the same three numbers with a pre-release. */
static bool meets(const struct comparator *list, size_t count, const struct version *v)
{
	bool named = v->pre[0] == '\0';

	for (size_t i = 0; i < count; i++) {
		if (!comparator_meets(&list[i], v))
			return false;
		named |= list[i].given == 3 && list[i].version.pre[0] != '\0' && same_parts(&list[i].version, v, 3);
	}
	return named;
}

static struct version any_version(uint64_t *seed)
{
	return (struct version){ { chance(seed, 3), chance(seed, 3), chance(seed, 3) },
		chance(seed, 3) > 0 ? "" : prereleases[chance(seed, PRERELEASES)] };
}

static void append_version(struct buffer *out, const struct version *v, int given, const char *wildcard)
{
	for (int i = 0; i < given; i++)
		buffer_printf(out, "%s%u", i > 0 ? "." : "", v->part[i]);
	if (wildcard[0] != '\0')
		buffer_printf(out, "%s%s", given > 0 ? "." : "", wildcard);
	if (given == 3 && v->pre[0] != '\0')
		buffer_printf(out, "-%s", v->pre);
}

/* Appends a comparator of any form and says what it means. */
static struct comparator any_comparator(uint64_t *seed, struct buffer *out)
{
	static const char *const wildcards[] = { "*", "x", "X" };
	struct comparator c = { (int)chance(seed, OPERATORS), 1 + (int)chance(seed, 3), any_version(seed) };
	bool bare = chance(seed, 4) == 0, wild = c.given < 3 && chance(seed, 4) == 0;

	for (int i = c.given; i < 3; i++)
		c.version.part[i] = 0;
	if (c.given < 3)
		c.version.pre = "";
	if (bare)
		c.op = wild ? EXACT : CARET; /* 1.* is =1, 1 is ^1 */
	else
		buffer_printf(out, "%s%s", operators[c.op], chance(seed, 3) == 0 ? " " : "");
	append_version(out, &c.version, c.given, wild ? wildcards[chance(seed, 3)] : "");
	return c;
}

/* rt:13 rt:16 */
static void requirements_mean_what_their_grammar_says(void **state)
{
	uint64_t seed = 7;
	size_t met = 0, rounds = 200000;

	(void)state;
	for (size_t round = 0; round < rounds; round++) {
		HOLD(buffer_fini) struct buffer requirement = { 0 }, text = { 0 };
		struct comparator list[3];
		struct version version = any_version(&seed);
		size_t count = 1 + chance(&seed, 3);
		int expected, actual;

		for (size_t i = 0; i < count; i++) {
			buffer_append_text(&requirement, i == 0 ? "" : chance(&seed, 2) == 0 ? "," : ", ");
			list[i] = any_comparator(&seed, &requirement);
		}
		append_version(&text, &version, 3, "");
		if (chance(&seed, 5) == 0)
			buffer_append_text(&text, "+build.7"); /* which changes nothing */
		expected = meets(list, count, &version);
		actual = deps_semver_matches(
			(const char *)requirement.data, requirement.len, (const char *)text.data, text.len);
		if (actual != expected)
			fail_msg("`%s` and %s: %d, expected %d", buffer_text(&requirement), buffer_text(&text), actual,
				expected);
		met += (size_t)actual;
	}
	assert_true(met > rounds / 20 && met < rounds - rounds / 20);
}

static void a_star_alone_is_any_version_but_no_prerelease(void **state)
{
	static const char *const stars[] = { "*", "x", "X" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(deps_semver_matches(stars[i], 1, "4.5.6", 5), 1);
		assert_int_equal(deps_semver_matches(stars[i], 1, "4.5.6-a", 7), 0);
	}
	assert_int_equal(deps_semver_matches(" * ", 3, "1.0.0", 5), 1);
}

static void ten_thousand_requirements_are_read_or_refused(void **state)
{
	HOLD(buffer_fini) struct buffer list = { 0 };
	char reason[64];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		char one[64];
		int len = snprintf(one, sizeof(one), ">=0.%d, <0.%d.%d-rc.%d", i % 5, i, i, i);

		assert_int_equal(deps_semver_req_check(one, (size_t)len, reason, sizeof(reason)), 1);
		assert_true(deps_semver_matches(one, (size_t)len, "0.3.0", 5) == (i % 5 <= 3 && i >= 3));
		buffer_printf(&list, i == 0 ? "%s" : ", %s", one);
	}
	assert_int_equal(deps_semver_req_check((const char *)list.data, list.len, reason, sizeof(reason)), 0);
	assert_true(strlen(reason) > 0 && strlen(reason) < sizeof(reason));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requirements_mean_what_their_grammar_says),
		cmocka_unit_test(a_star_alone_is_any_version_but_no_prerelease),
		cmocka_unit_test(ten_thousand_requirements_are_read_or_refused),
	};

	return cmocka_run_group_tests_name("manifest_semver", tests, NULL, NULL);
}
