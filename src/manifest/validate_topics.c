/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Topics and patterns of topics: what a capsule may publish and hear, what it says about its own topics. */
#include "base/cleanup.h"
#include "base/topic.h"
#include "manifest/twins.h"
#include "manifest/validate_part.h"

#include <stdio.h>

/* `text` without its empty segments, for a fix; false when nothing remains or it is long. */
static bool joined_segments(const char *text, char *out, size_t size)
{
	size_t len = 0;

	if (strlen(text) >= size)
		return false;
	for (const char *at = text; *at != '\0'; at++) {
		bool empty = *at == '.' && (len == 0 || out[len - 1] == '.');

		if (!empty)
			out[len++] = *at;
	}
	while (len > 0 && out[len - 1] == '.')
		len--;
	out[len] = '\0';
	return len > 0;
}

bool validate_segments(const char *topic, const char *what, struct place place, struct diagnostics *found)
{
	char joined[200], fix[VALIDATE_FIX_MAX] = "write names with a dot between them, as `notes.v1.added`";

	if (topic_valid(span_text(topic)))
		return true;
	if (joined_segments(topic, joined, sizeof(joined)))
		(void)snprintf(fix, sizeof(fix), "did you mean `%s`?", joined);
	diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(place), fix, "`%" VALIDATE_SHOWN "` in %s has empty segments",
		topic, what);
	return false;
}

/* A `*` inside a segment is taken as it is, which nobody means. */
static void warn_half_wildcard(const char *pattern, const char *what, struct place place, struct diagnostics *found)
{
	for (const char *star = strchr(pattern, '*'); star != NULL; star = strchr(star + 1, '*')) {
		bool whole = (star == pattern || star[-1] == '.') && (star[1] == '.' || star[1] == '\0');

		if (whole)
			continue;
		diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(place), "let `*` stand alone between two dots",
			"`%" VALIDATE_SHOWN "` in %s: `*` is a wildcard only as a whole segment, here it is an "
			"ordinary character",
			pattern, what);
		return;
	}
}

static void check_pattern(const char *pattern, const char *what, struct place place, struct diagnostics *found)
{
	if (pattern != NULL && validate_segments(pattern, what, place, found))
		warn_half_wildcard(pattern, what, place, found);
}

static void check_patterns(
	const struct string_list *list, const char *key, const char *label, struct diagnostics *found)
{
	char what[64] = "";

	for (size_t i = 0; i < list->count; i++) {
		if (topic_valid(span_text(list->items[i])) && strchr(list->items[i], '*') == NULL)
			continue;
		if (what[0] == '\0')
			(void)snprintf(what, sizeof(what), "`%s` of %s", key, label);
		check_pattern(list->items[i], what, list->places[i], found);
	}
}

void validate_patterns(const struct manifest *manifest, struct diagnostics *found)
{
	struct granted granted[GRANTED_MAX];
	size_t count = validate_granted(manifest, granted);

	for (size_t i = 0; i < count; i++) {
		check_patterns(&granted[i].capabilities->ipc_publish, "ipc_publish", granted[i].label, found);
		check_patterns(&granted[i].capabilities->ipc_subscribe, "ipc_subscribe", granted[i].label, found);
	}
	for (size_t i = 0; i < manifest->interceptors.count; i++)
		check_pattern(manifest->interceptors.items[i].event, "`event` of [[interceptor]]",
			manifest->interceptors.items[i].event_place, found);
}

static bool topic_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
		c == '-';
}

static void check_topic_name(const struct manifest_topic *topic, struct diagnostics *found)
{
	const char *bad = topic->name;

	if (!validate_segments(topic->name, "`name` of [[topic]]", topic->name_place, found))
		return;
	while (*bad != '\0' && topic_char(*bad))
		bad++;
	if (*bad == '\0')
		return;
	if (strchr(topic->name, '*') != NULL)
		diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(topic->name_place),
			"describe each topic in a [[topic]] of its own",
			"`%" VALIDATE_SHOWN "` in `name` of [[topic]] holds the wildcard `*`", topic->name);
	else
		diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(topic->name_place),
			"only letters without accents, digits, `.`, `_` and `-` may be in it",
			"`%" VALIDATE_SHOWN "` in `name` of [[topic]] has invalid characters", topic->name);
}

static bool leaves_by_dots(const char *path)
{
	while (true) {
		size_t len = strcspn(path, "/");

		if (len == 2 && path[0] == '.' && path[1] == '.')
			return true;
		if (path[len] == '\0')
			return false;
		path += len + 1;
	}
}

static void check_topic_schema(const struct manifest_topic *topic, struct diagnostics *found)
{
	const char *fix = "name a file in the folder of the capsule, as `schemas/added.json`";

	if (topic->schema[0] == '/')
		diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(topic->schema_place), fix,
			"`schema` of [[topic]] must be relative to the folder of the capsule");
	else if (leaves_by_dots(topic->schema))
		diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(topic->schema_place), fix,
			"`schema` of [[topic]] must not hold '..'");
}

static const char *const direction_names[] = { [TOPIC_PUBLISH] = "publish", [TOPIC_SUBSCRIBE] = "subscribe" };

static void check_topic_twin(
	const struct manifest *manifest, const struct twin *twins, size_t index, struct diagnostics *found)
{
	const struct manifest_topic *topic = &manifest->topics.items[index];

	if (twins[index].first != index)
		diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(topic->name_place), "remove one of them",
			"duplicate topic `%" VALIDATE_SHOWN "` with the direction `%s`, already on line %u",
			topic->name, direction_names[topic->direction],
			manifest->topics.items[twins[index].first].name_place.line);
}

void validate_topics(const struct manifest *manifest, struct diagnostics *found)
{
	size_t count = manifest->topics.count;
	HOLD(free_drop) struct twin *twins = calloc(count > 0 ? count : 1, sizeof(*twins));

	if (twins == NULL) {
		validate_starved(found);
		return;
	}
	for (size_t i = 0; i < count; i++)
		twins[i] = (struct twin){ manifest->topics.items[i].name,
			direction_names[manifest->topics.items[i].direction], 0 };
	if (!twins_find(twins, count)) {
		validate_starved(found);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const struct manifest_topic *topic = &manifest->topics.items[i];

		if (topic->name != NULL)
			check_topic_name(topic, found);
		if (topic->schema != NULL)
			check_topic_schema(topic, found);
		check_topic_twin(manifest, twins, i, found);
	}
}
