/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who can get which events, told from manifests alone: patterns that nothing matches, topics that nobody hears. All that is
 * said is a warning, since other capsules, and the program that embeds the library, may publish and listen too. Threads:
 * any. */
#ifndef LIFE_EVENT_REACH_H
#define LIFE_EVENT_REACH_H

#include "manifest/manifest.h"

/** Report to `found` what can't be whatever other capsules there are: patterns that no topic matches, lifecycle events that
 *  do not exist or reach no subscription, [[topic]] tables that the capsule's own lists contradict. Errors:
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status event_reach_alone(
	const struct manifest *manifest, struct diagnostics *found, struct capsule_error *err);

struct reach_subject {
	const struct manifest *manifest; /* borrowed, as is the next one */
	struct diagnostics *found;
};

/** Report what none of `count` capsules, nor the runtime, publishes and one of them waits for, and the reverse; not what
 *  event_reach_alone() tells. Errors: CAPSULE_ENOMEM, CAPSULE_ELIMIT (over LIMIT_REACH_STEPS searches; what was found is
 *  told). */
MUST_CHECK enum capsule_status event_reach_together(
	const struct reach_subject *subjects, size_t count, struct capsule_error *err);

#endif
