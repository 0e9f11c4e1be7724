/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What one policy allows and another one does not, for people and programs. */
#include "runtime/policy.h"

#include "base/json.h"
#include "base/text.h"
#include "base/cleanup.h"
#include "gate/text.h"

#define SHOWN_MAX 400 /* bytes of one text of a manifest */

struct capsule_policy_difference {
	struct policy_difference *items; /* the rows are the policies' */
	size_t count, widened;
	const char *before, *after; /* paths of the manifests */
	struct buffer text;
};

enum capsule_status capsule_policy_compare(struct capsule_policy_difference **out, struct capsule_policy *before,
	struct capsule_policy *after, struct capsule_error *err)
{
	struct capsule_policy_difference *difference;
	enum capsule_status status;

	error_clear(err);
	if (out == NULL || before == NULL || after == NULL)
		return error_set(err, CAPSULE_EINVAL, "two policies and a place for their difference are needed");
	difference = calloc(1, sizeof *difference);
	if (difference == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for comparing policies");
	difference->before = before->manifest->path;
	difference->after = after->manifest->path;
	status = policy_compare(&before->policy, &after->policy, &difference->items, &difference->count, err);
	if (status != CAPSULE_OK) {
		free(difference);
		return status;
	}
	for (size_t i = 0; i < difference->count; i++)
		difference->widened += difference->items[i].change == POLICY_WIDENED;
	*out = difference;
	return CAPSULE_OK;
}

void capsule_policy_difference_free(struct capsule_policy_difference *difference)
{
	if (difference == NULL)
		return;
	free(difference->items);
	buffer_fini(&difference->text);
	free(difference);
}

size_t capsule_policy_widened(const struct capsule_policy_difference *difference)
{
	return difference->widened;
}

size_t capsule_policy_narrowed(const struct capsule_policy_difference *difference)
{
	return difference->count - difference->widened;
}

static void append_row(
	const struct capsule_policy_difference *difference, size_t index, bool colour, struct buffer *out)
{
	const struct policy_difference *item = &difference->items[index];
	const struct policy_row *row = item->row;
	bool widened = item->change == POLICY_WIDENED;

	(void)buffer_printf(out, "%s%c %s%s `", colour ? widened ? "\033[1;31m" : "\033[32m" : "", widened ? '+' : '-',
		row->key, colour ? "\033[0m" : "");
	(void)(gate_text_append(out, span_text(row->entry), SHOWN_MAX) && buffer_append_text(out, "`: ") &&
		gate_text_append(out, span_text(row->meaning), SHOWN_MAX) && buffer_append_text(out, " (") &&
		gate_text_append(out, span_text(widened ? difference->after : difference->before), SHOWN_MAX) &&
		buffer_printf(out, ":%u%s)\n", row->place.line, row->by_component ? ", the component alone" : ""));
	if (widened && row->note == POLICY_DANGEROUS)
		(void)buffer_printf(out, "    dangerous: %s\n", row->why);
}

const char *capsule_policy_difference_text(struct capsule_policy_difference *difference, bool colour)
{
	struct buffer *out = &difference->text;

	buffer_clear(out);
	for (size_t i = 0; i < difference->count; i++)
		append_row(difference, i, colour, out);
	if (difference->count == 0)
		(void)buffer_append_text(out, "both allow the same\n");
	else
		(void)buffer_printf(out, "%zu widened, %zu narrowed\n", difference->widened,
			difference->count - difference->widened);
	return buffer_text(out);
}

static bool append_member(struct buffer *out, const char *key, const char *text)
{
	HOLD(buffer_fini) struct buffer repaired = { 0 };

	return buffer_printf(out, "\"%s\":", key) && text_append_lossy(&repaired, span_text(text)) &&
		json_append_string(out, buffer_span(&repaired)) && buffer_append_byte(out, ',');
}

const char *capsule_policy_difference_json(struct capsule_policy_difference *difference)
{
	struct buffer *out = &difference->text;

	buffer_clear(out);
	(void)buffer_append_byte(out, '[');
	for (size_t i = 0; i < difference->count; i++) {
		const struct policy_row *row = difference->items[i].row;

		(void)buffer_append_text(out, i > 0 ? ",{" : "{");
		(void)append_member(
			out, "change", difference->items[i].change == POLICY_WIDENED ? "widened" : "narrowed");
		(void)(append_member(out, "key", row->key) && append_member(out, "entry", row->entry) &&
			append_member(out, "meaning", row->meaning));
		(void)buffer_printf(out, "\"line\":%u}", row->place.line);
	}
	(void)buffer_append_byte(out, ']');
	return buffer_text(out);
}
