/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls that somebody does not want any more: what they have started ends. A message names them, by the number that their
 * guest is told (astrid_get_caller), or by the id of the tool request that it handles. */
#include "runtime/events.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "process/children.h"
#include "runtime/internal.h"

#include <stdio.h>

#define TOPIC "tool.v1.request.cancel"
#define IDS_MAX 256 /* of one message */

static void cancel_call(struct capsule_runtime *runtime, uint64_t call)
{
	size_t count = 0;
	char line[128];

	LIST_EACH (node, &runtime->capsules) {
		const struct services *services = &LIST_ENTRY(node, struct capsule, link)->services;

		if (services->children != NULL)
			count += children_cancel(services->children, call);
	}
	if (count == 0)
		return;
	(void)snprintf(
		line, sizeof line, "call %llu is cancelled: %zu of its programs end", (unsigned long long)call, count);
	log_write(&runtime->log, CAPSULE_LOG_INFO, NULL, span_text(line));
}

/* What a message names. */
struct named {
	struct capsule_runtime *runtime;
	yyjson_val *ids;
};

/* dispatch_each_request(): the guest of the call handles the request `id`. */
static void compare(void *user, struct span id, uint64_t call)
{
	const struct named *named = user;
	yyjson_arr_iter ids = yyjson_arr_iter_with(named->ids);
	yyjson_val *value;

	for (size_t i = 0; i < IDS_MAX && (value = yyjson_arr_iter_next(&ids)) != NULL; i++) {
		if (!span_equal(id, span_of(yyjson_get_str(value), yyjson_get_len(value))))
			continue;
		cancel_call(named->runtime, call);
		return;
	}
}

static void cancel_numbers(struct capsule_runtime *runtime, yyjson_val *named)
{
	yyjson_arr_iter ids = yyjson_arr_iter_with(named);
	yyjson_val *value;
	uint64_t call = 0;

	for (size_t i = 0; i < IDS_MAX && (value = yyjson_arr_iter_next(&ids)) != NULL; i++) {
		struct span id = span_of(yyjson_get_str(value), yyjson_get_len(value));

		if (text_parse_u64(id, &call) && call != 0)
			cancel_call(runtime, call);
	}
}

/* listener_options.arrived. What is no such request is one for somebody else. */
static void arrived(void *user, struct event *event, uint64_t lost)
{
	static const struct json_limits limits = { .bytes_max = LIMIT_PUBLISH };
	struct capsule_runtime *runtime = user;
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	struct named named = { .runtime = runtime };
	struct capsule_error unsaid;
	yyjson_val *type;

	if (lost > 0)
		log_write(&runtime->log, CAPSULE_LOG_WARN, NULL, span_text("requests to cancel calls were lost"));
	if (event->type != EVENT_IPC || json_parse(&doc, event->payload, &limits, "request", &unsaid) != CAPSULE_OK)
		return;
	type = yyjson_obj_get(yyjson_doc_get_root(doc), "type");
	named.ids = yyjson_obj_get(yyjson_doc_get_root(doc), "call_ids");
	if (!yyjson_is_str(type) || strcmp(yyjson_get_str(type), payload_type_name(PAYLOAD_TOOL_CANCEL_REQUEST)) != 0 ||
		!yyjson_is_arr(named.ids) || yyjson_arr_size(named.ids) == 0)
		return;
	cancel_numbers(runtime, named.ids);
	dispatch_each_request(runtime->dispatch, compare, &named);
}

enum capsule_status events_hear_cancels(struct capsule_runtime *runtime, struct capsule_error *err)
{
	const struct listener_options options = { .pattern = span_text(TOPIC), .arrived = arrived, .user = runtime };

	return runtime->cancels != NULL ? CAPSULE_OK
					: listener_new(&runtime->cancels, runtime->dispatch, &options, err);
}
