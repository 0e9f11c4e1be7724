/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Context files, skills and commands of a capsule: what it serves without running anything. Needs no runtime; blocks on the disk. Threads: any,
 * one object by one thread at a time. */
#ifndef CAPSULE_CONTENT_H
#define CAPSULE_CONTENT_H

#include <capsule/error.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct capsule;
struct capsule_content;

enum capsule_content_kind { CAPSULE_CONTEXT, CAPSULE_SKILL, CAPSULE_COMMAND };

/* Texts are borrowed from the content; NULL where there is none. */
struct capsule_content_item {
	const char *name, *description, *file;
	const char *text; /* the whole file; of a skill without its front matter */
	size_t len;
	const char *meta;   /* front matter as a JSON object */
	const char *blake3; /* of the file */
};

/** Read what the manifest `path` (a Capsule.toml or its folder) names. Free with capsule_content_free(). Errors: as capsule_check(), and
 *  CAPSULE_EMANIFEST with the first problem of a file. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_content_new(
	struct capsule_content **out, const char *path, struct capsule_error *err);
CAPSULE_API void capsule_content_free(struct capsule_content *content);

/** How many there are of a kind. */
CAPSULE_API size_t capsule_content_count(const struct capsule_content *content, enum capsule_content_kind kind);
/** The one at `index`, counted from 0 within its kind; all members NULL behind the last one. */
CAPSULE_API void capsule_content_item(const struct capsule_content *content, enum capsule_content_kind kind,
	size_t index, struct capsule_content_item *out);

/** All of a kind as a JSON array of {"name", "description", "file", "bytes", "blake3", "meta", "text"}. Borrowed until the next call; NULL
 *  when out of memory. */
CAPSULE_API const char *capsule_content_json(
	struct capsule_content *content, enum capsule_content_kind kind, bool with_text);

/** What the capsule `capsule` serves, as capsule_content_json(): the bytes that were read, and held against its approval, when it was loaded,
 *  whatever the files hold now. "[]" for a bare module and for one that is not loaded. Borrowed until the next call for this capsule; NULL
 *  when out of memory. Threads: the runtime's. */
CAPSULE_API const char *capsule_content_served(struct capsule *capsule, enum capsule_content_kind kind, bool with_text);

#ifdef __cplusplus
}
#endif

#endif
