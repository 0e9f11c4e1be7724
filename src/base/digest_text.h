/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Digests and lines of `integrity` as manifests write them: "blake3:<64 hex>" and "sha256:<64 hex>" of a file,
 * "tree:<64 hex>" of a folder; "path=digest". Only the text; src/process/digest.h has what makes them. Threads: any. */
#ifndef BASE_DIGEST_TEXT_H
#define BASE_DIGEST_TEXT_H

#include "base/error.h"
#include "base/span.h"

#define DIGEST_TEXT 80 /* bytes of the longest one with a terminator, and some */
#define DIGEST_DIGITS 64

enum digest_kind { DIGEST_BLAKE3, DIGEST_SHA256, DIGEST_TREE, DIGEST_KINDS };

/** What stands before the digits, with its colon. Static. */
const char *digest_prefix(enum digest_kind kind);

/** Whether `text` is a digest as above, and of which kind; digits may be of either case. Errors: CAPSULE_EINVAL with
 *  what is wrong and what may stand there. */
MUST_CHECK enum capsule_status digest_parse(enum digest_kind *kind, struct span text, struct capsule_error *err);

/** Whether two digests are the same: the case of letters does not count. */
bool digest_same(const char *a, const char *b);

/* Borrowed from the line. */
struct digest_line {
	struct span path; /* relative, without a `./` in front and a `/` behind, of plain components */
	struct span digest;
	enum digest_kind kind;
};

/** Read "path=digest"; the last `=` counts. The path is relative to the capsule's folder and is below it: no `..`, no
 *  `.` and no empty component inside, at most LIMIT_PATH bytes, no NUL. Errors: CAPSULE_EINVAL as above. */
MUST_CHECK enum capsule_status digest_line_parse(struct digest_line *out, struct span line, struct capsule_error *err);

#endif
