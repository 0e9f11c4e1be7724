/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "process/spawn.h"

#include "base/cleanup.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>

#define FDS_MAX (LAUNCH_STATUS_FD + 1 + PROCESS_FDS_MAX) /* what the launcher has open: 0, 1, ... */
#define OPTIONS_MAX 7                                    /* pairs of words */
#define NUMBER_SIZE 24

/* Copies of the descriptors that the child gets, above all numbers that they get there, so that none overwrites another on
 * its way. Their places are the numbers. */
struct fd_table {
	int fds[FDS_MAX];
	int count;
};

static void fd_table_drop(struct fd_table *table)
{
	for (int i = 0; i < table->count; i++)
		fd_drop(&table->fds[i]);
}

static bool fd_table_add(struct fd_table *table, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, FDS_MAX);

	if (copy >= 0)
		table->fds[table->count++] = copy;
	return copy >= 0;
}

static enum capsule_status fill_table(struct fd_table *table, const struct process_spec *spec,
	const struct spawn_ends *ends, struct capsule_error *err)
{
	HOLD(fd_drop) int null = spec->input < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
	const int first[] = { spec->input < 0 ? null : spec->input, ends->output, ends->error, ends->status };
	const size_t first_count = sizeof first / sizeof first[0];

	if (spec->input < 0 && null < 0)
		return error_os(err, errno, "open /dev/null for the input of a child");
	for (size_t i = 0; i < first_count + spec->fd_count; i++) {
		int fd = i < first_count ? first[i] : spec->fds[i - first_count];

		if (fd_table_add(table, fd))
			continue;
		if (errno == EBADF)
			return error_set(err, CAPSULE_EINVAL, "pass descriptor %d to a child: it is not open", fd);
		return error_os(err, errno, "pass descriptor %d to a child", fd);
	}
	return CAPSULE_OK;
}

/* The launcher's words, see launch.h. */
struct words {
	char **argv; /* the array is owned, its strings are not */
	size_t count;
	char numbers[OPTIONS_MAX][NUMBER_SIZE];
	size_t number_count;
};

static void words_drop(struct words *words)
{
	free(words->argv);
}

/* posix_spawn() takes pointers to non-const and changes nothing. */
static void add_word(struct words *words, const char *word)
{
	words->argv[words->count++] = (char *)(uintptr_t)word;
}

static void add_number(struct words *words, const char *name, uint64_t number)
{
	char *text = words->numbers[words->number_count++];

	(void)snprintf(text, NUMBER_SIZE, "%" PRIu64, number);
	add_word(words, name);
	add_word(words, text);
}

static void add_limit(struct words *words, const char *name, uint64_t limit)
{
	if (limit > 0)
		add_number(words, name, limit);
}

static enum capsule_status fill_words(struct words *words, const struct process_spec *spec, struct capsule_error *err)
{
	const struct process_limits *limits = &spec->limits;
	size_t count = 0;

	while (spec->argv[count] != NULL)
		count++;
	words->argv = calloc(1 + 2 * OPTIONS_MAX + 1 + count + 1, sizeof *words->argv);
	if (words->argv == NULL)
		return error_set(err, CAPSULE_ENOMEM, "run %s: out of memory", spec->argv[0]);
	add_word(words, spec->launcher);
	add_number(words, "--parent", (uint64_t)getpid());
	add_number(words, "--fds", spec->fd_count);
	add_word(words, "--cwd");
	add_word(words, spec->cwd == NULL ? "/" : spec->cwd);
	add_limit(words, "--cpu", limits->cpu_ms / 1000 + (limits->cpu_ms % 1000 != 0));
	add_limit(words, "--memory", limits->memory_bytes);
	add_limit(words, "--file", limits->file_bytes);
	add_limit(words, "--files", limits->open_files);
	add_word(words, "--");
	for (size_t i = 0; i < count; i++)
		add_word(words, spec->argv[i]);
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

/* Returns an errno value. */
static int spawn(pid_t *pid, const struct process_spec *spec, const struct words *words, const struct fd_table *table)
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
	if (result != 0)
		return result;
	return posix_spawn(pid, spec->launcher, actions, attributes, words->argv,
		spec->env == NULL ? no_env : (char *const *)(uintptr_t)spec->env);
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
	HOLD(fd_table_drop) struct fd_table table = { .count = 0 };
	HOLD(words_drop) struct words words = { .argv = NULL };
	enum capsule_status status = check_spec(spec, err);
	int result;

	if (status == CAPSULE_OK)
		status = fill_table(&table, spec, ends, err);
	if (status == CAPSULE_OK)
		status = fill_words(&words, spec, err);
	if (status != CAPSULE_OK)
		return status;
	result = spawn(pid, spec, &words, &table);
	if (result == ENOENT || result == EACCES)
		return error_os(err, result, "start %s (is the installation complete?)", spec->launcher);
	if (result != 0)
		return error_os(err, result, "start %s for %s", spec->launcher, spec->argv[0]);
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
	struct capsule_error *err, const char *program, const char *cwd, const struct launch_failure *failure)
{
	static const char *const steps[LAUNCH_STEP_COUNT] = {
		[LAUNCH_OPTIONS] =
			"capsule-launch is of another version than this library; install both from one build",
		[LAUNCH_PARENT] = "tie it to this process",
		[LAUNCH_PRIVILEGES] = "keep it from gaining privileges",
		[LAUNCH_FDS] = "arrange its descriptors",
		[LAUNCH_LIMITS] = "set its limits",
	};
	const char *step = "capsule-launch failed";

	if (failure->step == LAUNCH_CWD)
		return error_os(err, failure->os_errno, "run %s: enter its folder %s", program, cwd);
	if (failure->step == LAUNCH_RUN)
		step = run_hint(failure->os_errno);
	else if (failure->step >= 0 && failure->step < LAUNCH_STEP_COUNT)
		step = steps[failure->step];
	return error_os(err, failure->os_errno, "run %s: %s", program, step);
}
