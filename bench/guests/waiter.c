/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A run loop that waits for events, counts those on `bench.v1.loop.wake`, and tells how many that were when it is asked. */
#include <capsule_guest.h>

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
		if (guest_contains(messages, "bench.v1.loop.wake"))
			woken++;
		if (guest_contains(messages, "bench.v1.loop.tell"))
			guest_ipc_publish("bench.v1.told", guest_join("{\"woken\":", woken, "}"));
	}
}
