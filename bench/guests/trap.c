/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Traps if its tool is called `trap` instead of `run`, which its input betrays by one byte more. */
#include <capsule_guest.h>

#define INPUT_OF_RUN 36 /* {"name":"run","arguments":[123,125]} */

CAPSULE_EXPORT(astrid_tool_call)
{
	if (extism_input_length() > INPUT_OF_RUN)
		__builtin_trap();
	return 0;
}
