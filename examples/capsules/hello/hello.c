/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two tools without state: `greet` answers {"greeting": ...}, `echo` answers its arguments. */
#include "capsule_guest.h"

static int32_t greet(struct guest_bytes arguments)
{
	struct guest_writer greeting = { 0 }, answer = { 0 };
	struct guest_bytes name;

	if (!guest_json_string(arguments, "name", &name))
		return guest_fail(
			"greet: the argument `name` is missing or no string; call it with {\"name\":\"Ada\"}");
	guest_write_text(&greeting, "Hello, ");
	guest_write(&greeting, name);
	guest_write_text(&greeting, "!");
	guest_write_text(&answer, "{\"greeting\":");
	guest_write_string(&answer, guest_written(&greeting));
	guest_write_text(&answer, "}");
	return guest_answer(&answer);
}

static int32_t echo(struct guest_bytes arguments)
{
	return guest_output(arguments);
}

GUEST_EXPORT(astrid_tool_call)
{
	static const struct guest_tool tools[] = { { "greet", greet }, { "echo", echo } };

	return guest_dispatch(tools, sizeof tools / sizeof tools[0]);
}
