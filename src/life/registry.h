/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which capsules are there, by id, by session and by uplink. No scan where an index serves, no lock: all functions on the loop
 * thread. What is put in is borrowed; the registry owns descriptors and index. */
#ifndef LIFE_REGISTRY_H
#define LIFE_REGISTRY_H

#include "base/buffer.h"
#include "base/list.h"
#include "base/map.h"
#include "base/uuid.h"
#include "manifest/manifest.h"

struct uplink_descriptor {
	struct uuid id;
	char *name, *platform; /* platform trimmed, in lower case */
	const char *owner;     /* id of the capsule */
	enum uplink_profile profile;
	uint64_t registered_ms; /* since 1970 */
};

struct registry {
	struct map capsules;      /* id -> struct registered */
	struct map sessions;      /* 16 bytes -> who it means */
	struct map uplinks;       /* 16 bytes -> uplink, with its descriptor */
	struct map platforms;     /* name -> its uplinks */
	struct list_node entries; /* struct registered, in the order in which they were added */
};

struct registered; /* one entry */

void registry_init(struct registry *registry);
void registry_fini(struct registry *registry);

/** Enter a capsule under manifest->package.name, with a descriptor for each [[uplink]] (receive only). The manifest is borrowed until the
 *  capsule is taken out. `value` (not NULL) is what registry_find() gives back; `now_ms` since 1970. All or nothing. Errors:
 *  CAPSULE_ESTATE ("Already registered: <id>"), CAPSULE_EINVAL (an uplink of an id that begins or ends with '-', which may not be a
 *  source; two uplinks of one name and platform), CAPSULE_ELIMIT (over LIMIT_UPLINKS), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status registry_add(struct registry *registry, const struct manifest *manifest, void *value,
	uint64_t now_ms, struct capsule_error *err);

/** Take a capsule out with its uplinks and sessions. Returns its value, NULL with CAPSULE_ENOTFOUND in `err` (naming the id). */
void *registry_remove(struct registry *registry, const char *id, struct capsule_error *err);

/** Its value, NULL when it is not registered. */
void *registry_find(const struct registry *registry, const char *id);

/** Let `session` mean the capsule `id`, in place of what it meant. Errors: CAPSULE_ENOTFOUND, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status registry_add_session(
	struct registry *registry, const struct uuid *session, const char *id, struct capsule_error *err);

/** The id of the capsule that `session` means, NULL for none. Borrowed. */
const char *registry_find_session(const struct registry *registry, const struct uuid *session);

/** Register an uplink of the capsule `id` at run time. One that its manifest declares is taken up, once, with the profile given: `*out` is the
 *  id that it has from the beginning. Any other one is new, with a fresh id. Errors: CAPSULE_ENOTFOUND, CAPSULE_ELIMIT ("uplink
 *  registration limit reached: ..."), CAPSULE_EINVAL ("duplicate uplink ..."), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status registry_add_uplink(struct registry *registry, const char *id, struct span name,
	struct span platform, enum uplink_profile profile, uint64_t now_ms, struct uuid *out,
	struct capsule_error *err);

/** An uplink by its id; the first one registered of a platform (compared as given). NULL for none. Borrowed. */
const struct uplink_descriptor *registry_uplink(const struct registry *registry, const struct uuid *id);
const struct uplink_descriptor *registry_uplink_by_platform(const struct registry *registry, struct span platform);

/** How many uplinks the capsule `id` has. How many capsules, uplinks and sessions there are in all is the `count` of their maps. */
size_t registry_uplinks_of(const struct registry *registry, const char *id);

/** Whether the capsule of the session `session`, a UUID as text, is registered and its manifest sets `capability`, which can be
 *  "allow_prompt_injection". False for a text that is no UUID and for any other capability. */
bool registry_capable(const struct registry *registry, struct span session, struct span capability);

/** Take everything out, what was added last first; `each` (may be NULL) is called with every value, after it was taken out. */
void registry_drain(struct registry *registry, void (*each)(void *value, void *user), void *user);

/** An uplink profile as a guest writes it: any case, blanks around it, "human" is chat. Errors: CAPSULE_EINVAL ("unknown uplink profile
 *  ..."). */
MUST_CHECK enum capsule_status uplink_profile_find(
	struct span text, enum uplink_profile *out, struct capsule_error *err);

/** "wasm(<id>)", the id cut to 64 bytes at a character boundary; whether an id may be a source. */
bool uplink_source_append(struct span capsule_id, struct buffer *out);
bool uplink_source_valid(struct span capsule_id);

#endif
