/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A subscription is a lane with one receiver and a handle. */
#include "bus/subscription.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>

struct subscription {
	struct lane lane;
	struct receiver receiver;
	struct list_node link; /* of subscriptions->all */
	uint64_t handle;
	const char *action; /* of an interceptor, borrowed; NULL: the guest's own */
	char *pattern;      /* owned; of an interceptor its event */
	void (*wake)(void *user, bool ended);
	void *user;
	size_t drained; /* messages of the last drain */
	uint32_t hops;  /* the most of these */
};

void subscriptions_init(struct subscriptions *subscriptions, struct inbox *inbox)
{
	*subscriptions = (struct subscriptions){ .inbox = inbox, .next = 1, .most = LIMIT_SUBSCRIPTIONS };
	list_init(&subscriptions->all);
}

static struct span key_of(const uint64_t *handle)
{
	return span_of(handle, sizeof *handle);
}

static void tell(struct subscription *subscription, bool ended)
{
	void (*wake)(void *user, bool ended) = subscription->wake;

	subscription->wake = NULL;
	if (wake != NULL)
		wake(subscription->user, ended);
}

static void lane_woke(struct lane *lane)
{
	tell(LIST_ENTRY(lane, struct subscription, lane), false);
}

static void subscription_free(struct subscriptions *subscriptions, struct subscription *subscription)
{
	(void)map_remove(&subscriptions->by_handle, key_of(&subscription->handle));
	list_remove(&subscription->link);
	lane_close(
		&subscription->lane); /* takes its receiver with it, and wakes nobody: who waits is told of the end */
	tell(subscription, true);
	free(subscription->pattern);
	free(subscription);
}

void subscriptions_close(struct subscriptions *subscriptions)
{
	LIST_EACH_SAFE (node, &subscriptions->all)
		subscription_free(subscriptions, LIST_ENTRY(node, struct subscription, link));
	map_fini(&subscriptions->by_handle);
}

/* ---- Coming and going ---- */

static enum capsule_status add(struct subscriptions *subscriptions, struct span pattern, const struct receiver *like,
	const char *action, uint64_t *handle, struct capsule_error *err)
{
	struct subscription *subscription;
	enum capsule_status status;

	if (subscriptions->by_handle.count >= subscriptions->most)
		return error_set(err, CAPSULE_ELIMIT,
			"Subscription limit reached: %" PRIu32 " at once, those of interceptors included",
			subscriptions->most);
	subscription = calloc(1, sizeof *subscription);
	if (subscription == NULL || (subscription->pattern = text_copy(pattern)) == NULL) {
		free(subscription);
		return error_set(err, CAPSULE_ENOMEM, "no memory for a subscription");
	}
	subscription->handle = subscriptions->next;
	subscription->action = action;
	subscription->receiver = *like;
	subscription->receiver.label = action != NULL ? action : subscription->pattern;
	subscription->receiver.owner = subscription;
	list_init(&subscription->link);
	lane_init(&subscription->lane, subscriptions->inbox, lane_woke);
	status = map_put(&subscriptions->by_handle, key_of(&subscription->handle), subscription, NULL, err);
	if (status == CAPSULE_OK)
		status = receiver_add(&subscription->receiver, &subscription->lane, pattern,
			action != NULL ? TOPIC_TAIL_ONE : TOPIC_TAIL_REST, err);
	if (status != CAPSULE_OK) {
		subscription_free(subscriptions, subscription);
		return status;
	}
	list_append(&subscriptions->all, &subscription->link);
	*handle = subscriptions->next++;
	return CAPSULE_OK;
}

enum capsule_status subscriptions_add(
	struct subscriptions *subscriptions, struct span pattern, uint64_t *handle, struct capsule_error *err)
{
	const struct receiver like = { .on_full = ON_FULL_DROP_OLDEST, .events = RECEIVES_IPC };

	return add(subscriptions, pattern, &like, NULL, handle, err);
}

enum capsule_status subscriptions_add_interceptor(struct subscriptions *subscriptions, const char *event,
	const char *action, enum on_full on_full, struct capsule_error *err)
{
	const struct receiver like = { .on_full = on_full, .events = RECEIVES_EVERYTHING };
	uint64_t handle;

	return add(subscriptions, span_text(event), &like, action, &handle, err);
}

enum capsule_status subscriptions_find(
	struct subscriptions *subscriptions, uint64_t handle, struct subscription **out, struct capsule_error *err)
{
	*out = map_get(&subscriptions->by_handle, key_of(&handle));
	if (*out != NULL)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ENOTFOUND, "Subscription handle not found: %" PRIu64, handle);
}

enum capsule_status subscriptions_remove(
	struct subscriptions *subscriptions, uint64_t handle, struct capsule_error *err)
{
	struct subscription *subscription;
	enum capsule_status status = subscriptions_find(subscriptions, handle, &subscription, err);

	if (status != CAPSULE_OK)
		return status;
	if (subscription->action != NULL)
		return error_set(err, CAPSULE_EDENIED,
			"subscription %" PRIu64
			" is a runtime-owned interceptor handle of the action `%s`: it ends with the "
			"capsule",
			handle, subscription->action);
	subscription_free(subscriptions, subscription);
	return CAPSULE_OK;
}

bool subscriptions_append_interceptors(const struct subscriptions *subscriptions, struct buffer *out)
{
	bool first = true;

	(void)buffer_append_byte(out, '[');
	LIST_EACH (node, &subscriptions->all) {
		const struct subscription *subscription = LIST_ENTRY(node, struct subscription, link);

		if (subscription->action == NULL)
			continue;
		(void)(buffer_printf(out, "%s{\"handle_id\":%" PRIu64 ",\"action\":", first ? "" : ",",
			       subscription->handle) &&
			json_append_string(out, span_text(subscription->action)) &&
			buffer_append_text(out, ",\"topic\":") &&
			json_append_string(out, span_text(subscription->pattern)) && buffer_append_byte(out, '}'));
		first = false;
	}
	return buffer_append_byte(out, ']');
}

/* ---- Reading ---- */

bool subscription_drained(const struct subscription *subscription, uint32_t *hops)
{
	*hops = subscription->hops;
	return subscription->drained > 0;
}

bool subscription_ready(const struct subscription *subscription)
{
	return lane_peek(&subscription->lane) != NULL;
}

void subscription_wait(struct subscription *subscription, void (*wake)(void *user, bool ended), void *user)
{
	subscription->wake = wake;
	subscription->user = user;
}

/* How many entries, at most `most`, fit into one answer, and their envelopes. Nothing is taken yet: without memory for
 * all nothing must be lost. */
static size_t append_messages(
	const struct subscription *subscription, size_t most, size_t budget, bool first, struct buffer *out)
{
	size_t count = 0, used = 0;

	LIST_EACH (node, &subscription->lane.entries) {
		struct bus_entry *entry = LIST_ENTRY(node, struct bus_entry, lane_link);
		size_t len = entry->event->payload.len;
		struct span envelope;

		/* The first one goes whatever its size, or nothing would ever go again; one that a guest waited for is not
		 * counted. */
		if (count == most || entry->held || (count > 0 && (used > budget || len > budget - used)))
			break;
		used += count == 0 && first ? 0 : len;
		envelope = event_envelope(entry->event);
		if (envelope.len == 0)
			out->failed = out->starved = true;
		if (!(count == 0 || buffer_append_byte(out, ',')) || !buffer_append_span(out, envelope))
			break;
		count++;
	}
	return count;
}

/* Fill `out` with as many messages as there is room for; none may be too many, too. */
static enum capsule_status fill(const struct subscription *subscription, size_t budget, bool first,
	const struct drain_room *room, size_t *count, struct buffer *out, struct capsule_error *err)
{
	size_t most = LIMIT_DRAIN_MESSAGES;

	for (;;) {
		enum capsule_status status;

		buffer_clear(out);
		(void)buffer_printf(
			out, "{\"dropped\":0,\"lagged\":%" PRIu64 ",\"messages\":[", subscription->lane.lagged);
		*count = append_messages(subscription, most, budget, first, out);
		(void)buffer_append_text(out, "]}");
		status = buffer_check(out, err);
		if (status != CAPSULE_OK || room == NULL)
			return status;
		status = room->reserve(room->user, out->len, err);
		if (status != CAPSULE_ELIMIT || *count <= 1)
			return status;
		most = *count / 2;
	}
}

enum capsule_status subscription_drain(struct subscription *subscription, size_t budget, bool first,
	const struct drain_room *room, struct buffer *out, struct capsule_error *err)
{
	size_t count;
	enum capsule_status status = fill(subscription, budget, first, room, &count, out, err);

	if (status != CAPSULE_OK)
		return status;
	(void)lane_take_lagged(&subscription->lane);
	subscription->drained = count;
	subscription->hops = 0;
	while (count-- > 0) {
		struct bus_entry *entry = LIST_ENTRY(subscription->lane.entries.next, struct bus_entry, lane_link);

		if (entry->event->origin.hops > subscription->hops)
			subscription->hops = entry->event->origin.hops;
		bus_entry_end(entry, OUTCOME_DELIVERED);
	}
	return CAPSULE_OK;
}
