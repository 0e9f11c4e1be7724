/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is wrong with a question before any entry is looked at. */
#ifndef GATE_QUESTION_H
#define GATE_QUESTION_H

#include "gate/gate.h"

#define QUESTION_TOPIC_BYTES 256 /* of a topic or pattern */
#define QUESTION_TOPIC_SEGMENTS 8

/** Why no entry could allow it, in words without a subject ("is not absolute"), and the reason that this is; NULL when
 *  nothing is wrong. Static. Threads: any. */
const char *question_problem(const struct gate_question *question, enum gate_reason *reason);

/** The rank of an identity word: 1 resolve, 2 link, 3 admin; 0 for any other word. */
unsigned identity_level(struct span word);

/** Whether a command of this name can only be meant with arguments: blanks, and no slash by which it is a path. */
bool command_has_arguments(struct span command);

/** Whether `host` could come from gate_url_host(). */
bool host_valid(struct span host);

#endif
