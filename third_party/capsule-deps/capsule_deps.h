/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the Rust library beside this header offers C besides Wasmtime's own API: BLAKE3, semantic versions, and TOML with the
 * place of every key and value.
 *
 * All functions: threads any, but one object is used by one thread at a time; no global state. Texts in are borrowed for the
 * call and need no terminating zero; NULL with length 0 is an empty text. Running out of memory, like any panic in the Rust
 * part, ends the process.
 */
#ifndef CAPSULE_DEPS_H
#define CAPSULE_DEPS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- BLAKE3 ---- */

#define DEPS_BLAKE3_SIZE 32

struct deps_hasher;

/** Hash `len` bytes at once into `out`. Cannot fail. */
void deps_blake3(const uint8_t *data, size_t len, uint8_t out[DEPS_BLAKE3_SIZE]);

/** A hasher for content that comes in pieces. Owned by the caller, freed with deps_hasher_free; never NULL. */
struct deps_hasher *deps_hasher_new(void);

/** Add the next `len` bytes. */
void deps_hasher_update(struct deps_hasher *hasher, const uint8_t *data, size_t len);

/** The hash of all bytes added so far, into `out`; more may be added afterwards. */
void deps_hasher_finish(const struct deps_hasher *hasher, uint8_t out[DEPS_BLAKE3_SIZE]);

/** Free a hasher; NULL is allowed. */
void deps_hasher_free(struct deps_hasher *hasher);

/* ---- Semantic versions ---- */

/**
 * Is `text` a version as semver.org 2.0.0 writes it (three numbers, no leading `v`), at most 256 bytes?
 * Returns 1 if so, else 0 with the reason, cut to `reason_size` bytes with its terminating zero, in `reason` (NULL: not wanted).
 */
int deps_semver_check(const char *text, size_t len, char *reason, size_t reason_size);

/** Is `text` a requirement on versions as Cargo writes it (`^1.2`, `>=1, <3`, `*`)? Returns and reason as deps_semver_check. */
int deps_semver_req_check(const char *text, size_t len, char *reason, size_t reason_size);

/** Does `version` meet the requirement `req`? 1 yes, 0 no, -1 if one of them cannot be parsed. */
int deps_semver_matches(const char *req, size_t req_len, const char *version, size_t version_len);

/* ---- TOML ---- */

enum deps_toml_kind {
	DEPS_TOML_STRING,
	DEPS_TOML_INTEGER,
	DEPS_TOML_FLOAT,
	DEPS_TOML_BOOLEAN,
	DEPS_TOML_DATETIME,
	DEPS_TOML_ARRAY,
	DEPS_TOML_TABLE,
};

/**
 * One value. All places are byte offsets into the document, start inclusive, end exclusive. Nodes refer to each other by their
 * index in the array; 0 as a child or sibling means none, because node 0 is the root table.
 */
struct deps_toml_node {
	uint32_t kind;        /* enum deps_toml_kind */
	uint32_t parent;      /* 0 for the root itself, too */
	uint32_t first_child; /* tables and arrays */
	uint32_t next;        /* next child of the same parent */
	uint32_t child_count;
	size_t key_start; /* where the key stands; both 0 for an element of an array and the root */
	size_t key_end;
	size_t start; /* where the value stands; of a table written with a header: its header, the first one for an */
	size_t end;   /* array of tables; of a table only implied by a longer key: the part that implies it */
	const char *key; /* decoded, zero-terminated, may hold zeros; NULL for an element of an array and the root */
	size_t key_len;
	const char *text; /* decoded string, or a datetime in RFC 3339 form; zero-terminated; NULL for other kinds */
	size_t text_len;
	int64_t integer;
	double number;
	int boolean;
};

/** One thing that is wrong with a document: where, and what in one line without place or full stop. */
struct deps_toml_error {
	size_t start;
	size_t end;
	const char *message; /* zero-terminated */
	size_t message_len;
};

struct deps_toml;

/**
 * Parse a document: TOML 1.0, and what 1.1 adds to it (line breaks in inline tables, `\e` and `\x` escapes, times without seconds).
 * Never NULL; owned by the caller, freed with deps_toml_free; keeps nothing of `text`.
 * Whether the document is good is told by deps_toml_errors. With errors the nodes are what could be made of the rest: fit for
 * looking for more mistakes, not for use. A document that is not UTF-8, over 4 MiB, over 200,000 keys and values, nested deeper
 * than 128 keys and brackets (brackets alone, and the parts of one key: 80) or with 64 syntax errors and more has a root
 * without children.
 */
struct deps_toml *deps_toml_parse(const char *text, size_t len);

/** The nodes, parents before their children, siblings in the order of their place; at least the root. Valid until deps_toml_free. */
const struct deps_toml_node *deps_toml_nodes(const struct deps_toml *toml, size_t *count);

/** The problems in the order of their place, at most 64; `*count` is 0 for a good document. Valid until deps_toml_free. */
const struct deps_toml_error *deps_toml_errors(const struct deps_toml *toml, size_t *count);

/** Free a document with its nodes and errors; NULL is allowed. */
void deps_toml_free(struct deps_toml *toml);

#ifdef __cplusplus
}
#endif

#endif
