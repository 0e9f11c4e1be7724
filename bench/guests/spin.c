/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Never ends. */
#include <capsule_guest.h>

CAPSULE_EXPORT(astrid_tool_call)
{
	static volatile uint64_t turns;

	for (;;)
		turns++;
}
