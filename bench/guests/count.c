/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An interceptor that counts its calls and looks at nothing; a tool tells how many those were. */
#define CAPSULE_PORTABLE /* the reference crate runs it, too */
#include <capsule_guest.h>

static int64_t calls;

CAPSULE_EXPORT(astrid_hook_trigger)
{
	calls++;
	return 0;
}

CAPSULE_TOOL(count)
{
	guest_answer(guest_join(calls));
}
