/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An interceptor that reads nothing and answers nothing. */
#include <capsule_guest.h>

CAPSULE_EXPORT(astrid_hook_trigger)
{
	return 0;
}
