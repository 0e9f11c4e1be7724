/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A keyed hash for tables whose keys strangers choose: who does not know the seed can't make keys that collide. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/span.h"

/** SipHash-1-3 of `bytes` under `seed`, 16 random bytes from random_fill(). Threads: any. */
uint64_t hash_keyed(const uint64_t seed[2], struct span bytes);

#endif
