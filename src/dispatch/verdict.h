/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an interceptor answers that decides about an event. */
#ifndef DISPATCH_VERDICT_H
#define DISPATCH_VERDICT_H

#include "base/error.h"
#include "bus/payload.h"

#define VERDICT_REASON_MAX 256 /* bytes with the terminator; a longer one is cut */

struct verdict {
	bool deny;
	char reason[VERDICT_REASON_MAX]; /* "" when none was given */
	bool rewritten;                  /* `payload` is to take the place of what the event has */
};

/** Read `answer`: {"verdict":"allow"|"deny","reason":text,"payload":any}, `verdict` may be missing beside a `payload`; an
 *  empty answer, null and {} allow. A payload is read into `payload`, as published ones are, when `may_rewrite` (null is
 *  one as well); else any but null is an error. Errors: CAPSULE_EINVAL (says what is wrong), CAPSULE_ELIMIT,
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status verdict_read(
	struct verdict *out, struct payload *payload, struct span answer, bool may_rewrite, struct capsule_error *err);

#endif
