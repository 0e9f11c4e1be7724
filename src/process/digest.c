/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Digests of files, and lists of them. */
#include "process/digest.h"

#include "base/blake3.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium/crypto_hash_sha256.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

static_assert(crypto_hash_sha256_BYTES == BLAKE3_SIZE, "one size of a digest");

/* Opening must not wait for the other end of a FIFO, nor make a terminal ours. */
#define OPEN_QUIETLY (O_RDONLY | O_NONBLOCK | O_NOCTTY)

static bool sha256_file(int fd, uint64_t limit, uint8_t out[BLAKE3_SIZE])
{
	HOLD(free_drop) uint8_t *piece = malloc(LIMIT_INLINE_WORK);
	crypto_hash_sha256_state state;
	uint64_t total = 0;
	ssize_t got;

	if (piece == NULL) {
		errno = ENOMEM;
		return false;
	}
	(void)crypto_hash_sha256_init(&state);
	while ((got = read(fd, piece, LIMIT_INLINE_WORK)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		total += (uint64_t)got;
		if (total > limit) {
			errno = EFBIG;
			return false;
		}
		(void)crypto_hash_sha256_update(&state, piece, (unsigned long long)got);
	}
	(void)crypto_hash_sha256_final(&state, out);
	return true;
}

enum capsule_status digest_file(char out[DIGEST_TEXT], enum digest_kind kind, int fd, struct capsule_error *err)
{
	uint8_t hash[BLAKE3_SIZE];
	char hex[BLAKE3_HEX];
	bool done;

	if (kind != DIGEST_BLAKE3 && kind != DIGEST_SHA256)
		return error_set(err, CAPSULE_EINVAL, "a file has a `blake3:` or `sha256:` digest");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_os(err, errno, "reading it from its start");
	done = kind == DIGEST_SHA256 ? sha256_file(fd, DIGEST_FILE_MAX, hash)
				     : blake3_file(fd, DIGEST_FILE_MAX, hash) >= 0;
	if (!done && errno == EFBIG)
		return error_set(err, CAPSULE_ELIMIT, "it is larger than %llu bytes", DIGEST_FILE_MAX);
	if (!done)
		return error_os(err, errno, "reading it");
	blake3_hex(hash, hex);
	(void)snprintf(out, DIGEST_TEXT, "%s%s", digest_prefix(kind), hex);
	return CAPSULE_OK;
}

/* The digest of what `fd` is; a file's is of `kind` unless that is DIGEST_TREE. *is_folder tells which. */
static enum capsule_status digest_any(char out[DIGEST_TEXT], enum digest_kind kind, int fd, struct capsule_error *err)
{
	struct stat info;

	if (fstat(fd, &info) != 0)
		return error_os(err, errno, "looking at it");
	if (S_ISDIR(info.st_mode))
		return kind == DIGEST_TREE
			? digest_tree(out, fd, NULL, err)
			: error_set(err, CAPSULE_EINVAL, "it is a folder, whose digest begins with `tree:`");
	if (!S_ISREG(info.st_mode))
		return error_set(err, CAPSULE_EINVAL, "it is no regular file and no folder");
	if (kind == DIGEST_TREE)
		return error_set(err, CAPSULE_EINVAL, "it is a file, whose digest begins with `blake3:` or `sha256:`");
	return digest_file(out, kind, fd, err);
}

enum capsule_status digest_path(char out[DIGEST_TEXT], const char *path, bool sha256, struct capsule_error *err)
{
	HOLD(fd_drop) int fd = open(path, OPEN_QUIETLY | O_CLOEXEC);
	enum digest_kind kind = sha256 ? DIGEST_SHA256 : DIGEST_BLAKE3;
	struct stat info;
	enum capsule_status status;

	if (fd < 0)
		return error_os(err, errno, "%.512s", path);
	if (!sha256 && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode))
		kind = DIGEST_TREE;
	status = digest_any(out, kind, fd, err);
	return status == CAPSULE_OK ? CAPSULE_OK : error_in(err, "%.512s", path);
}

static enum capsule_status not_opened(const char *path, int cause, struct capsule_error *err)
{
	if (cause == EXDEV)
		return error_set(err, CAPSULE_EDENIED,
			"integrity: `%.256s` lies outside the capsule's folder: name what is in it", path);
	(void)error_os(err, cause, "integrity: `%.256s`", path);
	return cause == ENOTDIR ? error_set(err, CAPSULE_ENOTFOUND, "integrity: `%.256s` does not exist", path)
				: err->status;
}

static enum capsule_status check_line(const char *dir, const char *text, struct capsule_error *err)
{
	HOLD(free_drop) char *path = NULL;
	HOLD(fd_drop) int fd = -1;
	char actual[DIGEST_TEXT];
	struct digest_line line;
	enum capsule_status status = digest_line_parse(&line, span_text(text), err);

	if (status != CAPSULE_OK)
		return error_in(err, "integrity");
	path = text_copy(line.path);
	if (path == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to check `integrity`");
	fd = fd_open_beneath(dir, path, OPEN_QUIETLY);
	if (fd < 0)
		return not_opened(path, errno, err);
	status = digest_any(actual, line.kind, fd, err);
	if (status != CAPSULE_OK)
		return error_in(err, "integrity: `%.256s`", path);
	if (digest_same(actual, (const char *)line.digest.data))
		return CAPSULE_OK;
	return error_set(err, CAPSULE_EDENIED,
		"integrity: `%.256s` is not what the manifest says: expected %.*s, got %s", path, SPAN_ARG(line.digest),
		actual);
}

enum capsule_status digest_check_list(
	const char *dir, const char *const *lines, size_t count, struct capsule_error *err)
{
	struct capsule_error room;
	enum capsule_status status = CAPSULE_OK;

	for (size_t i = 0; i < count && status == CAPSULE_OK; i++)
		status = check_line(dir, lines[i], err != NULL ? err : &room);
	return status;
}

/* The digits of the line that names the whole folder; NULL when there is none. */
static const char *approved_folder(const char *approved)
{
	for (const char *line = approved; *line != '\0';) {
		size_t len = strcspn(line, "\n");

		if (len == DIGEST_DIGITS + 2 && line[DIGEST_DIGITS] == ' ' && line[DIGEST_DIGITS + 1] == '.')
			return line;
		line += len + (line[len] == '\n');
	}
	return NULL;
}

enum capsule_status digest_check_approved(const char *dir, const char *approved, struct capsule_error *err)
{
	HOLD(fd_drop) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *expected = approved_folder(approved);
	size_t prefix = strlen(digest_prefix(DIGEST_TREE));
	char actual[DIGEST_TEXT];
	enum capsule_status status;

	if (expected == NULL)
		return error_set(err, CAPSULE_EDENIED,
			"the capsule was approved without its whole folder, which its programs can read: approve it again");
	if (fd < 0)
		return error_os(err, errno, "the capsule's folder %.512s", dir);
	status = digest_tree(actual, fd, NULL, err);
	if (status != CAPSULE_OK)
		return status;
	if (strncasecmp(actual + prefix, expected, DIGEST_DIGITS) == 0)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_EDENIED,
		"something in the capsule's folder changed since it was approved: look at it and approve it again");
}
