/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "process/sandbox_system.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Folders of the root beside /usr; on most machines links into it. */
static const char *const roots[] = { "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32" };

/* Files and folders of /etc. Not /etc/ssl and /etc/pki as a whole: those have private keys, too. */
static const char *const files[] = {
	"/etc/ld.so.cache",
	"/etc/alternatives",
	"/etc/ssl/certs",
	"/etc/ssl/cert.pem",
	"/etc/ssl/openssl.cnf",
	"/etc/pki/tls/certs",
	"/etc/pki/tls/cert.pem",
	"/etc/pki/tls/openssl.cnf",
	"/etc/pki/ca-trust",
	"/etc/ca-certificates/extracted", /* elsewhere than on Arch there are only hooks beside it */
	"/etc/crypto-policies",
	"/etc/java*-openjdk",
	"/etc/nsswitch.conf",
	"/etc/localtime",
	"/etc/timezone",
	"/etc/mime.types",
	"/etc/protocols",
	"/etc/services",
	"/etc/hosts",
};

static void words_push(struct sandbox_words *words, const char *word)
{
	if (words->count + 2 > words->capacity) {
		size_t capacity = words->capacity == 0 ? 128 : 2 * words->capacity;
		char **grown = reallocarray(words->words, capacity, sizeof *grown);

		if (grown == NULL) {
			words->failed = true;
			return;
		}
		words->words = grown;
		words->capacity = capacity;
	}
	words->words[words->count] = strdup(word);
	if (words->words[words->count] == NULL)
		words->failed = true;
	else
		words->words[++words->count] = NULL;
}

void sandbox_words_add(struct sandbox_words *words, const char *first, ...)
{
	va_list more;

	va_start(more, first);
	for (const char *word = first; word != NULL && !words->failed; word = va_arg(more, const char *))
		words_push(words, word);
	va_end(more);
}

void sandbox_words_fini(struct sandbox_words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->words[i]);
	free(words->words);
	*words = (struct sandbox_words){ .count = 0 };
}

void sandbox_copies_fini(struct sandbox_copies *copies)
{
	for (size_t i = 0; i < copies->count; i++) {
		fd_drop(&copies->fds[i]);
		free(copies->paths[i]);
	}
	copies->count = 0;
}

/* Returns false for what is not copied. */
static bool add_copy(struct sandbox_copies *copies, const char *real, const char *path)
{
	HOLD(fd_drop) int fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat info;

	if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > SANDBOX_COPY_MAX ||
		copies->count == SANDBOX_COPIES_MAX)
		return false;
	copies->paths[copies->count] = strdup(path);
	if (copies->paths[copies->count] == NULL)
		return false;
	copies->fds[copies->count++] = fd_give(&fd);
	return true;
}

/* What `path` means, at `path`: a link where that leads into /usr, which is there, so that programs see the same text; else what
 * it leads to. Nothing when it leads nowhere. */
static void add_as_it_is(struct sandbox_words *words, struct sandbox_copies *copies, const char *path)
{
	HOLD(free_drop) char *real = realpath(path, NULL);
	struct stat info;

	if (real == NULL || lstat(path, &info) != 0)
		return;
	if (S_ISLNK(info.st_mode) && (strncmp(real, "/usr/", 5) == 0))
		sandbox_words_add(words, "--symlink", real, path, NULL);
	else if (!add_copy(copies, real, path))
		sandbox_words_add(words, "--ro-bind-try", real, path, NULL);
}

enum capsule_status sandbox_system_add(
	struct sandbox_words *words, struct sandbox_copies *copies, bool network, struct capsule_error *err)
{
	glob_t found;

	sandbox_words_add(words, "--ro-bind", "/usr", "/usr", NULL);
	for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++)
		add_as_it_is(words, copies, roots[i]);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		int result = glob(files[i], 0, NULL, &found);

		if (result == GLOB_NOMATCH)
			continue;
		if (result != 0)
			return error_os(err, result == GLOB_NOSPACE ? ENOMEM : EIO, "look for %s", files[i]);
		for (size_t j = 0; j < found.gl_pathc; j++)
			add_as_it_is(words, copies, found.gl_pathv[j]);
		globfree(&found);
	}
	if (network)
		add_as_it_is(words, copies, "/etc/resolv.conf"); /* often a link into /run */
	return CAPSULE_OK;
}
