/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of the parser: one manifest as text, parsed, with everything that was said about it. */
#ifndef MANIFEST_PARSE_TESTING_H
#define MANIFEST_PARSE_TESTING_H

#include "base/cleanup.h"
#include "manifest/manifest.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The least that every manifest needs; what a test adds comes behind it. */
#define HEADER "[package]\nname = \"test-capsule\"\nversion = \"0.1.0\"\n"

struct parsed {
	struct manifest *manifest;
	struct diagnostics found;
	struct capsule_error err;
	enum capsule_status status;
};

static inline void parsed_fini(struct parsed *parsed)
{
	manifest_free(parsed->manifest);
	diagnostics_fini(&parsed->found);
}

static inline struct parsed parse_bytes(const char *text, size_t len)
{
	struct parsed parsed = { 0 };

	parsed.status = manifest_parse(
		&parsed.manifest, span_of(text, len), "Capsule.toml", &parsed.found, &parsed.err);
	assert_int_equal(parsed.status == CAPSULE_OK, parsed.manifest != NULL);
	assert_int_equal(parsed.status == CAPSULE_OK, parsed.found.errors == 0);
	return parsed;
}

static inline struct parsed parse_text(const char *text)
{
	return parse_bytes(text, strlen(text));
}

/* Parse a manifest that is to be accepted without a word. */
static inline struct parsed parse_good(const char *text)
{
	struct parsed parsed = parse_text(text);

	if (parsed.status != CAPSULE_OK || parsed.found.count > 0)
		fail_msg("%s", parsed.found.count > 0 ? parsed.found.items[0].text : parsed.err.text);
	return parsed;
}

/* The first problem of `severity` whose text contains `text`; fails the test when there is none. */
static inline const struct diagnostic *find_problem(
	const struct parsed *parsed, enum severity severity, const char *text)
{
	for (size_t i = 0; i < parsed->found.count; i++)
		if (parsed->found.items[i].severity == severity && strstr(parsed->found.items[i].text, text) != NULL)
			return &parsed->found.items[i];
	fail_msg("no problem says '%s'; the first of %zu is '%s'", text, parsed->found.count,
		parsed->found.count > 0 ? parsed->found.items[0].text : "");
	return NULL;
}

/* `text` must be refused with one error alone, which stands at `line`:`column`, is `length` bytes long and says `says`. */
static inline void assert_refused(const char *text, uint32_t line, uint32_t column, uint32_t length, const char *says)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text(text);
	const struct diagnostic *item = find_problem(&parsed, SEVERITY_ERROR, says);

	assert_int_equal(parsed.status, CAPSULE_EMANIFEST);
	assert_int_equal(parsed.found.errors, 1);
	assert_int_equal(item->line, line);
	assert_int_equal(item->column, column);
	assert_int_equal(item->length, length);
}

static inline void assert_strings(const struct string_list *list, size_t count, const char *const *expected)
{
	assert_int_equal(list->count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(list->items[i], expected[i]);
}

#endif
