/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The namespace `shim`, through which guests with an interpreter inside reach host functions by number, and WASI
 * without files. Each export answers with the numbers that it saw, in decimal with a blank between them. */
#include <capsule_guest.h>

#define SHIM(name) __attribute__((import_module("shim"), import_name(#name)))
#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))

SHIM(__get_function_arg_type) int32_t shim_arg_type(int32_t function, int32_t arg);
SHIM(__get_function_return_type) int32_t shim_return_type(int32_t function);
SHIM(__invokeHostFunc)
uint64_t shim_invoke(int32_t function, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e);

WASI(args_sizes_get) uint32_t wasi_args_sizes_get(uint32_t *count, uint32_t *bytes);
WASI(args_get) uint32_t wasi_args_get(void *list, void *bytes);
WASI(environ_sizes_get) uint32_t wasi_environ_sizes_get(uint32_t *count, uint32_t *bytes);
WASI(environ_get) uint32_t wasi_environ_get(void *list, void *bytes);
WASI(fd_read) uint32_t wasi_fd_read(uint32_t fd, const void *vectors, uint32_t count, uint32_t *read);
WASI(fd_write) uint32_t wasi_fd_write(uint32_t fd, const void *vectors, uint32_t count, uint32_t *written);
WASI(fd_prestat_get) uint32_t wasi_fd_prestat_get(uint32_t fd, void *prestat);
WASI(random_get) uint32_t wasi_random_get(void *bytes, uint32_t len);
WASI(clock_time_get) uint32_t wasi_clock_time_get(uint32_t clock, uint64_t precision, uint64_t *time);

struct vector {
	const void *data;
	uint32_t len;
};

static struct guest_buffer out;

static void see(int64_t number)
{
	if (out.len > 0)
		guest_append_byte(&out, ' ');
	guest_append(&out, number);
}

static int32_t answer(void)
{
	guest_output(guest_appended(&out));
	return 0;
}

CAPSULE_EXPORT(types)
{
	see(shim_arg_type(6, 1));
	see(shim_arg_type(6, 2));
	see(shim_arg_type(48, 0));
	see(shim_arg_type(51, 0));
	see(shim_arg_type(-1, 0));
	see(shim_arg_type(6, -1));
	see(shim_return_type(14));
	see(shim_return_type(15));
	see(shim_return_type(51));
	return answer();
}

/* Clock, signal_ready, and a number that nothing has. */
CAPSULE_EXPORT(invoke)
{
	uint64_t time = shim_invoke(34, 0, 0, 0, 0, 0);

	see((int64_t)extism_length(time));
	see((int64_t)shim_invoke(33, 0, 0, 0, 0, 0));
	see((int64_t)shim_invoke(99, 1, 2, 3, 4, 5));
	see((int64_t)shim_invoke(-1, 0, 0, 0, 0, 0));
	return answer();
}

/* A value that is stored by number and read by name, and the other way round. */
CAPSULE_EXPORT(same_store)
{
	uint64_t key = guest_put_block(guest_text("key")), value;

	see((int64_t)shim_invoke(15, key, guest_put_block(guest_text("by number")), 0, 0, 0));
	value = astrid_kv_get(key);
	guest_append_byte(&out, ' ');
	for (uint64_t i = 0; i < extism_length(value); i++)
		guest_append_byte(&out, (uint8_t)extism_load_u8(value + i));
	astrid_kv_set(key, guest_put_block(guest_text("by name")));
	value = shim_invoke(14, key, 7, 7, 7, 7);
	guest_append_byte(&out, ' ');
	for (uint64_t i = 0; i < extism_length(value); i++)
		guest_append_byte(&out, (uint8_t)extism_load_u8(value + i));
	return answer();
}

CAPSULE_EXPORT(failing)
{
	see((int64_t)shim_invoke(14, 0, 0, 0, 0, 0));
	return answer();
}

CAPSULE_EXPORT(surroundings)
{
	uint32_t count = 77, bytes = 77;

	see(wasi_args_sizes_get(&count, &bytes));
	see(count);
	see(bytes);
	see(wasi_args_get(&count, &bytes));
	count = bytes = 77;
	see(wasi_environ_sizes_get(&count, &bytes));
	see(count);
	see(bytes);
	see(wasi_environ_get(&count, &bytes));
	return answer();
}

CAPSULE_EXPORT(standard_input)
{
	uint8_t room[16];
	const struct vector vector = { room, sizeof room };
	uint32_t got = 77;

	see(wasi_fd_read(0, &vector, 1, &got));
	see(got);
	return answer();
}

CAPSULE_EXPORT(standard_output)
{
	static const char text[] = "printed by the guest\n";
	const struct vector vectors[] = { { text, 8 }, { text + 8, sizeof text - 1 - 8 } };
	uint32_t written = 77;

	see(wasi_fd_write(1, vectors, 2, &written));
	see(written);
	return answer();
}

CAPSULE_EXPORT(directories)
{
	uint64_t prestat = 0;

	see(wasi_fd_prestat_get(3, &prestat));
	return answer();
}

/* Whether most of 1,000 bytes changed: about four stay zero by chance. */
CAPSULE_EXPORT(random)
{
	static uint8_t bytes[1000];
	uint32_t changed = 0;

	see(wasi_random_get(bytes, sizeof bytes));
	for (size_t i = 0; i < sizeof bytes; i++)
		changed += bytes[i] != 0;
	see(changed > 900);
	return answer();
}

CAPSULE_EXPORT(clocks)
{
	uint64_t real = 0, monotonic = 0, later = 0;

	see(wasi_clock_time_get(0, 1, &real));
	see(wasi_clock_time_get(1, 1, &monotonic));
	see(wasi_clock_time_get(1, 1, &later));
	see(later >= monotonic);
	see((int64_t)(real / 1000000));
	return answer();
}
