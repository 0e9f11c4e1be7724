/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which capsules there are, in which order they load, and whether those of a workspace are approved. Needs no runtime; blocks on the disk.
 * Threads: any, one object by one thread at a time. */
#ifndef CAPSULE_DISCOVER_H
#define CAPSULE_DISCOVER_H

#include <capsule/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct capsule_discovery;

/* Zero-initialise and set `size`. Strings are borrowed for the call. */
struct capsule_discover_options {
	size_t size;
	const char *const *roots; /* folders that a person named: capsules, or folders of capsules */
	size_t root_count;
	const char *workspace; /* NULL: the working directory. Without roots its .astrid/capsules is searched first */
	const char *home; /* absolute; NULL: $ASTRID_HOME, else ~/.astrid. Without roots its capsules/ is searched */
	bool trust;       /* capsules of the workspace need no receipt */
};

/* One folder that was found. Texts are borrowed from the discovery, and as they stand in files and names: clean them for a
 * terminal. */
struct capsule_found {
	const char *id, *version, *description; /* NULL when the manifest is broken */
	const char *dir;
	const char *origin;  /* "named", "workspace", "home" */
	const char *state;   /* "good", "broken", "duplicate", "unapproved" */
	const char *problem; /* in words, NULL when good */
	size_t tools;
};

/** Look for capsules: folders with a Capsule.toml in each place that is searched, and a place that has one itself.
 *  `options` may be NULL. Free with capsule_discovery_free(). Errors: CAPSULE_EINVAL (options, a home that can't be one), CAPSULE_ENOTFOUND (a workspace
 *  that does not exist), CAPSULE_ENOMEM, CAPSULE_ELIMIT (over 16,384 capsules). */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_discover(
	struct capsule_discovery **out, const struct capsule_discover_options *options, struct capsule_error *err);
CAPSULE_API void capsule_discovery_free(struct capsule_discovery *discovery);

/** How many folders were found, and the one at `index`; all zero past the end. */
CAPSULE_API size_t capsule_discovery_count(const struct capsule_discovery *discovery);
CAPSULE_API void capsule_discovery_item(
	const struct capsule_discovery *discovery, size_t index, struct capsule_found *out);

/** Problems of whole roots, one line each; "" when there are none. Borrowed. */
CAPSULE_API const char *capsule_discovery_warnings(const struct capsule_discovery *discovery);

/** The place that was searched at `index`, in their order, whether it exists or not; NULL past the end. Borrowed. */
CAPSULE_API const char *capsule_discovery_searched(const struct capsule_discovery *discovery, size_t index);

struct capsule_order;

/** The order in which the good capsules of `discovery` (borrowed, must outlive it) load. Free with capsule_order_free().
 *  Errors: CAPSULE_EINVAL, CAPSULE_ENOMEM, CAPSULE_ELIMIT (they depend on each other in too many ways). */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_order_new(
	struct capsule_order **out, struct capsule_discovery *discovery, struct capsule_error *err);
CAPSULE_API void capsule_order_free(struct capsule_order *order);

/** How many capsules it orders, and the discovery's index of the one that loads at `position`, from 0; SIZE_MAX behind the end. */
CAPSULE_API size_t capsule_order_count(const struct capsule_order *order);
CAPSULE_API size_t capsule_order_at(const struct capsule_order *order, size_t position);

/** How many cycles there are, and requirements that none of them meets. */
CAPSULE_API size_t capsule_order_cycles(const struct capsule_order *order);
CAPSULE_API size_t capsule_order_unmet(const struct capsule_order *order);

/** For a person (each capsule with what it waits for and why, unmet requirements, cycles), as a JSON object {"order": [{"id", "dir",
 *  "after": [{"id", "requires", "provides"}], "unmet": [text]}], "cycles": [[id]]}, and as a graph in the language of
 *  Graphviz. Borrowed until the next call; NULL when out of memory. */
CAPSULE_API const char *capsule_order_text(struct capsule_order *order, bool colour);
CAPSULE_API const char *capsule_order_json(struct capsule_order *order);
CAPSULE_API const char *capsule_order_dot(struct capsule_order *order);

struct capsule_approval;

/** Work out what approving the capsule folder `path` means, for the home and workspace of `options` (may be NULL). Without
 *  a workspace that is the folder around .astrid/capsules if `path` lies in one. Free with capsule_approval_free().
 *  Errors: as capsule_policy_new(), CAPSULE_EIO. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_approval_new(struct capsule_approval **out, const char *path,
	const struct capsule_discover_options *options, struct capsule_error *err);
CAPSULE_API void capsule_approval_free(struct capsule_approval *approval);

/** Whether a receipt holds; what changed since the last one, or that there was none, one line each ("" when it holds). */
CAPSULE_API bool capsule_approval_holds(const struct capsule_approval *approval);
CAPSULE_API const char *capsule_approval_changes(const struct capsule_approval *approval);

/** Files with their hashes, rights and state for a person, and as a JSON object {"id", "dir", "approved", "changes": [text], "files":
 *  [{"name", "blake3"}], "rights": [text]}. Borrowed until the next call; NULL when out of memory. */
CAPSULE_API const char *capsule_approval_text(struct capsule_approval *approval, bool colour);
CAPSULE_API const char *capsule_approval_json(struct capsule_approval *approval);

/** Write the receipt for exactly what was looked at; `by` is kept in it (NULL: the user's name). Take it away. Errors: CAPSULE_EIO,
 *  CAPSULE_ENOTFOUND (nothing to take away). */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_approval_give(
	struct capsule_approval *approval, const char *by, struct capsule_error *err);
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_approval_revoke(
	struct capsule_approval *approval, struct capsule_error *err);

#ifdef __cplusplus
}
#endif

#endif
