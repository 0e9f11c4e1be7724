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
 * of its own for users, processes, mounts, IPC, host name and cgroups; a filter of system calls (libexec/make-filter.c);
 * limits;
 * no new privileges.
 *
 * Needs bubblewrap (bwrap) 0.5 or newer and user namespaces. Where that can't run, starting fails with the cause and
 * the fix; nothing runs without it instead. Loop thread. */
#ifndef PROCESS_SANDBOX_H
#define PROCESS_SANDBOX_H

#include "base/buffer.h"
#include "base/error.h"
#include "process/process.h"

#define SANDBOX_MOUNTS_MAX 256
#define SANDBOX_HOME "/home/capsule" /* unless the plan has another */

/* Bytes in each of its private folders, which are in memory; where bubblewrap is older than 0.7, as many as the machine's
 * half of its memory. */
#define SANDBOX_PRIVATE_MAX (512u * 1024 * 1024)

enum sandbox_access { SANDBOX_HIDE, SANDBOX_READ, SANDBOX_WRITE };

struct sandbox_mount {
	char *path; /* absolute, canonical; the same inside */
	enum sandbox_access access;
	const char *why; /* "capsule", "state", "workspace", "program"; static, for people */
};

/* Zero-initialised is one that shows nothing of its own. */
struct sandbox_plan {
	struct sandbox_mount *mounts; /* sorted: a folder before what is in it; no two of one path */
	size_t count;
	char *cwd;  /* inside; NULL: "/" */
	char *home; /* inside, made empty; NULL: /home/capsule */
	bool network;
	struct process_limits limits;
};

/** Show `path` (copied), a file or a folder. One that does not exist when the program is started is left out. A path
 *  below one that is writable is not made read-only by this; one that is shown twice is writable if either says so.
 *  Errors: CAPSULE_EINVAL (not absolute, not UTF-8, a component `..`; the root, a folder above the homes or anything of
 *  /proc, /sys and /dev, which are never the host's), CAPSULE_ELIMIT (SANDBOX_MOUNTS_MAX), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status sandbox_plan_show(
	struct sandbox_plan *plan, const char *path, bool writable, const char *why, struct capsule_error *err);

/** Leave the folder `path` (copied) empty and read-only where one that holds it is shown, as the runtime's home is when
 *  the workspace is the user's home. What is shown below it is there all the same. One that does not exist is made when
 *  what holds it is writable, and is nothing to hide otherwise. Errors: as sandbox_plan_show(). */
MUST_CHECK enum capsule_status sandbox_plan_hide(
	struct sandbox_plan *plan, const char *path, const char *why, struct capsule_error *err);

/** Whether mount number `index` changes what is seen: not below one that shows it the same way or better, and, for what
 *  is hidden, below one that shows it. */
bool sandbox_plan_counts(const struct sandbox_plan *plan, size_t index);

/** The nearest mount that holds number `index`; NULL when there is none. */
const struct sandbox_mount *sandbox_plan_holder(const struct sandbox_plan *plan, size_t index);

/** Show what the program at `path` (canonical) needs beside itself: nothing for one of the system, else its folder,
 *  and the one above if that is called bin; never a home, the root, or a folder above `dir` (may be NULL), and above a
 *  bin no hidden folder of a home (~/.cargo). Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status sandbox_plan_show_program(
	struct sandbox_plan *plan, const char *path, const char *dir, struct capsule_error *err);

void sandbox_plan_fini(struct sandbox_plan *plan);

/* Append a path, at most `max` bytes of it, so that it can't pass for anything else on a terminal: names come from
 * manifests. */
typedef bool sandbox_shown_fn(struct buffer *out, struct span path, size_t max);

/** Append the plan for a person, a line each ("read   /usr ... (system)", "write  /w (workspace)", "network: none" ...),
 *  and as a JSON object {"mounts": [{"path", "access": "read" | "write" | "none", "why"}], "cwd", "network", "limits"},
 *  with what every sandbox has left out. Return false as buffer_append() does. */
bool sandbox_plan_append_text(const struct sandbox_plan *plan, struct buffer *out, sandbox_shown_fn *shown);
bool sandbox_plan_append_json(const struct sandbox_plan *plan, struct buffer *out);

/** Fill `entries` with what a child's environment always has, "NAME=value" each: PATH, HOME, TMPDIR, LANG, USER, LOGNAME,
 *  SHELL, TERM. The names are lower in rank than what the caller adds behind. Texts are borrowed from `room`, which is
 *  for nothing else, or static, and must not be changed. Returns how many; 0 when out of memory. */
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
