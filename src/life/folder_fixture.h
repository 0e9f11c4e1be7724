/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For tests: a folder of their own in /tmp, with files below it. Failures end the test. */
#ifndef LIFE_FOLDER_FIXTURE_H
#define LIFE_FOLDER_FIXTURE_H

#include <sys/types.h>

struct folder {
	char path[64]; /* absolute, no link in it */
};

void folder_make(struct folder *folder);
void folder_remove(struct folder *folder);

/** `<folder>/<name>`, in one of 16 places that are used in turn. */
const char *folder_path(const struct folder *folder, const char *name);

/** Write a file, in place of what stood there; the folders above it are made. */
void folder_write(const struct folder *folder, const char *name, const char *text);

/** Make a folder and those above it. */
void folder_add(const struct folder *folder, const char *name);

/** `<name>/Capsule.toml` of a capsule called `id`; `more` follows [package]. */
void folder_capsule(const struct folder *folder, const char *name, const char *id, const char *more);

/** A symbolic link `name` to `target`, which is counted from the link. */
void folder_link(const struct folder *folder, const char *target, const char *name);

#endif
