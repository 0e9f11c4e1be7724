/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Byte strings to byte strings in byte order: a skip list. Keys come from guests, so the heights are drawn from a
 * generator with a secret seed and no order of insertion makes it slow. Not thread-safe. */
#ifndef STORE_KV_SORTED_H
#define STORE_KV_SORTED_H

#include "base/span.h"

#define KV_SORTED_LEVELS 16 /* a quarter of the nodes of each level rise to the next: enough for 4^16 keys */

struct kv_node;

struct kv_sorted {
	struct kv_node *first[KV_SORTED_LEVELS];
	uint64_t random; /* not 0 */
};

/** Make `sorted` empty; `seed` should be unpredictable. Free the contents with kv_sorted_fini(). */
void kv_sorted_init(struct kv_sorted *sorted, uint64_t seed);
void kv_sorted_fini(struct kv_sorted *sorted);

/** The node with exactly this key, NULL when absent. Borrowed until it is removed. */
struct kv_node *kv_sorted_find(const struct kv_sorted *sorted, struct span key);

/** The first node whose key is not below `key`, and the one after `node`; NULL at the end. */
struct kv_node *kv_sorted_seek(const struct kv_sorted *sorted, struct span key);
struct kv_node *kv_sorted_next(const struct kv_node *node);

/** Put copies of both, replacing the value that is there. Returns false when out of memory: nothing has changed. */
bool kv_sorted_put(struct kv_sorted *sorted, struct span key, struct span value);

/** Remove `key`. Returns whether it was there. */
bool kv_sorted_remove(struct kv_sorted *sorted, struct span key);

/** Remove every key with `prefix`. Returns how many there were. */
uint64_t kv_sorted_remove_prefix(struct kv_sorted *sorted, struct span prefix);

/** Borrowed until the node is removed or its value replaced. */
struct span kv_node_key(const struct kv_node *node);
struct span kv_node_value(const struct kv_node *node);

#endif
