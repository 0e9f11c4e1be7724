/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A run loop that answers each event with another one. There is one at a time: whoever asks waits for the answer. */
#define CAPSULE_PORTABLE /* the reference crate runs it, too */
#include <capsule_guest.h>

#define NO_MESSAGES_MOST 64 /* bytes of an answer to astrid_ipc_recv without messages; one takes more */

CAPSULE_RUN
{
	static uint8_t kept[32];
	struct guest_bytes handle = guest_ipc_subscribe("bench.v1.ping");

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
		if (messages.len > NO_MESSAGES_MOST)
			guest_ipc_publish("bench.v1.pong", "{\"ok\":true}");
	}
}
