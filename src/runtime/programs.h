/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The programs that one capsule may start: what each granted command stood for when it was loaded, what such a program sees
 * and may do, as a command of the guest and as a server, and the folder that is theirs. What the capsule's entries mean is
 * what the gate takes them for; commands have the grants of the component too, servers those of the capsule alone.
 * Functions block on the disk for a moment. Loop thread. */
#ifndef RUNTIME_PROGRAMS_H
#define RUNTIME_PROGRAMS_H

#include "base/log.h"
#include "gate/gate.h"
#include "process/process.h"
#include "process/program.h"
#include "process/sandbox.h"

/* Where a capsule's programs are and what is theirs. Borrowed. */
struct programs_places {
	const char *id; /* of the capsule */
	const struct manifest *manifest;
	const char *dir;       /* the capsule's folder, canonical */
	const char *workspace; /* absolute; NULL: there is none */
	const char *global;    /* what global:// means, absolute; NULL: there is none */
	const char *home;      /* of the runtime, canonical, closed to all programs; NULL: none resolves */
	const char *state;     /* the folder of programs_state_path(), or another one; NULL: it has none */
};

/** The folder that the programs of the capsule `id` have for themselves in the home at `home`. Owned by the caller; NULL
 *  when out of memory. Threads: any. */
char *programs_state_path(const char *home, const char *id);

/** Fill `plan` (empty) for the programs of a capsule: its folder, its state folder, what is granted to `whom`
 *  (GATE_FOR_COMPONENT: commands that its guest runs, which begin in the workspace and have a network if `net` holds
 *  `*`; GATE_FOR_CAPSULE: its servers, which begin in the state folder, without a network). The program itself is the
 *  caller's to show, as is the network of a server. sandbox_plan_fini() frees it, also after a failure. Needs no
 *  runtime, makes nothing on the disk. Errors: CAPSULE_EINVAL, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status programs_plan(
	struct sandbox_plan *plan, const struct programs_places *places, enum gate_for whom, struct capsule_error *err);

/** The same for `server`, one of the manifest's: with its network, and with its program shown when there is one. */
MUST_CHECK enum capsule_status programs_plan_server(struct sandbox_plan *plan, const struct programs_places *places,
	const struct manifest_mcp_server *server, struct capsule_error *err);

/** Find what `command` of the manifest stands for. program_fini() frees *out. Errors: as program_find(). */
MUST_CHECK enum capsule_status programs_find(
	struct program *out, const struct programs_places *places, const char *command, struct capsule_error *err);

/** Whether a capsule of `manifest` (NULL: a bare module) may start programs: by its guest, or at all, servers included. */
bool programs_granted(const struct manifest *manifest);
bool programs_start(const struct manifest *manifest);

/* What a loaded capsule has of all this. */
struct programs;

struct programs_options {
	struct programs_places
		places; /* its texts and the manifest are borrowed for the programs' life, but for `home` and `state` */
	const char *launcher;         /* absolute path of capsule-launch; NULL: it was not found */
	const char *launcher_missing; /* why, then */
	bool temporary_state; /* the state folder is a new one elsewhere, removed by programs_free(): nothing is kept */
	bool unsandboxed;     /* commands run without a sandbox: whoever owns the runtime wants it so. Logged */
	const struct log_sink *log;
};

/** Find every granted command of the capsule, and log what each stands for. Programs that are not there are no failure: who
 *  wants to start one is told. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status programs_new(
	struct programs **out, const struct programs_options *options, struct capsule_error *err);

/** Free them (taken; NULL is fine); a temporary state folder is removed. */
void programs_free(struct programs *programs);

/** host_services.command; `user` is the programs. */
enum capsule_status programs_command(void *user, struct span command, const struct program **program,
	struct process_spec *spec, struct capsule_error *err);

/** What the servers see beside their program, as mcp_services.sandbox: programs_plan() with the state folder, which is made
 *  when it is not there. Errors: CAPSULE_EIO, CAPSULE_ESTORE (there is no home to keep it in), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status programs_server_plan(
	struct programs *programs, struct sandbox_plan *plan, struct capsule_error *err);

/** The absolute path of the launcher. Errors: CAPSULE_ENOTFOUND. */
MUST_CHECK enum capsule_status programs_launcher(
	const struct programs *programs, const char **launcher, struct capsule_error *err);

#endif
