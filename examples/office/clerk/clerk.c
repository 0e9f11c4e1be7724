/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writes one file; answers where. */
#include <capsule_guest.h>

CAPSULE_TOOL(write_note)
{
	struct guest_bytes path = guest_join("notes/", guest_get_text(args, "name"), "");

	guest_write_file(path, guest_get_text(args, "text"));
	guest_begin_object(out);
	guest_put_text(out, "kept", path);
}
