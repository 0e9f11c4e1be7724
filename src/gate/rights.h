/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The entries of one [capabilities] table, prepared so that asking allocates nothing. */
#ifndef GATE_RIGHTS_H
#define GATE_RIGHTS_H

#include "gate/entry.h"
#include "gate/entry_set.h"

#define RIGHTS_NONE SIZE_MAX

struct rights_names {
	char **items; /* owned texts that the sets point to */
	size_t count;
};

/* A valid entry of ipc_publish or ipc_subscribe. */
struct rights_topic {
	struct span pattern;
	size_t segments, index;
};

struct rights_topics {
	struct rights_topic *items;
	size_t count;
};

struct rights {
	const struct manifest_capabilities *declared; /* borrowed from the manifest */
	struct rights_names names;
	struct entry_set paths[2]; /* GATE_READ, GATE_WRITE */
	struct entry_set hosts;
	struct rights_topics publish, subscribe;
	size_t any_host, bind; /* index of the first entry that grants it, or RIGHTS_NONE */
};

/** Prepare `declared` (borrowed, must outlive the rights). rights_fini() frees them, also after a failure.
 *  Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status rights_make(struct rights *out, const struct manifest_capabilities *declared,
	const struct entry_roots *roots, struct capsule_error *err);
void rights_fini(struct rights *rights);

/** The index in entry_list() of the entry that allows `question`, which has no problem and is not about an uplink;
 *  RIGHTS_NONE when there is none. Allocates nothing. Threads: any. */
size_t rights_find(const struct rights *rights, const struct gate_question *question);

#endif
