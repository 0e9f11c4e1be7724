/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* WASI preview 1 as a sandbox without files needs it: clocks, random bytes, output to the capsule's log, sleep, exit.
 * Arguments and environment are empty, there are no directories, everything else answers BADF. */
#include "engine/wasm/wasi.h"

#include "base/limits.h"
#include "base/text.h"
#include "engine/wasm/activation.h"
#include "engine/wasm/guest_memory.h"

#define WASI(name)                                                                                                     \
	static wasm_trap_t *wasi_##name(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count)
#define UNUSED_WASI() ((void)env, (void)count, (void)caller)

#define IOVECS_MAX 1024
#define RANDOM_MAX MIB /* bytes of one random_get: the kernel's source takes milliseconds for that many */
#define FILETYPE_CHARACTER_DEVICE 2

uint32_t wasi_load32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint64_t wasi_load64(const uint8_t *at)
{
	return wasi_load32(at) | (uint64_t)wasi_load32(at + 4) << 32;
}

void wasi_store16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

void wasi_store32(uint8_t *at, uint32_t value)
{
	wasi_store16(at, (uint16_t)value);
	wasi_store16(at + 2, (uint16_t)(value >> 16));
}

void wasi_store64(uint8_t *at, uint64_t value)
{
	wasi_store32(at, (uint32_t)value);
	wasi_store32(at + 4, (uint32_t)(value >> 32));
}

static wasm_trap_t *answer(wasmtime_val_raw_t *values, enum wasi_errno error)
{
	values[0].i32 = (int32_t)error;
	return NULL;
}

WASI(badf)
{
	UNUSED_WASI();
	return answer(values, WASI_BADF);
}

WASI(ok)
{
	UNUSED_WASI();
	return answer(values, WASI_OK);
}

/* args_sizes_get and environ_sizes_get: nothing of either. */
WASI(no_sizes)
{
	struct guest_memory memory = guest_memory_of_caller(caller);
	uint8_t *number = guest_memory_at(&memory, (uint32_t)values[0].i32, 4);
	uint8_t *bytes = guest_memory_at(&memory, (uint32_t)values[1].i32, 4);

	UNUSED_WASI();
	if (number == NULL || bytes == NULL)
		return answer(values, WASI_FAULT);
	wasi_store32(number, 0);
	wasi_store32(bytes, 0);
	return answer(values, WASI_OK);
}

WASI(clock_res_get)
{
	struct guest_memory memory = guest_memory_of_caller(caller);
	uint8_t *out = guest_memory_at(&memory, (uint32_t)values[1].i32, 8);

	UNUSED_WASI();
	if ((uint32_t)values[0].i32 > WASI_CLOCK_MONOTONIC)
		return answer(values, WASI_BADF);
	if (out == NULL)
		return answer(values, WASI_FAULT);
	wasi_store64(out, 1);
	return answer(values, WASI_OK);
}

WASI(clock_time_get)
{
	const struct clock *clock = loop_clock(instance_of(caller)->shared->loop);
	struct guest_memory memory = guest_memory_of_caller(caller);
	uint8_t *out = guest_memory_at(&memory, (uint32_t)values[2].i32, 8);
	uint32_t id = (uint32_t)values[0].i32;

	UNUSED_WASI();
	if (id > WASI_CLOCK_MONOTONIC)
		return answer(values, WASI_BADF);
	if (out == NULL)
		return answer(values, WASI_FAULT);
	wasi_store64(out, (uint64_t)(id == WASI_CLOCK_REALTIME ? clock_realtime_ns(clock) : clock_monotonic_ns(clock)));
	return answer(values, WASI_OK);
}

static bool is_stdio(int32_t fd)
{
	return fd >= 0 && fd <= 2;
}

/* struct fdstat: type, flags, base rights, inheriting rights. */
WASI(fd_fdstat_get)
{
	struct guest_memory memory = guest_memory_of_caller(caller);
	uint8_t *out = guest_memory_at(&memory, (uint32_t)values[1].i32, 24);
	const uint64_t read = 1u << 1, write = 1u << 6;

	UNUSED_WASI();
	if (!is_stdio(values[0].i32))
		return answer(values, WASI_BADF);
	if (out == NULL)
		return answer(values, WASI_FAULT);
	memset(out, 0, 24);
	out[0] = FILETYPE_CHARACTER_DEVICE;
	wasi_store64(out + 8, values[0].i32 == 0 ? read : write);
	return answer(values, WASI_OK);
}

WASI(fd_seek)
{
	UNUSED_WASI();
	return answer(values, is_stdio(values[0].i32) ? WASI_SPIPE : WASI_BADF);
}

/* Standard input is at its end. */
WASI(fd_read)
{
	struct guest_memory memory = guest_memory_of_caller(caller);
	uint8_t *out = guest_memory_at(&memory, (uint32_t)values[3].i32, 4);

	UNUSED_WASI();
	if (values[0].i32 != 0)
		return answer(values, WASI_BADF);
	if (out == NULL)
		return answer(values, WASI_FAULT);
	wasi_store32(out, 0);
	return answer(values, WASI_OK);
}

static void keep_tail(struct wasm_instance *instance, struct span bytes)
{
	if (bytes.len >= STDERR_TAIL) {
		memcpy(instance->stderr_tail, bytes.data + bytes.len - STDERR_TAIL, STDERR_TAIL);
		instance->stderr_len = STDERR_TAIL;
		return;
	}
	if (instance->stderr_len + bytes.len > STDERR_TAIL) {
		size_t drop = instance->stderr_len + bytes.len - STDERR_TAIL;

		memmove(instance->stderr_tail, instance->stderr_tail + drop, instance->stderr_len - drop);
		instance->stderr_len -= drop;
	}
	memcpy(instance->stderr_tail + instance->stderr_len, bytes.data, bytes.len);
	instance->stderr_len += bytes.len;
}

static void log_output(struct wasm_instance *instance, int32_t fd, struct buffer *text)
{
	const struct host *host = &instance->owner->host;
	struct span message = buffer_span(text);

	while (message.len > 0 && (message.data[message.len - 1] == '\n' || message.data[message.len - 1] == '\r'))
		message.len--;
	if (message.len > 0)
		log_write(host->log, fd == 2 ? CAPSULE_LOG_INFO : CAPSULE_LOG_DEBUG, host->capsule_id, message);
}

/* All of it counts as written; the log keeps the first LIMIT_LOG_MESSAGE bytes of one write. */
static enum wasi_errno gather(struct wasm_instance *instance, const struct guest_memory *memory,
	const wasmtime_val_raw_t *values, struct buffer *text, uint64_t *written)
{
	uint32_t number = (uint32_t)values[2].i32;
	const uint8_t *vector = guest_memory_at(memory, (uint32_t)values[1].i32, (uint64_t)number * 8);

	if (number > IOVECS_MAX)
		return WASI_INVAL;
	if (vector == NULL)
		return WASI_FAULT;
	for (uint32_t i = 0; i < number; i++) {
		uint32_t len = wasi_load32(vector + 8 * i + 4);
		const uint8_t *data = guest_memory_at(memory, wasi_load32(vector + 8 * i), len);
		size_t room = LIMIT_LOG_MESSAGE - (text->len < LIMIT_LOG_MESSAGE ? text->len : LIMIT_LOG_MESSAGE);

		if (data == NULL)
			return WASI_FAULT;
		if (values[0].i32 == 2)
			keep_tail(instance, span_of(data, len));
		(void)text_append_lossy(text, span_of(data, len < room ? len : room));
		*written += len;
	}
	return *written > UINT32_MAX ? WASI_INVAL : WASI_OK;
}

WASI(fd_write)
{
	struct wasm_instance *instance = instance_of(caller);
	struct guest_memory memory = guest_memory_of_caller(caller);
	uint8_t *out = guest_memory_at(&memory, (uint32_t)values[3].i32, 4);
	struct buffer *text = &instance->host_call.out;
	uint64_t written = 0;
	enum wasi_errno error;

	UNUSED_WASI();
	if (values[0].i32 != 1 && values[0].i32 != 2)
		return answer(values, WASI_BADF);
	if (out == NULL)
		return answer(values, WASI_FAULT);
	buffer_clear(text);
	error = gather(instance, &memory, values, text, &written);
	if (error != WASI_OK)
		return answer(values, error);
	log_output(instance, values[0].i32, text);
	wasi_store32(out, (uint32_t)written);
	return answer(values, WASI_OK);
}

WASI(random_get)
{
	struct guest_memory memory = guest_memory_of_caller(caller);
	uint32_t len = (uint32_t)values[1].i32;
	uint8_t *out = guest_memory_at(&memory, (uint32_t)values[0].i32, len);

	UNUSED_WASI();
	if (out == NULL)
		return answer(values, WASI_FAULT);
	if (len > RANDOM_MAX)
		return answer(values, WASI_INVAL);
	return answer(values, random_fill(out, len, NULL) == CAPSULE_OK ? WASI_OK : WASI_IO);
}

WASI(proc_exit)
{
	struct wasm_instance *instance = instance_of(caller);

	UNUSED_WASI();
	instance->exited = true;
	instance->exit_code = (uint32_t)values[0].i32;
	(void)error_set(&instance->failure, CAPSULE_EGUEST, "the guest exited with status %u", instance->exit_code);
	return instance_trap(instance);
}

WASI(proc_raise)
{
	struct wasm_instance *instance = instance_of(caller);

	UNUSED_WASI();
	(void)error_set(&instance->failure, CAPSULE_ETRAP, "the guest raised signal %d", values[0].i32);
	return instance_trap(instance);
}

struct wasi_function {
	const char *name, *type;
	wasmtime_func_unchecked_callback_t call;
};

static const struct wasi_function functions[] = {
	{ "args_get", "ii:i", wasi_ok },
	{ "args_sizes_get", "ii:i", wasi_no_sizes },
	{ "environ_get", "ii:i", wasi_ok },
	{ "environ_sizes_get", "ii:i", wasi_no_sizes },
	{ "clock_res_get", "ii:i", wasi_clock_res_get },
	{ "clock_time_get", "iIi:i", wasi_clock_time_get },
	{ "fd_advise", "iIIi:i", wasi_badf },
	{ "fd_allocate", "iII:i", wasi_badf },
	{ "fd_close", "i:i", wasi_badf },
	{ "fd_datasync", "i:i", wasi_badf },
	{ "fd_fdstat_get", "ii:i", wasi_fd_fdstat_get },
	{ "fd_fdstat_set_flags", "ii:i", wasi_badf },
	{ "fd_fdstat_set_rights", "iII:i", wasi_badf },
	{ "fd_filestat_get", "ii:i", wasi_badf },
	{ "fd_filestat_set_size", "iI:i", wasi_badf },
	{ "fd_filestat_set_times", "iIIi:i", wasi_badf },
	{ "fd_pread", "iiiIi:i", wasi_badf },
	{ "fd_prestat_get", "ii:i", wasi_badf },
	{ "fd_prestat_dir_name", "iii:i", wasi_badf },
	{ "fd_pwrite", "iiiIi:i", wasi_badf },
	{ "fd_read", "iiii:i", wasi_fd_read },
	{ "fd_readdir", "iiiIi:i", wasi_badf },
	{ "fd_renumber", "ii:i", wasi_badf },
	{ "fd_seek", "iIii:i", wasi_fd_seek },
	{ "fd_sync", "i:i", wasi_badf },
	{ "fd_tell", "ii:i", wasi_fd_seek },
	{ "fd_write", "iiii:i", wasi_fd_write },
	{ "path_create_directory", "iii:i", wasi_badf },
	{ "path_filestat_get", "iiiii:i", wasi_badf },
	{ "path_filestat_set_times", "iiiiIIi:i", wasi_badf },
	{ "path_link", "iiiiiii:i", wasi_badf },
	{ "path_open", "iiiiiIIii:i", wasi_badf },
	{ "path_readlink", "iiiiii:i", wasi_badf },
	{ "path_remove_directory", "iii:i", wasi_badf },
	{ "path_rename", "iiiiii:i", wasi_badf },
	{ "path_symlink", "iiiii:i", wasi_badf },
	{ "path_unlink_file", "iii:i", wasi_badf },
	{ "poll_oneoff", "iiii:i", wasi_poll_begin },
	{ "proc_exit", "i:", wasi_proc_exit },
	{ "proc_raise", "i:i", wasi_proc_raise },
	{ "random_get", "ii:i", wasi_random_get },
	{ "sched_yield", ":i", wasi_ok },
	{ "sock_accept", "iii:i", wasi_badf },
	{ "sock_recv", "iiiiii:i", wasi_badf },
	{ "sock_send", "iiiii:i", wasi_badf },
	{ "sock_shutdown", "ii:i", wasi_badf },
};

/* Guests of the first releases of WASI name the module wasi_unstable; of what is served here only the layout of
 * poll_oneoff's subscriptions differs. */
enum capsule_status wasi_bind(struct binding_table *table, struct capsule_error *err)
{
	static const char *const modules[] = { "wasi_snapshot_preview1", "wasi_unstable" };

	for (size_t m = 0; m < 2; m++) {
		for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
			struct binding binding = { .module = modules[m], .name = functions[i].name };

			binding.call = functions[i].call;
			binding.env = (void *)(uintptr_t)m;
			memcpy(binding.type, functions[i].type, strlen(functions[i].type) + 1);
			if (binding.call == wasi_poll_begin)
				binding.kernel_export = binding.name;
			if (binding_add(table, &binding, err) != CAPSULE_OK)
				return CAPSULE_ENOMEM;
		}
	}
	return CAPSULE_OK;
}
