/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The configuration of a capsule: its [env] table resolved against the key-value store and defaults, and what the runtime
 * adds. Values that nobody has given yet are asked for by name. */
#ifndef ENGINE_CONFIG_H
#define ENGINE_CONFIG_H

#include "engine/engine.h"

/** Fill `config` (name -> char *, values owned by the map's owner: free with engine_config_fini()) for `env`.
 *  Errors: CAPSULE_EMANIFEST "Missing required environment variables: a, b" (with how to give them), CAPSULE_ESTORE,
 *  CAPSULE_ENOMEM. The store is opened only when the manifest has an [env] table. */
MUST_CHECK enum capsule_status engine_config_fill(
	struct map *config, const struct engine_env *env, struct capsule_error *err);

void engine_config_fini(struct map *config);

#endif
