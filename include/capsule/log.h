/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Log records: what guests write and what the runtime has to tell. The library prints nothing itself. */
#ifndef CAPSULE_LOG_H
#define CAPSULE_LOG_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum capsule_log_level {
	CAPSULE_LOG_TRACE,
	CAPSULE_LOG_DEBUG,
	CAPSULE_LOG_INFO,
	CAPSULE_LOG_WARN,
	CAPSULE_LOG_ERROR,
	CAPSULE_LOG_OFF /* as a level to start from: nothing is logged */
};

/** Receives one record. `capsule` is the id of the capsule that it is about, NULL for the runtime; `message` is `len` bytes
 *  of UTF-8 without a terminator, which may hold control characters that a guest wrote. Both are borrowed for the call.
 *  Runs on the thread that drives the runtime; what it calls of that runtime is refused, except capsule_runtime_post(). */
typedef void (*capsule_log_fn)(
	void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len);

#ifdef __cplusplus
}
#endif

#endif
