/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the ordering of manifests: capabilities taken apart, the index that finds who provides what, cycles. */
#ifndef MANIFEST_ORDER_INTERNAL_H
#define MANIFEST_ORDER_INTERNAL_H

#include "manifest/order.h"

struct order_name;

/* Texts as numbers from 1; a keyed hash table, since the texts come from strangers. */
struct order_names {
	struct order_name *entries;
	size_t capacity; /* a power of two */
	size_t count;
	uint64_t seed[2];
};

/** Make it empty. Free with order_names_fini(). Errors: CAPSULE_EIO, when the kernel gives no random bytes. */
MUST_CHECK enum capsule_status order_names_init(struct order_names *names, struct capsule_error *err);
void order_names_fini(struct order_names *names);

/** The number of `text` (borrowed, must outlive the names): the same for equal texts. 0 when out of memory. */
size_t order_names_number(struct order_names *names, struct span text);

/* A capability taken apart. */
struct order_pattern {
	size_t type; /* number of its name */
	size_t segments;
	size_t marks;   /* where the marks of its segments begin, one each; that of a wildcard is 0 */
	size_t words;   /* where its wildcards begin, a bit a segment, 64 in a word */
	uint64_t shape; /* a hash of where its wildcards are; 0 without any */
};

/* Every text once, however many capsules require or provide it. A mark stands for a text at its place in a
 * capability: marks at one place are equal if and only if the texts are. */
struct order_patterns {
	struct order_names texts, parts;
	struct order_pattern *items; /* by numbers of texts, from 1 */
	size_t count, room;
	uint64_t *marks, *words;
	size_t mark_count, mark_room, word_count, word_room;
};

/** Make it empty. Free with order_patterns_fini(). Errors: CAPSULE_EIO, as above. */
MUST_CHECK enum capsule_status order_patterns_init(struct order_patterns *patterns, struct capsule_error *err);
void order_patterns_fini(struct order_patterns *patterns);

/** The pattern of `text` (borrowed, must outlive the patterns), itself borrowed until the next call. NULL when out of
 *  memory. */
const struct order_pattern *order_patterns_take(struct order_patterns *patterns, struct span text);

/* One entry of requires, or of what is provided. */
struct order_form {
	size_t number; /* counted through all lists */
	size_t owner;  /* the manifest */
	size_t entry;
	struct order_pattern pattern;
};

/* Sorted by their types and numbers of segments, which is a group, then so that those with the same wildcards stand
 * together, then by number. */
struct order_forms {
	struct order_form *items;
	size_t count;
};

/** Words for a bit of each of `segments`. */
static inline size_t order_words(size_t segments)
{
	return (segments + 63) / 64;
}

/** Take the capabilities of `count` lists (borrowed) apart; the owner of a form is its list. Free with
 *  order_forms_fini(), also after a failure. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status order_forms_make(struct order_forms *out, struct order_patterns *patterns,
	const struct string_list *const *lists, size_t count, struct capsule_error *err);
void order_forms_fini(struct order_forms *forms);

/** Where the group of `a` is to that of `b`: less than, equal to or greater than 0. */
int order_compare_groups(const struct order_pattern *a, const struct order_pattern *b);

/** The end of the run of forms from `from` on that are of its group, or of its group with wildcards where it has them. */
size_t order_group_end(const struct order_forms *forms, size_t from);
size_t order_class_end(const struct order_forms *forms, const struct order_patterns *patterns, size_t from);

/* Provided capabilities of one group and with the same wildcards. */
struct order_class {
	const struct order_form *forms; /* `count` of them */
	size_t first, count;            /* where they are in `provides` */
	const uint64_t *wildcards;
	uint64_t *fixed; /* the segments that count with the requirements of the moment */
	size_t *slots; /* NULL: compared one by one. 0, or the place in `provides`, and 1, of the first of equal ones */
	size_t capacity; /* of slots, a power of two */
};

/* What was found for one requirement. */
struct order_found {
	size_t owner, entry;
	size_t first, count; /* edges, in the order in which they were found */
};

/* Providers being looked up for requirements; all arrays are of whoever makes it. */
struct order_search {
	struct order_patterns patterns;
	struct order_forms requires, provides;
	struct order_class *classes; /* in the order of `provides` */
	size_t class_count;
	uint64_t *fixed;           /* of classes */
	size_t *slots;             /* of classes */
	uint64_t *sums;            /* of each of `provides`: of the marks of the segments that count */
	size_t *next, *last;       /* of each: the next one that is equal, and 1; of the first one: the last one */
	size_t *seen, *where;      /* of each manifest: the requirement that found it last, and 1; at which edge */
	struct order_found *found; /* of each requirement, by number */
	struct buffer edges;       /* struct order_edge */
	size_t total;              /* edges, also those that are too many to keep */
	const struct order_form *current; /* the requirement looked up last */
	uint64_t steps;                   /* over LIMIT_ORDER_STEPS it was given up */
};

/** Fill search->classes; the forms are made, the arrays have room. */
void order_classes_find(struct order_search *search);

/** Find the providers of the requirements from `from` up to `to`, which are of one group, in the classes of the same
 *  group. */
void order_search_group(struct order_search *search, size_t from, size_t to, struct order_class *classes, size_t count);

/** Find the edges and the unmet requirements of `count` manifests for `order`. Errors as order_manifests(). */
MUST_CHECK enum capsule_status order_find_edges(
	struct order *order, const struct manifest *const *manifests, size_t count, struct capsule_error *err);

/* The consumers of each provider, an entry for each edge, as order.edges has them. */
struct order_links {
	size_t *first; /* of provider i: first[i] up to first[i + 1] */
	size_t *consumers;
};

/* The members of each cycle. */
struct order_cycles {
	size_t *first;   /* of cycle n, from 1: first[n - 1] up to first[n] */
	size_t *members; /* by name, those of one name as in the input */
	size_t *leader;  /* by manifest: the first of its cycle in the input; itself if it is in none */
};

/** Find the cycles; fills order->cycle_of (which has room) and cycle_count. Free with order_cycles_fini().
 *  Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status order_find_cycles(struct order *order, const struct order_links *links,
	const struct manifest *const *manifests, struct order_cycles *out, struct capsule_error *err);
void order_cycles_fini(struct order_cycles *cycles);

#endif
