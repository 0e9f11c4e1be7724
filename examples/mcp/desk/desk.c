/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two tools: `stamp` answers the note with a line under it, `size` has a program of the system count its words. */
#include <capsule_guest.h>

CAPSULE_TOOL(stamp)
{
	struct guest_bytes note = guest_get_text(args, "note"), reader = guest_get_text(args, "reader");

	guest_begin_object(out);
	guest_put_text(out, "note", guest_join(note, "\n-- read by ", reader));
}

/* The program runs in a sandbox and sees what the capsule may see: a note that is elsewhere is not there. */
CAPSULE_TOOL(size)
{
	struct guest_value counted = guest_run("wc", "-w", "--", guest_get_text(args, "note"));

	if (guest_get_integer(counted, "exit_code") != 0)
		guest_fail(guest_get_text(counted, "stderr"));
	guest_begin_object(out);
	guest_put_text(out, "counted", guest_get_text(counted, "stdout"));
}
