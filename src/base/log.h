/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where records go that are meant for a person: one function lent by the embedder. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/span.h"
#include <capsule/log.h>

struct log_sink {
	capsule_log_fn write; /* NULL: nothing is logged */
	void *user;
	enum capsule_log_level level; /* records below it are dropped before they are made */
};

static inline bool log_wants(const struct log_sink *log, enum capsule_log_level level)
{
	return log->write != NULL && level >= log->level && level < CAPSULE_LOG_OFF;
}

/* `capsule` may be NULL for records of the runtime itself. Threads: loop. */
static inline void log_write(
	const struct log_sink *log, enum capsule_log_level level, const char *capsule, struct span message)
{
	if (log_wants(log, level))
		log->write(log->user, level, capsule, (const char *)message.data, message.len);
}

#endif
