/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The same guests on the bare Wasmtime C API: what nobody who calls a guest as a fiber can be faster than. The kernel here is
 * the least that serves the guests; it checks nothing and its allocator never frees. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <stddef.h>
#include <stdint.h>

struct floor;

/** Compile `guest` from the folder `guests`. Free it with floor_close(). */
struct floor *floor_open(const char *guests, const char *guest);
void floor_close(struct floor *floor);

/** Call astrid_tool_call with `len` bytes of input, on an instance that is kept. Returns the length of the output, which is
 *  copied out too. */
size_t floor_call(struct floor *floor, const void *input, size_t len);

/** Make a store with both instances and call the guest in it. The last one is deleted first if `drop` is not 0. */
void floor_renew(struct floor *floor);
void floor_drop(struct floor *floor);

/** The input that a guest gets for the arguments `text`; *len is its length. Free it with free(). */
char *floor_input(const char *text, size_t text_len, size_t *len);

#endif
