/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "process/libexec.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/text.h"

#include <build_facts.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Relative to the prefix: bin, lib/..., libexec; told by the build. */
static const char *const holders[] = { CAPSULE_LIBDIR, CAPSULE_BINDIR };

struct lookup {
	const char *name;
	char *found;
	struct buffer tried; /* for the message */
};

static bool is_program(const char *path)
{
	struct stat info;

	return path[0] == '/' && stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* Whether the program is in `dir`; `below` is put between the two. */
static bool try_folder(struct lookup *lookup, const char *dir, const char *below)
{
	char *path = NULL;

	if (asprintf(&path, "%s%s/%s", dir, below, lookup->name) < 0)
		return false;
	if (is_program(path)) {
		lookup->found = path;
		return true;
	}
	free(path);
	buffer_printf(&lookup->tried, "%s%.200s%s", lookup->tried.len > 0 ? ", " : "", dir, below);
	return false;
}

/* Cut `suffix` with the slash before it from the end of `dir`. False when it does not end so. */
static bool cut_suffix(char *dir, const char *suffix)
{
	size_t len = strlen(dir), tail = strlen(suffix);

	if (len <= tail || dir[len - tail - 1] != '/' || strcmp(dir + len - tail, suffix) != 0)
		return false;
	dir[len - tail - 1] = '\0';
	return true;
}

/* The file of one line of /proc/self/maps ("from-to rights offset device inode   /path"), NULL when that is not where `address`
 * is. Owned by the caller. */
static char *mapped_file(char *line, uint64_t address)
{
	uint64_t from, to = 0;
	const char *path;
	char *end;

	line[strcspn(line, "\n")] = '\0';
	from = strtoull(line, &end, 16);
	if (*end == '-')
		to = strtoull(end + 1, &end, 16);
	path = strchr(end, '/');
	return path != NULL && address >= from && address < to ? strdup(path) : NULL;
}

/* The program or library that this function is part of, as the kernel knows it, NULL when it does not tell. What the linker tells
 * of a program is its argv[0], which comes from whoever started it: with a name found in $PATH that is a file in whatever folder
 * we are in. Owned by the caller. */
static char *own_file(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	HOLD(free_drop) char *line = NULL;
	char *path = NULL;
	size_t size = 0;

	if (maps == NULL)
		return NULL;
	while (path == NULL && getline(&line, &size, maps) > 0)
		path = mapped_file(line, (uint64_t)(uintptr_t)libexec_find);
	(void)fclose(maps);
	return path;
}

static bool try_own_place(struct lookup *lookup)
{
	HOLD(free_drop) char *own = own_file();
	char *slash = own == NULL ? NULL : strrchr(own, '/');

	if (slash == NULL)
		return false;
	*slash = '\0';
	if (try_folder(lookup, own, "/libexec"))
		return true;
	for (size_t i = 0; i < sizeof holders / sizeof holders[0]; i++)
		if (cut_suffix(own, holders[i]))
			return try_folder(lookup, own, "/" CAPSULE_LIBEXECDIR "/capsule");
	return false;
}

static bool try_all(struct lookup *lookup, const char *dir)
{
	const char *environment = secure_getenv("CAPSULE_LIBEXEC_DIR");

	if (dir != NULL)
		return try_folder(lookup, dir, "");
	if (environment != NULL && environment[0] != '\0')
		return try_folder(lookup, environment, "");
	return try_own_place(lookup) || try_folder(lookup, CAPSULE_PREFIX, "/" CAPSULE_LIBEXECDIR "/capsule");
}

enum capsule_status libexec_find(char **path, const char *dir, const char *name, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer tried = { .limit = 700 };
	struct lookup lookup = { .name = name, .tried = tried };
	bool found = try_all(&lookup, dir);

	tried = lookup.tried;
	*path = lookup.found;
	if (found)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ENOTFOUND,
		"%s is not there; looked in %.*s. Say where it is with libexec_dir or CAPSULE_LIBEXEC_DIR, or compile in this "
		"process (compile_in_process)",
		name, (int)tried.len, (const char *)tried.data);
}
