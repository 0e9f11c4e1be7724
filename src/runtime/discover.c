/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which folders are searched, and what became of them in the words of the public header. */
#include "runtime/discover.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "runtime/approval.h"
#include "runtime/options.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

DEFINE_DROP(discovery_drop, struct capsule_discovery *, capsule_discovery_free)

enum capsule_status discover_take_options(
	struct capsule_discover_options *out, const struct capsule_discover_options *given, struct capsule_error *err)
{
	static const struct options_kind kind = { .type = "struct capsule_discover_options",
		.size = sizeof *out,
		.first = sizeof *out,
		.alignment = _Alignof(struct capsule_discover_options) };
	enum capsule_status status = CAPSULE_OK;

	*out = (struct capsule_discover_options){ .size = sizeof *out };
	if (given != NULL)
		status = options_take(out, &kind, given, err);
	if (status != CAPSULE_OK)
		return status;
	if (out->root_count > 0 && out->roots == NULL)
		return error_set(
			err, CAPSULE_EINVAL, "options.root_count is %zu and options.roots NULL", out->root_count);
	return CAPSULE_OK;
}

static enum capsule_status no_memory(struct capsule_error *err)
{
	return error_set(err, CAPSULE_ENOMEM, "no memory for what a search for capsules finds");
}

/* `path` is taken; NULL when there was no memory for it. */
static enum capsule_status add_root(struct capsule_discovery *discovery, struct discovery_root *roots, char *path,
	enum discovery_origin origin, struct capsule_error *err)
{
	if (path == NULL)
		return no_memory(err);
	roots[discovery->searched_count] = (struct discovery_root){ path, origin };
	discovery->searched[discovery->searched_count++] = path;
	return CAPSULE_OK;
}

static char *folder_below(const char *folder, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name) < 0 ? NULL : path;
}

static enum capsule_status add_named(struct capsule_discovery *discovery, struct discovery_root *roots,
	const struct capsule_discover_options *options, struct capsule_error *err)
{
	enum capsule_status status = CAPSULE_OK;

	for (size_t i = 0; i < options->root_count && status == CAPSULE_OK; i++) {
		const char *root = options->roots[i];

		if (root == NULL || root[0] == '\0')
			return error_set(err, CAPSULE_EINVAL, "options.roots[%zu] is %s: name a folder", i,
				root == NULL ? "NULL" : "an empty text");
		status = add_root(discovery, roots, text_copy(span_text(root)), DISCOVERY_NAMED, err);
	}
	return status;
}

static bool same_folder(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Who works in the folder above the home has the installed capsules in the workspace's place too: they are installed. */
static enum capsule_status add_usual(
	struct capsule_discovery *discovery, struct discovery_root *roots, struct capsule_error *err)
{
	HOLD(free_drop) char *installed = NULL;
	HOLD(free_drop) char *brought = NULL;
	enum capsule_status status = CAPSULE_OK;

	if (discovery->home != NULL && (installed = folder_below(discovery->home, "capsules")) == NULL)
		return no_memory(err);
	if (discovery->workspace != NULL && (brought = folder_below(discovery->workspace, ".astrid/capsules")) == NULL)
		return no_memory(err);
	if (brought != NULL && (installed == NULL || !same_folder(brought, installed)))
		status = add_root(discovery, roots, GIVE(brought), DISCOVERY_WORKSPACE, err);
	if (status == CAPSULE_OK && installed != NULL)
		status = add_root(discovery, roots, GIVE(installed), DISCOVERY_HOME, err);
	return status;
}

static enum capsule_status join_warnings(struct capsule_discovery *discovery, struct capsule_error *err)
{
	for (size_t i = 0; i < discovery->found.warning_count; i++)
		buffer_printf(&discovery->warnings, "%s\n", discovery->found.warnings[i]);
	if (discovery->warnings.len > 0)
		discovery->warnings.len--; /* lines are told apart, none is ended */
	return buffer_text(&discovery->warnings) != NULL ? CAPSULE_OK : no_memory(err);
}

static enum capsule_status search(struct capsule_discovery *discovery, struct discovery_root *roots,
	const struct capsule_discover_options *options, struct capsule_error *err)
{
	HOLD(free_drop) char *global = NULL;
	struct approval_places places;
	enum capsule_status status;

	if (options->root_count > 0) {
		status = add_named(discovery, roots, options, err);
	} else {
		status = places_resolve(
			options->workspace, options->home, &discovery->workspace, &discovery->home, &global, err);
		if (status == CAPSULE_OK)
			status = add_usual(discovery, roots, err);
	}
	places = (struct approval_places){ discovery->home, discovery->workspace, global };
	if (status == CAPSULE_OK)
		status = discovery_find(&discovery->found, roots, discovery->searched_count,
			options->trust ? NULL : approval_problem, &places, err);
	return status == CAPSULE_OK ? join_warnings(discovery, err) : status;
}

enum capsule_status capsule_discover(
	struct capsule_discovery **out, const struct capsule_discover_options *options, struct capsule_error *err)
{
	HOLD(discovery_drop) struct capsule_discovery *discovery = NULL;
	HOLD(free_drop) struct discovery_root *roots = NULL;
	struct capsule_discover_options asked;
	enum capsule_status status;
	size_t places;

	error_clear(err);
	if (out == NULL)
		return error_set(err, CAPSULE_EINVAL, "capsule_discover(): nowhere to put the discovery");
	*out = NULL;
	status = discover_take_options(&asked, options, err);
	if (status != CAPSULE_OK)
		return status;
	places = asked.root_count > 2 ? asked.root_count : 2;
	discovery = calloc(1, sizeof *discovery);
	roots = calloc(places, sizeof *roots);
	if (discovery == NULL || roots == NULL || (discovery->searched = calloc(places, sizeof(char *))) == NULL)
		return no_memory(err);
	status = search(discovery, roots, &asked, err);
	if (status == CAPSULE_OK)
		*out = GIVE(discovery);
	return status;
}

void capsule_discovery_free(struct capsule_discovery *discovery)
{
	if (discovery == NULL)
		return;
	discovery_fini(&discovery->found);
	buffer_fini(&discovery->warnings);
	for (size_t i = 0; i < discovery->searched_count; i++)
		free(discovery->searched[i]);
	free(discovery->searched);
	free(discovery->workspace);
	free(discovery->home);
	free(discovery);
}

size_t capsule_discovery_count(const struct capsule_discovery *discovery)
{
	return discovery != NULL ? discovery->found.count : 0;
}

void capsule_discovery_item(const struct capsule_discovery *discovery, size_t index, struct capsule_found *out)
{
	static const char *const origins[] = {
		[DISCOVERY_NAMED] = "named",
		[DISCOVERY_WORKSPACE] = "workspace",
		[DISCOVERY_HOME] = "home",
	};
	static const char *const states[] = {
		[DISCOVERY_GOOD] = "good",
		[DISCOVERY_BROKEN] = "broken",
		[DISCOVERY_DUPLICATE] = "duplicate",
		[DISCOVERY_UNAPPROVED] = "unapproved",
	};
	const struct discovered *found;

	*out = (struct capsule_found){ 0 };
	if (index >= capsule_discovery_count(discovery))
		return;
	found = &discovery->found.items[index];
	out->dir = found->dir;
	out->origin = origins[found->origin];
	out->state = states[found->state];
	out->problem = found->problem;
	if (found->manifest == NULL)
		return;
	out->id = found->manifest->package.name;
	out->version = found->manifest->package.version;
	out->description = found->manifest->package.description;
	out->tools = found->manifest->tools.count;
}

const char *capsule_discovery_warnings(const struct capsule_discovery *discovery)
{
	return discovery != NULL && discovery->warnings.len > 0 ? (const char *)discovery->warnings.data : "";
}

const char *capsule_discovery_searched(const struct capsule_discovery *discovery, size_t index)
{
	return discovery != NULL && index < discovery->searched_count ? discovery->searched[index] : NULL;
}
