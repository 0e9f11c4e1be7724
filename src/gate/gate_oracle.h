/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The rules of paths and hosts once more, for tests: slow, plain, and without a line of the gate's own code. For roots and
 * entries without links. */
#ifndef GATE_GATE_ORACLE_H
#define GATE_GATE_ORACLE_H

#include "gate/gate.h"

#include <stdio.h>
#include <string.h>

#define ORACLE_TEXT 4096

/* `path` with one slash before each component and nothing else: "/a/b"; "" for the root. Returns false when it has "..". */
static inline bool oracle_plain(const char *path, char out[static ORACLE_TEXT])
{
	size_t len = 0;

	while (*path != '\0') {
		const char *end = strchrnul(path, '/');
		size_t part = (size_t)(end - path);

		if (part == 2 && strncmp(path, "..", 2) == 0)
			return false;
		if (part > 0 && !(part == 1 && path[0] == '.') && len + part + 2 < ORACLE_TEXT) {
			out[len++] = '/';
			memcpy(out + len, path, part);
			len += part;
		}
		path = *end == '/' ? end + 1 : end;
	}
	out[len] = '\0';
	return true;
}

static inline bool oracle_below(const char *root, const char *path)
{
	char a[ORACLE_TEXT], b[ORACLE_TEXT];
	size_t len;

	if (root == NULL || !oracle_plain(root, a) || !oracle_plain(path, b))
		return false;
	len = strlen(a);
	return strncmp(a, b, len) == 0 && (b[len] == '\0' || b[len] == '/');
}

/* Whether `entry` of fs_read opens `path`. */
static inline bool oracle_path(const struct gate_roots *roots, const char *entry, const char *path)
{
	char whole[ORACLE_TEXT];
	const char *root = roots->workspace;

	if (path[0] != '/' || entry[0] == '\0' || !oracle_plain(path, whole) || !oracle_plain(entry, whole))
		return false;
	if (oracle_below(roots->forbidden, path) && !oracle_below(roots->global, path))
		return false;
	if (strncmp(entry, "workspace://", 12) == 0) {
		entry += 12;
	} else if (strncmp(entry, "global://", 9) == 0) {
		root = roots->global;
		entry += 9;
	} else if (entry[0] == '/') {
		root = "/";
	} else if (strstr(entry, "://") != NULL) {
		return false;
	} else if (strcmp(entry, "*") == 0) {
		entry = "";
	}
	if (root == NULL)
		return false;
	(void)snprintf(whole, sizeof whole, "%s/%s", root, entry);
	return oracle_below(whole, path);
}

/* Whether `entry` of net, in lower case, opens `host`. */
static inline bool oracle_host(const char *entry, const char *host)
{
	char dotted[ORACLE_TEXT];
	size_t len = strlen(host), tail;

	(void)snprintf(dotted, sizeof dotted, ".%s", entry);
	tail = strlen(dotted);
	return strcmp(entry, host) == 0 || (len >= tail && strcmp(host + len - tail, dotted) == 0);
}

#endif
