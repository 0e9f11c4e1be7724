/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of the gate: a gate made from the text of [capabilities], and questions in one line. */
#ifndef GATE_GATE_FIXTURE_H
#define GATE_GATE_FIXTURE_H

#include "base/cleanup.h"
#include "gate/entry.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct gate_fixture {
	struct manifest *manifest;
	struct gate *gate;
	struct gate_decision decision; /* of the last question */
	char text[1024];               /* its refusal, "" when it was allowed */
};

static inline void fixture_fini(struct gate_fixture *fixture)
{
	gate_free(fixture->gate);
	manifest_free(fixture->manifest);
}

/* The parser refuses what the gate has to stand as well: entries with two dots are written with "^^". */
static inline void fixture_put_dots(struct manifest_capabilities *capabilities)
{
	for (size_t i = 0; i < GATE_OPERATIONS; i++) {
		const struct string_list *list = entry_list(capabilities, (enum gate_operation)i);

		for (size_t k = 0; list != NULL && k < list->count; k++)
			for (char *at = list->items[k]; (at = strstr(at, "^^")) != NULL;)
				memcpy(at, "..", 2);
	}
}

static inline struct manifest *fixture_manifest(const char *text)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(buffer_fini) struct buffer source = { 0 };
	struct manifest *manifest = NULL;
	struct capsule_error err;

	assert_true(buffer_printf(&source, "[package]\nname = \"test\"\nversion = \"0.1.0\"\n%s", text));
	if (manifest_parse(&manifest, buffer_span(&source), "Capsule.toml", &found, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	fixture_put_dots(&manifest->capabilities);
	return manifest;
}

/* `text` is all of the manifest behind [package]. */
static inline struct gate_fixture fixture_make(const char *text, struct gate_roots roots, enum gate_for whom)
{
	struct gate_fixture fixture = { .manifest = fixture_manifest(text) };
	struct capsule_error err;

	if (gate_new_manifest(&fixture.gate, fixture.manifest, &roots, whom, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	return fixture;
}

/* Most tests: one line of [capabilities], the workspace /workspace, no home. */
static inline struct gate_fixture fixture_of(const char *line)
{
	char text[1024];

	(void)snprintf(text, sizeof text, "[capabilities]\n%s\n", line);
	return fixture_make(text, (struct gate_roots){ .workspace = "/workspace" }, GATE_FOR_COMPONENT);
}

static inline bool fixture_ask_more(
	struct gate_fixture *fixture, enum gate_operation operation, struct span operand, const char *more)
{
	const struct gate_question question = {
		.operation = operation, .operand = operand, .more = more != NULL ? span_text(more) : span_of(NULL, 0)
	};
	struct capsule_error err = { 0 };

	gate_ask(fixture->gate, &question, &fixture->decision);
	if (!fixture->decision.allowed)
		assert_int_equal(
			gate_refuse(&err, fixture->gate, "test", &question, &fixture->decision), CAPSULE_EDENIED);
	(void)snprintf(fixture->text, sizeof fixture->text, "%s", err.text);
	return fixture->decision.allowed;
}

static inline bool fixture_ask(struct gate_fixture *fixture, enum gate_operation operation, const char *operand)
{
	return fixture_ask_more(fixture, operation, span_text(operand), NULL);
}

#define ASSERT_ALLOWED(fixture, operation, operand)                                                                    \
	do {                                                                                                           \
		if (!fixture_ask(fixture, operation, operand))                                                         \
			fail_msg("%s:%d: `%s` is denied: %s", __FILE__, __LINE__, operand, (fixture)->text);           \
	} while (0)

#define ASSERT_DENIED(fixture, operation, operand, why)                                                                \
	do {                                                                                                           \
		if (fixture_ask(fixture, operation, operand))                                                          \
			fail_msg("%s:%d: `%s` is allowed by `%s`", __FILE__, __LINE__, operand,                        \
				(fixture)->decision.rule);                                                             \
		assert_int_equal((fixture)->decision.reason, why);                                                     \
	} while (0)

/* The last refusal says `part`. */
#define ASSERT_SAYS(fixture, part)                                                                                     \
	do {                                                                                                           \
		if (strstr((fixture)->text, part) == NULL)                                                             \
			fail_msg("%s:%d: `%s` is not in: %s", __FILE__, __LINE__, part, (fixture)->text);              \
	} while (0)

#endif
