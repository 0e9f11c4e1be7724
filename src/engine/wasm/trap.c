/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/wasm/trap.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "engine/wasm/kernel_module.h"

#include <stdio.h>

#define FRAMES_MAX 12
#define NAME_SHOWN 128   /* bytes of a function's name */
#define REASON_SHOWN 700 /* bytes of a message of Wasmtime's */
#define ERROR_SHOWN 480  /* bytes of one that comes behind words of ours */

static const char *trap_words(wasmtime_trap_code_t code)
{
	switch (code) {
	case WASMTIME_TRAP_CODE_STACK_OVERFLOW:
		return "call stack exhausted";
	case WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS:
		return "out of bounds memory access";
	case WASMTIME_TRAP_CODE_HEAP_MISALIGNED:
		return "unaligned atomic";
	case WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS:
		return "out of bounds table access";
	case WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL:
		return "call to an empty table slot";
	case WASMTIME_TRAP_CODE_BAD_SIGNATURE:
		return "indirect call with the wrong type";
	case WASMTIME_TRAP_CODE_INTEGER_OVERFLOW:
		return "integer overflow";
	case WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO:
		return "integer division by zero";
	case WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER:
		return "bad conversion to integer";
	case WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED:
		return "unreachable code reached (a panic or abort of the guest)";
	default:
		return "trapped";
	}
}

/* The first bytes of a text, cut where a character ends. */
static struct span head_of(const wasm_byte_vec_t *text, size_t most)
{
	struct span all = span_of(text->data, text->size);

	return all.len <= most ? all : span_of(all.data, text_utf8_valid_prefix(span_of(all.data, most)));
}

static bool is_kernel_frame(const wasm_frame_t *frame)
{
	const wasm_name_t *module = wasmtime_frame_module_name(frame);

	return module != NULL && span_is(span_of(module->data, module->size), KERNEL_MODULE_NAME);
}

/* One line a frame; a run of the same function is told once with its length. */
static void append_frames(struct buffer *out, const wasm_frame_vec_t *frames)
{
	size_t shown = 0, repeats = 0;
	uint32_t last = UINT32_MAX;

	for (size_t i = 0; i < frames->size && shown < FRAMES_MAX; i++) {
		const wasm_frame_t *frame = frames->data[i];
		const wasm_name_t *name = wasmtime_frame_func_name(frame);
		uint32_t index = wasm_frame_func_index(frame);

		if (is_kernel_frame(frame))
			continue;
		if (index == last) {
			repeats++;
			continue;
		}
		if (repeats > 0)
			buffer_printf(out, " (%zu times)", repeats + 1);
		repeats = 0;
		last = index;
		shown++;
		if (name != NULL && name->size > 0)
			buffer_printf(out, "\n  in %.*s", SPAN_ARG(head_of(name, NAME_SHOWN)));
		else
			buffer_printf(out, "\n  in function #%u", index);
		buffer_printf(out, " at 0x%zx", wasm_frame_module_offset(frame));
	}
	if (repeats > 0)
		buffer_printf(out, " (%zu times or more)", repeats + 1);
}

static void append_stderr(struct buffer *out, const struct wasm_instance *instance)
{
	if (instance->stderr_len == 0)
		return;
	buffer_append_text(out, "\n  it wrote: ");
	text_append_lossy(out, text_trim(span_of(instance->stderr_tail, instance->stderr_len)));
}

static enum capsule_status reason(const struct wasm_instance *instance, const wasm_trap_t *trap,
	const wasmtime_error_t *error, struct buffer *out)
{
	wasmtime_trap_code_t code;
	wasm_byte_vec_t message;

	if (instance->failure.status != CAPSULE_OK) {
		buffer_append_text(out, instance->failure.text);
		return instance->failure.status;
	}
	if (trap != NULL && wasmtime_trap_code(trap, &code)) {
		buffer_printf(out, "trap: %s", trap_words(code));
		return CAPSULE_ETRAP;
	}
	if (trap != NULL)
		wasm_trap_message(trap, &message);
	else
		wasmtime_error_message(error, &message);
	text_append_lossy(out, head_of(&message, REASON_SHOWN));
	wasm_byte_vec_delete(&message);
	return CAPSULE_ETRAP;
}

enum capsule_status trap_describe(
	struct wasm_instance *instance, wasm_trap_t *trap, wasmtime_error_t *error, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	wasm_frame_vec_t frames = { 0 };
	enum capsule_status status = reason(instance, trap, error, &text);

	if (trap != NULL)
		wasm_trap_trace(trap, &frames);
	else
		wasmtime_error_wasm_trace(error, &frames);
	/* What a host function said is complete in itself; where a guest trapped or spun is not. */
	if (status == CAPSULE_ETRAP || status == CAPSULE_ETIMEOUT) {
		append_frames(&text, &frames);
		append_stderr(&text, instance);
	}
	wasm_frame_vec_delete(&frames);
	if (trap != NULL)
		wasm_trap_delete(trap);
	if (error != NULL)
		wasmtime_error_delete(error);
	return error_set(err, status, "%s", buffer_text(&text) == NULL ? "the guest trapped" : (char *)text.data);
}

enum capsule_status trap_error_text(
	struct capsule_error *err, enum capsule_status status, wasmtime_error_t *error, const char *format, ...)
{
	char words[512];
	wasm_byte_vec_t message;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(words, sizeof words, format, args);
	va_end(args);
	wasmtime_error_message(error, &message);
	wasmtime_error_delete(error);
	(void)error_set(err, status, "%s: %.*s", words, SPAN_ARG(head_of(&message, ERROR_SHOWN)));
	wasm_byte_vec_delete(&message);
	return status;
}
