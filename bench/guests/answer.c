/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An interceptor that answers hooks and counts its calls; a tool tells how many those were. */
#define CAPSULE_PORTABLE /* the reference crate runs it, too */
#include <capsule_guest.h>

static int64_t calls;

CAPSULE_EXPORT(astrid_hook_trigger)
{
	calls++;
	guest_begin_call();
	guest_output("{\"ok\":true}");
	return guest_end_call();
}

CAPSULE_TOOL(count)
{
	guest_answer(guest_join(calls));
}
