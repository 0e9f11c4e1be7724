/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lines as capabilities. The first two are matched with each other: both ways alike, and only with the same type and
 * as many segments. The others make capsules - `mNAME` begins one, `rTEXT` adds what it requires, `pTEXT` what it
 * provides, `tTEXT` what it publishes - that must be ordered as the oracle says. */
#include "base/cleanup.h"
#include "base/text.h"
#include "manifest/order_oracle.h"
#include "manifest/order_testing.h"
#include "fuzz/target.h"

#define MANIFESTS_MAX 12
#define ENTRIES_MAX 96

static struct span take_line(struct span *rest)
{
	const uint8_t *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
	struct span line = span_of(rest->data, end == NULL ? rest->len : (size_t)(end - rest->data));
	const uint8_t *nul = line.len > 0 ? memchr(line.data, '\0', line.len) : NULL;

	*rest = end == NULL ? span_of(NULL, 0) : span_of(end + 1, rest->len - line.len - 1);
	return nul == NULL ? line : span_of(line.data, (size_t)(nul - line.data));
}

static bool has(struct span text, char byte)
{
	return text.len > 0 && memchr(text.data, byte, text.len) != NULL;
}

static size_t type_length(struct span text)
{
	const uint8_t *colon = text.len > 0 ? memchr(text.data, ':', text.len) : NULL;

	return colon == NULL ? 0 : (size_t)(colon - text.data);
}

static size_t count_dots(struct span text)
{
	size_t dots = 0;

	for (size_t i = type_length(text); i < text.len; i++)
		dots += text.data[i] == '.';
	return dots;
}

static void check_match(struct span a, struct span b)
{
	bool match = capability_match(a, b);

	CHECK(capability_match(b, a) == match);
	CHECK(capability_match(a, a) && capability_match(b, b));
	if (span_equal(a, b))
		CHECK(match);
	if (match) {
		CHECK(span_equal(span_of(a.data, type_length(a)), span_of(b.data, type_length(b))));
		CHECK(count_dots(a) == count_dots(b));
	}
	if (!has(a, '*') && !has(b, '*') && has(a, ':') == has(b, ':'))
		CHECK(match == span_equal(a, b));
}

static void add_entry(struct manifest *manifest, uint8_t kind, struct span text)
{
	if (kind == 'r')
		testing_list_add(&manifest->requires, text);
	else if (kind == 't')
		testing_list_add(&manifest->capabilities.ipc_publish, text);
	else
		testing_list_add(&manifest->provides, text);
}

static size_t make_manifests(struct span rest, struct manifest **manifests)
{
	size_t count = 0, entries = 0;

	while (rest.len > 0 && entries++ < ENTRIES_MAX) {
		struct span line = take_line(&rest), text;

		if (line.len == 0)
			continue;
		text = span_of(line.data + 1, line.len - 1);
		if (count == 0 || (line.data[0] == 'm' && count < MANIFESTS_MAX)) {
			HOLD(free_drop) char *name = testing_memory(text_copy(text));

			manifests[count++] = testing_manifest(name);
		} else {
			add_entry(manifests[count - 1], line.data[0], text);
		}
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of(data, size);
	struct span a = take_line(&rest), b = take_line(&rest);
	struct manifest *made[MANIFESTS_MAX] = { NULL };
	const struct manifest *manifests[MANIFESTS_MAX];
	HOLD(order_fini) struct order order = { 0 };
	HOLD(oracle_fini) struct oracle oracle;
	struct capsule_error err = { 0 };
	size_t count;
	const char *difference;

	check_match(a, b);
	count = make_manifests(rest, made);
	memcpy(manifests, made, sizeof made);
	CHECK(order_manifests(&order, manifests, count, &err) == CAPSULE_OK);
	oracle_make(&oracle, manifests, count);
	difference = oracle_differs(&oracle, &order);
	if (difference != NULL)
		(void)fprintf(stderr, "different: %s\n", difference);
	CHECK(difference == NULL);
	for (size_t cycle = 1; cycle <= order.cycle_count; cycle++) {
		CHECK(order_cycle_error(&order, manifests, cycle, &err) == CAPSULE_EMANIFEST);
		CHECK(text_is_utf8(span_text(err.text)));
	}
	for (size_t i = 0; i < count; i++)
		manifest_free(made[i]);
	return 0;
}
