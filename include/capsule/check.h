/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Looking at capsules without running them: what is wrong with a manifest, what a module imports and exports, and
 * whether the tools of the two agree. */
#ifndef CAPSULE_CHECK_H
#define CAPSULE_CHECK_H

#include <capsule/op.h>
#include <capsule/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a check found. Free it with capsule_report_free(). */
struct capsule_report;

/** Check the manifest `path` (a Capsule.toml or the folder that holds one) and the files it names. Fails only when there is
 *  nothing to check: CAPSULE_EINVAL (no path), CAPSULE_ENOTFOUND, CAPSULE_EIO, CAPSULE_ENOMEM; problems of the manifest are
 *  in the report. Needs no runtime. Threads: any. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_check(
	struct capsule_report **out, const char *path, struct capsule_error *err);

/** Compare `count` reports (borrowed) with each other. A warning in its report becomes what a manifest requires and none of
 *  the others provides; the events that an [[interceptor]] or `ipc_subscribe` waits for and that neither one of them nor the
 *  runtime publishes; and topics of `ipc_publish` that none of them receives. Nothing is added to fewer than two, or when a
 *  manifest has errors, since what it provides is not known then. Errors: CAPSULE_ENOMEM, CAPSULE_ELIMIT (they depend on
 *  each other in too many ways). Threads: any. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_check_together(
	struct capsule_report *const *reports, size_t count, struct capsule_error *err);

/** How many errors and warnings it holds. */
CAPSULE_API size_t capsule_report_errors(const struct capsule_report *report);
CAPSULE_API size_t capsule_report_warnings(const struct capsule_report *report);

/** The report for a person: each problem with file:line:column, the line, a caret, the reason and the fix; with ANSI colours
 *  if asked. Borrowed from `report` until the next call; "" when nothing was found, NULL when out of memory. */
CAPSULE_API const char *capsule_report_text(struct capsule_report *report, bool colour);

/** The report as a JSON array of {severity, file, line, column, length, message, fix}. Borrowed as above. */
CAPSULE_API const char *capsule_report_json(struct capsule_report *report);

CAPSULE_API void capsule_report_free(struct capsule_report *report);

/** Compile the module of the capsule folder `path`, or the module file `path`, and describe it; runs nothing. The result is
 *  a JSON object: {"file", "bytes", "blake3", "capsule" (id or null), "kind": "tools" | "run-loop",
 *  "imports": [{"module", "name", "kind", "type", "known"}], "exports": [{"name", "kind", "type"}] ("type" is null for what
 *  is no function),
 *  "memory": {"pages_min", "pages_max" (or null)} or null,
 *  "host_functions": [{"name", "capability" (or null), "state": "ok" | "refused" | "unserved", "reason" (or null)}]}.
 *  Module errors come from the operation, as for capsule_load(); imports that do not exist are listed with "known":
 *  false. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_inspect(struct capsule_runtime *runtime, const char *path,
	capsule_done_fn done, void *user, struct capsule_op **op, struct capsule_error *err);

/** Whether `id` may be the id of a capsule (package.name): 1 to 128 bytes of a-z, 0-9 and '-'. Threads: any. */
CAPSULE_API bool capsule_id_valid(const char *id);

/** The version of this library, e.g. "0.1.0", and what it is built from as one line. Static strings. */
CAPSULE_API const char *capsule_version(void);
CAPSULE_API const char *capsule_build_info(void);

/* ---- The tools that a module says it has, beside those of its manifest ---- */

/* Needs no runtime: calling the module is the caller's. Blocks on the disk. Threads: any, one object by one thread at a
 * time. */
struct capsule_schemas;

/* The export that tells them, called with empty input. */
#define CAPSULE_SCHEMAS_EXPORT "astrid_export_schemas"

enum capsule_schema_state {
	CAPSULE_SCHEMA_SAME,
	CAPSULE_SCHEMA_DIFFERS,  /* description or schema, which is compared by value */
	CAPSULE_SCHEMA_MISSING,  /* the module has it, the manifest does not */
	CAPSULE_SCHEMA_UNSERVED, /* the manifest has it, the module does not */
	CAPSULE_SCHEMA_ADDED,    /* was missing until capsule_schemas_write() */
};

/* Texts are borrowed from the object until the next comparison; those of an unserved tool are the manifest's. */
struct capsule_schemas_item {
	const char *name;
	const char *description;  /* NULL: the module gives none, and none is compared */
	const char *input_schema; /* JSON */
	enum capsule_schema_state state;
	bool description_differs, schema_differs;
};

/** Read the manifest `path` (a Capsule.toml or its folder). Free with capsule_schemas_free(). Errors: CAPSULE_EINVAL,
 *  CAPSULE_ENOTFOUND (also: no module file), CAPSULE_EMANIFEST, CAPSULE_EMODULE (no component, or its file leads out of
 *  the folder), CAPSULE_EIO, CAPSULE_ENOMEM. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_schemas_open(
	struct capsule_schemas **out, const char *path, struct capsule_error *err);
CAPSULE_API void capsule_schemas_free(struct capsule_schemas *schemas);

/** The module file of the manifest's component, for capsule_load_module(). Borrowed from `schemas`. */
CAPSULE_API const char *capsule_schemas_module(const struct capsule_schemas *schemas);

/** Compare what CAPSULE_SCHEMAS_EXPORT answered (`len` bytes, borrowed for the call, at most 10 MiB, hostile) with the
 *  manifest. It is JSON: {"tools": ..., "description"}, or what may stand for "tools" alone: an array of {"name",
 *  "description", "input_schema"}, or an object of name to {"description", "input_schema"} or to a schema, whose own
 *  description then counts. What a manifest can't hold, null and integers that are neither 64 bits nor exact as a
 *  float, is left out of the comparison. Errors: CAPSULE_EINVAL (what is wrong, and where as a JSON pointer),
 *  CAPSULE_ELIMIT, CAPSULE_ENOMEM; nothing is compared then. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_schemas_compare(
	struct capsule_schemas *schemas, const char *answer, size_t len, struct capsule_error *err);

/** How many tools there are: first the module's, in its order, then those that it does not serve. */
CAPSULE_API size_t capsule_schemas_count(const struct capsule_schemas *schemas);
/** The one at `index`; all members zero behind the last one. */
CAPSULE_API void capsule_schemas_item(
	const struct capsule_schemas *schemas, size_t index, struct capsule_schemas_item *out);

/** A JSON array of {"name", "description", "input_schema", "state"}, the state as a word of lower-case letters.
 *  Borrowed until the next call; NULL when out of memory. */
CAPSULE_API const char *capsule_schemas_json(struct capsule_schemas *schemas);

/** Append a [[tool]] table for each missing tool to the end of the manifest's file; every byte that is there stays. The
 *  file is replaced in one step, and only if it parses with them and is as it was when it was opened. *added is how
 *  many there were. On an error nothing is changed: CAPSULE_ESTATE (the file changed, or is a link), CAPSULE_EMANIFEST
 *  (it would not parse), CAPSULE_EIO, CAPSULE_ENOMEM. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_schemas_write(
	struct capsule_schemas *schemas, size_t *added, struct capsule_error *err);

/** What the author should know of the tables that were written, a line each: values that were left out, descriptions
 *  that are empty. "" when there is nothing. Borrowed from `schemas`; NULL when out of memory. */
CAPSULE_API const char *capsule_schemas_notes(struct capsule_schemas *schemas);

#ifdef __cplusplus
}
#endif

#endif
