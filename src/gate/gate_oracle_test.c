/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Random entries and random questions, decided a second time by code that is as slow and plain as the rules. */
#include "gate/gate_fixture.h"
#include "gate/gate_oracle.h"

#define ROUNDS 4000
#define ENTRIES 6
#define QUESTIONS 40
#define TEXT 64

static uint32_t seed = 20261128;

static uint32_t random_below(uint32_t limit)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % limit;
}

/* A path of few different parts, so that they meet. */
static void random_path(char out[static TEXT], bool entry)
{
	static const char *const parts[] = { "w", "src", "src2", "s", ".", "", "*", "a.b", "^^", "..x", "w", "src" };
	static const char *const heads[] = { "/", "/", "/", "/w/", "//", "workspace://", "workspace:///", "global://",
		"" };
	size_t count = random_below(5);

	(void)snprintf(out, TEXT, "%s", heads[random_below(entry ? 9 : 5)]);
	while (count-- > 0) {
		size_t len = strlen(out);
		const char *part = parts[random_below(12)];

		(void)snprintf(out + len, TEXT - len, "%s%s", part, random_below(8) == 0 ? "//" : count > 0 ? "/" : "");
	}
	if (entry && random_below(12) == 0)
		(void)snprintf(out, TEXT, "*");
}

static void random_host(char out[static TEXT])
{
	static const char *const parts[] = { "a", "b", "ab", "test", "com", "xa", "b-a" };
	size_t count = 1 + random_below(4);

	out[0] = '\0';
	while (count-- > 0) {
		size_t len = strlen(out);

		(void)snprintf(out + len, TEXT - len, "%s%s", parts[random_below(7)], count > 0 ? "." : "");
	}
}

static void put_dots(char *text)
{
	for (; (text = strstr(text, "^^")) != NULL;)
		memcpy(text, "..", 2);
}

static const struct gate_roots roots = { .workspace = "/w", .global = "/w/src/a.b", .forbidden = "/w/src" };

static void paths_are_decided_as_the_slow_oracle_does(void **state)
{
	size_t allowed = 0;

	(void)state;
	for (size_t round = 0; round < ROUNDS; round++) {
		char entries[ENTRIES][TEXT], text[1024] = "[capabilities]\nfs_read = [";
		size_t count = random_below(ENTRIES + 1);
		HOLD(fixture_fini) struct gate_fixture fixture = { 0 };

		for (size_t i = 0; i < count; i++) {
			size_t len = strlen(text);

			random_path(entries[i], true);
			(void)snprintf(text + len, sizeof text - len, "\"%s\",", entries[i]);
			put_dots(entries[i]);
		}
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "]\n");
		fixture = fixture_make(text, roots, GATE_FOR_COMPONENT);
		for (size_t i = 0; i < QUESTIONS; i++) {
			char path[TEXT];
			bool expected = false, got;

			random_path(path, false);
			put_dots(path);
			for (size_t k = 0; k < count; k++)
				expected = expected || oracle_path(&roots, entries[k], path);
			got = fixture_ask(&fixture, GATE_READ, path);
			allowed += got;
			if (got != expected)
				fail_msg("`%s` with %s is %d", path, text, got);
		}
	}
	assert_in_range(allowed, ROUNDS * QUESTIONS / 50, ROUNDS * QUESTIONS / 2); /* both answers are frequent */
}

static void hosts_are_decided_as_the_slow_oracle_does(void **state)
{
	size_t allowed = 0;

	(void)state;
	for (size_t round = 0; round < ROUNDS; round++) {
		char entries[ENTRIES][TEXT], text[1024] = "[capabilities]\nnet = [";
		size_t count = random_below(ENTRIES + 1);
		HOLD(fixture_fini) struct gate_fixture fixture = { 0 };

		for (size_t i = 0; i < count; i++) {
			size_t len = strlen(text);

			random_host(entries[i]);
			(void)snprintf(text + len, sizeof text - len, "\"%s\",", entries[i]);
		}
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "]\n");
		fixture = fixture_make(text, roots, GATE_FOR_COMPONENT);
		for (size_t i = 0; i < QUESTIONS; i++) {
			char host[TEXT];
			bool expected = false, got;

			random_host(host);
			for (size_t k = 0; k < count; k++)
				expected = expected || oracle_host(entries[k], host);
			got = fixture_ask(&fixture, GATE_HTTP, host);
			allowed += got;
			if (got != expected)
				fail_msg("`%s` with %s is %d", host, text, got);
		}
	}
	assert_in_range(allowed, ROUNDS * QUESTIONS / 50, ROUNDS * QUESTIONS / 2);
}

/* 4,096 folders and hosts, which is all that a list may hold: every one is found, and its look-alike is not. */
static void long_lists_are_searched_whole(void **state)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	HOLD(fixture_fini) struct gate_fixture fixture = { 0 };
	char name[TEXT];

	(void)state;
	(void)buffer_append_text(&text, "[capabilities]\nfs_read = [");
	for (unsigned i = 0; i < 4096; i++)
		(void)buffer_printf(&text, "\"/w/%u\",", i * 2654435761u % 4096 * 7);
	(void)buffer_append_text(&text, "]\nnet = [");
	for (unsigned i = 0; i < 4096; i++)
		(void)buffer_printf(&text, "\"h%u.test\",", i * 2654435761u % 4096 * 7);
	(void)buffer_append_text(&text, "]\n");
	fixture = fixture_make(buffer_text(&text), (struct gate_roots){ 0 }, GATE_FOR_COMPONENT);
	for (unsigned i = 0; i < 4096; i++) {
		(void)snprintf(name, sizeof name, "/w/%u/x", i * 7);
		ASSERT_ALLOWED(&fixture, GATE_READ, name);
		(void)snprintf(name, sizeof name, "/w/%u", i * 7 + 1);
		ASSERT_DENIED(&fixture, GATE_READ, name, GATE_NOT_DECLARED);
		(void)snprintf(name, sizeof name, "x.h%u.test", i * 7);
		ASSERT_ALLOWED(&fixture, GATE_HTTP, name);
		(void)snprintf(name, sizeof name, "xh%u.test", i * 7);
		ASSERT_DENIED(&fixture, GATE_HTTP, name, GATE_NOT_DECLARED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_decided_as_the_slow_oracle_does),
		cmocka_unit_test(hosts_are_decided_as_the_slow_oracle_does),
		cmocka_unit_test(long_lists_are_searched_whole),
	};

	return cmocka_run_group_tests_name("gate_oracle", tests, NULL, NULL);
}
