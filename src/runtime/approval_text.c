/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Approvals for people and for programs. */
#include "runtime/approval.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "gate/text.h"

#define SHOWN_MAX 400 /* bytes of one text of a manifest */

/* ---- For a person ---- */

static void append_files(struct buffer *out, const struct trust_subject *subject, bool colour)
{
	(void)buffer_printf(
		out, "\n%sfiles%s (%zu)\n", colour ? "\033[1m" : "", colour ? "\033[0m" : "", subject->file_count);
	for (size_t i = 0; i < subject->file_count; i++) {
		const struct trust_file *file = &subject->files[i];

		(void)buffer_printf(out, "  %-64s  ", file->blake3[0] != '\0' ? file->blake3 : "absent");
		if (strcmp(file->name, TRUST_FOLDER) == 0)
			(void)buffer_append_text(out, "the whole folder\n");
		else
			(void)(gate_text_append(out, span_text(file->name), SHOWN_MAX) &&
				buffer_append_byte(out, '\n'));
	}
}

static void append_state(struct buffer *out, const char *changes, bool colour)
{
	struct span left = span_text(changes != NULL ? changes : "");

	(void)buffer_printf(out, "\n%s%s%s\n",
		!colour                   ? ""
			: changes == NULL ? "\033[1;32m"
					  : "\033[1;33m",
		changes == NULL ? "approved" : "not approved", colour ? "\033[0m" : "");
	while (left.len > 0) {
		const uint8_t *end = memchr(left.data, '\n', left.len);
		size_t len = end != NULL ? (size_t)(end - left.data) : left.len;

		(void)(buffer_append_text(out, "  ") && gate_text_append(out, span_of(left.data, len), SHOWN_MAX) &&
			buffer_append_byte(out, '\n'));
		left = end != NULL ? span_of(end + 1, left.len - len - 1) : span_of(NULL, 0);
	}
}

const char *capsule_approval_text(struct capsule_approval *approval, bool colour)
{
	const char *policy = capsule_policy_text(approval->policy, colour);

	if (policy == NULL)
		return NULL;
	buffer_clear(&approval->text);
	(void)buffer_append_text(&approval->text, policy);
	append_files(&approval->text, &approval->subject, colour);
	append_state(&approval->text, approval->changes, colour);
	return buffer_text(&approval->text);
}

/* ---- For programs ---- */

/* Each line of `changes` as a string. */
static void append_lines(struct buffer *out, const char *changes)
{
	for (const char *at = changes; at != NULL && *at != '\0';) {
		size_t len = strcspn(at, "\n");

		(void)buffer_append_text(out, at != changes ? "," : "");
		(void)json_append_lossy(out, span_of(at, len));
		at += len + (at[len] == '\n');
	}
}

const char *capsule_approval_json(struct capsule_approval *approval)
{
	const struct trust_subject *subject = &approval->subject;
	struct buffer *out = &approval->text;

	buffer_clear(out);
	(void)(buffer_append_text(out, "{\"id\":") && json_append_lossy(out, span_text(subject->id)) &&
		buffer_append_text(out, ",\"dir\":") && json_append_lossy(out, span_text(subject->dir)));
	(void)buffer_printf(out, ",\"approved\":%s,\"changes\":[", approval->changes == NULL ? "true" : "false");
	append_lines(out, approval->changes);
	(void)buffer_append_text(out, "],\"files\":[");
	for (size_t i = 0; i < subject->file_count; i++) {
		const struct trust_file *file = &subject->files[i];

		(void)(buffer_append_text(out, i > 0 ? ",{\"name\":" : "{\"name\":") &&
			json_append_lossy(out, span_text(file->name)));
		if (file->blake3[0] != '\0')
			(void)buffer_printf(out, ",\"blake3\":\"%s\"}", file->blake3);
		else
			(void)buffer_append_text(out, ",\"blake3\":null}");
	}
	(void)buffer_append_text(out, "],\"rights\":[");
	for (size_t i = 0; i < subject->right_count; i++)
		(void)(buffer_append_text(out, i > 0 ? "," : "") &&
			json_append_lossy(out, span_text(subject->rights[i])));
	(void)buffer_append_text(out, "]}");
	return buffer_text(out);
}
