/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* BLAKE3 of bytes and of files, and its 64 hexadecimal digits. Threads: any. */
#ifndef BASE_BLAKE3_H
#define BASE_BLAKE3_H

#include "base/span.h"

#define BLAKE3_SIZE 32
#define BLAKE3_HEX (2 * BLAKE3_SIZE + 1) /* with the terminating zero */

void blake3_bytes(struct span bytes, uint8_t out[BLAKE3_SIZE]);

/** The hash of what the descriptor `fd` gives from its position on, at most `limit` bytes. Returns how many bytes that were, or -1 with errno
 *  set (EFBIG over the limit). Blocks. */
int64_t blake3_file(int fd, uint64_t limit, uint8_t out[BLAKE3_SIZE]);

/** Hash what comes in pieces: begin (free with blake3_hasher_free(), NULL is fine), add, finish. Cannot fail. */
struct blake3_hasher;
struct blake3_hasher *blake3_hasher_new(void);
void blake3_hasher_add(struct blake3_hasher *hasher, struct span bytes);
void blake3_hasher_finish(const struct blake3_hasher *hasher, uint8_t out[BLAKE3_SIZE]);
void blake3_hasher_free(struct blake3_hasher *hasher);

void blake3_hex(const uint8_t hash[BLAKE3_SIZE], char out[BLAKE3_HEX]);

#endif
