/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The programs of one loaded capsule. */
#include "runtime/programs.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "runtime/folder.h"
#include "runtime/home.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define STATE_MODE 0700

/* What one entry of host_process stands for. */
struct entry {
	const char *command; /* borrowed from the manifest */
	struct program program;
	struct sandbox_plan plan;
	char *env[SANDBOX_ENV_MAX + 1];
	struct buffer env_room;
	enum capsule_status status; /* CAPSULE_OK: it was found */
	char *why;                  /* it was not; NULL */
};

struct programs {
	struct programs_places places;
	const struct log_sink *log;
	char *launcher, *launcher_missing, *home, *state;
	bool temporary_state;
	struct entry *entries;
	size_t count;
	bool unsandboxed;
};

static void entry_fini(struct entry *entry)
{
	program_fini(&entry->program);
	sandbox_plan_fini(&entry->plan);
	buffer_fini(&entry->env_room);
	free(entry->why);
}

void programs_free(struct programs *programs)
{
	if (programs == NULL)
		return;
	for (size_t i = 0; i < programs->count; i++)
		entry_fini(&programs->entries[i]);
	if (programs->temporary_state && programs->state != NULL)
		folder_remove(programs->state);
	free(programs->entries);
	free(programs->launcher);
	free(programs->launcher_missing);
	free(programs->home);
	free(programs->state);
	free(programs);
}

DEFINE_DROP(programs_drop, struct programs *, programs_free)

/* ---- At load ---- */

static void tell(const struct programs *programs, const struct entry *entry)
{
	HOLD(buffer_fini) struct buffer line = { 0 };

	if (entry->status == CAPSULE_OK)
		(void)buffer_printf(&line, "`%s` of host_process is %s", entry->command, entry->program.path);
	else
		(void)buffer_printf(&line, "`%s` of host_process can't be started: %s", entry->command,
			entry->why != NULL ? entry->why : "no memory");
	log_write(programs->log, entry->status == CAPSULE_OK ? CAPSULE_LOG_INFO : CAPSULE_LOG_WARN, programs->places.id,
		buffer_span(&line));
}

static enum capsule_status prepare(struct programs *programs, struct entry *entry, struct capsule_error *err)
{
	const struct programs_places *places = &programs->places;
	enum capsule_status status = programs_find(&entry->program, places, entry->command, err);

	if (status == CAPSULE_OK)
		status = programs_plan(&entry->plan, places, GATE_FOR_COMPONENT, err);
	if (status == CAPSULE_OK)
		status = sandbox_plan_show_program(&entry->plan, entry->program.path, places->dir, err);
	if (status == CAPSULE_OK && sandbox_environment(&entry->plan, entry->env, &entry->env_room) == 0)
		status = error_set(err, CAPSULE_ENOMEM, "no memory for an environment");
	return status;
}

static struct entry *find(const struct programs *programs, struct span command)
{
	for (size_t i = 0; i < programs->count; i++)
		if (span_is(command, programs->entries[i].command))
			return &programs->entries[i];
	return NULL;
}

static enum capsule_status add(struct programs *programs, const struct string_list *commands, struct capsule_error *err)
{
	for (size_t i = 0; i < commands->count; i++) {
		struct entry *entry = &programs->entries[programs->count];
		struct capsule_error failure;

		if (find(programs, span_text(commands->items[i])) != NULL)
			continue;
		programs->count++;
		entry->command = commands->items[i];
		entry->status = prepare(programs, entry, &failure);
		if (entry->status == CAPSULE_ENOMEM)
			return error_copy(err, &failure);
		if (entry->status != CAPSULE_OK)
			entry->why = text_copy(span_text(failure.text));
		tell(programs, entry);
	}
	return CAPSULE_OK;
}

static enum capsule_status find_all(struct programs *programs, struct capsule_error *err)
{
	static const struct string_list none;
	const struct manifest *manifest = programs->places.manifest;
	const struct string_list *own = &manifest->capabilities.host_process;
	const struct string_list *component = manifest->components.count > 0
		? &manifest->components.items[0].capabilities.host_process
		: &none;
	enum capsule_status status;

	if (own->count + component->count == 0)
		return CAPSULE_OK;
	programs->entries = calloc(own->count + component->count, sizeof *programs->entries);
	if (programs->entries == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for programs");
	status = add(programs, own, err);
	return status == CAPSULE_OK ? add(programs, component, err) : status;
}

static bool copy(char **out, const char *text)
{
	*out = text != NULL ? text_copy(span_text(text)) : NULL;
	return text == NULL || *out != NULL;
}

enum capsule_status programs_new(
	struct programs **out, const struct programs_options *options, struct capsule_error *err)
{
	HOLD(programs_drop) struct programs *programs = calloc(1, sizeof *programs);
	enum capsule_status status = CAPSULE_OK;

	if (programs == NULL || !copy(&programs->launcher, options->launcher) ||
		!copy(&programs->launcher_missing, options->launcher_missing) ||
		!copy(&programs->home, options->places.home) ||
		!copy(&programs->state, options->temporary_state ? NULL : options->places.state))
		return error_set(err, CAPSULE_ENOMEM, "no memory for programs");
	programs->places = options->places;
	programs->places.home = programs->home;
	programs->log = options->log;
	programs->temporary_state = options->temporary_state;
	programs->unsandboxed = options->unsandboxed;
	if (options->temporary_state)
		status = folder_make_temporary(&programs->state, "capsule-state", err);
	programs->places.state = programs->state;
	if (status == CAPSULE_OK)
		status = find_all(programs, err);
	if (status == CAPSULE_OK)
		*out = GIVE(programs);
	return status;
}

/* ---- At a start ---- */

/* A folder of ours that nobody else can look into. What is there and is something else is not used. */
static enum capsule_status make_private(const char *path, struct capsule_error *err)
{
	struct stat info;

	if (mkdir(path, STATE_MODE) != 0 && errno != EEXIST)
		return error_os(err, errno, "make the folder %.512s for what programs keep", path);
	if (lstat(path, &info) != 0)
		return error_os(err, errno, "the folder %.512s for what programs keep", path);
	if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid())
		return error_set(err, CAPSULE_EIO,
			"%.512s, where programs keep what is theirs, is no folder of this user: move it away", path);
	if ((info.st_mode & ALLPERMS) != STATE_MODE && chmod(path, STATE_MODE) != 0)
		return error_os(err, errno, "close the folder %.512s to others", path);
	return CAPSULE_OK;
}

/* The folder and the one above it; the home is there, or is made as for everything else that is kept. */
static enum capsule_status make_state(const struct programs *programs, struct capsule_error *err)
{
	HOLD(free_drop) char *above = NULL;
	enum capsule_status status = CAPSULE_OK;

	if (programs->state == NULL || programs->temporary_state)
		return CAPSULE_OK;
	above = text_copy(span_of(programs->state, (size_t)(strrchr(programs->state, '/') - programs->state)));
	if (above == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a folder's path");
	if (programs->places.home != NULL)
		status = home_make(programs->places.home, err);
	if (status == CAPSULE_OK)
		status = make_private(above, err);
	return status == CAPSULE_OK ? make_private(programs->state, err) : status;
}

enum capsule_status programs_launcher(const struct programs *programs, const char **launcher, struct capsule_error *err)
{
	*launcher = programs->launcher;
	if (programs->launcher != NULL)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ENOTFOUND, "%s",
		programs->launcher_missing != NULL ? programs->launcher_missing : "capsule-launch is not there");
}

enum capsule_status programs_command(void *user, struct span command, const struct program **program,
	struct process_spec *spec, struct capsule_error *err)
{
	struct programs *programs = user;
	const struct entry *entry = find(programs, command);
	const char *launcher = NULL;
	enum capsule_status status;

	if (entry == NULL)
		return error_set(
			err, CAPSULE_ENOTFOUND, "`%.*s` was not known when the capsule was loaded", SPAN_ARG(command));
	if (entry->status != CAPSULE_OK)
		return error_set(err, entry->status, "%s", entry->why != NULL ? entry->why : "it was not found");
	/* What follows is this machine's fault and not the program's. */
	if (programs_launcher(programs, &launcher, err) != CAPSULE_OK)
		return err->status = CAPSULE_EUNSUPPORTED;
	status = programs->unsandboxed ? CAPSULE_OK : sandbox_available(err);
	if (status == CAPSULE_OK)
		status = make_state(programs, err);
	if (status != CAPSULE_OK)
		return status;
	*program = &entry->program;
	*spec = (struct process_spec){ .launcher = launcher,
		.sandbox = &entry->plan,
		.env = (const char *const *)entry->env,
		.input = -1,
		.limits = entry->plan.limits };
	if (programs->unsandboxed) {
		spec->sandbox = NULL;
		spec->cwd = entry->plan.cwd;
	}
	return CAPSULE_OK;
}

enum capsule_status programs_server_plan(
	struct programs *programs, struct sandbox_plan *plan, struct capsule_error *err)
{
	enum capsule_status status;

	if (programs->state == NULL)
		return error_set(err, CAPSULE_ESTORE,
			"no home to keep the state of servers in: set ASTRID_HOME to an absolute path");
	status = make_state(programs, err);
	return status == CAPSULE_OK ? programs_plan(plan, &programs->places, GATE_FOR_CAPSULE, err) : status;
}
