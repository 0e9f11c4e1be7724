/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A loop that answers what is asked under ask.*: with the id of the request, under the topic that it names; a request
 * with `silent` gets no answer. */
#include <capsule_guest.h>

static void answer(struct guest_value message)
{
	struct guest_value asked = guest_get_object(guest_get_object(message, "payload"), "data");
	struct guest_json_writer out = { .comma = false };

	if (guest_has(asked, "silent"))
		return;
	guest_begin_object(&out);
	if (guest_has(asked, "with_id"))
		guest_put_text(&out, "req_id", guest_get_text(asked, "req_id"));
	guest_put_bool(&out, "answered", true);
	guest_end(&out);
	guest_ipc_publish(guest_get_text(asked, "to"), guest_written(&out));
}

CAPSULE_RUN
{
	struct guest_bytes given = guest_ipc_subscribe("ask.*");
	char handle[32] = "";

	for (size_t i = 0; i < given.len && i < sizeof handle - 1; i++)
		handle[i] = (char)given.data[i];
	while (!guest_failed()) {
		struct guest_value messages;
		struct guest_bytes text;

		guest_reset();
		text = guest_ipc_recv(handle, "60000");
		if (guest_failed())
			break;
		messages = guest_get_array(guest_json(text, "messages"), "messages");
		for (struct guest_each each = guest_each(messages); guest_next(&each);)
			answer(each.value);
	}
}
