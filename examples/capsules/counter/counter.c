/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* State that outlives the process: a counter in the key-value store. Each capsule has a store of its own and needs no
 * capability for it. */
#include "capsule_guest.h"

#define KEY "count"

static int32_t answer_count(int64_t count)
{
	struct guest_writer answer = { 0 };

	guest_write_text(&answer, "{\"count\":");
	guest_write_integer(&answer, count);
	guest_write_text(&answer, "}");
	return guest_answer(&answer);
}

static int32_t count(struct guest_bytes arguments)
{
	struct guest_writer text = { 0 };
	struct guest_bytes stored;
	int64_t number = 0;

	(void)arguments;
	if (!guest_kv_get(KEY, &stored))
		return guest_fail("count: out of memory");
	if (stored.len > 0 && !guest_parse_integer(stored, &number))
		return guest_fail("count: what is stored under `" KEY "` is no number; the tool `reset` removes it");
	if (__builtin_add_overflow(number, 1, &number))
		return guest_fail("count: the counter is at its end; the tool `reset` begins anew");
	guest_write_integer(&text, number);
	guest_kv_set(KEY, guest_written(&text));
	return answer_count(number);
}

static int32_t reset(struct guest_bytes arguments)
{
	(void)arguments;
	guest_kv_delete(KEY);
	return answer_count(0);
}

GUEST_EXPORT(astrid_tool_call)
{
	static const struct guest_tool tools[] = { { "count", count }, { "reset", reset } };

	return guest_dispatch(tools, sizeof tools / sizeof tools[0]);
}
