/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Looking without running: reports on manifests, descriptions of modules. */
#include "runtime/internal.h"

#include "base/blake3.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/text.h"
#include "life/event_reach.h"
#include "manifest/order.h"
#include "runtime/check_servers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

struct capsule_report {
	struct diagnostics diagnostics;
	struct buffer source;
	struct manifest *manifest; /* NULL when it has errors */
	char *file;                /* of the manifest */
	struct buffer text;        /* last rendering */
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
	status = manifest_load(&report->manifest, path, &report->source, &report->diagnostics, &failure);
	if (status != CAPSULE_OK && report->diagnostics.errors == 0)
		return error_copy(err, &failure);
	if (status == CAPSULE_OK) {
		dir = capsule_folder(path, &failure);
		if (dir == NULL)
			return error_copy(err, &failure);
		check_files(&report->diagnostics, report->manifest, dir);
		check_servers(&report->diagnostics, report->manifest, dir);
		status = event_reach_alone(report->manifest, &report->diagnostics, &failure);
		if (status != CAPSULE_OK)
			return error_copy(err, &failure);
	}
	diagnostics_sort(&report->diagnostics);
	*out = GIVE(report);
	return CAPSULE_OK;
}

/* Only when all manifests are known can be said that nobody provides something. */
static bool all_known(struct capsule_report *const *reports, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (reports[i]->manifest == NULL)
			return false;
	return count > 1;
}

static void add_unmet(struct capsule_report *report, size_t requirement)
{
	struct place place = report->manifest->requires.places[requirement];

	diagnostics_add(&report->diagnostics, SEVERITY_WARNING, place.line, place.column, place.length,
		"check it together with the capsule that provides this, or correct the text",
		"no other capsule given provides `%.256s`, which this one requires",
		report->manifest->requires.items[requirement]);
}

static enum capsule_status compare_requirements(
	struct capsule_report *const *reports, size_t count, struct capsule_error *err)
{
	HOLD(free_drop) const struct manifest **manifests = calloc(count, sizeof *manifests);
	HOLD(order_fini) struct order order = { 0 };
	enum capsule_status status;

	if (manifests == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to compare %zu manifests", count);
	for (size_t i = 0; i < count; i++)
		manifests[i] = reports[i]->manifest;
	status = order_manifests(&order, manifests, count, err);
	for (size_t i = 0; i < order.unmet_count; i++)
		add_unmet(reports[order.unmet[i].consumer], order.unmet[i].requirement);
	return status;
}

static enum capsule_status compare_events(
	struct capsule_report *const *reports, size_t count, struct capsule_error *err)
{
	HOLD(free_drop) struct reach_subject *subjects = calloc(count, sizeof *subjects);

	if (subjects == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to compare %zu manifests", count);
	for (size_t i = 0; i < count; i++)
		subjects[i] = (struct reach_subject){ reports[i]->manifest, &reports[i]->diagnostics };
	return event_reach_together(subjects, count, err);
}

enum capsule_status capsule_check_together(
	struct capsule_report *const *reports, size_t count, struct capsule_error *err)
{
	enum capsule_status status;

	error_clear(err);
	if (reports == NULL || !all_known(reports, count))
		return CAPSULE_OK;
	status = compare_requirements(reports, count, err);
	if (status == CAPSULE_OK)
		status = compare_events(reports, count, err);
	for (size_t i = 0; i < count; i++)
		diagnostics_sort(&reports[i]->diagnostics);
	return status;
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
	manifest_free(report->manifest);
	buffer_fini(&report->source);
	buffer_fini(&report->text);
	free(report->file);
	free(report);
}

bool capsule_id_valid(const char *id)
{
	return id != NULL && manifest_id_valid(id);
}
