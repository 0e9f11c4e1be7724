/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/mcp/server_log.h"

#include "base/buffer.h"
#include "base/clock.h"
#include <inttypes.h>

void server_log_init(struct server_log *log, const struct log_sink *sink, const char *capsule, const char *server)
{
	*log = (struct server_log){ .sink = sink,
		.capsule = capsule,
		.server = server,
		.pace = { .burst = SERVER_LOG_BURST, .every_ns = NS_PER_S / SERVER_LOG_A_SECOND } };
}

void server_log_line(struct server_log *log, enum capsule_log_level level, struct span line, int64_t now_ns)
{
	struct buffer text = { 0 };

	if (!log_wants(log->sink, level))
		return;
	if (!pace_take(&log->pace, now_ns)) {
		log->dropped++;
		return;
	}
	(void)buffer_printf(&text, "server %s: ", log->server);
	if (log->dropped > 0)
		(void)buffer_printf(&text, "(%" PRIu64 " lines were left out) ", log->dropped);
	log->dropped = 0;
	if (buffer_append_span(&text, line))
		log_write(log->sink, level, log->capsule, buffer_span(&text));
	buffer_fini(&text);
}
