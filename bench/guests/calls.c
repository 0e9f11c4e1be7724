/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls a host function as often as the arguments say, which are a number. */
#define CAPSULE_PORTABLE /* the reference crate runs it, too */
#include <capsule_guest.h>

static uint64_t count_of_arguments(void)
{
	int64_t count = 0;

	(void)guest_parse_integer(guest_arguments(), &count);
	return (uint64_t)count;
}

CAPSULE_TOOL(clock)
{
	for (uint64_t count = count_of_arguments(); count > 0; count--)
		extism_free(astrid_clock_ms());
}

CAPSULE_TOOL(get)
{
	uint64_t key = guest_put_block(guest_text("bench-key"));

	for (uint64_t count = count_of_arguments(); count > 0; count--)
		extism_free(astrid_kv_get(key));
}

/* A block with the key, written as plug-in development kits write it. */
static uint64_t key_by_words(void)
{
	static const char key[9] = { 'b', 'e', 'n', 'c', 'h', '-', 'k', 'e', 'y' };
	uint64_t handle = extism_alloc(sizeof key), word;

	memcpy(&word, key, sizeof word);
	extism_store_u64(handle, word);
	extism_store_u8(handle + sizeof word, (uint8_t)key[8]);
	return handle;
}

/* As guests do that were built with such a kit: the key is written for each call, the answer is read, eight bytes at a time,
 * and left where it is. */
CAPSULE_TOOL(get_kept)
{
	uint64_t sum = 0;

	for (uint64_t count = count_of_arguments(); count > 0; count--) {
		uint64_t key = key_by_words(), value = astrid_kv_get(key);
		uint64_t len = extism_length(value);

		extism_free(key);
		for (uint64_t i = 0; i + 8 <= len; i += 8)
			sum += extism_load_u64(value + i);
	}
	if (sum == 0)
		guest_fail("nothing was read");
}

CAPSULE_TOOL(put)
{
	static uint8_t bytes[96];
	uint64_t key = guest_put_block(guest_text("bench-key"));
	uint64_t value = guest_put_block(guest_bytes_of(bytes, sizeof bytes));

	for (uint64_t count = count_of_arguments(); count > 0; count--) {
		extism_store_u64(value, count);
		astrid_kv_set(key, value);
	}
}
