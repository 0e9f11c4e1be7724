/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The same guests on the bare Wasmtime C API: what nobody who calls a guest as a fiber can be faster than. The kernel here is
 * the least that serves the guests; it checks nothing and its allocator never frees. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <stddef.h>
#include <stdint.h>

struct floor;

/** Compile the guest `guest` (GUEST.wasm in the folder `guests`) of which the function `export` is to be called. Free it with
 *  floor_close(). */
struct floor *floor_open(const char *guests, const char *guest, const char *export);
void floor_close(struct floor *floor);

/** Call the guest with `len` bytes of input and copy its output out. Returns the output's length. */
size_t floor_call(struct floor *floor, const void *input, size_t len);

/** Throw the instance away, and make another: a store with a kernel and a guest in it. floor_open() has made the first. */
void floor_drop(struct floor *floor);
void floor_renew(struct floor *floor);

#endif
