/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The programs that a capsule may start, and those that its guest has started. */
#include "runtime/internal.h"

#include "base/cleanup.h"
#include "gate/path.h"
#include "process/children.h"
#include "process/libexec.h"
#include "runtime/programs.h"

#include <stdio.h>

#define LAUNCHER "capsule-launch"

/* host_services.command */
static enum capsule_status lend_command(void *user, struct span command, const struct program **program,
	struct process_spec *spec, struct capsule_error *err)
{
	const struct services *services = user;

	return programs_command(services->programs, command, program, spec, err);
}

static enum capsule_status find_programs(struct services *services, struct capsule_error *err)
{
	const struct capsule_runtime *runtime = services->runtime;
	const struct home *home = &runtime->home;
	HOLD(free_drop) char *launcher = NULL, *state = NULL, *canonical = NULL;
	struct capsule_error missing = { .status = CAPSULE_OK };
	struct programs_options options = { .places = { .id = services->id,
						    .manifest = services->manifest,
						    .dir = LIST_ENTRY(services, struct capsule, services)->dir,
						    .workspace = services->workspace_path,
						    .global = services->global_path },
		.temporary_state = home->memory,
		.unsandboxed = servers_unsandboxed(runtime, services->id) != NULL,
		.log = &runtime->log };

	/* Sandboxes show and hide what lies at a path without a link on its way. */
	if (home->path != NULL && path_canonical(&canonical, home->path, err) != CAPSULE_OK)
		return err->status;
	if (canonical != NULL && !home->memory) {
		state = programs_state_path(canonical, services->id);
		if (state == NULL)
			return error_set(err, CAPSULE_ENOMEM, "no memory for a folder's path");
	}
	/* Told when something is to be started: what else the capsule does needs none. */
	if (libexec_find(&launcher, runtime->libexec_dir, LAUNCHER, &missing) != CAPSULE_OK)
		options.launcher_missing = missing.text;
	options.launcher = launcher;
	options.places.home = canonical;
	options.places.state = state;
	return programs_new(&services->programs, &options, err);
}

static void warn_of_no_sandbox(const struct services *services, const char *why)
{
	char text[256];

	(void)snprintf(text, sizeof text, "commands that it runs have no sandbox: %s", why);
	log_write(&services->runtime->log, CAPSULE_LOG_WARN, services->id, span_text(text));
}

enum capsule_status services_open_programs(struct services *services, struct capsule_error *err)
{
	const char *why;
	enum capsule_status status;

	if (!programs_start(services->manifest))
		return CAPSULE_OK;
	status = find_programs(services, err);
	if (status != CAPSULE_OK || !programs_granted(services->manifest))
		return status;
	why = servers_unsandboxed(services->runtime, services->id);
	if (why != NULL && services->manifest->components.count > 0) /* who else would run one */
		warn_of_no_sandbox(services, why);
	status = children_new(&services->children, services->runtime->loop, err);
	return status == CAPSULE_OK ? events_hear_cancels(services->runtime, err) : status;
}

void services_close_programs(struct services *services)
{
	children_free(services->children);
	programs_free(services->programs);
}

void services_lend_programs(struct services *services, struct host_services *lent)
{
	lent->children = services->children;
	if (services->children != NULL)
		lent->command = lend_command;
}

void services_let_start(struct services *services)
{
	if (services->children != NULL)
		children_open(services->children);
}

void services_end_children(struct services *services)
{
	if (services->children != NULL)
		children_end_all(services->children);
}
