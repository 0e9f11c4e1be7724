/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the parts of the validation share. A manifest that could not be read whole is validated as far as it goes, so that
 * one run tells all: any text in it may be NULL. Threads: any. */
#ifndef MANIFEST_VALIDATE_PART_H
#define MANIFEST_VALIDATE_PART_H

#include "manifest/validate.h"

/* For diagnostics_add(): where the problem is. */
#define PLACE_ARGS(place) (place).line, (place).column, (place).length

#define VALIDATE_FIX_MAX 512   /* bytes of the text of a fix, with its terminator */
#define VALIDATE_SHOWN ".200s" /* how a text from the file is shown: enough of it to find it again */

/* A capability table, and how messages call it. */
struct granted {
	const struct manifest_capabilities *capabilities;
	const char *label;
};

#define GRANTED_MAX 2

/** The capability tables that count: the capsule's, and that of its component. Returns how many. */
size_t validate_granted(const struct manifest *manifest, struct granted out[GRANTED_MAX]);

/** Count an error that has no text, since memory ran out. */
void validate_starved(struct diagnostics *found);

/** Publish and subscribe patterns, then interceptors. */
void validate_patterns(const struct manifest *manifest, struct diagnostics *found);

/** [[topic]]. */
void validate_topics(const struct manifest *manifest, struct diagnostics *found);

/** Whether `topic`, called `what` in messages, has no empty segments; reports it if it has. */
bool validate_segments(const char *topic, const char *what, struct place place, struct diagnostics *found);

/** [env] names that no program may get. */
void validate_env(const struct manifest *manifest, struct diagnostics *found);

/** [[interceptor]], beyond their patterns. */
void validate_interceptors(const struct manifest *manifest, struct diagnostics *found);

/** Names that may stand once. */
void validate_twins(const struct manifest *manifest, struct diagnostics *found);

/** MCP servers. */
void validate_servers(const struct manifest *manifest, struct diagnostics *found);

/** Entries of the capability tables that grant nothing, something else than they seem to, or very much. Only warns, apart
 *  from paths with `..`. */
void validate_grants(const struct manifest *manifest, struct diagnostics *found);

#endif
