/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A capsule with a loop. It runs from its load to its unload, and costs nothing while it waits. */
#include <capsule_guest.h>

/* Subscriptions get messages whole: one of no known type is {"type":"custom","data":...}. */
static struct guest_bytes text_of(struct guest_value message)
{
	struct guest_value payload = guest_get_object(message, "payload");

	if (guest_equal(guest_get_text(payload, "type"), "custom"))
		payload = guest_get_object(payload, "data");
	return guest_get_text(payload, "text");
}

static void answer(struct guest_value message)
{
	struct guest_bytes text = text_of(message), why = guest_failure_text();
	struct guest_json_writer out = { .comma = false };

	/* Anybody may write anything. A call would fail now; the loop has to go on with the next message. */
	if (guest_failed()) {
		guest_forgive();
		guest_warn("not answered: ", why);
		return;
	}
	guest_begin_object(&out);
	guest_put_text(&out, "text", guest_join("You wrote: ", text));
	guest_ipc_publish("user.v1.reply", guest_written(&out));
}

CAPSULE_RUN
{
	struct guest_bytes handle = guest_ipc_subscribe("user.v1.prompt");
	uint8_t *kept = guest_keep(handle.len);
	struct guest_bytes mine = { kept, handle.len };

	/* What functions give is gone with guest_reset(). */
	for (size_t i = 0; i < handle.len; i++)
		kept[i] = handle.data[i];
	guest_signal_ready();
	while (!guest_failed()) {
		struct guest_value inbox;

		guest_reset();
		inbox = guest_json(guest_ipc_recv(mine, "60000"), "the messages");
		for (struct guest_each each = guest_each(guest_get_array(inbox, "messages")); guest_next(&each);)
			answer(each.value);
	}
}
