/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the entries of [capabilities] mean, in one place: the gate decides by it, the policy tells it. */
#ifndef GATE_ENTRY_H
#define GATE_ENTRY_H

#include "gate/gate.h"

/* The roots, canonical. NULL where there is none. */
struct entry_roots {
	char *workspace, *global, *forbidden;
};

/** Make `roots` canonical. entry_roots_fini() frees them, also after a failure. Errors: CAPSULE_EINVAL, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status entry_roots_make(
	struct entry_roots *out, const struct gate_roots *roots, struct capsule_error *err);
void entry_roots_fini(struct entry_roots *roots);

/** Whether `path` is closed to every capsule: below the forbidden root and not below the global one. */
bool entry_protected(const struct entry_roots *roots, struct span path);

/* What one entry stands for. */
struct entry_meaning {
	char *name;      /* canonical path, host ("*" for any); NULL when it grants nothing */
	char *as_named;  /* a path as it is named below its root, where links make it differ from `name`; else NULL */
	const char *why; /* it grants nothing, or hardly what was meant. Static, NULL when there is nothing to say */
};

/** An entry of fs_read or fs_write, one of net. entry_meaning_fini() frees the meaning. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status entry_path(
	struct entry_meaning *out, const struct entry_roots *roots, const char *entry, struct capsule_error *err);
MUST_CHECK enum capsule_status entry_host(struct entry_meaning *out, const char *entry, struct capsule_error *err);
void entry_meaning_fini(struct entry_meaning *meaning);

/** The platform of an uplink as it is compared: trimmed, in lower case. Free with free(); NULL when out of memory. */
char *entry_platform(const char *platform);

/** The key of [capabilities] that answers `operation`; "uplink" for GATE_UPLINK. Static. */
const char *entry_key(enum gate_operation operation);

/** The list of `capabilities` for `operation`, NULL for GATE_UPLINK. Borrowed. */
const struct string_list *entry_list(const struct manifest_capabilities *capabilities, enum gate_operation operation);

#endif
