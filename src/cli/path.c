/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cli/path.h"
#include "cli/output.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *cli_path_printf(const char *format, ...)
{
	char *path = NULL;
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vasprintf(&path, format, arguments);
	va_end(arguments);
	if (len >= 0)
		return path;
	(void)cli_say_memory();
	return NULL;
}

int cli_path_absolute(const char *path, char **absolute)
{
	char *folder;

	*absolute = NULL;
	if (path == NULL)
		return 0;
	if (path[0] == '/') {
		*absolute = cli_path_printf("%s", path);
		return *absolute != NULL ? 0 : 1;
	}
	folder = getcwd(NULL, 0);
	if (folder == NULL)
		return cli_say("cannot tell the current folder: %s", strerror(errno));
	*absolute = cli_path_printf("%s/%s", folder, path);
	free(folder);
	return *absolute != NULL ? 0 : 1;
}

char *cli_path_word(const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%:,";
	size_t len = strlen(path);
	char *word = malloc(4 * len + sizeof "''"), *end = word;

	if (word == NULL) {
		(void)cli_say_memory();
		return NULL;
	}
	if (len > 0 && strspn(path, plain) == len)
		return memcpy(word, path, len + 1);
	*end++ = '\'';
	for (; *path != '\0'; path++) {
		if (*path == '\'')
			end = stpcpy(end, "'\\''");
		else
			*end++ = *path;
	}
	(void)stpcpy(end, "'");
	return word;
}
