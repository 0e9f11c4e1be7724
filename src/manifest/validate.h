/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a manifest must say beyond its keys and types: versions, topics, capability strings, entries that are dangerous. */
#ifndef MANIFEST_VALIDATE_H
#define MANIFEST_VALIDATE_H

#include "manifest/manifest.h"

/* The runtime version that `astrid-version` is compared with: the interface that this runtime implements. */
#define MANIFEST_RUNTIME_VERSION "0.3.0"

/** Check a manifest that was read, perhaps not whole: texts may be NULL. Every problem goes to `diagnostics`, in the order
 *  of the checks: astrid-version, version, publish and subscribe patterns, interceptors, provides, requires, uplinks,
 *  topics, hashes, settings, what interceptors decide, names that stand twice, servers, entries of [capabilities]. Called by
 *  manifest_parse(). */
void manifest_validate(const struct manifest *manifest, struct diagnostics *diagnostics);

#endif
