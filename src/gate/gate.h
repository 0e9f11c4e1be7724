/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The gate: may this capsule do that? A question is an operation and its operand, an answer is a value that says why and by
 * which line of the manifest. Asking changes nothing, allocates nothing and keeps no log; who asks hands refusals to the
 * audit hook. All functions that ask: threads any, as long as the gate lives.
 *
 * Four gates: the manifest's (what Capsule.toml declares, everything else denied), allow-all and deny-all for tests and
 * embedders, and narrow, which allows what two gates both allow: an embedder can take away and never add. */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include "base/error.h"
#include "base/span.h"
#include "manifest/manifest.h"

enum gate_operation {
	GATE_READ,      /* operand: canonical absolute path */
	GATE_WRITE,     /* operand: canonical absolute path */
	GATE_HTTP,      /* operand: host, as gate_url_host() gives it */
	GATE_PROCESS,   /* operand: the program as the capsule names it, without arguments */
	GATE_BIND,      /* operand: empty */
	GATE_UPLINK,    /* operand: name of the uplink; more: platform, trimmed and in lower case */
	GATE_IDENTITY,  /* operand: "resolve", "link" or "admin", the level that the action needs */
	GATE_PUBLISH,   /* operand: topic */
	GATE_SUBSCRIBE, /* operand: pattern */
	GATE_OPERATIONS
};

enum gate_reason {
	GATE_BY_RULE,      /* allowed: `rule` at `place` */
	GATE_BY_ALL,       /* allowed or denied by a gate that always says so */
	GATE_NOT_DECLARED, /* denied: no entry of the key matches (the list may be empty) */
	GATE_DOTS,         /* denied: the path has a component ".." or is not absolute */
	GATE_PROTECTED,    /* denied: the runtime's own files and topics; no declaration opens them */
	GATE_ARGUMENTS,    /* denied: the command has blanks; arguments belong elsewhere */
	GATE_MALFORMED,    /* denied: the operand is no path, host, program, topic, pattern or level */
	GATE_BY_EMBEDDER,  /* denied by the narrower gate */
};

struct gate_question {
	enum gate_operation operation;
	struct span operand, more; /* borrowed */
};

struct gate_decision {
	bool allowed;
	enum gate_reason reason;
	const char *key; /* of [capabilities], e.g. "fs_read"; "uplink" for [[uplink]]. Static */
	const char *
		rule; /* the entry that decides, as the manifest writes it; NULL when none does. Borrowed from the gate */
	struct place
		place; /* of that entry, of the key or of [capabilities]; line 0 when the manifest has no such place */
	bool by_component;  /* the entry stands in [[component]] capabilities */
	bool none_declared; /* denied: the key has no entries at all */
	/* Denied paths below a root: the scheme whose root it is, and how much of the operand the scheme stands for. Else
	 * NULL, 0. */
	const char *scheme;
	size_t scheme_len;
};

struct gate;

struct gate_ops {
	void (*ask)(const struct gate *gate, const struct gate_question *question, struct gate_decision *out);
	void (*free)(struct gate *gate);
};

/* The beginning of every gate. */
struct gate {
	const struct gate_ops *ops;
	const char *manifest_path; /* for messages, NULL when there is none; borrowed from the manifest */
};

/* Where the schemes of a manifest lead. Texts borrowed for the call. */
struct gate_roots {
	const char *workspace; /* absolute; NULL: entries that need one grant nothing */
	const char *global;    /* what global:// means, absolute; NULL when that folder does not exist */
	const char *forbidden; /* absolute: the home, closed to every capsule except `global` below it; NULL for none */
};

enum gate_for {
	GATE_FOR_COMPONENT, /* [capabilities] and those of the first [[component]] */
	GATE_FOR_CAPSULE,   /* [capabilities] alone: what servers and children get */
};

/** A gate from `manifest` (borrowed, must outlive the gate). Roots are made canonical now. Entries: `*` is the workspace,
 *  `workspace://X`, `global://X`, absolute paths (made canonical as far as they exist), relative ones (below the workspace);
 *  those with `..`, and empty ones, grant nothing. Free it with gate_free(). Errors: CAPSULE_ENOMEM, CAPSULE_EINVAL (a root
 *  that is not absolute). */
MUST_CHECK enum capsule_status gate_new_manifest(struct gate **out, const struct manifest *manifest,
	const struct gate_roots *roots, enum gate_for whom, struct capsule_error *err);

/** Gates that always say yes or no. Static; gate_free() does nothing to them. */
struct gate *gate_allow_all(void);
struct gate *gate_deny_all(void);

/** Allows what both `inner` and `narrower` allow; an answer of `inner` comes first. Both are taken. NULL when out of memory
 *  (both stay the caller's). */
struct gate *gate_new_narrow(struct gate *inner, struct gate *narrower);

/** Free `gate` (taken; NULL is fine). */
void gate_free(struct gate *gate);

/** Decide. `out` is always filled. */
static inline void gate_ask(const struct gate *gate, const struct gate_question *question, struct gate_decision *out)
{
	gate->ops->ask(gate, question, out);
}

/** Ask about one operand. Returns whether it is allowed. */
bool gate_allows(
	const struct gate *gate, enum gate_operation operation, struct span operand, struct gate_decision *out);

/** The refusal as an error: CAPSULE_EDENIED, "capsule '<id>': <what> `<operand>` not declared in manifest (<path>:<line>);
 *  add <entry> to <key> in [capabilities]", in the words of the reason. Pinned fragments: "not declared in manifest", "read
 *  access", "write access". */
enum capsule_status gate_refuse(struct capsule_error *err, const struct gate *gate, const char *capsule_id,
	const struct gate_question *question, const struct gate_decision *decision);

/** Append the decision in words ("allowed: fs_read entry `workspace://notes` (Capsule.toml:14)", "denied: ... "), and what
 *  to add to which key where an entry would allow it. Return false as buffer_append() does. */
bool gate_append_reason(const struct gate *gate, const struct gate_question *question,
	const struct gate_decision *decision, struct buffer *out);
bool gate_append_fix(const struct gate_question *question, const struct gate_decision *decision, struct buffer *out);

/** The operation's word: "read", "write", "http", "process", "bind", "uplink", "identity", "publish", "subscribe"; and the
 *  reverse, false for any other word. */
const char *gate_operation_name(enum gate_operation operation);
bool gate_operation_find(const char *name, enum gate_operation *out);

/** The host of an absolute URL as a client would dial it (libcurl's parser): lower case, IDNA, numeric forms normalised,
 *  IPv6 in brackets, user and port ignored, a trailing dot kept. Appended to `out`; empty for a URL without a host. Errors:
 *  CAPSULE_EINVAL with what is wrong, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status gate_url_host(struct span url, struct buffer *out, struct capsule_error *err);

#endif
