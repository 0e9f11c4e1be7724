/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tools on the guest SDK, for its tests. The other half is sdk_more.c, so that two source files make one capsule. */
#include <capsule_guest.h>

/* Every type, taken and given. */
CAPSULE_TOOL(types)
{
	struct guest_each each;

	guest_begin_object(out);
	guest_put_text(out, "text", guest_get_text(args, "text"));
	guest_put_integer(out, "integer", guest_get_integer(args, "integer"));
	guest_put_number(out, "number", guest_get_number(args, "number"));
	guest_put_bool(out, "bool", guest_get_bool(args, "bool"));
	guest_put_bytes(out, "bytes", guest_get_bytes(args, "bytes"));
	guest_put_value(out, "object", guest_get_object(args, "object"));
	guest_put_array(out, "array");
	for (each = guest_each(guest_get_array(args, "array")); guest_next(&each);)
		guest_add_text(out, guest_as_text(each.value));
	guest_end(out);
	guest_put_array(out, "keys");
	for (each = guest_each(args); guest_next(&each);)
		guest_add_text(out, guest_each_key(&each));
}

/* Names of nested items: what stands where is told when it is wrong. */
CAPSULE_TOOL(nested)
{
	guest_begin_array(out);
	for (struct guest_each each = guest_each(guest_get_array(args, "items")); guest_next(&each);)
		guest_add_text(out, guest_get_text(each.value, "name"));
}

CAPSULE_TOOL(size)
{
	guest_add_integer(out, (int64_t)guest_get_text(args, "text").len);
}

/* A name that is none in C. */
CAPSULE_TOOL(as_it_came, "as-it-came")
{
	guest_answer(guest_arguments());
}

CAPSULE_TOOL(mistake)
{
	guest_begin_object(out);
	guest_add_integer(out, 1);
}

CAPSULE_TOOL(nothing)
{
}

/* Once something has failed, nothing more is done to the store. */
CAPSULE_TOOL(store_after_failure)
{
	guest_kv_set("before", "1");
	(void)guest_get_text(args, "missing");
	guest_kv_set("after", "1");
	guest_kv_delete("before");
	guest_warn("this is still told");
}

CAPSULE_TOOL(keys)
{
	guest_begin_array(out);
	for (struct guest_each each = guest_kv_list(""); guest_next(&each);)
		guest_add_text(out, guest_as_text(each.value));
}

/* Values of `size` bytes go to the store and come back. */
CAPSULE_TOOL(store)
{
	int64_t size = guest_get_integer(args, "size");
	uint8_t *bytes = guest_alloc((size_t)size);
	struct guest_bytes back;

	for (int64_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 7);
	guest_kv_set("value", guest_bytes_of(bytes, (size_t)size));
	back = guest_kv_get("value");
	guest_add_bool(out, guest_equal(back, guest_bytes_of(bytes, (size_t)size)));
}

/* Take memory until there is none; then the next call must find all of it again. */
CAPSULE_TOOL(fill)
{
	struct guest_buffer buffer = { .len = 0 };

	while (!buffer.failed)
		guest_append(&buffer, "0123456789abcdef0123456789abcdef");
}

/* Static variables and kept memory stay from call to call, other memory is given anew. */
CAPSULE_TOOL(kept)
{
	static uint32_t calls;
	static uint8_t *kept;
	uint8_t *memory = guest_alloc(100000);

	if (kept == NULL)
		kept = guest_keep(100000);
	memset(memory, 0xff, 100000);
	kept[99999] = (uint8_t)++calls;
	guest_begin_array(out);
	guest_add_integer(out, calls);
	guest_add_integer(out, kept[99999]);
	guest_add_integer(out, (int64_t)__builtin_wasm_memory_size(0));
}
