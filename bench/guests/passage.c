/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls host functions that do nothing, as often as the input says, which is a number. */
#include <capsule_guest.h>

__attribute__((import_module("capsule:test"), import_name("bench_empty"))) uint64_t bench_empty(void);
__attribute__((import_module("capsule:test"), import_name("bench_ready"))) uint64_t bench_ready(void);

static uint64_t count_of_input(void)
{
	uint64_t count = 0, len = extism_input_length();

	for (uint64_t i = 0; i < len; i++)
		count = count * 10 + (extism_input_load_u8(i) - '0');
	return count;
}

CAPSULE_EXPORT(empty)
{
	for (uint64_t count = count_of_input(); count > 0; count--)
		(void)bench_empty();
	return 0;
}

CAPSULE_EXPORT(ready)
{
	for (uint64_t count = count_of_input(); count > 0; count--)
		(void)bench_ready();
	return 0;
}
