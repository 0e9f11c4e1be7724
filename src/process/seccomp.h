/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The filter of system calls of sandboxed children: everything is allowed but what programs of capsules have no use
 * for and what has been a way out of namespaces. Refused calls fail with EPERM, as for a user without rights, and
 * clone3() with ENOSYS, so that the C library falls back to clone(), whose flags a filter can see. Programs for
 * another architecture (32 bits, x32) end at their first call. It can't be taken off, and holds for all that the
 * child starts. */
#ifndef PROCESS_SECCOMP_H
#define PROCESS_SECCOMP_H

#include "base/error.h"

/** Open the filter: a sealed file in memory with an array of struct sock_filter, at its start, closed on exec. It is
 *  compiled each time, in 0.2 ms, since the library keeps nothing for the whole process. Errors: CAPSULE_EUNSUPPORTED (an architecture that libseccomp does not know),
 *  CAPSULE_EIO, CAPSULE_ENOMEM. Threads: any. */
MUST_CHECK enum capsule_status seccomp_filter_open(int *fd, struct capsule_error *err);

#endif
