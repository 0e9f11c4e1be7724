/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A capsule that misbehaves, to show what the runtime does about it: `spin` never ends, `fetch` calls a host function
 * that the manifest does not declare. `ping` answers. */
#include "capsule_guest.h"

static volatile uint32_t turns;

static int32_t spin(struct guest_bytes arguments)
{
	(void)arguments;
	for (;;)
		turns++;
}

static int32_t ping(struct guest_bytes arguments)
{
	(void)arguments;
	return guest_output(guest_text("{\"pong\":true}"));
}

static int32_t fetch(struct guest_bytes arguments)
{
	struct guest_writer request = { 0 };
	struct guest_bytes url, response;

	if (!guest_json_string(arguments, "url", &url))
		url = guest_text("https://example.org/");
	guest_write_text(&request, "{\"method\":\"GET\",\"url\":");
	guest_write_string(&request, url);
	guest_write_text(&request, "}");
	if (!guest_take(astrid_http_request(guest_put(guest_written(&request))), &response))
		return guest_fail("fetch: out of memory");
	return guest_output(response);
}

GUEST_EXPORT(astrid_tool_call)
{
	static const struct guest_tool tools[] = { { "spin", spin }, { "ping", ping }, { "fetch", fetch } };

	return guest_dispatch(tools, sizeof tools / sizeof tools[0]);
}
