/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages that came in by a capsule's uplinks: kept in order in a short queue, and published as messages under
 * uplink.v1.inbound.<platform> from the loop. */
#include "runtime/events.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "runtime/internal.h"

#include <inttypes.h>

#define TOPIC_PREFIX "uplink.v1.inbound."

struct inbound {
	struct list_node link;
	size_t platform_len, json_len;
	char bytes[]; /* the segment of its topic, then the payload */
};

static void inbound_run(struct runnable *runnable);

/* Whatever the embedder's locale calls a letter, topics are UTF-8. */
static bool fits_topic(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* What can't be a segment of a topic becomes '_'; an empty name is one of those. */
static void segment_of(const char *platform, char out[LIMIT_NAME + 1])
{
	size_t len = 0;

	for (; platform[len] != '\0' && len < LIMIT_NAME; len++)
		out[len] = fits_topic(platform[len]) ? platform[len] : '_';
	if (len == 0)
		out[len++] = '_';
	out[len] = '\0';
}

static void append_payload(struct buffer *json, const struct capsule *capsule, const struct uplink_descriptor *uplink,
	struct span platform_user, struct span content)
{
	char id[UUID_TEXT_LEN + 1];

	uuid_format(&uplink->id, id);
	(void)(buffer_printf(json, "{\"uplink_id\":\"%s\",\"capsule_id\":", id) &&
		json_append_string(json, span_text(capsule->id)) && buffer_append_text(json, ",\"uplink\":") &&
		json_append_string(json, span_text(uplink->name)) && buffer_append_text(json, ",\"platform\":") &&
		json_append_string(json, span_text(uplink->platform)) &&
		buffer_append_text(json, ",\"platform_user_id\":") && json_append_string(json, platform_user) &&
		buffer_append_text(json, ",\"content\":") && json_append_string(json, content) &&
		buffer_append_text(json, ",\"context\":null,\"thread_id\":null,\"timestamp\":\"") &&
		event_append_time(json, clock_realtime_ns(loop_clock(capsule->runtime->loop))) &&
		buffer_append_text(json, "\"}"));
}

static enum capsule_status enqueue(
	struct capsule *capsule, const char *platform, struct span json, struct capsule_error *err)
{
	char segment[LIMIT_NAME + 1];
	struct inbound *message;
	size_t len;

	segment_of(platform, segment);
	len = strlen(segment);
	message = malloc(sizeof *message + len + json.len);
	if (message == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a message");
	message->platform_len = len;
	message->json_len = json.len;
	memcpy(message->bytes, segment, len);
	memcpy(message->bytes + len, json.data, json.len);
	list_init(&message->link);
	list_append(&capsule->inbound, &message->link);
	capsule->inbound_count++;
	capsule->inbound_later.run = inbound_run;
	loop_ready(capsule->runtime->loop, &capsule->inbound_later, false);
	return CAPSULE_OK;
}

enum capsule_status events_uplink_send(void *user, const struct uuid *id, struct span platform_user,
	struct span content, bool *taken, struct capsule_error *err)
{
	struct services *services = user;
	struct capsule *capsule = LIST_ENTRY(services, struct capsule, services);
	const struct uplink_descriptor *uplink = registry_uplink(&capsule->runtime->registry, id);
	HOLD(buffer_fini) struct buffer json = { 0 };
	enum capsule_status status;

	*taken = false;
	if (uplink == NULL || strcmp(uplink->owner, capsule->id) != 0) {
		char text[UUID_TEXT_LEN + 1];

		uuid_format(id, text);
		return error_set(err, CAPSULE_ENOTFOUND, "the uplink %s is not registered by this capsule", text);
	}
	if (capsule->inbound_count >= LIMIT_UPLINK_QUEUE)
		return CAPSULE_OK;
	append_payload(&json, capsule, uplink, platform_user, content);
	status = buffer_check(&json, err);
	if (status == CAPSULE_OK)
		status = enqueue(capsule, uplink->platform, buffer_span(&json), err);
	*taken = status == CAPSULE_OK;
	return status;
}

static void publish(struct capsule *capsule, const struct inbound *message)
{
	struct capsule_runtime *runtime = capsule->runtime;
	HOLD(buffer_fini) struct buffer topic = { 0 }, text = { 0 };
	struct publication publication = { .publisher = capsule->member, .source = "uplink" };
	struct payload payload = { 0 };
	struct capsule_error err;
	enum capsule_status status = payload_read(
		&payload, span_of(message->bytes + message->platform_len, message->json_len), &err);

	(void)buffer_printf(&topic, TOPIC_PREFIX "%.*s", (int)message->platform_len, message->bytes);
	runtime_origin(runtime, &publication.origin);
	publication.topic = buffer_span(&topic);
	publication.payload = &payload;
	if (status == CAPSULE_OK)
		status = dispatch_publish(runtime->dispatch, &publication, &err);
	if (status != CAPSULE_OK) {
		(void)buffer_printf(&text, "a message of an uplink was not published: %s", err.text);
		log_write(&runtime->log, CAPSULE_LOG_WARN, capsule->id, buffer_span(&text));
	}
	payload_fini(&payload);
}

/* All of one turn: each is published before the guest can hand in more. */
static void inbound_run(struct runnable *runnable)
{
	struct capsule *capsule = LIST_ENTRY(runnable, struct capsule, inbound_later);
	struct list_node *node;

	while ((node = list_take_first(&capsule->inbound)) != NULL) {
		struct inbound *message = LIST_ENTRY(node, struct inbound, link);

		capsule->inbound_count--;
		publish(capsule, message);
		free(message);
	}
}

void events_uplink_end(struct capsule *capsule)
{
	struct list_node *node;
	char text[64];

	loop_unready(&capsule->inbound_later);
	if (capsule->inbound_count > 0) {
		(void)snprintf(
			text, sizeof text, "%" PRIu32 " messages of uplinks are dropped", capsule->inbound_count);
		log_write(&capsule->runtime->log, CAPSULE_LOG_WARN, capsule->id, span_text(text));
	}
	while ((node = list_take_first(&capsule->inbound)) != NULL)
		free(LIST_ENTRY(node, struct inbound, link));
	capsule->inbound_count = 0;
}
