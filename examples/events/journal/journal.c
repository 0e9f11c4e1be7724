/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An interceptor that only looks: nobody waits for it, and its answer does not matter. */
#include <capsule_guest.h>

CAPSULE_INTERCEPTOR(note)
{
	(void)out;
	guest_info("wrote: ", guest_get_text(args, "text"));
}

CAPSULE_INTERCEPTOR(note_failure)
{
	(void)out;
	guest_warn("capsule ", guest_get_text(args, "capsule_id"), " failed: ", guest_get_text(args, "error"));
}
