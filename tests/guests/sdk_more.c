/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is no tool, and one more tool in a second source file. */
#include <capsule_guest.h>

CAPSULE_TOOL(elsewhere)
{
	guest_add_text(out, "another file");
}

CAPSULE_INTERCEPTOR(on_message, "on-message")
{
	if (guest_arguments().len == 0)
		return; /* an answer may be empty */
	guest_begin_object(out);
	guest_put_text(out, "seen", guest_get_text(args, "text"));
}

CAPSULE_CRON(tidy)
{
	guest_add_value(out, args);
}

CAPSULE_INSTALL
{
	guest_kv_set("installed", "yes");
	guest_info("installed");
}

CAPSULE_UPGRADE
{
	guest_info("upgraded from ", previous);
	if (guest_equal(previous, "0.0.1"))
		guest_fail("too old: ", previous);
}

/* With what came in, the other way round. */
CAPSULE_EXPORT(reversed)
{
	struct guest_bytes input;
	uint8_t *bytes;

	guest_begin_call();
	input = guest_input();
	bytes = guest_alloc(input.len);
	for (size_t i = 0; i < input.len; i++)
		bytes[i] = input.data[input.len - 1 - i];
	guest_output(guest_bytes_of(bytes, input.len));
	return guest_end_call();
}
