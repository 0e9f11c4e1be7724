/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tables and keys of Capsule.toml as data: what may stand where, of which type, and where it goes in struct manifest.
 * All of it is constant. Threads: any. */
#ifndef MANIFEST_KEYS_H
#define MANIFEST_KEYS_H

#include "manifest/manifest.h"

#define KEYS_NO_OFFSET SIZE_MAX /* the struct has no such member */
#define KEYS_PER_TABLE_MAX 24   /* rows of the longest table, with room; asserted */

enum key_type {
	KEY_STRING,
	KEY_PATH,
	KEY_ID, /* a string that is a capsule id */
	KEY_BOOL,
	KEY_INTEGER, /* within `least` and `most`, kept as int64_t */
	KEY_STRINGS, /* array of strings */
	KEY_WORD,    /* one of `words` */
	KEY_JSON,    /* any value, kept as JSON */
	KEY_JSON_TABLE,
	KEY_SUBTABLE, /* the keys of [capabilities] in an entry */
};

enum key_need { NEED_OPTIONAL, NEED_ADVISED, NEED_REQUIRED, NEED_FILLED };

enum table_shape {
	SHAPE_SINGLE, /* [name] */
	SHAPE_ARRAY,  /* [[name]] */
	SHAPE_MAP,    /* [name.KEY] */
};

struct key_row {
	const char *name;
	size_t name_len;
	const char *alias; /* an older name, NULL when it has none */
	enum key_type type;
	enum key_need need;
	const char *fallback;     /* value when absent: text, "true"/"false", digits or JSON; NULL for nothing, 0 */
	size_t limit;             /* bytes or entries, 0 for none */
	const char *const *words; /* KEY_WORD: NULL-ended, in the order of the enum it is kept as */
	int64_t least, most;      /* KEY_INTEGER */
	size_t offset;            /* of the value in the entry */
	size_t place_offset;      /* of a struct place in the entry, or KEYS_NO_OFFSET */
	bool added;               /* of this runtime alone: the reference ignores it */
	const char *used_by;
	const char *doc;
};

struct key_table {
	const char *name;
	size_t name_len;
	enum table_shape shape;
	enum key_need need;
	size_t offset;       /* of the entry, or of the pointer to the entries, in struct manifest */
	size_t count_offset; /* of the number of entries in struct manifest, KEYS_NO_OFFSET for a single table */
	size_t entry_size;   /* 0 for a single table */
	size_t place_offset; /* of a struct place in the entry, or KEYS_NO_OFFSET */
	size_t key_offset;   /* SHAPE_MAP: of the KEY in the entry, else KEYS_NO_OFFSET */
	const struct key_row *keys;
	size_t key_count;
	const char *doc;
};

/** All tables, in the order of the reference. */
const struct key_table *keys_tables(size_t *count);

/** The table called `name`, NULL when there is none. */
const struct key_table *keys_table_find(struct span name);

/** The row for `name`, also by its older name; NULL when `table` has none. */
const struct key_row *keys_find(const struct key_table *table, struct span name);

/** Write how the table is written in a manifest: "[package]", "[[tool]]", "[env.KEY]" with `key` (NULL: the letters KEY).
 *  Cut to `size`. */
void keys_label(const struct key_table *table, const char *key, char *label, size_t size);

/** The entries of `table` in `manifest`: its one entry for a single table. Borrowed; NULL when there are none. */
void *keys_entries(const struct key_table *table, struct manifest *manifest, size_t *count);

/** Make room for `count` zeroed entries of a table that has none yet, owned by `manifest`. False when out of memory. */
bool keys_entries_make(const struct key_table *table, struct manifest *manifest, size_t count);

/** Free what the values of `entry` own; not the entry itself, which must not be used afterwards. */
void keys_entry_fini(const struct key_table *table, void *entry);

/** The member of `entry` (both borrowed) that `offset` tells. */
static inline void *keys_member(void *entry, size_t offset)
{
	return (char *)entry + offset;
}

#endif
