/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two tools without state: `greet` answers {"greeting": ...}, `echo` answers its arguments. */
#include <capsule_guest.h>

CAPSULE_TOOL(greet)
{
	struct guest_bytes name = guest_get_text(args, "name");

	guest_begin_object(out);
	guest_put_text(out, "greeting", guest_join("Hello, ", name, "!"));
}

CAPSULE_TOOL(echo)
{
	guest_answer(guest_arguments());
}
