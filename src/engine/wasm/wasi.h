/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the WASI table: error numbers, little-endian values, the two files. */
#ifndef WASM_WASI_H
#define WASM_WASI_H

#include "engine/wasm/instance.h"

enum wasi_errno {
	WASI_OK = 0,
	WASI_BADF = 8,
	WASI_FAULT = 21,
	WASI_INVAL = 28,
	WASI_IO = 29,
	WASI_SPIPE = 70,
};

#define WASI_CLOCK_REALTIME 0
#define WASI_CLOCK_MONOTONIC 1

/** Little-endian values to and from guest memory that was checked. */
uint32_t wasi_load32(const uint8_t *at);
uint64_t wasi_load64(const uint8_t *at);
void wasi_store16(uint8_t *at, uint16_t value);
void wasi_store32(uint8_t *at, uint32_t value);
void wasi_store64(uint8_t *at, uint64_t value);

/** Begin function of poll_oneoff; `env` is not NULL for the old layout of wasi_unstable. */
wasm_trap_t *wasi_poll_begin(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count);

#endif
