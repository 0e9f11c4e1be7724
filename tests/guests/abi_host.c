/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Configuration, log, time and the key-value store, called with bytes that the caller chooses. */
#include "argument.h"

GUEST_ENV(config_get) uint64_t extism_config_get(uint64_t key);

CAPSULE_TOOL(config)
{
	answer(astrid_get_config(block(args, "key")));
}

CAPSULE_TOOL(config_handle)
{
	guest_add_integer(out, (int64_t)astrid_get_config(block(args, "key")));
}

CAPSULE_TOOL(extism_config)
{
	guest_add_integer(out, (int64_t)extism_config_get(block(args, "key")));
}

CAPSULE_TOOL(log)
{
	astrid_log(block(args, "level"), block(args, "message"));
}

CAPSULE_TOOL(clock)
{
	answer(astrid_clock_ms());
}

CAPSULE_TOOL(caller)
{
	answer(astrid_get_caller());
}

CAPSULE_TOOL(capability)
{
	answer(astrid_check_capsule_capability(block(args, "request")));
}

CAPSULE_TOOL(get)
{
	answer(astrid_kv_get(block(args, "key")));
}

CAPSULE_TOOL(get_length)
{
	guest_add_integer(out, (int64_t)extism_length(astrid_kv_get(block(args, "key"))));
}

CAPSULE_TOOL(set)
{
	astrid_kv_set(block(args, "key"), block(args, "value"));
}

CAPSULE_TOOL(forget)
{
	astrid_kv_delete(block(args, "key"));
}

CAPSULE_TOOL(list)
{
	answer(astrid_kv_list_keys(block(args, "prefix")));
}

CAPSULE_TOOL(clear)
{
	answer(astrid_kv_clear_prefix(block(args, "prefix")));
}
