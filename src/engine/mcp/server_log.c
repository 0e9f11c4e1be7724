/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/mcp/server_log.h"

#include "base/buffer.h"
#include "base/clock.h"
#include <inttypes.h>

#define LINE_NS (NS_PER_S / SERVER_LOG_A_SECOND)

static void refill(struct server_log *log, int64_t now_ns)
{
	int64_t lines = (now_ns - log->filled_ns) / LINE_NS;

	if (!log->begun || log->left + lines >= SERVER_LOG_BURST) {
		log->begun = true;
		log->left = SERVER_LOG_BURST;
		log->filled_ns = now_ns;
		return;
	}
	log->left += (uint32_t)lines;
	log->filled_ns += lines * LINE_NS;
}

void server_log_line(struct server_log *log, struct span line, int64_t now_ns)
{
	struct buffer text = { 0 };

	if (!log_wants(log->sink, CAPSULE_LOG_INFO))
		return;
	refill(log, now_ns);
	if (log->left == 0) {
		log->dropped++;
		return;
	}
	log->left--;
	(void)buffer_printf(&text, "server %s: ", log->server);
	if (log->dropped > 0)
		(void)buffer_printf(&text, "(%" PRIu64 " lines were left out) ", log->dropped);
	log->dropped = 0;
	if (buffer_append_span(&text, line))
		log_write(log->sink, CAPSULE_LOG_INFO, log->capsule, buffer_span(&text));
	buffer_fini(&text);
}
