/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Policies for people and for programs. */
#include "gate/policy.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "gate/text.h"

#define SHOWN_MAX 400  /* bytes of an entry or of its meaning */
#define KEY_COLUMNS 22 /* of the longest key */

static const char *const note_names[] = { "plain", "dangerous", "unused" };
static const char *const note_colours[] = { "", "\033[1;31m", "\033[1;33m" };

static bool append_row(const struct policy_row *row, const char *manifest_path, bool colour, struct buffer *out)
{
	(void)buffer_printf(out, "  %-*s ", KEY_COLUMNS, row->key);
	(void)(buffer_append_byte(out, '`') && gate_text_append(out, span_text(row->entry), SHOWN_MAX));
	(void)(buffer_append_text(out, "`: ") && gate_text_append(out, span_text(row->meaning), SHOWN_MAX));
	(void)buffer_append_text(out, colour ? " \033[2m(" : " (");
	if (manifest_path != NULL)
		(void)gate_text_append(out, span_text(manifest_path), SHOWN_MAX);
	if (row->place.line > 0)
		(void)buffer_printf(out, "%s%u", manifest_path != NULL ? ":" : "line ", row->place.line);
	(void)buffer_printf(out, "%s)%s\n", row->by_component ? ", the component alone" : "", colour ? "\033[0m" : "");
	if (row->note == POLICY_PLAIN)
		return !out->failed;
	return buffer_printf(out, "  %-*s %s%s%s: %s\n", KEY_COLUMNS, "", colour ? note_colours[row->note] : "",
		note_names[row->note], colour ? "\033[0m" : "", row->why);
}

bool policy_append_text(const struct policy *policy, const char *manifest_path, bool colour, struct buffer *out)
{
	for (size_t i = 0; i < policy->count; i++)
		(void)append_row(&policy->rows[i], manifest_path, colour, out);
	return !out->failed;
}

/* Names of files need not be UTF-8, JSON must be. */
static bool append_member(struct buffer *out, const char *key, const char *text)
{
	HOLD(buffer_fini) struct buffer repaired = { 0 };

	if (!buffer_printf(out, "\"%s\":", key))
		return false;
	if (text_is_utf8(span_text(text)))
		return json_append_string(out, span_text(text));
	return text_append_lossy(&repaired, span_text(text)) && json_append_string(out, buffer_span(&repaired));
}

bool policy_append_json(const struct policy *policy, struct buffer *out)
{
	(void)buffer_append_byte(out, '[');
	for (size_t i = 0; i < policy->count; i++) {
		const struct policy_row *row = &policy->rows[i];

		(void)buffer_append_text(out, i > 0 ? ",{" : "{");
		(void)(append_member(out, "key", row->key) && buffer_append_byte(out, ','));
		(void)(append_member(out, "entry", row->entry) && buffer_append_byte(out, ','));
		(void)(append_member(out, "meaning", row->meaning) && buffer_append_byte(out, ','));
		(void)append_member(out, "note", note_names[row->note]);
		if (row->why != NULL)
			(void)(buffer_append_byte(out, ',') && append_member(out, "why", row->why));
		(void)buffer_printf(
			out, ",\"line\":%u,\"component\":%s}", row->place.line, row->by_component ? "true" : "false");
	}
	return buffer_append_byte(out, ']');
}
