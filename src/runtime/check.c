/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Looking without running: reports on manifests, descriptions of modules. */
#include "runtime/internal.h"

#include "base/blake3.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

struct capsule_report {
	struct diagnostics diagnostics;
	struct buffer source;
	char *file;         /* of the manifest */
	struct buffer text; /* last rendering */
};

DEFINE_DROP(report_drop, struct capsule_report *, capsule_report_free)

/* A file that the manifest names must be a regular file inside the folder. */
static void check_file(
	struct diagnostics *diagnostics, const char *dir, const char *file, struct place place, const char *what)
{
	HOLD(fd_drop) int fd = fd_open_beneath(dir, file, O_PATH);
	struct stat info;

	if (fd < 0 && errno == EXDEV)
		diagnostics_add(diagnostics, SEVERITY_ERROR, place.line, place.column, place.length,
			"name a file inside the capsule's folder", "%s `%.256s` lies outside the capsule's folder",
			what, file);
	else if (fd < 0)
		diagnostics_add(diagnostics, SEVERITY_ERROR, place.line, place.column, place.length,
			"build or add it, or correct the name (it counts from the capsule's folder)",
			"%s `%.256s` can't be opened: %s", what, file, strerror(errno));
	else if (fstat(fd, &info) == 0 && !S_ISREG(info.st_mode))
		diagnostics_add(diagnostics, SEVERITY_ERROR, place.line, place.column, place.length, NULL,
			"%s `%.256s` is not a regular file", what, file);
}

/* What the manifest says about the module's content. A module that can't be read is told by check_file(). */
static void check_hash(struct diagnostics *diagnostics, const char *dir, const struct manifest_component *component)
{
	HOLD(fd_drop) int fd = -1;
	uint8_t hash[BLAKE3_SIZE];
	char actual[BLAKE3_HEX], fix[128];
	struct stat info;

	if (component->hash == NULL)
		return;
	fd = fd_open_beneath(dir, component->file, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
		return;
	if (blake3_file(fd, LIMIT_WASM_MODULE, hash) < 0) {
		diagnostics_add(diagnostics, SEVERITY_ERROR, component->file_place.line, component->file_place.column,
			component->file_place.length, NULL, "the module `%.256s` can't be read: %s", component->file,
			strerror(errno));
		return;
	}
	blake3_hex(hash, actual);
	if (strcasecmp(component->hash, actual) == 0)
		return;
	(void)snprintf(fix, sizeof fix, "write `%s` if this is the module you want, else build it again", actual);
	diagnostics_add(diagnostics, SEVERITY_ERROR, component->hash_place.line, component->hash_place.column,
		component->hash_place.length, fix,
		"the module `%.256s` is not the one that the manifest names: expected BLAKE3 %.80s, the file has %s",
		component->file, component->hash, actual);
}

static void check_files(struct diagnostics *diagnostics, const struct manifest *manifest, const char *dir)
{
	for (size_t i = 0; i < manifest->components.count; i++) {
		check_file(diagnostics, dir, manifest->components.items[i].file,
			manifest->components.items[i].file_place, "the module");
		check_hash(diagnostics, dir, &manifest->components.items[i]);
	}
	for (size_t i = 0; i < manifest->context_files.count; i++)
		check_file(diagnostics, dir, manifest->context_files.items[i].file,
			manifest->context_files.items[i].file_place, "the context file");
	for (size_t i = 0; i < manifest->commands.count; i++)
		if (manifest->commands.items[i].file != NULL)
			check_file(diagnostics, dir, manifest->commands.items[i].file,
				manifest->commands.items[i].file_place, "the command's file");
	for (size_t i = 0; i < manifest->skills.count; i++)
		check_file(diagnostics, dir, manifest->skills.items[i].file, manifest->skills.items[i].file_place,
			"the skill's file");
}

/* The name under which problems are told: the manifest's path as the caller would write it. */
static char *manifest_name(const char *path)
{
	struct stat info;
	char *name = NULL;
	size_t len = strlen(path);

	if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
		return text_copy(span_text(path));
	return asprintf(&name, "%s%sCapsule.toml", path, len > 0 && path[len - 1] == '/' ? "" : "/") < 0 ? NULL : name;
}

enum capsule_status capsule_check(struct capsule_report **out, const char *path, struct capsule_error *err)
{
	HOLD(report_drop) struct capsule_report *report = NULL;
	HOLD(manifest_drop) struct manifest *manifest = NULL;
	HOLD(free_drop) char *dir = NULL;
	struct capsule_error failure;
	enum capsule_status status;

	error_clear(err);
	if (path == NULL || path[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no manifest is named");
	report = calloc(1, sizeof *report);
	if (report == NULL || (report->file = manifest_name(path)) == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a report");
	error_clear(&failure);
	status = manifest_load(&manifest, path, &report->source, &report->diagnostics, &failure);
	if (status != CAPSULE_OK && report->diagnostics.errors == 0)
		return error_copy(err, &failure);
	if (status == CAPSULE_OK) {
		dir = capsule_folder(path, &failure);
		if (dir == NULL)
			return error_copy(err, &failure);
		check_files(&report->diagnostics, manifest, dir);
	}
	diagnostics_sort(&report->diagnostics);
	*out = GIVE(report);
	return CAPSULE_OK;
}

size_t capsule_report_errors(const struct capsule_report *report)
{
	return report->diagnostics.errors;
}

size_t capsule_report_warnings(const struct capsule_report *report)
{
	size_t warnings = 0;

	for (size_t i = 0; i < report->diagnostics.count; i++)
		warnings += report->diagnostics.items[i].severity == SEVERITY_WARNING;
	return warnings;
}

const char *capsule_report_text(struct capsule_report *report, bool colour)
{
	buffer_clear(&report->text);
	diagnostics_print(&report->diagnostics, report->file, buffer_span(&report->source), colour, &report->text);
	return buffer_text(&report->text);
}

const char *capsule_report_json(struct capsule_report *report)
{
	buffer_clear(&report->text);
	diagnostics_json(&report->diagnostics, report->file, &report->text);
	return buffer_text(&report->text);
}

void capsule_report_free(struct capsule_report *report)
{
	if (report == NULL)
		return;
	diagnostics_fini(&report->diagnostics);
	buffer_fini(&report->source);
	buffer_fini(&report->text);
	free(report->file);
	free(report);
}

bool capsule_id_valid(const char *id)
{
	return id != NULL && manifest_id_valid(id);
}
