/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Templates come with the program, but the environment may name others: what is neither folder nor file is refused, links too,
 * and everything is bounded. */
#include "cli/template.h"
#include "cli/output.h"
#include "cli/path.h"
#include "cli/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char mark[] = "@NAME@";
#define MARK_BYTES (sizeof mark - 1)

struct copy {
	const char *to, *name;
	struct template_files *files;
};

static int say_errno(const char *path)
{
	return cli_say("%s: %s", CLI_SHORT(path), strerror(errno));
}

/* `len` bytes of `text` with every mark replaced, in memory of its own with a zero byte behind; NULL when memory ran out. */
static char *replace(const char *text, size_t len, const char *name, size_t *made_len)
{
	size_t name_len = strlen(name), most = (len / MARK_BYTES + 1) * name_len + len + 1, written = 0;
	char *made = malloc(most);

	for (size_t at = 0; made != NULL && at < len;) {
		const char *found = memmem(text + at, len - at, mark, MARK_BYTES);
		size_t before = found != NULL ? (size_t)(found - (text + at)) : len - at;

		memcpy(made + written, text + at, before);
		written += before;
		at += before;
		if (found != NULL) {
			memcpy(made + written, name, name_len);
			written += name_len;
			at += MARK_BYTES;
		}
	}
	if (made != NULL)
		made[written] = '\0';
	*made_len = written;
	return made;
}

/* Read all of `fd`. Returns the exit status. */
static int read_all(int fd, const char *path, char **bytes, size_t *len)
{
	ssize_t got = 1;

	*len = 0;
	*bytes = malloc(TEMPLATE_FILE_BYTES_MAX + 1);
	if (*bytes == NULL)
		return cli_say_memory();
	while (got > 0 && *len <= TEMPLATE_FILE_BYTES_MAX) {
		got = read(fd, *bytes + *len, TEMPLATE_FILE_BYTES_MAX + 1 - *len);
		*len += got > 0 ? (size_t)got : 0;
	}
	if (got < 0)
		return say_errno(path);
	if (*len > TEMPLATE_FILE_BYTES_MAX)
		return cli_say("%s: larger than 1 MiB, the most that a file of a template may be", CLI_SHORT(path));
	return 0;
}

static int write_all(const char *path, mode_t mode, const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	int status = 0;

	if (fd < 0)
		return say_errno(path);
	while (len > 0 && status == 0) {
		ssize_t written = write(fd, bytes, len);

		if (written < 0) {
			status = say_errno(path);
		} else {
			bytes += written;
			len -= (size_t)written;
		}
	}
	if (close(fd) != 0 && status == 0)
		status = say_errno(path);
	return status;
}

static int copy_file(const struct copy *copy, const char *from, const char *to)
{
	int fd = open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), status;
	char *bytes = NULL, *made = NULL;
	size_t len = 0, made_len = 0;
	struct stat info;

	if (fd < 0)
		return say_errno(from);
	if (fstat(fd, &info) != 0)
		status = say_errno(from);
	else if (!S_ISREG(info.st_mode))
		status = cli_say("%s: neither a file nor a folder, in a template", CLI_SHORT(from));
	else
		status = read_all(fd, from, &bytes, &len);
	(void)close(fd);
	if (status == 0) {
		made = replace(bytes, len, copy->name, &made_len);
		status = made != NULL ? write_all(to, info.st_mode & S_IXUSR ? 0777 : 0666, made, made_len)
				      : cli_say_memory();
	}
	free(made);
	free(bytes);
	return status;
}

/* What the entry `name` of a template is called in the copy, owned; NULL after having said why not. */
static char *name_of(const struct copy *copy, const char *name)
{
	size_t len;
	char *made;

	if (strcmp(name, "gitignore") == 0)
		return cli_path_printf(".gitignore"); /* the template itself is kept in git, where that would act */
	made = replace(name, strlen(name), copy->name, &len);
	if (made == NULL)
		(void)cli_say_memory();
	return made;
}

static int copy_folder(struct copy *copy, const char *from, const char *below, size_t depth);

/* Copy the file or folder `from` to `path`, counted from the copy's folder (owned by the list of files from here on). */
static int copy_as(struct copy *copy, const char *from, char *path, size_t depth)
{
	struct template_files *files = copy->files;
	char *to = cli_path_printf("%s/%s", copy->to, path);
	struct stat info;
	int status = 1;

	if (to != NULL && lstat(from, &info) != 0) {
		status = say_errno(from);
	} else if (to != NULL && S_ISDIR(info.st_mode)) {
		status = mkdir(to, 0777) == 0 ? copy_folder(copy, from, path, depth + 1) : say_errno(to);
	} else if (to != NULL) {
		status = copy_file(copy, from, to);
		if (status == 0) {
			files->paths[files->count++] = path;
			path = NULL;
		}
	}
	free(path);
	free(to);
	return status;
}

static int copy_entry(struct copy *copy, const char *folder, const char *below, const char *name, size_t depth)
{
	char *from, *made, *path;
	int status = 1;

	if (copy->files->entries++ >= TEMPLATE_FILES_MAX)
		return cli_say("%s: more than %d files, the most that a template may have", CLI_SHORT(folder),
			TEMPLATE_FILES_MAX);
	from = cli_path_printf("%s/%s", folder, name);
	made = name_of(copy, name);
	path = made != NULL ? cli_path_printf("%s%s%s", below, below[0] != '\0' ? "/" : "", made) : NULL;
	if (from != NULL && path != NULL)
		status = copy_as(copy, from, path, depth);
	else
		free(path);
	free(made);
	free(from);
	return status;
}

/* Copy what is in the folder `from` into the folder `below`, counted from the copy's folder. */
static int copy_folder(struct copy *copy, const char *from, const char *below, size_t depth)
{
	DIR *folder = depth < TEMPLATE_DEPTH_MAX ? opendir(from) : NULL;
	struct dirent *entry;
	int status = 0;

	if (depth >= TEMPLATE_DEPTH_MAX)
		return cli_say("%s: more than %d folders inside each other, in a template", CLI_SHORT(from),
			TEMPLATE_DEPTH_MAX);
	if (folder == NULL)
		return say_errno(from);
	while (status == 0 && (entry = readdir(folder)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			status = copy_entry(copy, from, below, entry->d_name, depth);
	}
	(void)closedir(folder);
	return status;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int cli_template_copy(const char *from, const char *to, const char *name, struct template_files *files)
{
	struct copy copy = { .to = to, .name = name, .files = files };
	int status = copy_folder(&copy, from, "", 0);

	qsort(files->paths, files->count, sizeof *files->paths, compare);
	return status;
}

void cli_template_fini(struct template_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->paths[i]);
}
