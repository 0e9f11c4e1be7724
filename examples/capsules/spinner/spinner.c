/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A capsule that misbehaves, to show what the runtime does about it: `spin` never ends, `fetch` calls a host function
 * that the manifest does not declare. `ping` answers. */
#include <capsule_guest.h>

static volatile uint32_t turns;

CAPSULE_TOOL(spin)
{
	for (;;)
		turns++;
}

CAPSULE_TOOL(ping)
{
	guest_begin_object(out);
	guest_put_bool(out, "pong", true);
}

CAPSULE_TOOL(fetch)
{
	struct guest_json_writer request = { .problem = NULL };

	guest_begin_object(&request);
	guest_put_text(&request, "method", "GET");
	guest_put_text(&request, "url", guest_get_text_or(args, "url", "https://example.org/"));
	guest_answer(guest_http_request(guest_written(&request)));
}
