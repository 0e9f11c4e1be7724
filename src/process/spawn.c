/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "process/spawn.h"

#include "base/cleanup.h"
#include "process/spawn_words.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

static enum capsule_status fill_table(struct spawn_fds *table, const struct process_spec *spec,
	const struct spawn_ends *ends, struct capsule_error *err)
{
	HOLD(fd_drop) int null = spec->input < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
	const int first[] = { spec->input < 0 ? null : spec->input, ends->output, ends->error, ends->status };
	enum capsule_status status;

	if (spec->input < 0 && null < 0)
		return error_os(err, errno, "open /dev/null for the input of a child");
	status = spawn_fds_add(table, first, sizeof first / sizeof first[0], err);
	if (status == CAPSULE_OK)
		status = spawn_fds_add(table, spec->fds, spec->fd_count, err);
	if (status == CAPSULE_OK && spec->image != NULL)
		status = spawn_fds_add(table, &spec->image->fd, 1, err);
	return status;
}

static enum capsule_status fill_words(
	struct spawn_words *words, const struct process_spec *spec, struct capsule_error *err)
{
	if (!spawn_words_init(words, spawn_words_count(spec->argv)))
		return error_set(err, CAPSULE_ENOMEM, "run %s: out of memory", spec->argv[0]);
	spawn_words_add(words, spec->launcher);
	spawn_words_add_number(words, "--parent", (uint64_t)getpid());
	spawn_words_add_number(words, "--fds", spec->fd_count);
	spawn_words_add(words, "--cwd");
	spawn_words_add(words, spec->cwd == NULL ? "/" : spec->cwd);
	if (spec->image != NULL)
		spawn_words_add_number(words, "--image", 1);
	if (spec->image != NULL && spec->image->script_fd >= 0)
		spawn_words_add_number(words, "--script", 1);
	spawn_words_add_limits(words, &spec->limits);
	spawn_words_add(words, "--");
	spawn_words_add_all(words, (char *const *)(uintptr_t)spec->argv);
	return CAPSULE_OK;
}

static void actions_drop(posix_spawn_file_actions_t **actions)
{
	(void)posix_spawn_file_actions_destroy(*actions);
}

static void attributes_drop(posix_spawnattr_t **attributes)
{
	(void)posix_spawnattr_destroy(*attributes);
}

/* Nothing of what this thread blocks or this process ignores reaches the child. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;
	int result;

	memset(&all, 0xff,
		sizeof all); /* sigfillset() leaves out two of glibc's own, which the child would ignore then */
	(void)sigemptyset(&none);
	result = posix_spawnattr_setflags(
		attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	if (result == 0)
		result = posix_spawnattr_setsigdefault(attributes, &all);
	return result != 0 ? result : posix_spawnattr_setsigmask(attributes, &none);
}

/* What the launcher does before it becomes a program, for bubblewrap, which is started without it: no descriptor but those
 * of the table, the folder. */
static int add_closing(posix_spawn_file_actions_t *actions, const struct spawn_fds *table)
{
	int result = posix_spawn_file_actions_addclosefrom_np(actions, table->count);

	return result != 0 ? result : posix_spawn_file_actions_addchdir_np(actions, "/");
}

/* Returns an errno value. */
static int spawn(
	pid_t *pid, const struct process_spec *spec, const struct spawn_words *words, const struct spawn_fds *table)
{
	static char *const no_env[] = { NULL };
	posix_spawn_file_actions_t own_actions;
	posix_spawnattr_t own_attributes;
	HOLD(actions_drop) posix_spawn_file_actions_t *actions = &own_actions;
	HOLD(attributes_drop) posix_spawnattr_t *attributes = &own_attributes;
	int result;

	(void)posix_spawn_file_actions_init(actions); /* with glibc these two never fail */
	(void)posix_spawnattr_init(attributes);
	result = set_attributes(attributes);
	for (int i = 0; i < table->count && result == 0; i++)
		result = posix_spawn_file_actions_adddup2(actions, table->fds[i], i);
	if (result == 0 && spec->sandbox != NULL)
		result = add_closing(actions, table);
	if (result != 0)
		return result;
	return posix_spawn(pid, words->argv[0], actions, attributes, words->argv,
		spec->env == NULL || spec->sandbox != NULL ? no_env : (char *const *)(uintptr_t)spec->env);
}

static bool is_absolute(const char *path)
{
	return path != NULL && path[0] == '/';
}

static enum capsule_status check_spec(const struct process_spec *spec, struct capsule_error *err)
{
	const char *const paths[] = { spec->launcher, spec->argv[0], spec->cwd == NULL ? "/" : spec->cwd };

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		if (!is_absolute(paths[i]))
			return error_set(err, CAPSULE_EINVAL, "start a child: `%s` must be an absolute path",
				paths[i] == NULL ? "" : paths[i]);
	if (spec->fd_count > PROCESS_FDS_MAX)
		return error_set(err, CAPSULE_EINVAL, "run %s: %zu descriptors to pass, more than %d", spec->argv[0],
			spec->fd_count, PROCESS_FDS_MAX);
	return CAPSULE_OK;
}

enum capsule_status spawn_launcher(
	pid_t *pid, const struct process_spec *spec, const struct spawn_ends *ends, struct capsule_error *err)
{
	HOLD(sandbox_wrap_fini) struct sandbox_wrap wrap = { .words = NULL };
	HOLD(spawn_fds_drop) struct spawn_fds table = { .above = LAUNCH_STATUS_FD + 1 + PROCESS_FDS_MAX + 1 };
	HOLD(spawn_words_drop) struct spawn_words words = { .argv = NULL };
	enum capsule_status status = check_spec(spec, err);
	int result;

	if (status == CAPSULE_OK && spec->sandbox != NULL)
		status = spawn_sandboxed(&words, &table, &wrap, spec, ends, err);
	else if (status == CAPSULE_OK) {
		status = fill_table(&table, spec, ends, err);
		if (status == CAPSULE_OK)
			status = fill_words(&words, spec, err);
	}
	if (status != CAPSULE_OK)
		return status;
	result = spawn(pid, spec, &words, &table);
	if (result == ENOENT || result == EACCES)
		return error_os(err, result, "start %s (is the installation complete?)", words.argv[0]);
	if (result != 0)
		return error_os(err, result, "start %s for %s", words.argv[0], spec->argv[0]);
	return CAPSULE_OK;
}

/* What to do about a program that the kernel does not run. */
static const char *run_hint(int os_errno)
{
	switch (os_errno) {
	case ENOENT:
		return "it, and the interpreter that its first line may name, must exist";
	case EACCES:
		return "it must be an executable file in folders that this user may enter";
	case ENOEXEC:
		return "it must be a program for this machine, or a script that begins with #! and its interpreter";
	default:
		return "the kernel does not start it";
	}
}

enum capsule_status spawn_explain(
	struct capsule_error *err, const char *program, const char *cwd, const struct launch_message *failure)
{
	static const char *const steps[LAUNCH_STEP_COUNT] = {
		[LAUNCH_OPTIONS] =
			"capsule-launch is of another version than this library; install both from one build",
		[LAUNCH_PARENT] = "tie it to this process",
		[LAUNCH_PRIVILEGES] = "keep it from gaining privileges",
		[LAUNCH_FDS] = "arrange its descriptors",
		[LAUNCH_LIMITS] = "set its limits",
		[LAUNCH_INSIDE] = "pass its environment into the sandbox and start it there",
		[LAUNCH_FILTER] = "filter its system calls (does this kernel have seccomp filters?)",
		[LAUNCH_CHANGED] = "its file was replaced after it was verified; start it again",
	};
	const char *step = "capsule-launch failed";

	if (failure->step == LAUNCH_CWD)
		return error_os(err, failure->os_errno, "run %s: enter its folder %s", program, cwd);
	if (failure->step == LAUNCH_RUN)
		step = run_hint(failure->os_errno);
	else if (failure->step >= 0 && failure->step < LAUNCH_STEP_COUNT && steps[failure->step] != NULL)
		step = steps[failure->step];
	return error_os(err, failure->os_errno, "run %s: %s", program, step);
}
