/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The effective policy of a manifest, in words: every entry with what it means here, and what is dangerous or does nothing.
 * The same rows are compared when a manifest changes and written into a receipt when it is approved. */
#ifndef GATE_POLICY_H
#define GATE_POLICY_H

#include "base/buffer.h"
#include "gate/gate.h"

enum policy_note {
	POLICY_PLAIN,
	POLICY_DANGEROUS, /* grants more than most capsules should have: why says what */
	POLICY_UNUSED,    /* grants nothing, or hardly what was meant: why says the reason */
};

/* The key of an [[interceptor]] that decides about events: it is shown by the pattern of its events. */
#define POLICY_INTERCEPTOR "interceptor"
/* The key of an [[mcp_server]], which is shown by its id. */
#define POLICY_SERVER "mcp_server"

struct policy_server;

struct policy_row {
	/* GATE_OPERATIONS for the flags `uplink` and `allow_prompt_injection`, for `kv`, interceptors and servers. */
	enum gate_operation operation;
	const char *key; /* of [capabilities]; "uplink" with a name for [[uplink]], POLICY_... Static */
	char *entry;     /* as written */
	char *meaning;   /* what it resolves to: a path, "example.com and its subdomains", ... */
	/* What is compared: path, host, platform of an uplink, mode of an interceptor, a server as JSON, else the entry;
	 * NULL: grants nothing. */
	char *target;
	struct policy_server *server; /* of POLICY_SERVER, else NULL */
	char *why;                    /* of the note; NULL when plain */
	enum policy_note note;
	struct place place;
	bool by_component;
};

struct policy {
	struct policy_row *rows; /* in the order of the manifest's keys, then as written */
	size_t count, dangerous, unused;
};

/** Make the policy of `manifest` with the same meaning of entries as gate_new_manifest(). policy_fini() frees it.
 *  Errors: CAPSULE_ENOMEM, CAPSULE_EINVAL. */
MUST_CHECK enum capsule_status policy_make(
	struct policy *out, const struct manifest *manifest, const struct gate_roots *roots, struct capsule_error *err);
void policy_fini(struct policy *policy);

enum policy_change { POLICY_WIDENED, POLICY_NARROWED };

struct policy_difference {
	enum policy_change change;
	const struct policy_row *row; /* of the new policy when widened, of the old one when narrowed */
};

/** What `after` allows that `before` did not and the reverse, by meaning and not by text: `*` covers a folder below the
 *  workspace, a host covers its subdomains, a pattern the topics it matches, admin covers link, rewriting covers
 *  guarding. A server that runs something else, of which less is verified, that gets a network or whose tools need less
 *  consent, is wider. `*out` (free with free()) has `*count` entries. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status policy_compare(const struct policy *before, const struct policy *after,
	struct policy_difference **out, size_t *count, struct capsule_error *err);

/** Append the rows as text for a person (`colour`: ANSI) or as JSON array of {key, entry, meaning, note, why?, line,
 *  component}. Return false as buffer_append() does. */
bool policy_append_text(const struct policy *policy, const char *manifest_path, bool colour, struct buffer *out);
bool policy_append_json(const struct policy *policy, struct buffer *out);

#endif
