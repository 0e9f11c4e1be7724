/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Receipts on the disk. A receipt counts only when nobody but its owner can have written it. */
#include "consent/trust.h"

#include "base/blake3.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/uuid.h"
#include "consent/trust_receipt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define FOLDER "trust"
#define NAME_SIZE (BLAKE3_HEX + 5) /* with ".json" */

static enum capsule_status no_memory(struct capsule_error *err)
{
	return error_set(err, CAPSULE_ENOMEM, "no memory for a receipt");
}

static void receipt_name(const char *dir, char out[NAME_SIZE])
{
	uint8_t hash[BLAKE3_SIZE];
	char hex[BLAKE3_HEX];

	blake3_bytes(span_text(dir), hash);
	blake3_hex(hash, hex);
	(void)snprintf(out, NAME_SIZE, "%s.json", hex);
}

/* Whether nobody else can write what `fd` is. */
static bool is_ours(int fd, mode_t type)
{
	struct stat info;

	return fstat(fd, &info) == 0 && (info.st_mode & S_IFMT) == type && info.st_uid == geteuid() &&
		(info.st_mode & (S_IWGRP | S_IWOTH)) == 0 && (type == S_IFDIR || info.st_nlink == 1);
}

/* Open the folder of receipts in `home`; made when `make`. Returns the descriptor, or -1 with `err` set:
 * CAPSULE_ENOTFOUND when there is none. Who may write the home could put another folder in its place. */
static int open_folder(const char *home, bool make, struct capsule_error *err)
{
	HOLD(fd_drop) int top = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	HOLD(fd_drop) int folder = -1;

	if (top < 0) {
		(void)error_os(err, errno, "the home %.512s", home);
		return -1;
	}
	if (!is_ours(top, S_IFDIR)) {
		(void)error_set(err, CAPSULE_EIO,
			"the home %.512s belongs to another user or can be written by others: make it yours, and run "
			"chmod go-w on it",
			home);
		return -1;
	}
	if (make && mkdirat(top, FOLDER, 0700) == 0)
		(void)fsync(top);
	else if (make && errno != EEXIST)
		(void)error_os(err, errno, "the folder %.512s/" FOLDER " can't be made", home);
	folder = openat(top, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0) {
		(void)error_os(err, errno, "the folder %.512s/" FOLDER, home);
		return -1;
	}
	if (!is_ours(folder, S_IFDIR)) {
		(void)error_set(err, CAPSULE_EIO,
			"the folder %.512s/" FOLDER
			" belongs to another user or can be written by others: look at what is in it, remove it and approve again",
			home);
		return -1;
	}
	return fd_give(&folder);
}

/* ---- Checking ---- */

static enum capsule_status read_receipt(struct receipt *out, int folder, const char *name, struct capsule_error *err)
{
	HOLD(fd_drop) int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	HOLD(buffer_fini) struct buffer text = { 0 };

	if (fd < 0 && errno == ELOOP)
		return error_set(err, CAPSULE_EIO, "it is a symbolic link");
	if (fd < 0)
		return error_os(err, errno, "it can't be opened");
	if (!is_ours(fd, S_IFREG))
		return error_set(err, CAPSULE_EIO,
			"it is not a regular file of yours that nobody else can write and that has one name");
	if (fd_read_all(fd, RECEIPT_BYTES_MAX, &text) == 0)
		return receipt_parse(out, buffer_span(&text), err);
	if (errno == EFBIG)
		return error_set(err, CAPSULE_ELIMIT, "it is larger than %u bytes", RECEIPT_BYTES_MAX);
	return error_os(err, errno, "it can't be read");
}

/* `*changes` says that the receipt does not hold, and why. */
static enum capsule_status void_for(
	char **changes, const char *home, const char *name, struct capsule_error *why, struct capsule_error *err)
{
	if (why->status == CAPSULE_ENOMEM)
		return error_copy(err, why);
	if (why->status == CAPSULE_ENOTFOUND)
		*changes = text_copy(span_text("not approved yet"));
	else if (name == NULL)
		*changes = text_copy(span_text(why->text));
	else if (asprintf(changes, "the receipt %s/" FOLDER "/%s does not hold: %s", home, name, why->text) < 0)
		*changes = NULL;
	return *changes != NULL ? CAPSULE_OK : no_memory(err);
}

enum capsule_status trust_check(
	char **changes, const char *home, const struct trust_subject *subject, struct capsule_error *err)
{
	struct capsule_error why;
	struct receipt receipt = { 0 };
	struct buffer text = { 0 };
	char name[NAME_SIZE];
	enum capsule_status status = CAPSULE_OK;
	HOLD(fd_drop) int folder = -1;

	*changes = NULL;
	error_clear(&why);
	folder = open_folder(home, false, &why);
	if (folder < 0)
		return void_for(changes, home, NULL, &why, err);
	receipt_name(subject->dir, name);
	if (read_receipt(&receipt, folder, name, &why) != CAPSULE_OK)
		return void_for(changes, home, name, &why, err);
	if (!receipt_append_changes(&receipt, subject, &text) ||
		(text.len > 0 && (*changes = buffer_steal(&text)) == NULL))
		status = no_memory(err);
	buffer_fini(&text);
	receipt_fini(&receipt);
	return status;
}

/* ---- Writing ---- */

/* A file of `bytes` under a name that nobody can guess takes the place of `name`. */
static enum capsule_status replace(
	int folder, const char *home, const char *name, struct span bytes, struct capsule_error *err)
{
	HOLD(fd_drop) int fd = -1;
	uint64_t random = 0;
	char temporary[32];
	enum capsule_status status = random_fill(&random, sizeof random, err);

	if (status != CAPSULE_OK)
		return status;
	(void)snprintf(temporary, sizeof temporary, ".%016llx.new", (unsigned long long)random);
	fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_os(err, errno, "a receipt can't be written in %.512s/" FOLDER, home);
	if (fchmod(fd, 0600) == 0 && fd_write_all(fd, bytes) == 0 && fsync(fd) == 0 &&
		renameat(folder, temporary, folder, name) == 0 && fsync(folder) == 0)
		return CAPSULE_OK;
	status = error_os(err, errno, "the receipt %.512s/" FOLDER "/%s can't be written", home, name);
	(void)unlinkat(folder, temporary, 0);
	return status;
}

enum capsule_status trust_approve(const char *home, const struct trust_subject *subject, const char *by,
	const char *when, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { .limit = RECEIPT_BYTES_MAX };
	struct capsule_error why;
	char name[NAME_SIZE];
	HOLD(fd_drop) int folder = -1;

	if (!receipt_append(subject, by, when, &text))
		return text.starved ? no_memory(err)
				    : error_set(err, CAPSULE_ELIMIT,
					      "the receipt would be larger than %u bytes: name fewer files and rights",
					      RECEIPT_BYTES_MAX);
	error_clear(&why);
	folder = open_folder(home, true, &why);
	if (folder < 0)
		return error_copy(err, &why);
	receipt_name(subject->dir, name);
	return replace(folder, home, name, buffer_span(&text), err);
}

enum capsule_status trust_revoke(const char *home, const char *dir, struct capsule_error *err)
{
	HOLD(free_drop) char *canonical = realpath(dir, NULL);
	const char *path = canonical != NULL ? canonical : dir;
	struct capsule_error why;
	char name[NAME_SIZE];
	bool removed;
	HOLD(fd_drop) int folder = -1;

	error_clear(&why);
	folder = open_folder(home, false, &why);
	if (folder < 0 && why.status != CAPSULE_ENOTFOUND)
		return error_copy(err, &why);
	receipt_name(path, name);
	removed = folder >= 0 && unlinkat(folder, name, 0) == 0;
	if (folder < 0 || (!removed && errno == ENOENT))
		return error_set(err, CAPSULE_ENOTFOUND, "there is no receipt for %.512s: it is not approved", path);
	if (!removed)
		return error_os(err, errno, "the receipt %.512s/" FOLDER "/%s can't be removed", home, name);
	if (fsync(folder) != 0)
		return error_os(err, errno, "the folder %.512s/" FOLDER, home);
	return CAPSULE_OK;
}
