/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a sandboxed child sees, reaches and may ask of the kernel. A plan is made for each program; its mounts are an
 * allow-list on an empty root:
 *
 *   /usr, /bin, /lib*, /sbin and some files of /etc   of the system, read-only
 *   the capsule's folder                               read-only
 *   a folder of its own for state                      writable, its working folder unless the plan says otherwise
 *   granted files                                      read-only or writable
 *   /tmp, the home folder                              private, empty, gone with it
 *   /dev, /proc                                        minimal; only its own processes
 *
 * and nothing else: not the runtime's home, not the user's, no sockets, no other capsule. Parents of mounts are
 * empty folders. What hides comes before what shows, so that a workspace below /tmp or below the home is there
 * (bubblewrap mounts in the order of its arguments). No network unless the plan has it. In the sandbox: namespaces
 * of its own for users, processes, mounts, IPC, host name and cgroups; a filter of system calls (seccomp.h); limits;
 * no new privileges.
 *
 * Needs bubblewrap (bwrap) 0.5 or newer and user namespaces. Where that can't run, starting fails with the cause and
 * the fix; nothing runs without it instead. Loop thread. */
#ifndef PROCESS_SANDBOX_H
#define PROCESS_SANDBOX_H

#include "base/buffer.h"
#include "base/error.h"
#include "process/process.h"

struct sandbox_mount {
	char *path; /* absolute, canonical; the same inside */
	bool writable;
	const char *why; /* "capsule", "state", "workspace", "program"; static, for people */
};

struct sandbox_plan {
	struct sandbox_mount *mounts; /* sorted when it is used: a folder before what is in it */
	size_t count;
	char *cwd;  /* inside; NULL: "/" */
	char *home; /* inside, made empty; NULL: /home/capsule */
	bool network;
	struct process_limits limits;
};

/** Show `path` (copied). One that does not exist when the program is started is left out. A path below one that is
 *  writable is not made read-only by this. Errors: CAPSULE_EINVAL (not absolute, not UTF-8, NUL or a component `..`),
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status sandbox_plan_show(
	struct sandbox_plan *plan, const char *path, bool writable, const char *why, struct capsule_error *err);

/** Show what the program at `path` (canonical) needs beside itself: nothing for one of the system, else its folder,
 *  and the one above if that is called bin; never a home, the root, or a folder above `dir` (may be NULL). Errors:
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status sandbox_plan_show_program(
	struct sandbox_plan *plan, const char *path, const char *dir, struct capsule_error *err);

void sandbox_plan_fini(struct sandbox_plan *plan);

/** Append the plan for a person, a line each ("read   /usr (system)", "write  /w (workspace)", "network: none" ...),
 *  and as a JSON object {"mounts": [{"path", "access": "read" | "write", "why"}], "cwd", "network", "limits"}. Return
 *  false as buffer_append() does. */
bool sandbox_plan_append_text(const struct sandbox_plan *plan, struct buffer *out);
bool sandbox_plan_append_json(const struct sandbox_plan *plan, struct buffer *out);

/** Append what a child's environment always has, "NAME=value" each: PATH, HOME, TMPDIR, LANG, USER, SHELL, TERM. The
 *  names are lower in rank than what the caller adds behind. `entries` has room for SANDBOX_ENV_MAX; texts are
 *  borrowed from `plan` or static. Returns how many. */
#define SANDBOX_ENV_MAX 12
size_t sandbox_environment(const struct sandbox_plan *plan, char *entries[SANDBOX_ENV_MAX], struct buffer *room);

/** Whether sandboxes can be made on this machine, as far as that can be told without making one: bwrap is found, user
 *  namespaces are not switched off. Errors: CAPSULE_EUNSUPPORTED, with what to install or enable for the cause that
 *  was found. */
MUST_CHECK enum capsule_status sandbox_available(struct capsule_error *err);

/** Why bwrap failed, from what it wrote: CAPSULE_EUNSUPPORTED with the cause and the fix where the machine refuses
 *  (user namespaces, AppArmor, /proc masked ...), else CAPSULE_EIO with its words. */
enum capsule_status sandbox_explain(struct span said, struct capsule_error *err);

#endif
