/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One tool: `stamp` answers the note with a line under it. */
#include <capsule_guest.h>

CAPSULE_TOOL(stamp)
{
	struct guest_bytes note = guest_get_text(args, "note"), reader = guest_get_text(args, "reader");

	guest_begin_object(out);
	guest_put_text(out, "note", guest_join(note, "\n-- read by ", reader));
}
