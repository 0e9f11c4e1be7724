/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The mounts of a plan are kept sorted by path, with `/` below every other byte, so that a folder comes right before
 * what is in it and the nearest one that holds a path is found by walking back. */
#include "process/sandbox.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "process/program.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Never the host's, whatever a plan says. */
static const char *const own_trees[] = { "/proc", "/sys", "/dev" };

/* What every sandbox shows of the system, for those who name programs there. */
static const char *const system_trees[] = { "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32" };

static const char *home_of(const struct sandbox_plan *plan)
{
	return plan->home == NULL ? SANDBOX_HOME : plan->home;
}

/* Whether `path` is `folder` or below it; both without a slash at the end. */
static bool is_within(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	if (len == 1)
		return true;
	return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool is_within_any(const char *path, const char *const *folders, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_within(path, folders[i]))
			return true;
	return false;
}

/* As strcmp(), with `/` before all other bytes. */
static int compare_paths(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	if (*a == *b)
		return 0;
	if (*a == '\0' || *b == '\0')
		return *a == '\0' ? -1 : 1;
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

/* `path` without empty components and `.`; NULL with an error for what can't be a canonical path. Owned by the caller. */
static char *clean_path(const char *path, struct capsule_error *err)
{
	HOLD(free_drop) char *clean = NULL;
	size_t len = 0;

	if (path[0] != '/') {
		(void)error_set(err, CAPSULE_EINVAL, "show `%s` in a sandbox: it must be an absolute path", path);
		return NULL;
	}
	if (!text_is_utf8(span_text(path))) {
		(void)error_set(err, CAPSULE_EINVAL, "show `%s` in a sandbox: the path is not UTF-8; rename it", path);
		return NULL;
	}
	clean = malloc(strlen(path) + 1);
	if (clean == NULL) {
		(void)error_set(err, CAPSULE_ENOMEM, "show %s in a sandbox: out of memory", path);
		return NULL;
	}
	for (const char *part = path; *part != '\0';) {
		size_t part_len = strcspn(part, "/");

		if (part_len == 2 && memcmp(part, "..", 2) == 0) {
			(void)error_set(err, CAPSULE_EINVAL,
				"show `%s` in a sandbox: a path with `..` may lead anywhere; write it without", path);
			return NULL;
		}
		if (part_len > 0 && !(part_len == 1 && *part == '.')) {
			clean[len++] = '/';
			memcpy(clean + len, part, part_len);
			len += part_len;
		}
		part += part_len;
		part += strspn(part, "/");
	}
	if (len == 0)
		clean[len++] = '/';
	clean[len] = '\0';
	return GIVE(clean);
}

/* Where `path` is or belongs. */
static size_t place_of(const struct sandbox_plan *plan, const char *path)
{
	size_t low = 0, high = plan->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_paths(plan->mounts[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct sandbox_mount *sandbox_plan_holder(const struct sandbox_plan *plan, size_t index)
{
	for (size_t i = index; i > 0; i--)
		if (is_within(plan->mounts[index].path, plan->mounts[i - 1].path))
			return &plan->mounts[i - 1];
	return NULL;
}

/* `clean` is taken. Hiding is stronger than showing the same path. */
static enum capsule_status add_mount(
	struct sandbox_plan *plan, char *clean, enum sandbox_access access, const char *why, struct capsule_error *err)
{
	HOLD(free_drop) char *path = clean;
	size_t place = place_of(plan, path);
	struct sandbox_mount *grown, *mount;

	if (place < plan->count && strcmp(plan->mounts[place].path, path) == 0) {
		mount = &plan->mounts[place];
		if (mount->access != SANDBOX_HIDE && (access == SANDBOX_HIDE || access > mount->access))
			*mount = (struct sandbox_mount){ .path = mount->path, .access = access, .why = why };
		return CAPSULE_OK;
	}
	if (plan->count >= SANDBOX_MOUNTS_MAX)
		return error_set(err, CAPSULE_ELIMIT,
			"show %s in a sandbox: more than %d paths; grant a folder that holds them instead", path,
			SANDBOX_MOUNTS_MAX);
	grown = reallocarray(plan->mounts, plan->count + 1, sizeof *grown);
	if (grown == NULL)
		return error_set(err, CAPSULE_ENOMEM, "show %s in a sandbox: out of memory", path);
	plan->mounts = grown;
	mount = &grown[place];
	memmove(mount + 1, mount, (plan->count - place) * sizeof *mount);
	*mount = (struct sandbox_mount){ .path = GIVE(path), .access = access, .why = why };
	plan->count++;
	return CAPSULE_OK;
}

enum capsule_status sandbox_plan_show(
	struct sandbox_plan *plan, const char *path, bool writable, const char *why, struct capsule_error *err)
{
	HOLD(free_drop) char *clean = clean_path(path, err);
	const char *home = home_of(plan);

	if (clean == NULL)
		return err == NULL ? CAPSULE_EINVAL : err->status;
	if (strcmp(clean, home) != 0 && is_within(home, clean))
		return error_set(err, CAPSULE_EINVAL,
			"show %s in a sandbox: that is a folder above all homes; name the folder that is needed",
			clean);
	if (is_within_any(clean, own_trees, sizeof own_trees / sizeof own_trees[0]))
		return error_set(err, CAPSULE_EINVAL,
			"show %s in a sandbox: it has its own /proc and /dev and no /sys, those of the machine "
			"are never shown",
			clean);
	return add_mount(plan, GIVE(clean), writable ? SANDBOX_WRITE : SANDBOX_READ, why, err);
}

enum capsule_status sandbox_plan_hide(
	struct sandbox_plan *plan, const char *path, const char *why, struct capsule_error *err)
{
	char *clean = clean_path(path, err);

	if (clean == NULL)
		return err == NULL ? CAPSULE_EINVAL : err->status;
	return add_mount(plan, clean, SANDBOX_HIDE, why, err);
}

bool sandbox_plan_counts(const struct sandbox_plan *plan, size_t index)
{
	const struct sandbox_mount *mount = &plan->mounts[index], *holder = sandbox_plan_holder(plan, index);

	if (mount->access == SANDBOX_HIDE)
		return holder != NULL && holder->access != SANDBOX_HIDE;
	return holder == NULL || holder->access < mount->access;
}

/* The folder above `path`, which is no root. Owned by the caller. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* Whether `folder` is a hidden one right below a home: beside bin/, ~/.cargo and ~/.docker have credentials. */
static bool is_hidden_in_home(const char *folder)
{
	const char *user_home = getenv("HOME");
	const char *name = strrchr(folder, '/');
	size_t len = (size_t)(name - folder);

	if (name[1] != '.')
		return false;
	if (user_home != NULL && strlen(user_home) == len && strncmp(folder, user_home, len) == 0)
		return true;
	return strncmp(folder, "/root/", 6) == 0 ? len == 5
						 : strncmp(folder, "/home/", 6) == 0 && strchr(folder + 6, '/') == name;
}

/* Whether showing `folder` for a program's sake would show what is not the program's: a home, a tree of the whole
 * system, a folder that holds `dir`. */
static bool is_too_much(const char *folder, const char *dir)
{
	static const char *const shared[] = { "/", "/root", "/home", "/tmp", "/var", "/var/tmp", "/opt", "/srv", "/mnt",
		"/media", "/run", "/etc" };
	const char *user_home = getenv("HOME");

	for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++)
		if (strcmp(folder, shared[i]) == 0)
			return true;
	if (strncmp(folder, "/home/", 6) == 0 && strrchr(folder, '/') == folder + 5)
		return true;
	if (strcmp(strrchr(folder, '/'), "/.local") == 0) /* what desktops keep */
		return true;
	if (user_home != NULL && user_home[0] == '/' && is_within(user_home, folder))
		return true;
	return dir != NULL && strcmp(dir, folder) != 0 && is_within(dir, folder);
}

enum capsule_status sandbox_plan_show_program(
	struct sandbox_plan *plan, const char *path, const char *dir, struct capsule_error *err)
{
	HOLD(free_drop) char *folder = NULL;
	HOLD(free_drop) char *above = NULL;
	const char *shown = path;

	if (is_within_any(path, system_trees, sizeof system_trees / sizeof system_trees[0]))
		return CAPSULE_OK;
	folder = path[0] == '/' && path[1] != '\0' ? parent_of(path) : strdup("/");
	above = folder == NULL || strcmp(folder, "/") == 0 ? NULL : parent_of(folder);
	if (folder == NULL)
		return error_set(err, CAPSULE_ENOMEM, "show %s in a sandbox: out of memory", path);
	if (!is_too_much(folder, dir))
		shown = folder;
	if (above != NULL && strcmp(strrchr(folder, '/'), "/bin") == 0 && !is_too_much(above, dir) &&
		!is_hidden_in_home(above))
		shown = above;
	return sandbox_plan_show(plan, shown, false, "program", err);
}

void sandbox_plan_fini(struct sandbox_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		free(plan->mounts[i].path);
	free(plan->mounts);
	free(plan->cwd);
	free(plan->home);
	*plan = (struct sandbox_plan){ .count = 0 };
}

/* "limit  <name>: 16 GiB" in the largest of `units` that it is a whole number of; the last one, NULL, ends them. */
static void append_limit_text(
	struct buffer *out, const char *name, uint64_t limit, uint64_t step, const char *const *units)
{
	if (limit == 0)
		return;
	while (limit % step == 0 && units[1] != NULL) {
		limit /= step;
		units++;
	}
	buffer_printf(out, "limit  %s: %" PRIu64 "%s\n", name, limit, *units);
}

static void append_limits_text(struct buffer *out, const struct process_limits *limits)
{
	static const char *const none[] = { "", NULL };
	static const char *const times[] = { " ms", " s", NULL };
	static const char *const sizes[] = { " bytes", " KiB", " MiB", " GiB", NULL };

	append_limit_text(out, "processor time of each process", limits->cpu_ms, 1000, times);
	append_limit_text(out, "address space of each process", limits->memory_bytes, 1024, sizes);
	append_limit_text(out, "size of a file", limits->file_bytes, 1024, sizes);
	append_limit_text(out, "open files of each process", limits->open_files, 1024, none);
	append_limit_text(out, "processes and threads", limits->processes, 1024, none);
}

static void append_line(
	struct buffer *out, const char *begins, const char *path, const char *ends, sandbox_shown_fn *shown)
{
	(void)(buffer_append_text(out, begins) && shown(out, span_text(path), PATH_MAX) &&
		buffer_append_text(out, ends));
}

bool sandbox_plan_append_text(const struct sandbox_plan *plan, struct buffer *out, sandbox_shown_fn *shown)
{
	static const char *const words[] = {
		[SANDBOX_HIDE] = "hide   ", [SANDBOX_READ] = "read   ", [SANDBOX_WRITE] = "write  "
	};

	buffer_append_text(out, "read   /usr /bin /lib* /sbin, some files of /etc (system)\nwrite  /tmp (private)\n");
	append_line(out, "write  ", home_of(plan), " (private)\n", shown);
	for (size_t i = 0; i < plan->count; i++)
		if (sandbox_plan_counts(plan, i)) {
			append_line(out, words[plan->mounts[i].access], plan->mounts[i].path, "", shown);
			buffer_printf(out, " (%s)\n", plan->mounts[i].why);
		}
	append_line(out, "folder: ", plan->cwd == NULL ? "/" : plan->cwd, "\n", shown);
	buffer_printf(out, "network: %s\n", plan->network ? "all" : "none");
	append_limits_text(out, &plan->limits);
	return !out->failed;
}

static void append_limits_json(const struct process_limits *limits, struct buffer *out)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "cpu_ms", limits->cpu_ms },
		{ "memory_bytes", limits->memory_bytes },
		{ "file_bytes", limits->file_bytes },
		{ "open_files", limits->open_files },
		{ "processes", limits->processes },
	};
	const char *comma = "";

	buffer_append_byte(out, '{');
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].value > 0) {
			buffer_printf(out, "%s\"%s\":%" PRIu64, comma, rows[i].name, rows[i].value);
			comma = ",";
		}
	buffer_append_byte(out, '}');
}

bool sandbox_plan_append_json(const struct sandbox_plan *plan, struct buffer *out)
{
	static const char *const words[] = {
		[SANDBOX_HIDE] = "none", [SANDBOX_READ] = "read", [SANDBOX_WRITE] = "write"
	};
	const char *comma = "";

	buffer_append_text(out, "{\"mounts\":[");
	for (size_t i = 0; i < plan->count; i++) {
		if (!sandbox_plan_counts(plan, i))
			continue;
		buffer_printf(out, "%s{\"path\":", comma);
		json_append_string(out, span_text(plan->mounts[i].path));
		buffer_printf(out, ",\"access\":\"%s\",\"why\":", words[plan->mounts[i].access]);
		json_append_string(out, span_text(plan->mounts[i].why));
		buffer_append_byte(out, '}');
		comma = ",";
	}
	buffer_append_text(out, "],\"cwd\":");
	json_append_lossy(out, span_text(plan->cwd == NULL ? "/" : plan->cwd));
	buffer_printf(out, ",\"network\":%s,\"limits\":", plan->network ? "true" : "false");
	append_limits_json(&plan->limits, out);
	return buffer_append_byte(out, '}');
}

size_t sandbox_environment(const struct sandbox_plan *plan, char *entries[SANDBOX_ENV_MAX], struct buffer *room)
{
	/* Nobody writes to them, whatever execve() is declared to take. */
	static const char *const fixed[] = { "PATH=" PROGRAM_PATH, "HOME=" SANDBOX_HOME, "TMPDIR=/tmp", "LANG=C.UTF-8",
		"USER=capsule", "LOGNAME=capsule", "SHELL=/bin/sh", "TERM=dumb" };
	const size_t count = sizeof fixed / sizeof fixed[0];

	memcpy(entries, fixed, sizeof fixed);
	if (plan->home == NULL)
		return count;
	buffer_clear(room);
	if (!buffer_printf(room, "HOME=%s", plan->home) || buffer_text(room) == NULL)
		return 0;
	entries[1] = (char *)room->data;
	return count;
}
