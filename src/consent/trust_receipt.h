/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Receipts as text: a JSON object {"version": 1, "id", "dir", "by", "when", "files": [{"name", "blake3"}], "rights": [text]}, files and
 * rights sorted and each once, "blake3" null for a file that was absent. Threads: any. */
#ifndef CONSENT_TRUST_RECEIPT_H
#define CONSENT_TRUST_RECEIPT_H

#include "consent/trust.h"

#define RECEIPT_BYTES_MAX (4u << 20)
#define RECEIPT_FILES_MAX 16384
#define RECEIPT_RIGHTS_MAX 65536
#define RECEIPT_TEXT_MAX 1024 /* bytes of `by` and `when` */

struct receipt {
	struct trust_subject subject; /* its dir is written as trust_append_escaped() does */
	char *by, *when;
};

/** Read a receipt, strictly: every member of its type, no other ones. receipt_fini() frees it. Errors: CAPSULE_EINVAL with the
 *  reason, CAPSULE_ELIMIT, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status receipt_parse(struct receipt *out, struct span text, struct capsule_error *err);
void receipt_fini(struct receipt *receipt);

/** Append the receipt for `subject`, with a newline behind it. Returns false as buffer_append() does. */
bool receipt_append(const struct trust_subject *subject, const char *by, const char *when, struct buffer *out);

/** Append what is other in `now` than in `receipt`, one line each, at most 200 and how many more; nothing when they are the
 *  same. Returns false as buffer_append() does. */
bool receipt_append_changes(const struct receipt *receipt, const struct trust_subject *now, struct buffer *out);

/** Append `text` as one line that is UTF-8: control bytes, `\` and bytes that are no UTF-8 as \xNN. Returns false as
 *  buffer_append() does. */
bool trust_append_escaped(struct buffer *out, const char *text);

#endif
