/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The words and descriptors of a sandboxed child: bubblewrap, the launcher, the program (launch.h). */
#include "process/spawn_words.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "process/pidfd.h"
#include "process/spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define INNER_LAUNCHER "/proc/self/fd/9"
_Static_assert(INSIDE_LAUNCHER == 9, "the inner launcher is executed by its number");

/* What is made for one start, beside what the caller has. */
struct extras {
	int null, life, env, launcher;
};

static void extras_drop(struct extras *extras)
{
	fd_drop(&extras->null);
	fd_drop(&extras->life);
	fd_drop(&extras->env);
	fd_drop(&extras->launcher);
}

/* A file with the environment, which is no word, since anybody may read those, and not bubblewrap's environment, see
 * sandbox_wrap.h. */
static enum capsule_status make_env(int *fd, const struct process_spec *spec, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer bytes = { .limit = LAUNCH_ENV_MAX };

	for (size_t i = 0; spec->env != NULL && spec->env[i] != NULL; i++)
		if (!buffer_append(&bytes, spec->env[i], strlen(spec->env[i]) + 1))
			return error_set(err, bytes.starved ? CAPSULE_ENOMEM : CAPSULE_ELIMIT,
				"run %s: its environment is larger than %u bytes, or memory is out", spec->argv[0],
				LAUNCH_ENV_MAX);
	*fd = memfd_create("capsule-environment", MFD_CLOEXEC);
	if (*fd < 0 || fd_write_all(*fd, buffer_span(&bytes)) != 0)
		return error_os(err, errno, "pass the environment of %s", spec->argv[0]);
	return CAPSULE_OK;
}

static enum capsule_status make_extras(
	struct extras *extras, const struct process_spec *spec, struct capsule_error *err)
{
	extras->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (extras->null < 0)
		return error_os(err, errno, "open /dev/null for a child");
	extras->life = pidfd_of(getpid());
	if (extras->life < 0)
		return error_os(err, errno, "tie a child to this process");
	extras->launcher = open(spec->launcher, O_PATH | O_CLOEXEC);
	if (extras->launcher < 0)
		return error_os(err, errno, "start %s (is the installation complete?)", spec->launcher);
	return make_env(&extras->env, spec, err);
}

/* A script is shown at its path instead. */
static bool has_image(const struct process_spec *spec)
{
	return spec->image != NULL && spec->image->script_fd < 0;
}

static enum capsule_status fill_table(struct spawn_fds *table, const struct sandbox_wrap *wrap,
	const struct process_spec *spec, const struct extras *extras, const struct spawn_ends *ends,
	struct capsule_error *err)
{
	const int input = spec->input < 0 ? extras->null : spec->input;
	const int own[] = { extras->null, extras->null, ends->maker, /* of bubblewrap */
		input, ends->output, ends->error, ends->status, extras->life, extras->env, extras->launcher };
	enum capsule_status status = spawn_fds_add(table, own, sizeof own / sizeof own[0], err);

	if (status == CAPSULE_OK)
		status = spawn_fds_add(table, spec->fds, spec->fd_count, err);
	if (status == CAPSULE_OK && has_image(spec))
		status = spawn_fds_add(table, &spec->image->fd, 1, err);
	if (status == CAPSULE_OK)
		status = spawn_fds_add(table, wrap->fds, wrap->fd_count, err);
	return status;
}

static uint64_t limit_of(uint64_t own, uint64_t planned)
{
	return own != 0 ? own : planned;
}

static struct process_limits limits_of(const struct process_spec *spec)
{
	const struct process_limits *own = &spec->limits, *plan = &spec->sandbox->limits;

	return (struct process_limits){
		.cpu_ms = limit_of(own->cpu_ms, plan->cpu_ms),
		.memory_bytes = limit_of(own->memory_bytes, plan->memory_bytes),
		.file_bytes = limit_of(own->file_bytes, plan->file_bytes),
		.open_files = limit_of(own->open_files, plan->open_files),
		.processes = limit_of(own->processes, plan->processes),
	};
}

static void fill_words(struct spawn_words *words, const struct sandbox_wrap *wrap, const struct process_spec *spec)
{
	const struct process_limits limits = limits_of(spec);

	spawn_words_add_all(words, wrap->words);
	spawn_words_add(words, INNER_LAUNCHER);
	spawn_words_add_number(words, "--inside", 1);
	spawn_words_add_number(words, "--fds", spec->fd_count);
	if (spec->cwd != NULL) {
		spawn_words_add(words, "--cwd");
		spawn_words_add(words, spec->cwd);
	}
	if (has_image(spec))
		spawn_words_add_number(words, "--image", 1);
	if (limits.processes > 0)
		spawn_words_add_number(words, "--processes", limits.processes);
	spawn_words_add_limits(words, &limits);
	spawn_words_add(words, "--");
	spawn_words_add_all(words, (char *const *)(uintptr_t)spec->argv);
}

enum capsule_status spawn_sandboxed(struct spawn_words *words, struct spawn_fds *table, struct sandbox_wrap *wrap,
	const struct process_spec *spec, const struct spawn_ends *ends, struct capsule_error *err)
{
	HOLD(extras_drop) struct extras extras = { -1, -1, -1, -1 };
	int first_fd = INSIDE_FDS + (int)spec->fd_count + (has_image(spec) ? 1 : 0);
	enum capsule_status status = sandbox_wrap_make(wrap, spec->sandbox, spec->image, first_fd, err);

	if (status == CAPSULE_OK)
		status = make_extras(&extras, spec, err);
	table->above = SPAWN_FDS_MAX;
	if (status == CAPSULE_OK)
		status = fill_table(table, wrap, spec, &extras, ends, err);
	if (status != CAPSULE_OK)
		return status;
	if (!spawn_words_init(words, wrap->count + spawn_words_count(spec->argv)))
		return error_set(err, CAPSULE_ENOMEM, "run %s: out of memory", spec->argv[0]);
	fill_words(words, wrap, spec);
	return CAPSULE_OK;
}
