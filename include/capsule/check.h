/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Looking at capsules without running them: what is wrong with a manifest, what a module imports and exports. */
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

/** Compare `count` reports (borrowed) with each other: what a manifest requires and none of the others provides becomes a warning in
 *  its report. Nothing is added to fewer than two, or when a manifest has errors, since what it provides is not known then.
 *  Errors: CAPSULE_ENOMEM, CAPSULE_ELIMIT (they depend on each other in too many ways). Threads: any. */
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
 *  Module errors come from the operation, as for capsule_load(); imports that do not exist are listed with "known": false. */
CAPSULE_API CAPSULE_MUST_CHECK enum capsule_status capsule_inspect(struct capsule_runtime *runtime, const char *path,
	capsule_done_fn done, void *user, struct capsule_op **op, struct capsule_error *err);

/** Whether `id` may be the id of a capsule (package.name): 1 to 128 bytes of a-z, 0-9 and '-'. Threads: any. */
CAPSULE_API bool capsule_id_valid(const char *id);

/** The version of this library, e.g. "0.1.0", and what it is built from as one line. Static strings. */
CAPSULE_API const char *capsule_version(void);
CAPSULE_API const char *capsule_build_info(void);

#ifdef __cplusplus
}
#endif

#endif
