/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Interceptors of every kind: one that looks, one that decides, one that rewrites, one that fails, one that publishes. */
#include <capsule_guest.h>

CAPSULE_INTERCEPTOR(see)
{
}

CAPSULE_INTERCEPTOR(check)
{
	if (!guest_has(args, "bad"))
		return;
	guest_begin_object(out);
	guest_put_text(out, "verdict", "deny");
	guest_put_text(out, "reason", guest_get_text(args, "bad"));
}

CAPSULE_INTERCEPTOR(fix)
{
	guest_begin_object(out);
	guest_put_object(out, "payload");
	guest_put_bool(out, "fixed", true);
}

CAPSULE_INTERCEPTOR(fall)
{
	guest_fail("as it should");
}

CAPSULE_INTERCEPTOR(tell)
{
	guest_ipc_publish("told.it", guest_arguments());
}
