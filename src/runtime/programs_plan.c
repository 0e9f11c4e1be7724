/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the programs of a capsule see and may do, from its manifest and the folders that there are. */
#include "runtime/programs.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "gate/entry.h"
#include "gate/path.h"

#include <stdio.h>

#define ANY_HOST "*"

/* What no program needs and a runaway one would take. */
static const struct process_limits usual_limits = {
	.file_bytes = 16ull << 30,
	.open_files = 4096,
	.processes = 512,
};

char *programs_state_path(const char *home, const char *id)
{
	char *path = NULL;

	return asprintf(&path, "%s/state/%s", home, id) < 0 ? NULL : path;
}

/* ---- Who may what ---- */

static const struct manifest_capabilities *of_component(const struct manifest *manifest)
{
	return manifest->components.count > 0 ? &manifest->components.items[0].capabilities : NULL;
}

bool programs_granted(const struct manifest *manifest)
{
	const struct manifest_capabilities *component = manifest != NULL ? of_component(manifest) : NULL;

	return manifest != NULL &&
		(manifest->capabilities.host_process.count > 0 ||
			(component != NULL && component->host_process.count > 0));
}

bool programs_start(const struct manifest *manifest)
{
	return programs_granted(manifest) || (manifest != NULL && manifest->mcp_servers.count > 0);
}

static bool has_any_host(const struct string_list *hosts)
{
	for (size_t i = 0; i < hosts->count; i++)
		if (strcmp(hosts->items[i], ANY_HOST) == 0)
			return true;
	return false;
}

/* Whether programs of a capsule may have a network: its `net` (for GATE_FOR_COMPONENT also the component's) holds `*`. */
static bool may_network(const struct manifest *manifest, enum gate_for whom)
{
	const struct manifest_capabilities *component = of_component(manifest);

	return has_any_host(&manifest->capabilities.net) ||
		(whom == GATE_FOR_COMPONENT && component != NULL && has_any_host(&component->net));
}

/* ---- Files ---- */

static const char *reason_of(const struct entry_roots *roots, struct span path)
{
	if (roots->workspace != NULL && path_below(span_text(roots->workspace), path, NULL))
		return "workspace";
	if (roots->global != NULL && path_below(span_text(roots->global), path, NULL))
		return "shared";
	return "granted";
}

/* A grant that a sandbox can't have - the root, /proc ... - is left out: the program sees less then. */
static enum capsule_status show(
	struct sandbox_plan *plan, const char *path, bool writable, const char *why, struct capsule_error *err)
{
	struct capsule_error failure;
	enum capsule_status status = sandbox_plan_show(plan, path, writable, why, &failure);

	return status == CAPSULE_OK || status == CAPSULE_EINVAL ? CAPSULE_OK : error_copy(err, &failure);
}

static enum capsule_status show_entry(struct sandbox_plan *plan, const struct entry_roots *roots, const char *entry,
	bool writable, struct capsule_error *err)
{
	struct entry_meaning meaning;
	enum capsule_status status = entry_path(&meaning, roots, entry, err);

	if (status == CAPSULE_OK && meaning.name != NULL) {
		struct span name = span_text(meaning.name);

		status = show(plan, meaning.name, writable, reason_of(roots, name), err);
		/* The home is hidden below it, and with it what of the home is open to the capsule. */
		if (status == CAPSULE_OK && roots->forbidden != NULL && roots->global != NULL &&
			path_below(name, span_text(roots->forbidden), NULL) &&
			path_below(name, span_text(roots->global), NULL))
			status = show(plan, roots->global, writable, "shared", err);
	}
	entry_meaning_fini(&meaning);
	return status;
}

static enum capsule_status show_grants(struct sandbox_plan *plan, const struct entry_roots *roots,
	const struct manifest_capabilities *capabilities, struct capsule_error *err)
{
	const struct string_list *lists[] = { &capabilities->fs_read, &capabilities->fs_write };
	enum capsule_status status = CAPSULE_OK;

	for (int writes = 0; writes < 2; writes++)
		for (size_t i = 0; status == CAPSULE_OK && i < lists[writes]->count; i++)
			status = show_entry(plan, roots, lists[writes]->items[i], writes == 1, err);
	return status;
}

static enum capsule_status show_own(
	struct sandbox_plan *plan, const struct programs_places *places, struct capsule_error *err)
{
	enum capsule_status status = CAPSULE_OK;

	if (places->dir != NULL)
		status = show(plan, places->dir, false, "capsule", err);
	if (status == CAPSULE_OK && places->state != NULL)
		status = show(plan, places->state, true, "state", err);
	return status;
}

static enum capsule_status fill(struct sandbox_plan *plan, const struct programs_places *places,
	const struct entry_roots *roots, enum gate_for whom, struct capsule_error *err)
{
	const struct manifest_capabilities *component = of_component(places->manifest);
	const char *cwd = whom == GATE_FOR_COMPONENT ? roots->workspace : places->state;
	enum capsule_status status = CAPSULE_OK;

	if (roots->forbidden != NULL)
		status = sandbox_plan_hide(plan, roots->forbidden, "the runtime's own", err);
	/* Grants first: a capsule's folder that is the workspace, too, is called so. */
	if (status == CAPSULE_OK)
		status = show_grants(plan, roots, &places->manifest->capabilities, err);
	if (status == CAPSULE_OK && whom == GATE_FOR_COMPONENT && component != NULL)
		status = show_grants(plan, roots, component, err);
	if (status == CAPSULE_OK)
		status = show_own(plan, places, err);
	if (status != CAPSULE_OK || cwd == NULL)
		return status;
	plan->cwd = text_copy(span_text(cwd));
	return plan->cwd != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for a sandbox");
}

enum capsule_status programs_plan(
	struct sandbox_plan *plan, const struct programs_places *places, enum gate_for whom, struct capsule_error *err)
{
	const struct gate_roots asked = {
		.workspace = places->workspace, .global = places->global, .forbidden = places->home
	};
	struct entry_roots roots;
	enum capsule_status status = entry_roots_make(&roots, &asked, err);

	plan->limits = usual_limits;
	plan->network = whom == GATE_FOR_COMPONENT && may_network(places->manifest, whom);
	if (status == CAPSULE_OK)
		status = fill(plan, places, &roots, whom, err);
	entry_roots_fini(&roots);
	return status;
}

/* ---- Programs ---- */

enum capsule_status programs_find(
	struct program *out, const struct programs_places *places, const char *command, struct capsule_error *err)
{
	struct sandbox_plan plan = { 0 };
	HOLD(free_drop) const char **writable = NULL;
	struct program_places where = { .capsule_dir = places->dir };
	enum capsule_status status = programs_plan(&plan, places, GATE_FOR_COMPONENT, err);

	writable = calloc(plan.count + 1, sizeof *writable);
	if (status == CAPSULE_OK && writable == NULL)
		status = error_set(err, CAPSULE_ENOMEM, "no memory for a program");
	for (size_t i = 0; writable != NULL && i < plan.count; i++)
		if (plan.mounts[i].access == SANDBOX_WRITE)
			writable[where.writable_count++] = plan.mounts[i].path;
	where.writable = writable;
	if (status == CAPSULE_OK)
		status = program_find(out, command, &where, err);
	sandbox_plan_fini(&plan);
	return status;
}

enum capsule_status programs_plan_server(struct sandbox_plan *plan, const struct programs_places *places,
	const struct manifest_mcp_server *server, struct capsule_error *err)
{
	struct program program = { 0 };
	struct capsule_error unsaid;
	enum capsule_status status = programs_plan(plan, places, GATE_FOR_CAPSULE, err);

	plan->network = server->network && may_network(places->manifest, GATE_FOR_CAPSULE);
	if (status != CAPSULE_OK || server->command == NULL)
		return status;
	if (programs_find(&program, places, server->command, &unsaid) != CAPSULE_OK)
		return unsaid.status == CAPSULE_ENOMEM ? error_copy(err, &unsaid) : CAPSULE_OK;
	status = sandbox_plan_show_program(plan, program.path, places->dir, err);
	program_fini(&program);
	return status;
}
