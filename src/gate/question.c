/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "gate/question.h"

#include "base/text.h"
#include "base/topic.h"
#include "gate/path.h"

unsigned identity_level(struct span word)
{
	return span_is(word, "resolve") ? 1 : span_is(word, "link") ? 2 : span_is(word, "admin") ? 3 : 0;
}

bool command_has_arguments(struct span command)
{
	bool blank = false;

	for (size_t i = 0; i < command.len; i++) {
		if (command.data[i] == '/') /* before any blank it makes the whole a path, which may have some */
			return blank;
		blank = blank || command.data[i] == ' ' || (command.data[i] >= '\t' && command.data[i] <= '\r');
	}
	return blank;
}

bool host_valid(struct span host)
{
	for (size_t i = 0; i < host.len; i++) {
		uint8_t c = host.data[i];

		if (c <= ' ' || c == 0x7F || strchr("/\\@?#%*", c) != NULL || (c == ':' && host.data[0] != '['))
			return false;
	}
	return host.len > 0;
}

static const char *path_problem(struct span path, enum gate_reason *reason)
{
	*reason = GATE_DOTS;
	if (path.len == 0 || path.data[0] != '/')
		return "is not absolute";
	if (path_has_dots(path))
		return "has a component `..`";
	*reason = GATE_MALFORMED;
	return memchr(path.data, '\0', path.len) != NULL ? "has a NUL byte" : NULL;
}

/* In the order in which guests may rely on the first that fails. */
static const char *topic_problem(struct span topic)
{
	if (topic.len > QUESTION_TOPIC_BYTES)
		return "exceeds maximum allowed length of 256 bytes";
	if (!text_is_utf8(topic))
		return "is not UTF-8";
	if (!topic_valid(topic))
		return "has empty segments";
	return NULL;
}

static const char *depth_problem(struct span topic)
{
	return topic_segments(topic) > QUESTION_TOPIC_SEGMENTS ? "exceeds maximum allowed segments: 8" : NULL;
}

/* Whether a segment before the last one is `*`. */
static bool wildcard_inside(struct span pattern)
{
	for (size_t i = 0; i + 1 < pattern.len; i++)
		if (pattern.data[i] == '*' && pattern.data[i + 1] == '.' && (i == 0 || pattern.data[i - 1] == '.'))
			return true;
	return false;
}

static const char *publish_problem(struct span topic, enum gate_reason *reason)
{
	const char *problem = topic_problem(topic);

	if (problem == NULL)
		problem = depth_problem(topic);
	if (problem != NULL || !span_starts(topic, span_text(TOPIC_LIFECYCLE)))
		return problem;
	*reason = GATE_PROTECTED;
	return "is below " TOPIC_LIFECYCLE ", where the runtime alone says what has happened";
}

static const char *pattern_problem(struct span pattern)
{
	const char *problem = topic_problem(pattern);

	if (problem == NULL && wildcard_inside(pattern))
		problem = "has a wildcard that is only supported as the last segment";
	return problem != NULL ? problem : depth_problem(pattern);
}

const char *question_problem(const struct gate_question *question, enum gate_reason *reason)
{
	struct span operand = question->operand;

	*reason = GATE_MALFORMED;
	switch (question->operation) {
	case GATE_READ:
	case GATE_WRITE:
		return path_problem(operand, reason);
	case GATE_HTTP:
		return host_valid(operand) ? NULL : "is no host name";
	case GATE_PROCESS:
		if (operand.len == 0)
			return "is empty";
		*reason = GATE_ARGUMENTS;
		return command_has_arguments(operand) ? "has blanks; arguments do not belong into the command" : NULL;
	case GATE_IDENTITY:
		return identity_level(operand) > 0 ? NULL : "is none of resolve, link and admin";
	case GATE_PUBLISH:
		return publish_problem(operand, reason);
	case GATE_SUBSCRIBE:
		return pattern_problem(operand);
	case GATE_BIND:
	case GATE_UPLINK:
		return NULL;
	case GATE_OPERATIONS:
		break;
	}
	return "is no question of this gate";
}
