/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls a host function as often as the arguments say, which are a number. */
#include "capsule_guest.h"

static uint64_t count_of(struct guest_bytes arguments)
{
	uint64_t count = 0;

	for (size_t i = 0; i < arguments.len; i++)
		count = count * 10 + (uint64_t)(arguments.data[i] - '0');
	return count;
}

static int32_t call_clock(struct guest_bytes arguments)
{
	for (uint64_t count = count_of(arguments); count > 0; count--)
		extism_free(astrid_clock_ms());
	return 0;
}

static int32_t call_get(struct guest_bytes arguments)
{
	uint64_t key = guest_put(guest_text("bench-key"));

	for (uint64_t count = count_of(arguments); count > 0; count--)
		extism_free(astrid_kv_get(key));
	return 0;
}

/* As guests do that were built with a plug-in development kit: the key is written for each call, the answer is read, eight
 * bytes at a time, and left where it is. */
static int32_t call_get_kept(struct guest_bytes arguments)
{
	uint64_t sum = 0;

	for (uint64_t count = count_of(arguments); count > 0; count--) {
		uint64_t key = guest_put(guest_text("bench-key")), value = astrid_kv_get(key);
		uint64_t len = extism_length(value);

		extism_free(key);
		for (uint64_t i = 0; i + 8 <= len; i += 8)
			sum += extism_load_u64(value + i);
	}
	return sum > 0 ? 0 : guest_fail("nothing was read");
}

static int32_t call_put(struct guest_bytes arguments)
{
	static uint8_t bytes[96];
	uint64_t key = guest_put(guest_text("bench-key"));
	uint64_t value = guest_put((struct guest_bytes){ bytes, sizeof bytes });

	for (uint64_t count = count_of(arguments); count > 0; count--) {
		extism_store_u64(value, count);
		astrid_kv_set(key, value);
	}
	return 0;
}

static const struct guest_tool tools[] = {
	{ "clock", call_clock },
	{ "get", call_get },
	{ "get_kept", call_get_kept },
	{ "put", call_put },
};

GUEST_EXPORT(astrid_tool_call)
{
	return guest_dispatch(tools, sizeof tools / sizeof tools[0]);
}
