/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads nothing, answers nothing. */
#include <capsule_guest.h>

CAPSULE_EXPORT(astrid_tool_call)
{
	return 0;
}
