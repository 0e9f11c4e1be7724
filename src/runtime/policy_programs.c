/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What each program of a capsule would be and see, told without a runtime. */
#include "runtime/policy.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "gate/text.h"
#include "runtime/programs.h"

#include <string.h>

#define SHOWN_MAX 400 /* bytes of one text of a manifest */

/* One program: what its word stands for, and its sandbox. */
struct shown_program {
	const char *word;
	const struct manifest_mcp_server *server; /* NULL: a command that the guest runs */
	char *path;                               /* NULL: not found */
	struct capsule_error problem;             /* why, and why there is no plan */
	struct sandbox_plan plan;
};

static void shown_fini(struct shown_program *shown)
{
	sandbox_plan_fini(&shown->plan);
	free(shown->path);
}

static void look(struct shown_program *shown, const struct capsule_policy *policy)
{
	HOLD(free_drop) char *state = NULL;
	struct programs_places places = { .id = policy->manifest->package.name,
		.manifest = policy->manifest,
		.dir = policy->dir,
		.workspace = policy->workspace,
		.global = policy->global,
		.home = policy->home };
	struct capsule_error *err = &shown->problem;
	struct program program = { 0 };
	enum capsule_status status;

	if (policy->home != NULL)
		state = programs_state_path(policy->home, places.id);
	places.state = state;
	status = programs_find(&program, &places, shown->word, err);
	if (status == CAPSULE_OK) {
		shown->path = program.path;
		program.path = NULL;
	}
	program_fini(&program);
	if (shown->server != NULL)
		status = programs_plan_server(&shown->plan, &places, shown->server, err);
	else
		status = programs_plan(&shown->plan, &places, GATE_FOR_COMPONENT, err);
	if (status == CAPSULE_OK && shown->server == NULL && shown->path != NULL)
		status = sandbox_plan_show_program(&shown->plan, shown->path, places.dir, err);
	if (status == CAPSULE_OK && shown->path != NULL)
		error_clear(err);
}

static bool is_stdio(const struct manifest_mcp_server *server)
{
	return server->type != NULL && strcmp(server->type, "stdio") == 0;
}

static bool holds(const struct string_list *list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (list->items[i] != NULL && strcmp(list->items[i], text) == 0)
			return true;
	return false;
}

/* Call `tell` for each server that can be started, or for each command of the guest. How many they were. */
static size_t each_program(const struct capsule_policy *policy, bool servers,
	void (*tell)(struct shown_program *shown, size_t index, struct buffer *out), struct buffer *out)
{
	const struct manifest *manifest = policy->manifest;
	const struct string_list none = { 0 }, *own = &manifest->capabilities.host_process;
	const struct string_list *more = manifest->components.count > 0
		? &manifest->components.items[0].capabilities.host_process
		: &none;
	size_t count = servers ? manifest->mcp_servers.count : own->count + more->count, told = 0;

	if (!servers && manifest->components.count == 0)
		return 0; /* there is no guest that could run one */
	for (size_t i = 0; i < count; i++) {
		const struct manifest_mcp_server *server = servers ? &manifest->mcp_servers.items[i] : NULL;
		bool is_own = !servers && i < own->count;
		const char *word = servers ? server->command : is_own ? own->items[i] : more->items[i - own->count];
		struct shown_program shown = { .word = word, .server = server };

		if (word == NULL || (servers && !is_stdio(server)))
			continue;
		if (!servers &&
			(holds(own, is_own ? i : own->count, word) || (!is_own && holds(more, i - own->count, word))))
			continue;
		if (tell != NULL) {
			look(&shown, policy);
			tell(&shown, told, out);
			shown_fini(&shown);
		}
		told++;
	}
	return told;
}

/* ---- For a person ---- */

static void append_indented(struct buffer *out, const struct buffer *lines)
{
	bool begins = true;

	for (size_t i = 0; i < lines->len; i++) {
		if (begins)
			(void)buffer_append_text(out, "    ");
		(void)buffer_append_byte(out, lines->data[i]);
		begins = lines->data[i] == '\n';
	}
	if (!begins)
		(void)buffer_append_byte(out, '\n');
}

static void tell_text(struct shown_program *shown, size_t index, struct buffer *out)
{
	HOLD(buffer_fini) struct buffer lines = { 0 };

	(void)index;
	(void)buffer_append_text(out, shown->server != NULL ? "  server " : "  command ");
	(void)gate_text_append(out, span_text(shown->server != NULL ? shown->server->id : shown->word), SHOWN_MAX);
	(void)buffer_append_text(out, shown->path != NULL ? ": runs " : ": ");
	(void)gate_text_append(out, span_text(shown->path != NULL ? shown->path : shown->problem.text), SHOWN_MAX);
	for (size_t i = 0; shown->server != NULL && shown->path != NULL && i < shown->server->args.count; i++) {
		(void)buffer_append_byte(out, ' ');
		(void)gate_text_append(out, span_text(shown->server->args.items[i]), SHOWN_MAX);
	}
	(void)buffer_append_byte(out, '\n');
	(void)sandbox_plan_append_text(&shown->plan, &lines, gate_text_append);
	append_indented(out, &lines);
}

bool policy_append_programs_text(const struct capsule_policy *policy, bool colour, struct buffer *out)
{
	size_t count = each_program(policy, true, NULL, out) + each_program(policy, false, NULL, out);

	if (count == 0)
		return true;
	(void)buffer_printf(out, "\n%sprograms%s (%zu)\n", colour ? "\033[1m" : "", colour ? "\033[0m" : "", count);
	(void)each_program(policy, true, tell_text, out);
	(void)each_program(policy, false, tell_text, out);
	return !out->failed;
}

/* ---- For programs ---- */

static void append_nullable(struct buffer *out, const char *key, const char *text)
{
	(void)buffer_printf(out, ",\"%s\":", key);
	(void)(text != NULL ? json_append_lossy(out, span_text(text)) : buffer_append_text(out, "null"));
}

static void tell_json(struct shown_program *shown, size_t index, struct buffer *out)
{
	const struct manifest_mcp_server *server = shown->server;

	(void)buffer_append_text(out, index > 0 ? ",{" : "{");
	if (server != NULL)
		(void)(buffer_append_text(out, "\"id\":") && json_append_lossy(out, span_text(server->id)) &&
			buffer_append_byte(out, ','));
	(void)(buffer_append_text(out, "\"command\":") && json_append_lossy(out, span_text(shown->word)));
	if (server != NULL) {
		(void)buffer_append_text(out, ",\"args\":[");
		for (size_t i = 0; i < server->args.count; i++)
			(void)((i == 0 || buffer_append_byte(out, ',')) &&
				json_append_lossy(out, span_text(server->args.items[i])));
		(void)buffer_append_byte(out, ']');
	}
	append_nullable(out, "program", shown->path);
	append_nullable(out, "problem", shown->problem.status != CAPSULE_OK ? shown->problem.text : NULL);
	(void)(buffer_append_text(out, ",\"sandbox\":") && sandbox_plan_append_json(&shown->plan, out) &&
		buffer_append_byte(out, '}'));
}

bool policy_append_programs_json(const struct capsule_policy *policy, struct buffer *out)
{
	(void)buffer_append_text(out, ",\"servers\":[");
	(void)each_program(policy, true, tell_json, out);
	(void)buffer_append_text(out, "],\"commands\":[");
	(void)each_program(policy, false, tell_json, out);
	return buffer_append_byte(out, ']');
}
