/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Interceptors that ask for what they can't have: a say in what has happened already, keys without a meaning. */
#include "base/topic.h"
#include "manifest/validate_part.h"
/* Whether nothing but lifecycle events can match. Their tags have no dots. */
static bool lifecycle_only(const char *pattern)
{
	struct span text = span_text(pattern), prefix = span_text(TOPIC_LIFECYCLE);

	return span_starts(text, prefix) && topic_valid(text) && topic_segments(text) == topic_segments(prefix);
}

static void warn_idle_key(struct place place, const char *key, const char *what, struct diagnostics *found)
{
	if (place.line > 0)
		diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(place),
			"remove it, or let the interceptor decide: `mode = \"guard\"`",
			"`%s` of an [[interceptor]] that only observes does nothing: %s", key, what);
}

/* Whether the value there was refused: what it should have been is not known. */
static bool refused(struct place place, const struct diagnostics *found)
{
	for (size_t i = 0; i < found->count && place.line > 0; i++)
		if (found->items[i].line == place.line && found->items[i].column == place.column)
			return true;
	return false;
}

void validate_interceptors(const struct manifest *manifest, struct diagnostics *found)
{
	for (size_t i = 0; i < manifest->interceptors.count; i++) {
		const struct manifest_interceptor *interceptor = &manifest->interceptors.items[i];

		if (refused(interceptor->mode_place, found))
			continue;
		if (interceptor->mode == INTERCEPTOR_OBSERVES) {
			warn_idle_key(interceptor->priority_place, "priority",
				"observers get an event at the same time", found);
			warn_idle_key(interceptor->on_error_place, "on_error", "nobody waits for its answer", found);
		} else if (interceptor->event != NULL && lifecycle_only(interceptor->event)) {
			diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(interceptor->mode_place),
				"write `mode = \"observe\"`, or name the topic of a message in `event`",
				"`mode = \"%s\"` for `%" VALIDATE_SHOWN
				"`: lifecycle events tell what has happened, nobody can deny or change them",
				interceptor->mode == INTERCEPTOR_GUARDS ? "guard" : "rewrite", interceptor->event);
		}
	}
}
