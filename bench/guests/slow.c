/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An interceptor that takes its time with each event. */
#include <capsule_guest.h>

static volatile uint32_t sum;

CAPSULE_INTERCEPTOR(work)
{
	(void)args;
	(void)out;
	for (uint32_t i = 0; i < 100000; i++)
		sum = sum + i;
}
