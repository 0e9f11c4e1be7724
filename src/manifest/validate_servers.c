/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* MCP servers: what would not be started is warned of, since the capsule loads without it elsewhere; what could be taken
 * for more safety than there is, is refused. */
#include "base/cleanup.h"
#include "base/digest_text.h"
#include "base/text.h"
#include "manifest/server_name.h"
#include "manifest/twins.h"
#include "manifest/validate_part.h"

#include <stdio.h>

/* Ways to talk to a server that exist. */
static const char *const server_types[] = { "stdio" };

static bool is_started(const struct manifest_mcp_server *server)
{
	return server->type != NULL && strcmp(server->type, server_types[0]) == 0;
}

static void check_type(const struct manifest_mcp_server *server, struct diagnostics *found)
{
	const char *near;
	char fix[VALIDATE_FIX_MAX];

	if (server->type == NULL) {
		if (server->type_place.line == 0)
			diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(server->place), "add `type = \"stdio\"`",
				"the MCP server `%" VALIDATE_SHOWN "` has no `type` and is not started; types: `stdio`",
				server->id);
		return;
	}
	if (is_started(server))
		return;
	near = text_nearest(server->type, server_types, 1);
	(void)snprintf(fix, sizeof(fix), "did you mean `%s`?", near != NULL ? near : "");
	diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(server->type_place),
		near != NULL ? fix : "write `stdio` if it speaks over its standard input and output",
		"the MCP server `%" VALIDATE_SHOWN "` has the unknown type `%" VALIDATE_SHOWN
		"` and is not started; types: `stdio`",
		server->id, server->type);
}

/* The name of a server that is not started is of no use, and does no harm. */
static void check_id(const struct manifest_mcp_server *server, struct diagnostics *found)
{
	enum severity severity = is_started(server) ? SEVERITY_ERROR : SEVERITY_WARNING;
	struct capsule_error err;

	if (server_name_check(span_text(server->id), &err) != CAPSULE_OK)
		diagnostics_add(found, severity, PLACE_ARGS(server->id_place),
			"use letters, digits, `-`, `_` and `.`, at most 128 of them", "`id` of an MCP server: %s",
			err.text);
	else if (strchr(server->id, ':') != NULL)
		diagnostics_add(found, severity, PLACE_ARGS(server->id_place),
			"use letters, digits, `-`, `_` and `.`, at most 128 of them",
			"`id` of an MCP server: `%" VALIDATE_SHOWN
			"` holds a `:`, which stands between the parts of a server's name",
			server->id);
}

static bool holds(const struct string_list *list, const char *entry)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], entry) == 0)
			return true;
	return false;
}

static void check_command(
	const struct manifest *manifest, const struct manifest_mcp_server *server, struct diagnostics *found)
{
	char fix[VALIDATE_FIX_MAX];

	if (server->command == NULL && server->command_place.line != 0)
		return; /* told already: it is no text */
	if (server->command == NULL || server->command[0] == '\0') {
		diagnostics_add(found, SEVERITY_WARNING,
			PLACE_ARGS(server->command == NULL ? server->place : server->command_place),
			"add `command`: the program to start",
			"the MCP server `%" VALIDATE_SHOWN "` has no `command` and can't be started", server->id);
		return;
	}
	if (strchr(server->command, '/') == NULL && strpbrk(server->command, " \t\r\n") != NULL) {
		diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(server->command_place),
			"write the program alone; arguments belong in `args`",
			"`command` of the MCP server `%" VALIDATE_SHOWN
			"` is one name, blanks included, and no program is called so",
			server->id);
		return;
	}
	if (holds(&manifest->capabilities.host_process, server->command))
		return;
	(void)snprintf(
		fix, sizeof(fix), "add \"%" VALIDATE_SHOWN "\" to host_process in [capabilities]", server->command);
	diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(server->command_place), fix,
		"the MCP server `%" VALIDATE_SHOWN "` can't be started: `host_process` does not grant `%" VALIDATE_SHOWN
		"`",
		server->id, server->command);
}

static void check_network(
	const struct manifest *manifest, const struct manifest_mcp_server *server, struct diagnostics *found)
{
	if (server->network && !holds(&manifest->capabilities.net, "*"))
		diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(server->network_place),
			"add \"*\" to net in [capabilities], or remove `network`",
			"the MCP server `%" VALIDATE_SHOWN
			"` is to have a network, but `net` does not hold `*`: where a program connects to is not looked at",
			server->id);
}

static void check_hash(const struct manifest_mcp_server *server, struct diagnostics *found)
{
	struct capsule_error err;
	enum digest_kind kind;

	if (server->hash == NULL)
		return;
	if (digest_parse(&kind, span_text(server->hash), &err) != CAPSULE_OK)
		diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(server->hash_place),
			"write what `capsule hash` says about the program",
			"`hash` of the MCP server `%" VALIDATE_SHOWN "`: %s", server->id, err.text);
	else if (kind == DIGEST_TREE)
		diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(server->hash_place),
			"write what `capsule hash` says about the program; folders belong in `integrity`",
			"`hash` of the MCP server `%" VALIDATE_SHOWN "` is that of a folder", server->id);
}

/* Where a path stands a second time. */
static void check_repeated(
	const struct manifest_mcp_server *server, const struct twin *paths, struct diagnostics *found)
{
	for (size_t i = 0; i < server->integrity.count; i++)
		if (paths[i].first != i)
			diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(server->integrity.places[i]),
				"remove one of them",
				"`%" VALIDATE_SHOWN "` stands twice in `integrity`, already on line %u", paths[i].name,
				server->integrity.places[paths[i].first].line);
}

static void check_integrity(const struct manifest_mcp_server *server, struct diagnostics *found)
{
	const struct string_list *list = &server->integrity;
	HOLD(free_drop) struct twin *paths = calloc(list->count + 1, sizeof *paths);
	HOLD(free_drop) char **copies = calloc(list->count + 1, sizeof *copies);
	bool good = true, starved = paths == NULL || copies == NULL;

	for (size_t i = 0; i < list->count && !starved; i++) {
		struct digest_line line;
		struct capsule_error err;

		if (digest_line_parse(&line, span_text(list->items[i]), &err) != CAPSULE_OK) {
			diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(list->places[i]),
				"write what `capsule hash` says about the file or folder",
				"`integrity` of the MCP server `%" VALIDATE_SHOWN "`: %s", server->id, err.text);
			good = false;
			continue;
		}
		starved = (copies[i] = text_copy(line.path)) == NULL;
		paths[i] = (struct twin){ copies[i], copies[i], 0 };
	}
	starved = starved || (good && list->count > 1 && !twins_find(paths, list->count));
	if (starved)
		validate_starved(found);
	else if (good && list->count > 1)
		check_repeated(server, paths, found);
	for (size_t i = 0; i < list->count && copies != NULL; i++)
		free(copies[i]);
}

static void check_patterns(const struct manifest_mcp_server *server, const char *key, const struct string_list *list,
	struct diagnostics *found)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *pattern = list->items[i], *star = strchr(pattern, '*');

		if (pattern[0] == '\0')
			diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(list->places[i]),
				"name a tool, or write `*` for all of them",
				"an empty entry in `%s` of the MCP server `%" VALIDATE_SHOWN "` names no tool", key,
				server->id);
		else if (star != NULL && star[1] != '\0')
			diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(list->places[i]),
				"write `*` at the end only, or name each tool",
				"`%" VALIDATE_SHOWN "` in `%s` of the MCP server `%" VALIDATE_SHOWN
				"`: a `*` stands for any rest, and only at the end",
				pattern, key, server->id);
	}
}

void validate_servers(const struct manifest *manifest, struct diagnostics *found)
{
	for (size_t i = 0; i < manifest->mcp_servers.count; i++) {
		const struct manifest_mcp_server *server = &manifest->mcp_servers.items[i];

		if (server->id == NULL)
			continue;
		check_type(server, found);
		check_id(server, found);
		if (is_started(server))
			check_command(manifest, server, found);
		check_network(manifest, server, found);
		check_hash(server, found);
		check_integrity(server, found);
		check_patterns(server, "expose", &server->expose, found);
		check_patterns(server, "allow", &server->allow, found);
		check_patterns(server, "ask", &server->ask, found);
		check_patterns(server, "deny", &server->deny, found);
	}
}
