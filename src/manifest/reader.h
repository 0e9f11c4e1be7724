/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the parts of the parser share while one manifest is read: the TOML nodes, where lines begin, the problems so far. */
#ifndef MANIFEST_READER_H
#define MANIFEST_READER_H

#include "manifest/keys.h"
#include "manifest/toml_quick.h"

#include <capsule_deps.h>

#define READER_NAME_MAX 64   /* bytes of a name from the file that a message shows */
#define READER_LABEL_MAX 128 /* bytes of what names a table in a message, with its terminator */
#define READER_FIX_MAX 1024  /* bytes of the text of a fix, with its terminator */
#define READER_MUTED_MAX 64

struct line_range {
	uint32_t first, last;
};

struct reader {
	struct span text;
	struct toml_quick quick; /* the nodes, or `toml` has them */
	struct deps_toml *toml;
	const struct deps_toml_node *nodes;
	size_t node_count;
	uint32_t *lines; /* offset of the first byte of each line */
	size_t line_count;
	size_t last_line; /* that a place was asked for */
	struct diagnostics *found;
	/* Where the syntax is broken: what the TOML parser made of these lines is not worth a second message. */
	struct line_range muted[READER_MUTED_MAX];
	size_t muted_count;
	bool out_of_memory;
};

/* A table of the manifest that is being read, or one entry of an array of tables. */
struct reader_entry {
	const struct key_table *table;
	const struct deps_toml_node *node;
	void *target;               /* the struct that its values go to */
	const struct key_row *in;   /* the key of another table whose value this is, NULL for a table of its own */
	const struct key_table *of; /* that table */
};

/** Parse `text` as TOML, which must be UTF-8 of at most LIMIT_MANIFEST_BYTES, and report what is wrong with its syntax.
 *  `text` and `found` are borrowed until reader_fini(), which is needed in any case. False when out of memory. */
bool reader_init(struct reader *reader, struct span text, struct diagnostics *found);

void reader_fini(struct reader *reader);

/** What messages call `entry`: "[package]", "[env.TOKEN]", "[component.capabilities]". Returns `label`. */
const char *reader_label(const struct reader_entry *entry, char label[READER_LABEL_MAX]);

/** Where the value of `node` stands, or the header of a table; cut at the end of the line. */
struct place reader_value_place(struct reader *reader, const struct deps_toml_node *node);

/** Where the key of `node` stands. */
struct place reader_key_place(struct reader *reader, const struct deps_toml_node *node);

/** Whether `node` with its key lies on a line where the syntax is broken. */
bool reader_muted(struct reader *reader, const struct deps_toml_node *node);

/** The value of `node` as it is written, when it is on one line and short enough for a message; else empty. */
struct span reader_source(const struct reader *reader, const struct deps_toml_node *node);

/** "a string", "an integer" ...: what `node` is. */
const char *reader_kind(const struct deps_toml_node *node);

static inline struct span reader_key(const struct deps_toml_node *node)
{
	return span_of(node->key, node->key_len);
}

/* For printf("%.*s"): a name from the file, short enough for a message. */
#define READER_NAME_ARG(text, len) (int)((len) < READER_NAME_MAX ? (len) : READER_NAME_MAX), (text)

/** Whether a warning would not be kept any more, so that nobody need think about its text. */
bool reader_full(const struct reader *reader);

/** Report a problem. `fix` may be NULL. */
void reader_report(struct reader *reader, enum severity severity, struct place place, const char *fix,
	const char *format, ...) PRINTF_LIKE(5, 6);

/** Whether a manifest may have `size` bytes; reports it if not. */
bool reader_check_size(size_t size, struct diagnostics *found);

/** The error that `found` means: its first one, or out of memory when none is kept. */
enum capsule_status reader_fail(const struct diagnostics *found, const char *path, struct capsule_error *err);

/** Read the keys of `entry->node` into `entry->target`. */
void reader_read_entry(struct reader *reader, const struct reader_entry *entry);

/** Read the value of key `row`, standing in `node`, into the member of `entry->target`. */
void reader_read_value(struct reader *reader, const struct reader_entry *entry, const struct key_row *row,
	const struct deps_toml_node *node);

/** Give the member for `row` the value that it has when the manifest is silent. */
void reader_set_fallback(struct reader *reader, const struct reader_entry *entry, const struct key_row *row);

/** The entry of `names` that differs from `name` only in case or in '-' and '_', else the one with the fewest edits; NULL when
 *  none is near. */
const char *reader_nearest(struct span name, const char *const *names, size_t count);

/** Write to `fix` what the author of an unknown key or table may have meant. */
void reader_suggest_key(const struct key_table *table, const char *label, struct span key, char fix[READER_FIX_MAX]);
void reader_suggest_table(const struct deps_toml_node *node, char fix[READER_FIX_MAX]);

#endif
