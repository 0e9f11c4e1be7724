/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef CONSENT_TRUST_FILES_H
#define CONSENT_TRUST_FILES_H

#include "consent/trust.h"

/** Set the files of `subject`, whose `dir` is set, as trust_subject_make() says; what was set is freed by
 *  trust_subject_fini() in any case. */
MUST_CHECK enum capsule_status trust_files_make(
	struct trust_subject *subject, const struct manifest *manifest, struct capsule_error *err);

#endif
