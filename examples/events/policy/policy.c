/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An interceptor that decides. {"verdict":"deny","reason":...} stops a message, an empty answer lets it pass. */
#include <capsule_guest.h>

CAPSULE_INTERCEPTOR(judge)
{
	if (!guest_contains(guest_get_text(args, "text"), "rm -rf")) {
		guest_answer("");
		return;
	}
	guest_begin_object(out);
	guest_put_text(out, "verdict", "deny");
	guest_put_text(out, "reason", "that would remove files");
}

CAPSULE_INTERCEPTOR(judge_call)
{
	if (!guest_equal(guest_get_text(args, "tool"), "reset")) {
		guest_answer("");
		return;
	}
	guest_begin_object(out);
	guest_put_text(out, "verdict", "deny");
	guest_put_text(out, "reason", "counters are not reset here");
}
