/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a capsule may do, before anything of it runs: its effective policy in words, the decision for one action with the
 * line of the manifest that makes it, and what a new manifest may do that an old one could not. Needs no runtime. Threads:
 * any, one object by one thread at a time. */
#ifndef CAPSULE_POLICY_H
#define CAPSULE_POLICY_H

#include <capsule/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct capsule_policy;

/* Zero-initialise and set `size`. */
struct capsule_policy_options {
	size_t size;
	const char *workspace; /* NULL: the working directory */
	const char *home;      /* absolute; NULL: $ASTRID_HOME, else $HOME/.astrid */
};

/** Read the manifest `path` (a Capsule.toml or its folder) and work out its policy. `options` may be NULL. Free with
 *  capsule_policy_free(). Errors: as capsule_check(), and CAPSULE_EMANIFEST with the first problem. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_policy_new(struct capsule_policy **out, const char *path,
	const struct capsule_policy_options *options, struct capsule_error *err);
CAPSULE_API void capsule_policy_free(struct capsule_policy *policy);

/** The policy for a person: what it asks for, provides and requires, what is dangerous or does nothing and why, what its
 *  servers and commands are and what their sandboxes show; with ANSI colours if asked. Borrowed until the next call; NULL
 *  when out of memory. */
CAPSULE_API const char *capsule_policy_text(struct capsule_policy *policy, bool colour);

/** The same as a JSON object {"id", "version", "manifest", "capabilities": [{"key", "entry", "meaning", "note": "plain" |
 *  "dangerous" | "unused", "why"?, "line", "component"}], "provides": [text], "requires": [text], "tools": [text],
 *  "interceptors": [{"event", "action", "mode", "priority", "timeout_ms", "on_error", "on_full"}], "events":
 *  {"inbox_messages", "inbox_bytes"} (null: the runtime's limit), "servers": [{"id", "command", "args", "program": path or
 *  null, "problem": text or null, "sandbox": {"mounts": [{"path", "access": "read" | "write", "why"}], "cwd", "network",
 *  "limits"}}], "commands": [the same without "id" and "args"], "dangerous", "unused"}. Borrowed as above. */
CAPSULE_API const char *capsule_policy_json(struct capsule_policy *policy);

/* The answer to one question. Texts are borrowed from the policy until the next one. */
struct capsule_decision {
	bool allowed;
	const char *reason;  /* in words */
	const char *fix;     /* what would allow it; NULL when it is allowed or nothing would */
	const char *key;     /* of [capabilities] */
	const char *rule;    /* the entry that decides, NULL when none does */
	const char *file;    /* the manifest */
	uint32_t line;       /* of the entry or the key in it, 0 when there is none */
	const char *operand; /* what was asked about, resolved: a real path, a host */
};

/** Decide `action` ("read", "write", "http", "process", "bind", "uplink", "identity", "publish", "subscribe") on `operand`:
 *  a path as a guest writes it ("workspace://a", "global://a", "a"), or with a leading '/' a path of this machine; a URL or
 *  a host; a program; name and platform of an uplink as "name@platform"; a level; a topic. Errors: CAPSULE_EUSAGE (no such
 *  action, with those that exist), CAPSULE_ENOMEM. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_policy_decide(struct capsule_policy *policy,
	const char *action, const char *operand, struct capsule_decision *out, struct capsule_error *err);

struct capsule_policy_difference;

/** Compare two policies (borrowed, must outlive the difference): by what they allow, not by their text. Errors:
 *  CAPSULE_ENOMEM. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_policy_compare(struct capsule_policy_difference **out,
	struct capsule_policy *before, struct capsule_policy *after, struct capsule_error *err);
CAPSULE_API void capsule_policy_difference_free(struct capsule_policy_difference *difference);

/** How many entries allow more, and how many less, than before. */
CAPSULE_API size_t capsule_policy_widened(const struct capsule_policy_difference *difference);
CAPSULE_API size_t capsule_policy_narrowed(const struct capsule_policy_difference *difference);

/** For a person, and as a JSON array of {"change": "widened" | "narrowed", "key", "entry", "meaning", "line"}. Borrowed as
 *  above. */
CAPSULE_API const char *capsule_policy_difference_text(struct capsule_policy_difference *difference, bool colour);
CAPSULE_API const char *capsule_policy_difference_json(struct capsule_policy_difference *difference);

#ifdef __cplusplus
}
#endif

#endif
