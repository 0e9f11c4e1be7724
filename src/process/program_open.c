/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One descriptor for verifying and executing. Of a script, which its interpreter opens by a path, the bytes are copied
 * first, and the copy is what counts from then on. */
#include "process/program.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "process/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define EAGAIN_TRIES 16 /* the kernel answers EAGAIN when a folder on the way was renamed meanwhile */
#define NO_EXECUTION 8u /* MFD_NOEXEC_SEAL, which older headers do not have */
#define COPY_PIECE ((size_t)64 << 10)

struct opener {
	struct program_image *image;
	const struct program *program;
	struct capsule_error *err;
};

void program_image_fini(struct program_image *image)
{
	fd_drop(&image->fd);
	fd_drop(&image->script_fd);
	free(image->path);
	*image = (struct program_image){ .fd = -1, .script_fd = -1 };
}

/* The path is canonical: a link on the way was put there since. */
static int open_canonical(const char *path, int flags)
{
	const struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	long fd = -1;

	for (int i = 0; i < EAGAIN_TRIES; i++) {
		fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return (int)fd;
}

/* A program that may be executed and not read can be started, when nobody wants to know what is in it. Opening waits for
 * no FIFO and touches no device: it is looked at first. */
static enum capsule_status open_file(const struct opener *opener, bool read, bool *readable)
{
	const char *path = opener->program->path;
	HOLD(fd_drop) int seen = open_canonical(path, O_PATH);
	struct stat info;

	if (seen < 0 && errno == ELOOP)
		return error_set(opener->err, CAPSULE_EDENIED,
			"the program `%.256s` is behind a link now, which it was not when it was found: load the capsule "
			"again",
			path);
	if (seen < 0)
		return error_os(opener->err, errno, "the program `%.256s`", path);
	if (fstat(seen, &info) != 0)
		return error_os(opener->err, errno, "the program `%.256s`", path);
	if (!S_ISREG(info.st_mode))
		return error_set(
			opener->err, CAPSULE_EDENIED, "the program `%.256s` is no regular file any more", path);
	opener->image->fd = open_canonical(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	*readable = opener->image->fd >= 0;
	if (!*readable && errno == EACCES && !read)
		opener->image->fd = fd_give(&seen);
	if (opener->image->fd < 0)
		return error_os(opener->err, errno, "the program `%.256s` can't be read", path);
	if (fstat(opener->image->fd, &info) != 0 || !S_ISREG(info.st_mode))
		return error_set(
			opener->err, CAPSULE_EDENIED, "the program `%.256s` is no regular file any more", path);
	return CAPSULE_OK;
}

static enum capsule_status copy_bytes(const struct opener *opener, int from, int to)
{
	HOLD(free_drop) char *piece = malloc(COPY_PIECE);
	off_t at = 0;
	ssize_t got;

	if (piece == NULL)
		return error_set(opener->err, CAPSULE_ENOMEM, "no memory for a copy of a script");
	while ((got = pread(from, piece, COPY_PIECE, at)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_os(opener->err, errno, "the program `%.256s`", opener->program->path);
		if ((uint64_t)at + (uint64_t)got > PROGRAM_SCRIPT_MAX)
			return error_set(opener->err, CAPSULE_ELIMIT,
				"the script `%.256s` is larger than %u bytes: start its interpreter and pass the script",
				opener->program->path, PROGRAM_SCRIPT_MAX);
		for (ssize_t done = 0; done < got;) {
			ssize_t written = pwrite(to, piece + done, (size_t)(got - done), at + done);

			if (written < 0 && errno != EINTR)
				return error_os(opener->err, errno, "a copy of a script");
			done += written > 0 ? written : 0;
		}
		at += got;
	}
	return CAPSULE_OK;
}

static enum capsule_status copy_script(const struct opener *opener)
{
	HOLD(fd_drop) int copy = memfd_create("script", MFD_CLOEXEC | MFD_ALLOW_SEALING | NO_EXECUTION);
	enum capsule_status status;

	if (copy < 0 && errno == EINVAL) /* a kernel before 6.3 */
		copy = memfd_create("script", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy < 0)
		return error_os(opener->err, errno, "a copy of a script");
	status = copy_bytes(opener, opener->image->fd, copy);
	if (status != CAPSULE_OK)
		return status;
	if (fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
		return error_os(opener->err, errno, "sealing a copy of a script");
	opener->image->script_fd = fd_give(&copy);
	return CAPSULE_OK;
}

static bool is_script(int fd)
{
	char begin[2];

	return pread(fd, begin, sizeof begin, 0) == (ssize_t)sizeof begin && begin[0] == '#' && begin[1] == '!';
}

/* Whether somebody wrote into the file since `before`. */
static bool changed_since(int fd, const struct stat *before)
{
	struct stat now;

	return fstat(fd, &now) != 0 || now.st_size != before->st_size || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
		now.st_mtim.tv_nsec != before->st_mtim.tv_nsec || now.st_ctim.tv_sec != before->st_ctim.tv_sec ||
		now.st_ctim.tv_nsec != before->st_ctim.tv_nsec;
}

static enum capsule_status verify(const struct opener *opener, const char *hash)
{
	struct program_image *image = opener->image;
	int fd = image->script_fd >= 0 ? image->script_fd : image->fd;
	enum digest_kind kind;
	struct stat before;
	enum capsule_status status = digest_parse(&kind, span_text(hash), opener->err);

	if (status != CAPSULE_OK)
		return error_in(opener->err, "hash of %.256s", opener->program->command);
	if (kind == DIGEST_TREE)
		return error_set(opener->err, CAPSULE_EINVAL,
			"hash of %.256s: a program is a file, whose digest begins with `blake3:` or `sha256:`",
			opener->program->command);
	if (fstat(fd, &before) != 0)
		return error_os(opener->err, errno, "the program `%.256s`", image->path);
	status = digest_file(image->digest, kind, fd, opener->err);
	if (status != CAPSULE_OK)
		return error_in(opener->err, "the program `%.256s`", image->path);
	if (changed_since(fd, &before))
		return error_set(opener->err, CAPSULE_EDENIED,
			"the program `%.256s` was written to while it was verified: try again", image->path);
	if (!digest_same(image->digest, hash))
		return error_set(opener->err, CAPSULE_EDENIED, "Binary hash mismatch for %.256s: expected %s, got %s",
			opener->program->command, hash, image->digest);
	if (lseek(fd, 0, SEEK_SET) != 0)
		return error_os(opener->err, errno, "the program `%.256s`", image->path);
	return CAPSULE_OK;
}

enum capsule_status program_open(
	struct program_image *out, const struct program *program, const char *hash, struct capsule_error *err)
{
	struct capsule_error room = { .status = CAPSULE_OK };
	struct opener opener = { .program = program, .err = err != NULL ? err : &room };
	bool readable = false;
	enum capsule_status status;

	*out = (struct program_image){ .fd = -1, .script_fd = -1 };
	opener.image = out;
	out->path = text_copy(span_text(program->path));
	if (out->path == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a program");
	status = open_file(&opener, hash != NULL, &readable);
	if (status == CAPSULE_OK && readable && is_script(out->fd))
		status = copy_script(&opener);
	if (status == CAPSULE_OK && hash != NULL)
		status = verify(&opener, hash);
	if (status != CAPSULE_OK)
		program_image_fini(out);
	return status;
}
