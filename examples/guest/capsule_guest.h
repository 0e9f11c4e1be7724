/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Write a capsule in C: include this header and nothing else. It needs no C library, only clang and lld for wasm32;
 * `examples/build.sh SOURCE.c OUT.wasm` calls them with the right options.
 *
 * A guest talks to its host through blocks of bytes in a memory of their own, named by handles; 0 is the empty block. A
 * tool call brings one block in, {"name": tool, "arguments": [bytes of JSON text]}, and takes one out. The helpers move
 * blocks into the guest's memory and back, pick the tool, read and write flat JSON.
 *
 * Three things to know:
 * - A host function that fails does not return: the call ends there and then with the host's text, and the next call
 *   gets a fresh instance. There is no error to look at after astrid_*(), and no chance to clean up: keep state in the
 *   key-value store.
 * - What guest_alloc() and the helpers give is valid until the next guest_dispatch() or guest_reset(); nothing is freed
 *   before.
 * - Text is UTF-8 with a length and without a terminator, but for string literals, passed as `const char *`.
 *
 * Include it in one source file of a capsule, since it keeps state in static variables. In reading order: guest_host.h
 * (what the host offers), guest_memory.h (memory, blocks, text), guest_json.h, and the tools below. */
#ifndef CAPSULE_GUEST_H
#define CAPSULE_GUEST_H

#include "guest_json.h"

/* ---- What the host calls ---- */

/** Begin the definition of an export: GUEST_EXPORT(astrid_tool_call) { ... return 0; }, where 0 is success. Tools are
 *  called through astrid_tool_call. */
#define GUEST_EXPORT(name)                                                                                             \
	__attribute__((export_name(#name))) int32_t name(void);                                                        \
	int32_t name(void)

/* ---- Tools ---- */

struct guest_tool {
	const char *name;
	/* `arguments` is JSON text, as the caller wrote it. Returns 0 or -1: end with guest_answer() or guest_fail(). */
	int32_t (*call)(struct guest_bytes arguments);
};

/** Call the one of `count` tools that the input asks for: the body of astrid_tool_call. */
static inline int32_t guest_dispatch(const struct guest_tool *tools, size_t count)
{
	struct guest_writer name = { 0 }, arguments = { 0 }, problem = { 0 };
	struct guest_reader input = guest_read_input();

	guest_reset();
	if (!guest_json_seek(&input, "name") || !guest_json_take_string(&input, &name))
		return guest_fail("the request has no `name`");
	input = guest_read_input();
	if (guest_json_seek(&input, "arguments") && !guest_json_take_byte_array(&input, &arguments))
		return guest_fail(arguments.failed ? "out of memory: the arguments do not fit into the guest"
						   : "the `arguments` of the request are not an array of bytes");
	for (size_t i = 0; i < count; i++)
		if (guest_equal(guest_written(&name), guest_text(tools[i].name)))
			return tools[i].call(guest_written(&arguments));
	guest_write_text(&problem, "Unknown tool: ");
	guest_write(&problem, guest_written(&name));
	return guest_fail_with(&problem);
}

/* ---- Short ways to host functions, with a literal for a key ---- */

/** The value stored under `key`; empty when there is none. False when it does not fit into the memory. */
static inline bool guest_kv_get(const char *key, struct guest_bytes *value)
{
	uint64_t handle = guest_put(guest_text(key)), result = astrid_kv_get(handle);

	extism_free(handle);
	return guest_take(result, value);
}

static inline void guest_kv_set(const char *key, struct guest_bytes value)
{
	uint64_t handle = guest_put(guest_text(key)), block = guest_put(value);

	astrid_kv_set(handle, block);
	extism_free(handle);
	extism_free(block);
}

static inline void guest_kv_delete(const char *key)
{
	uint64_t handle = guest_put(guest_text(key));

	astrid_kv_delete(handle);
	extism_free(handle);
}

/** Write a record to the log of the host: `level` is "trace", "debug", "info", "warn" or "error". */
static inline void guest_log(const char *level, const char *message)
{
	uint64_t word = guest_put(guest_text(level)), text = guest_put(guest_text(message));

	astrid_log(word, text);
	extism_free(word);
	extism_free(text);
}

#endif
