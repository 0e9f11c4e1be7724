/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The memory that guest and host share, seen by a guest: each export does one thing to it and answers with the numbers
 * that it saw, in decimal with a blank between them. */
#include <capsule_guest.h>

GUEST_ENV(input_offset) uint64_t extism_input_offset(void);
GUEST_ENV(http_request) uint64_t extism_http_request(uint64_t request, uint64_t body);
GUEST_ENV(http_status_code) uint32_t extism_http_status_code(void);
GUEST_ENV(http_headers) uint64_t extism_http_headers(void);
GUEST_ENV(log_trace) void extism_log_trace(uint64_t message);
GUEST_ENV(log_debug) void extism_log_debug(uint64_t message);
GUEST_ENV(log_info) void extism_log_info(uint64_t message);
GUEST_ENV(log_warn) void extism_log_warn(uint64_t message);
GUEST_ENV(log_error) void extism_log_error(uint64_t message);
GUEST_ENV(get_log_level) int32_t extism_get_log_level(void);

static struct guest_buffer out;

static void see(uint64_t number)
{
	if (out.len > 0)
		guest_append_byte(&out, ' ');
	guest_append(&out, (int64_t)number);
}

static int32_t answer(void)
{
	guest_output(guest_appended(&out));
	out = (struct guest_buffer){ .len = 0 };
	guest_reset();
	return 0;
}

static uint64_t input_number(void)
{
	uint64_t number = 0;

	for (uint64_t i = 0; i < extism_input_length(); i++)
		number = number * 10 + extism_input_load_u8(i) - '0';
	return number;
}

CAPSULE_EXPORT(block_of_nothing)
{
	see(extism_alloc(0));
	see(extism_length(0));
	extism_free(0);
	see(extism_length(0));
	return answer();
}

CAPSULE_EXPORT(block_of_five)
{
	uint64_t handle = extism_alloc(5);

	see(handle != 0);
	see(extism_length(handle));
	see(extism_length(handle + 1));
	return answer();
}

CAPSULE_EXPORT(bytes_of_a_word)
{
	uint64_t handle = extism_alloc(8);

	extism_store_u64(handle, 0x8070605040302010);
	for (uint64_t i = 0; i < 8; i++)
		see(extism_load_u8(handle + i));
	extism_store_u8(handle, 0x1ff);
	see(extism_load_u8(handle));
	return answer();
}

CAPSULE_EXPORT(freed)
{
	uint64_t handle = extism_alloc(5);

	extism_free(handle);
	see(extism_length(handle));
	return answer();
}

CAPSULE_EXPORT(input_edges)
{
	uint64_t length = extism_input_length();

	see(extism_input_load_u8(length - 1));
	see(extism_input_load_u8(length));
	see(extism_input_load_u64(length - 8));
	see(extism_input_load_u64(length - 7));
	return answer();
}

CAPSULE_EXPORT(input_place)
{
	see(extism_input_offset());
	see(extism_input_length());
	return answer();
}

CAPSULE_EXPORT(output_kept)
{
	guest_output(guest_text("0123456789"));
	extism_output_set(0, 0);
	return 0;
}

CAPSULE_EXPORT(output_emptied)
{
	uint64_t handle = guest_put_block(guest_text("0123456789"));

	extism_output_set(handle, 10);
	extism_output_set(handle, 0);
	return 0;
}

/* What the call before left: the length of its last block, as it saw it and as it is now. */
CAPSULE_EXPORT(late_handle)
{
	static uint64_t handle, length;
	uint64_t now = extism_length(handle);

	see(length);
	see(now);
	for (int i = 0; i < 1000; i++)
		handle = extism_alloc(7);
	length = extism_length(handle);
	return answer();
}

CAPSULE_EXPORT(key_without_a_block)
{
	(void)astrid_kv_get(1);
	return answer();
}

/* Counts its calls in a variable. */
CAPSULE_EXPORT(variable_kept)
{
	struct guest_bytes text;
	int64_t number = 0;

	text = guest_var_get("n");
	if (text.len > 0)
		(void)guest_parse_integer(text, &number);
	guest_append(&out, number + 1);
	guest_var_set("n", guest_appended(&out));
	return answer();
}

CAPSULE_EXPORT(variable_removed)
{
	extism_var_set(guest_put_block(guest_text("k")), guest_put_block(guest_text("value")));
	see(extism_length(extism_var_get(guest_put_block(guest_text("k")))));
	extism_var_set(guest_put_block(guest_text("k")), 0);
	see(extism_var_get(guest_put_block(guest_text("k"))));
	return answer();
}

/* A variable with a value of as many bytes as the input says. */
CAPSULE_EXPORT(variable_of_size)
{
	extism_var_set(guest_put_block(guest_text("k")), extism_alloc(input_number()));
	see(extism_length(extism_var_get(guest_put_block(guest_text("k")))));
	return answer();
}

CAPSULE_EXPORT(http)
{
	(void)extism_http_request(guest_put_block(guest_text("{\"url\":\"http://example.org/\"}")), 0);
	return answer();
}

CAPSULE_EXPORT(http_response)
{
	see(extism_http_status_code());
	see(extism_http_headers());
	return answer();
}

CAPSULE_EXPORT(log_level)
{
	see((uint64_t)extism_get_log_level());
	return answer();
}

/* A record of each level; answers how long the blocks of their texts are afterwards. */
CAPSULE_EXPORT(log_each)
{
	static void (*const logs[])(uint64_t message) = { extism_log_trace, extism_log_debug, extism_log_info,
		extism_log_warn, extism_log_error };
	static const char *const words[] = { "one", "two", "three", "four", "five" };

	for (int i = 0; i < 5; i++) {
		uint64_t message = guest_put_block(guest_text(words[i]));

		logs[i](message);
		see(extism_length(message));
	}
	return answer();
}

CAPSULE_EXPORT(echo)
{
	uint64_t length = extism_input_length(), handle = extism_alloc(length), i = 0;

	for (; length - i >= 8; i += 8)
		extism_store_u64(handle + i, extism_input_load_u64(i));
	for (; i < length; i++)
		extism_store_u8(handle + i, extism_input_load_u8(i));
	extism_output_set(handle, length);
	return 0;
}

/* Blocks of a MiB until the host has no more. */
CAPSULE_EXPORT(fill)
{
	for (;;)
		(void)extism_alloc(1u << 20);
}

/* As many blocks of a MiB as the input says. */
CAPSULE_EXPORT(blocks)
{
	uint64_t count = input_number();

	for (uint64_t i = 0; i < count; i++)
		see(extism_alloc(1u << 20) != 0);
	return answer();
}

/* Grow the guest's own memory to 1,024 pages, then by one more: whether each was granted, and how large it is then. */
CAPSULE_EXPORT(grow)
{
	size_t pages = __builtin_wasm_memory_size(0);

	see(__builtin_wasm_memory_grow(0, 1024 - pages) == pages);
	see((uint64_t)(int32_t)__builtin_wasm_memory_grow(0, 1));
	see(__builtin_wasm_memory_size(0));
	return answer();
}
