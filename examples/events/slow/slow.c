/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An interceptor that works on each message for a while. */
#include <capsule_guest.h>

static volatile uint32_t sum;

CAPSULE_INTERCEPTOR(measure)
{
	(void)args;
	(void)out;
	for (uint32_t i = 0; i < 2000000; i++)
		sum = sum + i;
}
