/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Decisions in words. Guests and people search for some of these: "not declared in manifest", "read access", "write access",
 * "no ipc_subscribe declarations", "not allowed to subscribe", and the same for publishing. */
#include "gate/gate.h"

#include "base/cleanup.h"
#include "gate/entry.h"
#include "gate/question.h"
#include "gate/text.h"
#include "manifest/diagnostic_text.h"

bool gate_text_append(struct buffer *out, struct span bytes, size_t max)
{
	bool cut = false;

	while (bytes.len > 0 && !cut && !out->failed) {
		bool plain;
		size_t len = diagnostic_char(bytes, &plain);

		cut = len > max;
		if (cut)
			break;
		(void)(plain ? buffer_append(out, bytes.data, len) : buffer_append_byte(out, '?'));
		max -= len;
		bytes = span_of(bytes.data + len, bytes.len - len);
	}
	return cut ? buffer_append_text(out, "...") : !out->failed;
}

static bool append_operand(const struct gate_question *question, struct buffer *out)
{
	return buffer_append_byte(out, '`') && gate_text_append(out, question->operand, TEXT_SHOWN_MAX) &&
		buffer_append_byte(out, '`');
}

/* What was asked for, with its operand. */
static bool append_what(const struct gate_question *question, struct buffer *out)
{
	static const char *const asked[GATE_OPERATIONS] = {
		[GATE_READ] = "read access to ",
		[GATE_WRITE] = "write access to ",
		[GATE_HTTP] = "network access to ",
		[GATE_PROCESS] = "starting the program ",
		[GATE_BIND] = "listening on a socket",
		[GATE_UPLINK] = "the uplink ",
		[GATE_IDENTITY] = "the identity level ",
		[GATE_PUBLISH] = "publishing to ",
		[GATE_SUBSCRIBE] = "subscribing to ",
	};

	if (question->operation >= GATE_OPERATIONS)
		return buffer_append_text(out, "that");
	(void)buffer_append_text(out, asked[question->operation]);
	if (question->operation != GATE_BIND)
		(void)append_operand(question, out);
	if (question->operation == GATE_UPLINK)
		(void)(buffer_append_text(out, " of the platform `") &&
			gate_text_append(out, question->more, TEXT_SHOWN_MAX) && buffer_append_byte(out, '`'));
	return !out->failed;
}

static bool append_place(const char *path, const struct gate_decision *decision, struct buffer *out)
{
	if (path == NULL)
		return !out->failed;
	(void)(buffer_append_text(out, " (") && gate_text_append(out, span_text(path), TEXT_SHOWN_MAX));
	if (decision->place.line > 0)
		(void)buffer_printf(out, ":%u", decision->place.line);
	return buffer_append_byte(out, ')');
}

/* "not declared in manifest", and for topics in the words that guests know. */
static bool append_not_declared(const char *path, const struct gate_question *question,
	const struct gate_decision *decision, struct buffer *out)
{
	const char *key = decision->key;
	bool of_topic = question->operation == GATE_PUBLISH || question->operation == GATE_SUBSCRIBE;

	if (of_topic && decision->none_declared)
		(void)buffer_printf(out, ": no %s declarations,", key);
	else if (of_topic)
		(void)buffer_printf(out, ": not allowed to %s, as no entry of %s fits;",
			gate_operation_name(question->operation), key);
	return buffer_append_text(out, " not declared in manifest") && append_place(path, decision, out);
}

static bool append_denied(const char *path, const struct gate_question *question, const struct gate_decision *decision,
	struct buffer *out)
{
	enum gate_reason reason;
	const char *problem = question_problem(question, &reason);

	(void)append_what(question, out);
	switch (decision->reason) {
	case GATE_NOT_DECLARED:
		return append_not_declared(path, question, decision, out);
	case GATE_PROTECTED:
		if (problem == NULL)
			return buffer_append_text(out, ": the runtime's own files are closed to every capsule");
		return buffer_printf(out, ": it %s", problem);
	case GATE_DOTS:
	case GATE_ARGUMENTS:
	case GATE_MALFORMED:
		return buffer_printf(out, ": it %s", problem != NULL ? problem : "can't be asked for");
	case GATE_BY_EMBEDDER:
		return buffer_append_text(out, ": the program that runs the capsule does not allow it");
	case GATE_BY_ALL:
	case GATE_BY_RULE:
		break;
	}
	return buffer_append_text(out, ": everything is denied here");
}

bool gate_append_reason(const struct gate *gate, const struct gate_question *question,
	const struct gate_decision *decision, struct buffer *out)
{
	if (!decision->allowed)
		return buffer_append_text(out, "denied: ") &&
			append_denied(gate->manifest_path, question, decision, out);
	if (decision->rule == NULL)
		return buffer_append_text(out, "allowed: everything is allowed here");
	(void)buffer_printf(out, "allowed: %s entry `", decision->key);
	(void)gate_text_append(out, span_text(decision->rule), TEXT_SHOWN_MAX);
	(void)buffer_append_text(out, decision->by_component ? "` of the component" : "`");
	return append_place(gate->manifest_path, decision, out);
}

/* The operand as a TOML string, if it is one without escapes. */
static bool quotable(struct span text)
{
	while (text.len > 0) {
		bool plain;
		size_t len = diagnostic_char(text, &plain);

		if (!plain || text.data[0] == '"' || text.data[0] == '\\')
			return false;
		text = span_of(text.data + len, text.len - len);
	}
	return true;
}

bool gate_append_fix(const struct gate_question *question, const struct gate_decision *decision, struct buffer *out)
{
	struct span operand = question->operand;

	if (decision->reason == GATE_ARGUMENTS)
		return buffer_append_text(out, "name the program alone and put its arguments into `args`");
	if (decision->allowed || decision->reason != GATE_NOT_DECLARED)
		return !out->failed;
	if (operand.len > TEXT_SHOWN_MAX || !quotable(operand) || !quotable(question->more))
		return buffer_printf(out, "add an entry for it to %s in [capabilities]", decision->key);
	if (question->operation == GATE_UPLINK)
		return buffer_printf(out, "add [[uplink]] with name = \"%.*s\", platform = \"%.*s\"", SPAN_ARG(operand),
			SPAN_ARG(question->more));
	if (question->operation == GATE_BIND)
		return buffer_append_text(out, "add an address, as \"unix:///...\", to net_bind in [capabilities]");
	operand = span_of(operand.data + decision->scheme_len, operand.len - decision->scheme_len);
	return buffer_printf(out, "add \"%s%.*s\" to %s in [capabilities]",
		decision->scheme != NULL ? decision->scheme : "", SPAN_ARG(operand), decision->key);
}

enum capsule_status gate_refuse(struct capsule_error *err, const struct gate *gate, const char *capsule_id,
	const struct gate_question *question, const struct gate_decision *decision)
{
	HOLD(buffer_fini) struct buffer reason = { 0 }, fix = { 0 };

	if (!append_denied(gate != NULL ? gate->manifest_path : NULL, question, decision, &reason) ||
		!gate_append_fix(question, decision, &fix))
		return error_set(err, CAPSULE_ENOMEM, "no memory for the reason of a refusal");
	if (fix.len == 0)
		return error_set(
			err, CAPSULE_EDENIED, "capsule '%s': %.*s", capsule_id, SPAN_ARG(buffer_span(&reason)));
	return error_set(err, CAPSULE_EDENIED, "capsule '%s': %.*s; %.*s", capsule_id, SPAN_ARG(buffer_span(&reason)),
		SPAN_ARG(buffer_span(&fix)));
}
