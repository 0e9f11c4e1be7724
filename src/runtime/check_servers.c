/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What `capsule check` tells about MCP servers and this machine: what would not be found, what is not what the manifest
 * says, and arguments that look like files of the capsule. */
#include "runtime/check_servers.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "gate/path.h"
#include "process/digest.h"
#include "process/program.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define PLACE(place) (place).line, (place).column, (place).length

/* Another machine may have what this one has not, so that is no error of the manifest. */
static void check_program(
	struct diagnostics *found, const struct manifest_mcp_server *server, const struct program_places *places)
{
	struct program program;
	struct program_image image;
	struct capsule_error err;
	enum capsule_status status = program_find(&program, server->command, places, &err);

	if (status != CAPSULE_OK) {
		diagnostics_add(found, SEVERITY_WARNING, PLACE(server->command_place), NULL,
			"the MCP server `%.200s` can't be started here: %s", server->id, err.text);
		return;
	}
	if (server->hash != NULL) {
		status = program_open(&image, &program, server->hash, &err);
		if (status == CAPSULE_OK)
			program_image_fini(&image);
		else
			diagnostics_add(found, SEVERITY_ERROR, PLACE(server->hash_place),
				"if this is the program that you want, write what `capsule hash` says about it",
				"the MCP server `%.200s`: %s", server->id, err.text);
	}
	program_fini(&program);
}

static void check_integrity(struct diagnostics *found, const struct manifest_mcp_server *server, const char *dir)
{
	for (size_t i = 0; i < server->integrity.count; i++) {
		struct capsule_error err;

		if (digest_check_list(dir, (const char *const *)&server->integrity.items[i], 1, &err) != CAPSULE_OK)
			diagnostics_add(found, SEVERITY_ERROR, PLACE(server->integrity.places[i]),
				"if this is what you want, write what `capsule hash` says about it",
				"the MCP server `%.200s`: %s", server->id, err.text);
	}
}

static bool exists(const char *dir, const char *name, bool file)
{
	HOLD(fd_drop) int fd = fd_open_beneath(dir, name, O_PATH);
	struct stat info;

	return fd >= 0 && fstat(fd, &info) == 0 && (!file || S_ISREG(info.st_mode));
}

/* The working folder of a server is not the capsule's. */
static void check_argument(
	struct diagnostics *found, const struct manifest_mcp_server *server, size_t index, const char *dir)
{
	const char *argument = server->args.items[index];
	bool relative = strncmp(argument, "./", 2) == 0;
	char fix[512];

	if (argument[0] == '\0' || argument[0] == '/')
		return;
	if (strncmp(argument, "workspace://", 12) == 0 && path_has_dots(span_text(argument)))
		diagnostics_add(found, SEVERITY_ERROR, PLACE(server->args.places[index]), "name the path that is meant",
			"the argument `%.200s` of the MCP server `%.200s` leads out of a folder by `..`", argument,
			server->id);
	if (relative && !exists(dir, argument, false)) {
		diagnostics_add(found, SEVERITY_WARNING, PLACE(server->args.places[index]),
			"add it, or correct the name (it counts from the capsule's folder)",
			"the argument `%.200s` of the MCP server `%.200s` names nothing in the capsule's folder",
			argument, server->id);
	} else if (!relative && exists(dir, argument, true)) {
		(void)snprintf(fix, sizeof fix, "write `./%.200s` if the file is meant", argument);
		diagnostics_add(found, SEVERITY_WARNING, PLACE(server->args.places[index]), fix,
			"the argument `%.200s` of the MCP server `%.200s` is the name of a file of the capsule, which the "
			"program would look for in its own working folder",
			argument, server->id);
	}
}

void check_servers(struct diagnostics *found, const struct manifest *manifest, const char *dir)
{
	HOLD(free_drop) char *canonical = realpath(dir, NULL);
	const struct program_places places = { .capsule_dir = canonical };

	for (size_t i = 0; i < manifest->mcp_servers.count && canonical != NULL; i++) {
		const struct manifest_mcp_server *server = &manifest->mcp_servers.items[i];

		if (server->type == NULL || strcmp(server->type, "stdio") != 0)
			continue;
		if (server->command != NULL && server->command[0] != '\0')
			check_program(found, server, &places);
		check_integrity(found, server, canonical);
		for (size_t k = 0; k < server->args.count; k++)
			check_argument(found, server, k, canonical);
	}
}
