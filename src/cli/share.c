/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A program that was moved as a whole, with what lies beside it, finds its data: its own path comes before the one that was
 * compiled in. The environment of a program with more rights than its caller is not asked. */
#include "cli/share.h"
#include <build_facts.h>
#include "cli/output.h"
#include "cli/path.h"
#include "cli/text.h"
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LANGUAGES_MAX 64 /* as many as anybody will write SDKs for */

static bool is_folder(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The folder of the SDKs in the share folder `share`, its path resolved; NULL when there is none. */
static char *sdk_in(const char *share)
{
	char *path = cli_path_printf("%s/sdk", share);
	char *resolved = path != NULL && is_folder(path) ? realpath(path, NULL) : NULL;

	free(path);
	return resolved;
}

/* The same for `tail` beside the program. */
static char *sdk_beside_program(const char *tail)
{
	char *program = realpath("/proc/self/exe", NULL), *slash = program != NULL ? strrchr(program, '/') : NULL;
	char *share, *found;

	if (slash == NULL) {
		free(program);
		return NULL;
	}
	*slash = '\0';
	share = cli_path_printf("%s/%s", program, tail);
	found = share != NULL ? sdk_in(share) : NULL;
	free(share);
	free(program);
	return found;
}

static int find_dir(struct sdks *sdks)
{
	const char *named = secure_getenv("CAPSULE_SHARE_DIR");

	if (named != NULL && named[0] != '\0') {
		sdks->dir = sdk_in(named);
		if (sdks->dir != NULL)
			return 0;
		return cli_say("CAPSULE_SHARE_DIR is '%s', which holds no folder sdk\n"
			       "name a folder that does, or unset it",
			CLI_SHORT(named));
	}
	sdks->dir = sdk_beside_program("share/capsule"); /* as it was built */
	if (sdks->dir == NULL)
		sdks->dir = sdk_beside_program("../share/capsule"); /* as it is installed */
	if (sdks->dir == NULL)
		sdks->dir = sdk_in(CAPSULE_DATADIR);
	if (sdks->dir != NULL)
		return 0;
	return cli_say(
		"there are no SDKs: no folder sdk in share/capsule beside the program, in ../share/capsule, or in %s\n"
		"install capsule anew, or name in CAPSULE_SHARE_DIR the folder that holds sdk",
		CAPSULE_DATADIR);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int find_languages(struct sdks *sdks)
{
	DIR *folder = opendir(sdks->dir);
	struct dirent *entry;
	bool copied = true;

	if (folder == NULL)
		return cli_say("%s: %s", CLI_SHORT(sdks->dir), strerror(errno));
	sdks->languages = calloc(LANGUAGES_MAX, sizeof *sdks->languages);
	copied = sdks->languages != NULL;
	while (copied && sdks->count < LANGUAGES_MAX && (entry = readdir(folder)) != NULL) {
		char *path = visible(entry) ? cli_path_printf("%s/%s", sdks->dir, entry->d_name) : NULL;

		if (path != NULL && is_folder(path)) {
			sdks->languages[sdks->count] = strdup(entry->d_name);
			copied = sdks->languages[sdks->count] != NULL;
			sdks->count += copied;
		}
		free(path);
	}
	(void)closedir(folder);
	if (!copied)
		return cli_say_memory();
	qsort(sdks->languages, sdks->count, sizeof *sdks->languages, compare);
	return 0;
}

int cli_sdks_find(struct sdks *sdks)
{
	int status;

	*sdks = (struct sdks){ 0 };
	status = find_dir(sdks);
	return status != 0 ? status : find_languages(sdks);
}

int cli_sdks_check(const struct sdks *sdks, const char *language)
{
	struct nearest nearest = cli_nearest_start(language);
	char names[256] = "none";
	size_t len = 0;

	for (size_t i = 0; i < sdks->count; i++) {
		const char *name = sdks->languages[i];

		if (strcmp(name, language) == 0)
			return 0;
		cli_nearest_offer(&nearest, name);
		if (len + strlen(name) + 3 < sizeof names)
			len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len > 0 ? ", " : "", name);
	}
	(void)cli_say("there is no SDK for '%s'%s\nin %s there is: %s", CLI_SHORT(language), CLI_MEANT(&nearest, ""),
		CLI_SHORT(sdks->dir), names);
	return 2;
}

void cli_sdks_fini(struct sdks *sdks)
{
	for (size_t i = 0; i < sdks->count; i++)
		free(sdks->languages[i]);
	free(sdks->languages);
	free(sdks->dir);
}
