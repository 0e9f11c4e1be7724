/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Paths as the library wants them. */
#ifndef CLI_PATH_H
#define CLI_PATH_H

/** `path` counted from the current folder, in `*absolute` (owned, free() it); NULL stays NULL. Returns the exit status: 0, or
 *  another after having said why. */
int cli_path_absolute(const char *path, char **absolute);

/** `format` with its arguments, owned; NULL after having said that memory ran out. */
char *cli_path_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** `path` as one word of a shell, owned; NULL after having said that memory ran out. */
char *cli_path_word(const char *path);

#endif
