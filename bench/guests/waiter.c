/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A run loop that waits for events, counts those on `bench.v1.loop.wake`, and tells how many that were when it is asked. */
#include <capsule_guest.h>

/* Whether `end` is the end of the last message, in which the topic comes last. */
static bool ends(struct guest_bytes messages, struct guest_bytes end)
{
	return messages.len > end.len && guest_equal(guest_after(messages, messages.len - end.len), end);
}

CAPSULE_RUN
{
	static uint8_t kept[32];
	struct guest_bytes handle = guest_ipc_subscribe("bench.v1.loop.*");
	int64_t woken = 0;

	if (handle.len > sizeof kept)
		guest_fail("a long handle: ", handle);
	if (guest_failed())
		return;
	memcpy(kept, handle.data, handle.len);
	handle.data = kept;
	guest_signal_ready();
	for (;;) {
		struct guest_bytes messages;

		guest_reset();
		messages = guest_ipc_recv(handle, "60000");
		if (guest_failed())
			return;
		if (ends(messages, guest_text(".wake\"}]}")))
			woken++;
		else if (ends(messages, guest_text(".tell\"}]}")))
			guest_ipc_publish("bench.v1.told", guest_join("{\"woken\":", woken, "}"));
	}
}
