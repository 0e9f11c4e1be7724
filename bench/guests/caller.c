/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Asks others, as often as the arguments say, which are a number: all that answer a hook, or a run loop by two events. A
 * round without its answers fails the call, so that none can be lost unnoticed. */
#define CAPSULE_PORTABLE /* the reference crate runs it, too */
#include <capsule_guest.h>

#define PAYLOAD                                                                                                        \
	"{\"path\":\"src/main.rs\",\"limit\":100,\"text\":\""                                                          \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}"
#define NO_MESSAGES_MOST 64 /* bytes of an answer to astrid_ipc_recv without messages; one takes more */
#define ANSWERS_LEN 121     /* [{"ok":true},...] of ten */

_Static_assert(sizeof PAYLOAD - 1 == 100, "another payload than the events of the host have");

static int64_t count_of_arguments(void)
{
	int64_t count = 0;

	(void)guest_parse_integer(guest_arguments(), &count);
	return count;
}

CAPSULE_TOOL(trigger)
{
	for (int64_t count = count_of_arguments(); count > 0 && !guest_failed(); count--) {
		struct guest_bytes answers = guest_trigger_hook("{\"hook\":\"bench.v1.ask\",\"payload\":" PAYLOAD "}");

		if (answers.len != ANSWERS_LEN)
			guest_fail("not ten answers: ", answers);
		guest_reset();
	}
}

/* The handle of the subscription to the run loop's events, kept from call to call. */
static struct guest_bytes answers_handle(void)
{
	static uint8_t kept[32];
	static size_t len;

	if (len == 0) {
		struct guest_bytes handle = guest_ipc_subscribe("bench.v1.pong");

		len = handle.len <= sizeof kept ? handle.len : 0;
		memcpy(kept, handle.data, len);
	}
	return guest_bytes_of(kept, len);
}

CAPSULE_TOOL(ping)
{
	int64_t count = count_of_arguments();
	struct guest_bytes handle = answers_handle();

	for (; count > 0 && !guest_failed(); count--) {
		struct guest_bytes messages;

		guest_reset();
		guest_ipc_publish("bench.v1.ping", PAYLOAD);
		messages = guest_ipc_recv(handle, "5000");
		if (messages.len <= NO_MESSAGES_MOST)
			guest_fail("no answer: ", messages);
	}
}
