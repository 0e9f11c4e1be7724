/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The static engine: context files, skills and commands of a capsule, read and checked when it is loaded and served as they were
 * then. Each file lies inside the capsule's folder (no link leaves it), is regular, UTF-8 and at most LIMIT_CONTENT_FILE bytes; all of a
 * capsule at most LIMIT_CONTENT_TOTAL. */
#ifndef STATIC_STATIC_H
#define STATIC_STATIC_H

#include "engine/engine.h"

enum content_kind { CONTENT_CONTEXT, CONTENT_SKILL, CONTENT_COMMAND };

struct content_item {
	enum content_kind kind;
	char *name;        /* of a skill: the manifest's; of a command: with one leading '/' */
	char *description; /* the manifest's, else the front matter's; NULL when there is none */
	char *file;        /* as the manifest names it; NULL for a command without one */
	char *text;        /* the whole file; of a skill without its front matter. NULL without a file */
	size_t len;
	char *meta;         /* front matter as a compact JSON object; NULL when there is none */
	char blake3[65];    /* of the file's bytes, "" without one */
	struct place place; /* of the file's name in the manifest, else of the entry */
};

struct content {
	struct content_item *items; /* context files, skills, commands, each in the manifest's order */
	size_t count;
	size_t bytes;
};

/** Note what `manifest` names, without reading anything: copies, so that content_read() needs no manifest. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status content_plan(
	struct content *out, const struct manifest *manifest, struct capsule_error *err);

/** Read the files of a plan below the folder `dir`; otherwise as content_load(), but what was planned stays to be freed. */
MUST_CHECK enum capsule_status content_read(
	struct content *content, const char *dir, struct diagnostics *diagnostics, struct capsule_error *err);

/** Read what `manifest` names below the folder `dir`. Every problem goes to `diagnostics` with its place in the manifest; content is
 *  made only without errors. content_fini() frees it. Blocks on the disk. Errors: CAPSULE_EMANIFEST (the first problem), CAPSULE_ENOMEM.
 *  Threads: any. */
MUST_CHECK enum capsule_status content_load(struct content *out, const struct manifest *manifest, const char *dir,
	struct diagnostics *diagnostics, struct capsule_error *err);
void content_fini(struct content *content);

/** Whether every file is one of those in `approved`, as struct engine_env has it: the same name with the same hash. Errors:
 *  CAPSULE_EMANIFEST naming the first that is not. Threads: any. */
MUST_CHECK enum capsule_status content_check(
	const struct content *content, const char *approved, struct capsule_error *err);

/** Append the items of `kind` as a JSON array of {"name", "description", "file", "bytes", "blake3", "meta", "text"}; absent ones are null,
 *  text only if `with_text`. Returns false as buffer_append() does. */
bool content_append_json(const struct content *content, enum content_kind kind, bool with_text, struct buffer *out);

/** The item called `name`, NULL when there is none. Borrowed. */
const struct content_item *content_find(const struct content *content, enum content_kind kind, const char *name);

/** The engine of one capsule; `env` is copied, what it points to is borrowed. Reading happens on the pool. Never takes calls
 *  (CAPSULE_EUNSUPPORTED). Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status static_engine_new(
	struct engine **out, const struct engine_env *env, struct capsule_error *err);

/** What a loaded static engine serves; NULL before it is loaded and after it was unloaded. Borrowed. */
const struct content *static_engine_content(const struct engine *engine);

#endif
