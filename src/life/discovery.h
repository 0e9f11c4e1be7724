/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which capsules there are: the folders with a Capsule.toml one level below each root, and a root that has one itself (a root that a
 * person named is then that capsule and nothing else). Roots are looked through in their order, folders by name; names that begin
 * with '.' or end with ".bak" are skipped, links are followed. Each manifest is read and parsed once; what is loaded later must have the hash that is noted here. */
#ifndef LIFE_DISCOVERY_H
#define LIFE_DISCOVERY_H

#include "base/buffer.h"
#include "manifest/manifest.h"

enum discovery_origin {
	DISCOVERY_NAMED,     /* a root that a person named: consented to */
	DISCOVERY_WORKSPACE, /* <workspace>/.astrid/capsules: needs a receipt */
	DISCOVERY_HOME,      /* <home>/capsules: installed */
};

struct discovery_root {
	const char *path; /* borrowed for the call; made absolute */
	enum discovery_origin origin;
};

enum discovery_state {
	DISCOVERY_GOOD,
	DISCOVERY_BROKEN,    /* the manifest has errors: `problem`, `diagnostics` */
	DISCOVERY_DUPLICATE, /* another one of the same id comes first: `other` */
	DISCOVERY_UNAPPROVED, /* in the workspace, without a receipt that holds: `problem` says what changed or that there is none */
};

struct discovered {
	enum discovery_state state;
	enum discovery_origin origin;
	char *dir;                 /* absolute */
	struct manifest *manifest; /* NULL when broken */
	uint8_t hash[32];          /* BLAKE3 of the manifest's bytes, those that were parsed */
	char module_blake3[65];    /* what the module must hash to, from the receipt; "" when nobody approved it */
	char *approved; /* its files as they were approved: 64 digits, a blank and the name a line; NULL when nobody did */
	char *rights; /* as they were approved, in the words of trust_append_rights(); NULL when nobody did */
	struct diagnostics diagnostics;
	struct buffer source; /* of a broken manifest, for messages that quote it; else empty */
	char *problem;        /* in words; NULL when good */
	size_t other;         /* index of the one that hides it */
};

struct discovery {
	struct discovered *items; /* roots in order, folders by name */
	size_t count;
	char **warnings; /* roots that can't be read, one line each; a root that does not exist is one only when a person named it */
	size_t warning_count;
};

/* Whether the workspace capsule `found` (manifest, dir and hash are set) is approved: `*why` stays NULL, and found->module_blake3 is set, or
 * `*why` becomes a text to be freed. `user` is discovery_find()'s. Any other status than CAPSULE_OK ends the discovery. */
typedef enum capsule_status (*discovery_trust_fn)(
	void *user, struct discovered *found, char **why, struct capsule_error *err);

/** Look through `roots`. Workspace capsules that `trusted` (NULL: all are) does not let pass never hide others. The first good one of an
 *  id wins. Blocks on the disk. discovery_fini() frees it. Errors: CAPSULE_ENOMEM, CAPSULE_ELIMIT (over LIMIT_CAPSULES).
 *  Threads: any. */
MUST_CHECK enum capsule_status discovery_find(struct discovery *out, const struct discovery_root *roots,
	size_t root_count, discovery_trust_fn trusted, void *user, struct capsule_error *err);

void discovery_fini(struct discovery *discovery);

#endif
