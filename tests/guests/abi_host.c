/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Configuration, log, time and the key-value store, called with bytes that the caller chooses. An argument
 * is a string, or a number N for N bytes of 'x', or an array of numbers for those bytes. */
#include "capsule_guest.h"

GUEST_ENV(config_get) uint64_t extism_config_get(uint64_t key);

/* The block for the argument `name`; 0 when it is absent or empty. */
static uint64_t block(struct guest_bytes arguments, const char *name)
{
	struct guest_reader reader = guest_read_bytes(arguments);
	struct guest_writer bytes = { 0 };
	uint64_t handle;
	int64_t size;

	if (!guest_json_seek(&reader, name))
		return 0;
	if (guest_json_peek(&reader) == '"') {
		(void)guest_json_take_string(&reader, &bytes);
		return guest_put(guest_written(&bytes));
	}
	if (guest_json_integer(arguments, name, &size)) {
		handle = extism_alloc((uint64_t)size);
		for (int64_t i = 0; i < size; i++)
			extism_store_u8(handle + (uint64_t)i, 'x');
		return handle;
	}
	(void)guest_json_take_byte_array(&reader, &bytes);
	return guest_put(guest_written(&bytes));
}

/* Answers the block that a host function gave. */
static int32_t answer(uint64_t handle)
{
	extism_output_set(handle, extism_length(handle));
	return 0;
}

static int32_t config(struct guest_bytes arguments)
{
	return answer(astrid_get_config(block(arguments, "key")));
}

static int32_t config_handle(struct guest_bytes arguments)
{
	struct guest_writer out = { 0 };

	guest_write_integer(&out, (int64_t)astrid_get_config(block(arguments, "key")));
	return guest_answer(&out);
}

static int32_t extism_config(struct guest_bytes arguments)
{
	struct guest_writer out = { 0 };

	guest_write_integer(&out, (int64_t)extism_config_get(block(arguments, "key")));
	return guest_answer(&out);
}

static int32_t log(struct guest_bytes arguments)
{
	astrid_log(block(arguments, "level"), block(arguments, "message"));
	return 0;
}

static int32_t clock(struct guest_bytes arguments)
{
	(void)arguments;
	return answer(astrid_clock_ms());
}

static int32_t caller(struct guest_bytes arguments)
{
	(void)arguments;
	return answer(astrid_get_caller());
}

static int32_t capability(struct guest_bytes arguments)
{
	return answer(astrid_check_capsule_capability(block(arguments, "request")));
}

static int32_t get(struct guest_bytes arguments)
{
	return answer(astrid_kv_get(block(arguments, "key")));
}

static int32_t get_length(struct guest_bytes arguments)
{
	struct guest_writer out = { 0 };

	guest_write_integer(&out, (int64_t)extism_length(astrid_kv_get(block(arguments, "key"))));
	return guest_answer(&out);
}

static int32_t set(struct guest_bytes arguments)
{
	astrid_kv_set(block(arguments, "key"), block(arguments, "value"));
	return 0;
}

static int32_t forget(struct guest_bytes arguments)
{
	astrid_kv_delete(block(arguments, "key"));
	return 0;
}

static int32_t list(struct guest_bytes arguments)
{
	return answer(astrid_kv_list_keys(block(arguments, "prefix")));
}

static int32_t clear(struct guest_bytes arguments)
{
	return answer(astrid_kv_clear_prefix(block(arguments, "prefix")));
}

GUEST_EXPORT(astrid_tool_call)
{
	static const struct guest_tool tools[] = {
		{ "config", config },
		{ "config_handle", config_handle },
		{ "extism_config", extism_config },
		{ "log", log },
		{ "clock", clock },
		{ "caller", caller },
		{ "capability", capability },
		{ "get", get },
		{ "get_length", get_length },
		{ "set", set },
		{ "forget", forget },
		{ "list", list },
		{ "clear", clear },
	};

	return guest_dispatch(tools, sizeof tools / sizeof tools[0]);
}
