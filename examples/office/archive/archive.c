/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads what it is asked for; whether it may is for the manifest to say, not for this file. */
#include <capsule_guest.h>

CAPSULE_TOOL(list_notes)
{
	(void)args;
	(void)out;
	guest_answer(guest_fs_readdir("notes"));
}

CAPSULE_TOOL(read_note)
{
	guest_begin_object(out);
	guest_put_text(out, "text", guest_read_file(guest_get_text(args, "path")));
}
