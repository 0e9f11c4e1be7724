/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a word stands for. Paths are made canonical here; program_open() takes what lies at the canonical path without
 * following any link, so that what changed in between is told and not run. */
#include "process/program.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#if defined(__GLIBC__)
#define LIBC "gnu"
#else
#define LIBC "musl"
#endif

#if defined(__x86_64__)
#define TRIPLE "x86_64-unknown-linux-" LIBC
#elif defined(__aarch64__)
#define TRIPLE "aarch64-unknown-linux-" LIBC
#elif defined(__arm__) && defined(__ARM_PCS_VFP)
#define TRIPLE "armv7-unknown-linux-" LIBC "eabihf"
#elif defined(__riscv) && __riscv_xlen == 64
#define TRIPLE "riscv64gc-unknown-linux-" LIBC
#else
#define TRIPLE "unknown-unknown-linux-" LIBC
#endif

struct finder {
	const char *command;
	const struct program_places *places;
	struct capsule_error *err;
};

const char *program_triple(void)
{
	return TRIPLE;
}

void program_fini(struct program *program)
{
	free(program->command);
	free(program->path);
	*program = (struct program){ 0 };
}

static enum capsule_status no_memory(const struct finder *finder)
{
	return error_set(finder->err, CAPSULE_ENOMEM, "no memory for finding a program");
}

/* ---- What is said when there is none ---- */

/* "Cannot resolve binary 'x': <reason>" */
static enum capsule_status unresolved(const struct finder *finder, const char *reason)
{
	return error_set(finder->err, CAPSULE_ENOTFOUND, "Cannot resolve binary '%.256s': %s", finder->command, reason);
}

static bool has_blank(const char *command)
{
	return strpbrk(command, " \t\r\n\v\f") != NULL;
}

static enum capsule_status has_arguments(const struct finder *finder)
{
	return error_set(finder->err, CAPSULE_EINVAL,
		"Cannot resolve binary '%.256s': no program has this name with its blanks; arguments belong in args",
		finder->command);
}

static enum capsule_status escapes(const struct finder *finder)
{
	return error_set(finder->err, CAPSULE_EDENIED,
		"Path traversal detected: command '%.256s' escapes the capsule directory.", finder->command);
}

static enum capsule_status no_slice(const struct finder *finder)
{
	return error_set(finder->err, CAPSULE_ENOTFOUND,
		"Fat binary directory '%.256s' does not contain a valid slice for the current architecture: " TRIPLE,
		finder->command);
}

/* ---- Looking ---- */

/* Whether the canonical `path` is `dir` or below it. */
static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	while (len > 0 && dir[len - 1] == '/')
		len--;
	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static char *join(const char *dir, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static enum capsule_status refuse_writable(const struct finder *finder, const char *path)
{
	for (size_t i = 0; i < finder->places->writable_count; i++)
		if (is_below(path, finder->places->writable[i]))
			return error_set(finder->err, CAPSULE_EDENIED,
				"command '%.256s' is `%.256s`, in a folder that the capsule may write: a program that it "
				"could change is not started; move it elsewhere",
				finder->command, path);
	return CAPSULE_OK;
}

/* `path` (canonical, taken when all is well) is a regular file that may be executed. */
static enum capsule_status take(
	const struct finder *finder, struct program *out, char **path, const struct stat *info, bool bundled)
{
	enum capsule_status status = bundled ? CAPSULE_OK : refuse_writable(finder, *path);

	if (status != CAPSULE_OK)
		return status;
	if (!S_ISREG(info->st_mode))
		return unresolved(finder, S_ISDIR(info->st_mode) ? "it is a folder" : "it is no regular file");
	if (faccessat(AT_FDCWD, *path, X_OK, AT_EACCESS) != 0)
		return unresolved(finder, "it can't be executed; `chmod +x` lets it");
	out->command = text_copy(span_text(finder->command));
	if (out->command == NULL)
		return no_memory(finder);
	out->path = GIVE(*path);
	out->bundled = bundled;
	return CAPSULE_OK;
}

/* The file of the folder `dir` (canonical) that is meant for this machine. */
static enum capsule_status find_slice(const struct finder *finder, struct program *out, const char *dir)
{
	HOLD(free_drop) char *slice = join(dir, TRIPLE);
	HOLD(free_drop) char *path = NULL;
	struct stat info;

	if (slice == NULL)
		return no_memory(finder);
	if (stat(slice, &info) != 0 || !S_ISREG(info.st_mode))
		return no_slice(finder);
	path = realpath(slice, NULL);
	if (path == NULL)
		return error_set(finder->err, CAPSULE_EIO,
			"Failed to resolve fat binary slice for the current architecture: " TRIPLE);
	if (!is_below(path, finder->places->capsule_dir))
		return error_set(finder->err, CAPSULE_EDENIED,
			"Fat binary slice '" TRIPLE "' resolves outside the capsule boundary.");
	return take(finder, out, &path, &info, true);
}

static enum capsule_status find_bundled(const struct finder *finder, struct program *out)
{
	const char *dir = finder->places->capsule_dir;
	HOLD(free_drop) char *joined = NULL;
	HOLD(free_drop) char *path = NULL;
	struct stat info;

	if (dir == NULL)
		return unresolved(finder, "there is no capsule folder here: write its absolute path");
	joined = join(dir, finder->command);
	if (joined == NULL)
		return no_memory(finder);
	path = realpath(joined, NULL);
	if (path == NULL && errno == ENOMEM)
		return no_memory(finder);
	if (path == NULL && has_blank(finder->command))
		return has_arguments(finder);
	if (path == NULL)
		return unresolved(
			finder, errno == ENOENT ? "there is no such file in the capsule's folder" : strerror(errno));
	if (!is_below(path, dir))
		return escapes(finder);
	if (stat(path, &info) != 0)
		return unresolved(finder, strerror(errno));
	return S_ISDIR(info.st_mode) ? find_slice(finder, out, path) : take(finder, out, &path, &info, true);
}

static enum capsule_status find_absolute(const struct finder *finder, struct program *out)
{
	HOLD(free_drop) char *path = realpath(finder->command, NULL);
	struct stat info;

	if (path == NULL && errno == ENOMEM)
		return no_memory(finder);
	if (path == NULL && has_blank(finder->command))
		return has_arguments(finder);
	if (path == NULL || stat(path, &info) != 0)
		return unresolved(finder, strerror(errno));
	return take(finder, out, &path, &info,
		finder->places->capsule_dir != NULL && is_below(path, finder->places->capsule_dir));
}

/* Whether the name means an executable regular file in `folder`. *path (empty) becomes what it is; its folder's own
 * name may be a link, as /bin is. */
static enum capsule_status try_folder(const struct finder *finder, struct span folder, char **path, struct stat *info)
{
	HOLD(free_drop) char *joined = NULL;

	/* An empty one means the current folder in shells; here no relative one counts. */
	if (folder.len == 0 || folder.data[0] != '/')
		return CAPSULE_OK;
	if (asprintf(&joined, "%.*s/%s", (int)folder.len, (const char *)folder.data, finder->command) < 0) {
		joined = NULL;
		return no_memory(finder);
	}
	if (stat(joined, info) != 0 || !S_ISREG(info->st_mode) || faccessat(AT_FDCWD, joined, X_OK, AT_EACCESS) != 0)
		return CAPSULE_OK;
	*path = realpath(joined, NULL);
	return *path == NULL && errno == ENOMEM ? no_memory(finder) : CAPSULE_OK;
}

/* A name that PATH has not. Was a file of the capsule meant? */
static enum capsule_status name_unresolved(const struct finder *finder, const char *folders)
{
	HOLD(free_drop) char *joined = NULL;
	struct stat info;

	if (has_blank(finder->command))
		return has_arguments(finder);
	if (finder->places->capsule_dir != NULL) {
		joined = join(finder->places->capsule_dir, finder->command);
		if (joined == NULL)
			return no_memory(finder);
		if (stat(joined, &info) == 0)
			return error_set(finder->err, CAPSULE_ENOTFOUND,
				"Cannot resolve binary '%.256s': no program of this name in %.256s; for the one in the "
				"capsule's folder write `./%.256s`",
				finder->command, folders, finder->command);
	}
	return error_set(finder->err, CAPSULE_ENOTFOUND,
		"Cannot resolve binary '%.256s': no program of this name in %.256s; install it, or name it by its absolute "
		"path",
		finder->command, folders);
}

static enum capsule_status find_name(const struct finder *finder, struct program *out)
{
	const char *folders = finder->places->path != NULL ? finder->places->path : PROGRAM_PATH;
	HOLD(free_drop) char *path = NULL;
	struct stat info;

	for (const char *at = folders; path == NULL && *at != '\0';) {
		size_t len = strcspn(at, ":");
		enum capsule_status status = try_folder(finder, span_of(at, len), &path, &info);

		if (status != CAPSULE_OK)
			return status;
		at += len + (at[len] == ':');
	}
	return path != NULL ? take(finder, out, &path, &info, false) : name_unresolved(finder, folders);
}

enum capsule_status program_find(
	struct program *out, const char *command, const struct program_places *places, struct capsule_error *err)
{
	const struct finder finder = { command, places, err };

	*out = (struct program){ 0 };
	if (command[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "an empty command stands for no program: name one");
	if (command[0] == '/')
		return find_absolute(&finder, out);
	return strchr(command, '/') != NULL ? find_bundled(&finder, out) : find_name(&finder, out);
}
