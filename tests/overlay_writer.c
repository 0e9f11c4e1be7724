/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writes over a workspace as a capsule does, for tests of what is done with it afterwards.
 *
 * Usage: overlay_writer HOME WORKSPACE ID VERB PATH [TEXT]...
 * Verbs: write PATH TEXT, mkdir PATH, unlink PATH, any number of them; hold: says "held" and keeps the overlay open
 * until it is killed. */
#include "runtime/overlay.h"
#include "vfs/overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run(struct overlay *overlay, enum vfs_verb verb, const char *path, const char *text)
{
	struct capsule_error error = { .status = CAPSULE_OK };
	struct buffer result = { 0 };
	struct vfs_work work = { .verb = verb, .relative = path, .data = span_text(text), .result = &result };
	enum capsule_status status = overlay_run(overlay, &work, &error);

	buffer_fini(&result);
	if (status != CAPSULE_OK)
		(void)fprintf(stderr, "%s: %s\n", path, error.text);
	return status == CAPSULE_OK ? 0 : 1;
}

static int run_all(struct overlay *overlay, char **arguments)
{
	int failed = 0;

	while (failed == 0 && *arguments != NULL) {
		const char *verb = *arguments++;

		if (strcmp(verb, "hold") == 0) {
			(void)puts("held");
			(void)fflush(stdout);
			for (;;)
				(void)pause();
		}
		if (*arguments == NULL)
			return 2;
		if (strcmp(verb, "write") == 0 && arguments[1] != NULL) {
			failed = run(overlay, VFS_WRITE, arguments[0], arguments[1]);
			arguments++;
		} else {
			failed = run(overlay, strcmp(verb, "mkdir") == 0 ? VFS_MKDIR : VFS_UNLINK, arguments[0], "");
		}
		arguments++;
	}
	return failed;
}

int main(int count, char **arguments)
{
	struct capsule_error error = { .status = CAPSULE_OK };
	struct overlay *overlay = NULL;
	struct tree tree;
	char *workspace, *dir;
	int failed = 1;

	if (count < 5)
		return 2;
	workspace = realpath(arguments[2], NULL);
	dir = workspace != NULL ? overlay_place(arguments[1], workspace, arguments[3]) : NULL;
	if (dir != NULL && tree_open(&tree, workspace) == 0) {
		if (overlay_open(&overlay, &tree, workspace, dir, true, NULL, &error) == CAPSULE_OK)
			failed = run_all(overlay, arguments + 4);
		else
			(void)fprintf(stderr, "%s\n", error.text);
		overlay_close(overlay);
		tree_close(&tree);
	}
	free(dir);
	free(workspace);
	return failed;
}
