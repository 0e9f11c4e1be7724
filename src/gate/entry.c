/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "gate/entry.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "gate/path.h"
#include "gate/question.h"

#include <stdio.h>

static enum capsule_status root_make(char **out, const char *root, struct capsule_error *err)
{
	return root != NULL ? path_canonical(out, root, err) : CAPSULE_OK;
}

enum capsule_status entry_roots_make(struct entry_roots *out, const struct gate_roots *roots, struct capsule_error *err)
{
	enum capsule_status status;

	*out = (struct entry_roots){ 0 };
	status = root_make(&out->workspace, roots->workspace, err);
	if (status == CAPSULE_OK)
		status = root_make(&out->global, roots->global, err);
	return status == CAPSULE_OK ? root_make(&out->forbidden, roots->forbidden, err) : status;
}

void entry_roots_fini(struct entry_roots *roots)
{
	free(roots->workspace);
	free(roots->global);
	free(roots->forbidden);
	*roots = (struct entry_roots){ 0 };
}

bool entry_protected(const struct entry_roots *roots, struct span path)
{
	return roots->forbidden != NULL && path_below(span_text(roots->forbidden), path, NULL) &&
		(roots->global == NULL || !path_below(span_text(roots->global), path, NULL));
}

void entry_meaning_fini(struct entry_meaning *meaning)
{
	free(meaning->name);
	free(meaning->as_named);
	*meaning = (struct entry_meaning){ 0 };
}

/* Where an entry of a path begins. */
struct start {
	const char *root; /* NULL: at the root of the disk */
	const char *rest;
	const char *why;
};

static struct start start_of(const struct entry_roots *roots, const char *entry)
{
	static const char workspace[] = "workspace://", global[] = "global://";

	if (strcmp(entry, "*") == 0)
		return (struct start){ roots->workspace, "",
			roots->workspace == NULL ? "there is no workspace" : NULL };
	if (strncmp(entry, global, strlen(global)) == 0)
		return (struct start){ roots->global, entry + strlen(global),
			roots->global == NULL ? "there is no shared folder that `global://` could mean" : NULL };
	if (strncmp(entry, workspace, strlen(workspace)) == 0)
		entry += strlen(workspace);
	else if (entry[0] == '/')
		return (struct start){ NULL, entry, NULL };
	else if (strstr(entry, "://") != NULL)
		return (struct start){ NULL, entry,
			"there is no such scheme; `workspace://` and `global://` are those" };
	return (struct start){ roots->workspace, entry, roots->workspace == NULL ? "there is no workspace" : NULL };
}

/* Why the text of an entry grants nothing, whatever is on the disk. */
static const char *text_problem(const char *entry)
{
	if (entry[0] == '\0')
		return "an empty entry stands for nothing";
	if (strlen(entry) > LIMIT_PATH)
		return "it is longer than any path";
	return path_has_dots(span_text(entry)) ? "an entry with `..` stands for nothing" : NULL;
}

/* Whether nothing at or below `path` may ever be touched. */
static bool closed(const struct entry_roots *roots, struct span path)
{
	return entry_protected(roots, path) &&
		(roots->global == NULL || !path_below(path, span_text(roots->global), NULL));
}

enum capsule_status entry_path(
	struct entry_meaning *out, const struct entry_roots *roots, const char *entry, struct capsule_error *err)
{
	HOLD(free_drop) char *named = NULL, *real = NULL;
	struct start start = start_of(roots, entry);
	enum capsule_status status;

	*out = (struct entry_meaning){ .why = text_problem(entry) };
	if (out->why == NULL)
		out->why = start.why;
	if (out->why != NULL)
		return CAPSULE_OK;
	if (asprintf(&named, "%s/%s", start.root != NULL ? start.root : "", start.rest) < 0) {
		named = NULL;
		return error_set(err, CAPSULE_ENOMEM, "no memory for an entry");
	}
	status = path_canonical(&real, named, err);
	if (status != CAPSULE_OK)
		return status;
	if (start.root != NULL && !path_below(span_text(start.root), span_text(real), NULL)) {
		out->why = "a link leads out of its root";
		return CAPSULE_OK;
	}
	if (closed(roots, span_text(real))) {
		out->why = "the runtime's own files are closed to every capsule";
		return CAPSULE_OK;
	}
	if (strchr(start.rest, '*') != NULL)
		out->why =
			"`*` within a path is no pattern, but a character of a name; a folder covers all that is in it";
	if (start.root != NULL && path_compare(span_text(named), span_text(real)) != 0)
		out->as_named = GIVE(named);
	out->name = GIVE(real);
	return CAPSULE_OK;
}

/* Why `entry` can't be a host, from its text. */
static const char *host_problem(const char *entry)
{
	if (entry[0] == '\0')
		return "an empty entry stands for nothing";
	if (strstr(entry, "://") != NULL)
		return "it is a URL; write the host name alone";
	if (strncmp(entry, "*.", 2) == 0)
		return "a host name covers its subdomains; write it without `*.`";
	if (strchr(entry, '*') != NULL)
		return "`*` is no pattern within a host name";
	if (strchr(entry, '/') != NULL || strchr(entry, '@') != NULL)
		return "write the host name alone, without path and user";
	if (strchr(entry, ':') != NULL && entry[0] != '[')
		return "write the host name alone, without port; an IPv6 address stands in brackets";
	if (entry[0] == '.' || strstr(entry, "..") != NULL)
		return "a host name has no empty parts";
	if (!host_valid(span_text(entry)) || (entry[0] == '[' && entry[strlen(entry) - 1] != ']'))
		return "it is no host name";
	return NULL;
}

enum capsule_status entry_host(struct entry_meaning *out, const char *entry, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer url = { 0 }, host = { 0 };
	struct capsule_error failure;
	enum capsule_status status;

	*out = (struct entry_meaning){ 0 };
	if (strcmp(entry, "*") != 0) {
		out->why = host_problem(entry);
		if (out->why != NULL)
			return CAPSULE_OK;
		if (!buffer_printf(&url, "http://%s/", entry))
			return error_set(err, CAPSULE_ENOMEM, "no memory for an entry");
		status = gate_url_host(buffer_span(&url), &host, &failure);
		if (status == CAPSULE_ENOMEM)
			return error_copy(err, &failure);
		if (status != CAPSULE_OK || host.len == 0) {
			out->why = "it is no host name; one with other letters than English ones is written as xn--...";
			return CAPSULE_OK;
		}
	} else {
		(void)buffer_append_byte(&host, '*');
	}
	out->name = buffer_steal(&host);
	return out->name != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for an entry");
}

char *entry_platform(const char *platform)
{
	char *copy = text_copy(text_trim(span_text(platform)));

	if (copy != NULL)
		text_lower(copy);
	return copy;
}

const char *entry_key(enum gate_operation operation)
{
	static const char *const keys[GATE_OPERATIONS] = {
		[GATE_READ] = "fs_read",
		[GATE_WRITE] = "fs_write",
		[GATE_HTTP] = "net",
		[GATE_PROCESS] = "host_process",
		[GATE_BIND] = "net_bind",
		[GATE_UPLINK] = "uplink",
		[GATE_IDENTITY] = "identity",
		[GATE_PUBLISH] = "ipc_publish",
		[GATE_SUBSCRIBE] = "ipc_subscribe",
	};

	return operation < GATE_OPERATIONS ? keys[operation] : "";
}

const struct string_list *entry_list(const struct manifest_capabilities *capabilities, enum gate_operation operation)
{
	switch (operation) {
	case GATE_READ:
		return &capabilities->fs_read;
	case GATE_WRITE:
		return &capabilities->fs_write;
	case GATE_HTTP:
		return &capabilities->net;
	case GATE_PROCESS:
		return &capabilities->host_process;
	case GATE_BIND:
		return &capabilities->net_bind;
	case GATE_IDENTITY:
		return &capabilities->identity;
	case GATE_PUBLISH:
		return &capabilities->ipc_publish;
	case GATE_SUBSCRIBE:
		return &capabilities->ipc_subscribe;
	case GATE_UPLINK:
	case GATE_OPERATIONS:
		break;
	}
	return NULL;
}
