/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Wasmtime's traps and errors as messages for people: the reason first, then the guest's own function names. */
#ifndef WASM_TRAP_H
#define WASM_TRAP_H

#include "engine/wasm/instance.h"

/** Take the trap or error that ended a guest (both taken; one may be NULL) and describe it in `err`: what instance->failure says
 *  when a host function or a limit ended the guest, else the trap's reason. Frames of the guest follow, one a line, and
 *  the last that it wrote to its standard error. Returns the status. */
enum capsule_status trap_describe(
	struct wasm_instance *instance, wasm_trap_t *trap, wasmtime_error_t *error, struct capsule_error *err);

/** Take a compile, link or setup error of Wasmtime and put the first lines of its text behind the formatted words. */
enum capsule_status trap_error_text(struct capsule_error *err, enum capsule_status status, wasmtime_error_t *error,
	const char *format, ...) PRINTF_LIKE(4, 5);

#endif
