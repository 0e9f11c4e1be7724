/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Receipts of approved capsules: what a person has seen and agreed to. A receipt is a file in <home>/trust (0700, files
 * 0600), named after the folder's path: that path, the BLAKE3 of the manifest and of every file it names, the rights as
 * the policy words them, by whom and when. It holds as long as every hash and every right is the same. Threads: any;
 * blocks on the disk. */
#ifndef CONSENT_TRUST_H
#define CONSENT_TRUST_H

#include "base/buffer.h"
#include "gate/policy.h"

#define TRUST_MANIFEST "Capsule.toml"
#define TRUST_FOLDER "." /* the name of the whole folder among the files */

struct trust_file {
	char *name; /* relative to the capsule's folder, TRUST_MANIFEST for the manifest, TRUST_FOLDER for all of it */
	char blake3[65]; /* lower-case hexadecimal, of the folder its tree digest; "" when the file is absent */
};

/* What there is to be approved. */
struct trust_subject {
	char *id;
	char *dir;                /* canonical */
	struct trust_file *files; /* sorted by name, each name once */
	size_t file_count;
	char **rights; /* one line each, sorted, each once; control bytes and what is no UTF-8 as \\xNN */
	size_t right_count;
};

/** Hash the manifest at `dir`, the files it names (missing ones as absent; what servers run, are given and verify only when
 *  these are files in the folder), with any [[mcp_server]] the whole folder, and word its rights. Links that stay in the
 *  folder are followed. trust_subject_fini() frees it. Errors: CAPSULE_EIO (a file that can't be read, is no regular one
 *  or lies outside the folder; of a whole folder also what is no file, folder or link),
 *  CAPSULE_ENOTFOUND (no such folder), CAPSULE_ELIMIT, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status trust_subject_make(struct trust_subject *out, const char *dir,
	const struct manifest *manifest, const struct policy *policy, struct capsule_error *err);
void trust_subject_fini(struct trust_subject *subject);

/** Append the rights of `policy` as a subject has them, each behind a line break. Errors: CAPSULE_ELIMIT, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status trust_append_rights(
	const struct policy *policy, struct buffer *out, struct capsule_error *err);

/** The file of `subject` named `name`, borrowed; NULL when there is none. */
const struct trust_file *trust_subject_file(const struct trust_subject *subject, const char *name);

/** Compare with the receipt in `home`. `*changes` (free with free()) is NULL when the receipt holds, else one line for
 *  each thing that changed ("Capsule.toml changed", "may now read /etc"), or "not approved yet". A receipt that can't
 *  be read or is not ours does not hold and says so. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status trust_check(
	char **changes, const char *home, const struct trust_subject *subject, struct capsule_error *err);

/** Write the receipt (to a temporary file, synced, renamed); `home` must exist. `by`: who approved, a user's name.
 *  `when`: RFC 3339. Errors: CAPSULE_EIO (also when others may write the home or its trust folder), CAPSULE_ELIMIT,
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status trust_approve(const char *home, const struct trust_subject *subject, const char *by,
	const char *when, struct capsule_error *err);

/** Take the receipt for the folder `dir` away; a folder that is gone is meant by its absolute path. Errors:
 *  CAPSULE_ENOTFOUND, CAPSULE_EIO. */
MUST_CHECK enum capsule_status trust_revoke(const char *home, const char *dir, struct capsule_error *err);

#endif
