/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lines as entries of fs_read, the last one as the path that is asked about: the gate decides as the slow oracle does, and
 * says so in clean text. Everything stands below a folder that does not exist, so that no link of the machine has a say. */
#include "base/cleanup.h"
#include "base/text.h"
#include "gate/gate.h"
#include "gate/gate_oracle.h"
#include "fuzz/target.h"

#define TOP "/no-such-folder"
#define ENTRIES_MAX 32
#define LINE_MAX 1000

static const struct gate_roots roots = { .workspace = TOP "/w", .global = TOP "/w/h/s", .forbidden = TOP "/w/h" };

/* A line, owned; what begins with a slash is put below TOP. NULL bytes end it, as they can't be in a manifest. */
static char *take_line(struct span *rest)
{
	const uint8_t *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
	size_t len = end == NULL ? rest->len : (size_t)(end - rest->data);
	char *line = NULL;

	CHECK(asprintf(&line, "%s%.*s", len > 0 && rest->data[0] == '/' ? TOP : "",
		      (int)(len < LINE_MAX ? len : LINE_MAX), len > 0 ? (const char *)rest->data : "") >= 0);
	*rest = end == NULL ? span_of(NULL, 0) : span_of(end + 1, rest->len - len - 1);
	return line;
}

static void check_words(
	const struct gate *gate, const struct gate_question *question, const struct gate_decision *decision)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	struct capsule_error err = { 0 };

	CHECK(gate_append_reason(gate, question, decision, &text) && gate_append_fix(question, decision, &text));
	CHECK(text_is_utf8(buffer_span(&text)));
	for (size_t i = 0; i < text.len; i++)
		CHECK(text.data[i] >= ' ' && text.data[i] != 0x7F);
	CHECK((decision->rule != NULL) == decision->allowed && decision->scheme_len <= question->operand.len);
	if (decision->allowed)
		return;
	CHECK(gate_refuse(&err, gate, "fuzz", question, decision) == CAPSULE_EDENIED);
	CHECK(text_is_utf8(span_text(err.text)));
}

static void check_path(const struct manifest *manifest, const char *path)
{
	const struct string_list *entries = &manifest->capabilities.fs_read;
	const struct gate_question question = { .operation = GATE_READ, .operand = span_text(path) };
	struct gate_decision decision;
	struct gate *gate = NULL;
	bool expected = false;

	CHECK(gate_new_manifest(&gate, manifest, &roots, GATE_FOR_COMPONENT, NULL) == CAPSULE_OK);
	for (size_t i = 0; i < entries->count; i++)
		expected = expected || oracle_path(&roots, entries->items[i], path);
	gate_ask(gate, &question, &decision);
	CHECK(decision.allowed == expected);
	if (decision.allowed)
		CHECK(oracle_path(&roots, decision.rule, path));
	check_words(gate, &question, &decision);
	CHECK(!gate_allows(gate, GATE_WRITE, span_text(path), &decision));
	gate_free(gate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *lines[ENTRIES_MAX];
	struct place places[ENTRIES_MAX] = { { 0 } };
	struct manifest manifest = { 0 };
	struct span rest = span_of(data, size);
	size_t count = 0;

	do
		lines[count++] = take_line(&rest);
	while (rest.len > 0 && count < ENTRIES_MAX);
	manifest.capabilities.fs_read = (struct string_list){ .items = lines, .places = places, .count = count - 1 };
	check_path(&manifest, lines[count - 1]);
	while (count > 0)
		free(lines[--count]);
	return 0;
}
