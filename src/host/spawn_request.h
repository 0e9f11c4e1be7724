/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a guest asks about programs, as JSON: {"cmd": "git", "args": ["status"]} to start one, {"id": 1} about one that was
 * started. Strict JSON; unknown members mean nothing, `args` may be missing but not null. Threads: any. */
#ifndef HOST_SPAWN_REQUEST_H
#define HOST_SPAWN_REQUEST_H

#include "base/error.h"
#include "base/span.h"

struct yyjson_doc;

#define SPAWN_ARGS_MAX 4096              /* words behind the command */
#define SPAWN_WORD_MAX (128u * 1024 - 1) /* bytes of one: the kernel takes no longer ones */
#define SPAWN_WORDS_MAX                                                                                                \
	(1u << 20) /* bytes of all, each with its terminator: the kernel's default is 2 MiB with the environment */

struct spawn_request {
	struct yyjson_doc *doc; /* what the texts are in */
	const char *cmd;
	const char **argv; /* NULL-ended; argv[0] is `cmd`, to be replaced by the path of the program */
	size_t argc;       /* with argv[0] */
};

/** Read a request to start a program. spawn_request_fini() frees *out, also after a failure. Errors: CAPSULE_EINVAL (no
 *  JSON, a member missing or no text, a zero byte in a word), CAPSULE_ELIMIT, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status spawn_request_read(
	struct spawn_request *out, struct span json, struct capsule_error *err);
void spawn_request_fini(struct spawn_request *request);

/** Read a request about a program that was started. Errors: as above. */
MUST_CHECK enum capsule_status spawn_request_read_id(uint64_t *id, struct span json, struct capsule_error *err);

#endif
