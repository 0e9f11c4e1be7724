/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* State that outlives the process: a counter in the key-value store. Each capsule has a store of its own and needs no
 * capability for it. */
#include <capsule_guest.h>

#define KEY "count"

static void answer_count(struct guest_json_writer *out, int64_t count)
{
	guest_begin_object(out);
	guest_put_integer(out, "count", count);
}

CAPSULE_TOOL(count)
{
	int64_t number = guest_kv_get_integer(KEY, 0);

	if (__builtin_add_overflow(number, 1, &number))
		guest_fail("the counter is at its end; the tool `reset` begins anew");
	guest_kv_set_integer(KEY, number); /* does nothing if something has failed above */
	answer_count(out, number);
}

CAPSULE_TOOL(reset)
{
	guest_kv_delete(KEY);
	answer_count(out, 0);
}
