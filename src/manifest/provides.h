/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Capabilities that capsules offer and need: `type:body`, the body in dotted segments. */
#ifndef MANIFEST_PROVIDES_H
#define MANIFEST_PROVIDES_H

#include "base/buffer.h"
#include "manifest/manifest.h"

/** Whether what is `provided` meets `requirement`: equal types (what stands before the first ':', "" without one), as many
 *  segments in the bodies, each equal or `*` on either side. Threads: any. */
bool capability_match(struct span requirement, struct span provided);

/** What `manifest` offers: dependencies.provides when that is not empty, else topic:, tool:, llm: and uplink: entries from
 *  ipc_publish, [[tool]], [[llm_provider]] and [[uplink]], in this order. `*out` owns its texts; places are those in the
 *  manifest. Free with string_list_fini(). Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status manifest_provides(
	const struct manifest *manifest, struct string_list *out, struct capsule_error *err);

#endif
