/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Configuration, log, time and the key-value store, called with bytes that the caller chooses. An argument
 * is a string, or a number N for N bytes of 'x', or an array of numbers for those bytes. */
#include <capsule_guest.h>

GUEST_ENV(config_get) uint64_t extism_config_get(uint64_t key);

/* The block for the argument `name`; 0 when it is absent or empty. */
static uint64_t block(struct guest_value args, const char *name)
{
	struct guest_value value = guest_get(args, name);
	int64_t size;
	uint64_t handle;

	switch (guest_kind_of(value)) {
	case GUEST_STRING:
		return guest_put_block(guest_as_text(value));
	case GUEST_ARRAY:
		return guest_put_block(guest_as_bytes(value));
	case GUEST_NUMBER:
		size = guest_as_integer(value);
		handle = extism_alloc((uint64_t)size);
		for (int64_t i = 0; i < size; i++)
			extism_store_u8(handle + (uint64_t)i, 'x');
		return handle;
	default:
		return 0;
	}
}

/* Answers the block that a host function gave. */
static void answer(uint64_t handle)
{
	guest_answer(guest_take_block(handle));
}

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
