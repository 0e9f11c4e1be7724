/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The files of a capsule that there is to be approved, with their hashes. Those that the manifest names stand for
 * themselves, so that what changed can be told; where there are programs, which read what they like, the whole folder
 * counts besides. */
#include "consent/trust_files.h"

#include "base/blake3.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/text.h"
#include "consent/trust_receipt.h"
#include "process/digest.h"
#include "process/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define ALL_FILES_MAX (256ull * MIB) /* bytes of all files of one capsule; a second or less of hashing */
/* Of a folder with servers, whose packages can be large: some seconds of hashing. */
#define FOLDER_BYTES_MAX (1024ull * MIB)
#define FOLDER_ENTRIES_MAX 100000

struct name {
	char *text;
	bool maybe; /* counts only when it is a file in the folder */
};

struct maker {
	struct trust_subject *subject;
	struct name *names;
	size_t name_count, name_capacity;
	uint64_t bytes_left;
	struct capsule_error *err;
};

static enum capsule_status no_memory(struct capsule_error *err)
{
	return error_set(err, CAPSULE_ENOMEM, "no memory for what there is to be approved");
}

/* ---- Which files ---- */

/* `./a` is `a`; empty when it is the folder itself. */
static struct span plain_name(struct span text)
{
	while (text.len >= 2 && text.data[0] == '.' && text.data[1] == '/') {
		text = span_of(text.data + 2, text.len - 2);
		while (text.len > 0 && text.data[0] == '/')
			text = span_of(text.data + 1, text.len - 1);
	}
	return span_is(text, ".") ? span_of(NULL, 0) : text;
}

/* `text` may be NULL. */
static enum capsule_status add_name(struct maker *maker, const char *text, bool maybe)
{
	struct span name = text != NULL ? plain_name(span_text(text)) : span_of(NULL, 0);
	char *copy;

	if (text == NULL || (maybe && name.len == 0))
		return CAPSULE_OK;
	if (maker->name_count == RECEIPT_FILES_MAX)
		return error_set(maker->err, CAPSULE_ELIMIT,
			"the manifest names more than %d files: a capsule with so many can't be approved",
			RECEIPT_FILES_MAX);
	if (maker->name_count == maker->name_capacity) {
		size_t capacity = maker->name_capacity == 0 ? 16 : 2 * maker->name_capacity;
		struct name *names = reallocarray(maker->names, capacity, sizeof *names);

		if (names == NULL)
			return no_memory(maker->err);
		maker->names = names;
		maker->name_capacity = capacity;
	}
	copy = text_copy(name);
	if (copy == NULL)
		return no_memory(maker->err);
	maker->names[maker->name_count++] = (struct name){ .text = copy, .maybe = maybe };
	return CAPSULE_OK;
}

/* The program of a folder that has one for each platform. */
static enum capsule_status add_slice(struct maker *maker, const char *command)
{
	HOLD(free_drop) char *slice = NULL;

	if (command == NULL || command[0] == '/' || strchr(command, '/') == NULL)
		return CAPSULE_OK;
	if (asprintf(&slice, "%s/%s", command, program_triple()) < 0) {
		slice = NULL;
		return no_memory(maker->err);
	}
	return add_name(maker, slice, true);
}

/* The path of a line of `integrity`. */
static enum capsule_status add_verified(struct maker *maker, const char *text)
{
	HOLD(free_drop) char *path = NULL;
	struct digest_line line;

	if (digest_line_parse(&line, span_text(text), NULL) != CAPSULE_OK)
		return CAPSULE_OK;
	path = text_copy(line.path);
	return path != NULL ? add_name(maker, path, true) : no_memory(maker->err);
}

/* `python3 ./server.py`: what runs is the argument. */
static enum capsule_status add_server(struct maker *maker, const struct manifest_mcp_server *server)
{
	enum capsule_status status = add_name(maker, server->command, true);

	if (status == CAPSULE_OK)
		status = add_slice(maker, server->command);
	for (size_t i = 0; i < server->args.count && status == CAPSULE_OK; i++)
		status = add_name(maker, server->args.items[i], true);
	for (size_t i = 0; i < server->integrity.count && status == CAPSULE_OK; i++)
		status = add_verified(maker, server->integrity.items[i]);
	return status;
}

static enum capsule_status add_names(struct maker *maker, const struct manifest *manifest)
{
	enum capsule_status status = add_name(maker, TRUST_MANIFEST, false);

	for (size_t i = 0; i < manifest->components.count && status == CAPSULE_OK; i++)
		status = add_name(maker, manifest->components.items[i].file, false);
	for (size_t i = 0; i < manifest->context_files.count && status == CAPSULE_OK; i++)
		status = add_name(maker, manifest->context_files.items[i].file, false);
	for (size_t i = 0; i < manifest->skills.count && status == CAPSULE_OK; i++)
		status = add_name(maker, manifest->skills.items[i].file, false);
	for (size_t i = 0; i < manifest->commands.count && status == CAPSULE_OK; i++)
		status = add_name(maker, manifest->commands.items[i].file, false);
	for (size_t i = 0; i < manifest->topics.count && status == CAPSULE_OK; i++)
		status = add_name(maker, manifest->topics.items[i].schema, false);
	for (size_t i = 0; i < manifest->mcp_servers.count && status == CAPSULE_OK; i++)
		status = add_server(maker, &manifest->mcp_servers.items[i]);
	return status;
}

/* By name; of one name, what must be a file first. */
static int compare_names(const void *left, const void *right)
{
	const struct name *a = left, *b = right;
	int order = strcmp(a->text, b->text);

	return order != 0 ? order : (int)a->maybe - (int)b->maybe;
}

/* ---- Their hashes ---- */

/* Why the file `name` could not be opened. An absent one is no failure. */
static enum capsule_status not_opened(struct maker *maker, const char *name, int cause)
{
	if (cause == ENOENT || cause == ENOTDIR)
		return CAPSULE_OK;
	if (cause == EXDEV)
		return error_set(maker->err, CAPSULE_EIO,
			"`%.256s` lies outside the capsule's folder: name a file inside it", name);
	return error_os(maker->err, cause, "the file `%.256s` of the capsule", name);
}

static enum capsule_status hash_open_file(struct maker *maker, const char *name, int fd, char hex[BLAKE3_HEX])
{
	uint64_t limit = maker->bytes_left < LIMIT_WASM_MODULE ? maker->bytes_left : LIMIT_WASM_MODULE;
	uint8_t hash[BLAKE3_SIZE];
	int64_t len = blake3_file(fd, limit, hash);

	if (len < 0 && errno == EFBIG)
		return error_set(maker->err, CAPSULE_ELIMIT,
			"`%.256s` is too large: a file of a capsule may have %u bytes, all of them together %llu", name,
			LIMIT_WASM_MODULE, ALL_FILES_MAX);
	if (len < 0)
		return error_os(maker->err, errno, "the file `%.256s` of the capsule", name);
	maker->bytes_left -= (uint64_t)len;
	blake3_hex(hash, hex);
	return CAPSULE_OK;
}

static enum capsule_status add_file(struct maker *maker, const struct name *name)
{
	struct trust_subject *subject = maker->subject;
	HOLD(fd_drop) int fd = fd_open_beneath(subject->dir, name->text, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct trust_file file = { 0 };
	enum capsule_status status = CAPSULE_OK;
	struct stat info;
	int cause = errno;
	bool regular = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);

	if (name->maybe && !regular)
		return CAPSULE_OK;
	if (fd < 0)
		status = not_opened(maker, name->text, cause);
	else if (!regular)
		status = error_set(maker->err, CAPSULE_EIO, "`%.256s` is not a regular file", name->text);
	else
		status = hash_open_file(maker, name->text, fd, file.blake3);
	if (status != CAPSULE_OK)
		return status;
	file.name = text_copy(span_text(name->text));
	if (file.name == NULL)
		return no_memory(maker->err);
	subject->files[subject->file_count++] = file;
	return CAPSULE_OK;
}

/* The whole folder, first among the files. */
static enum capsule_status add_folder(struct maker *maker)
{
	static const struct digest_bounds bounds = { FOLDER_BYTES_MAX, FOLDER_ENTRIES_MAX, DIGEST_TREE_DEPTH };
	struct trust_subject *subject = maker->subject;
	HOLD(fd_drop) int fd = open(subject->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct trust_file file = { 0 };
	char digest[DIGEST_TEXT];
	struct capsule_error reason;
	enum capsule_status status;

	if (fd < 0)
		return error_os(maker->err, errno, "the capsule's folder %.512s", subject->dir);
	status = digest_tree(digest, fd, &bounds, &reason);
	if (status == CAPSULE_EINVAL)
		status = CAPSULE_EIO;
	if (status != CAPSULE_OK)
		return error_set(maker->err, status,
			"the capsule's folder, which counts as a whole since the capsule has an MCP server: %s",
			reason.text);
	(void)snprintf(file.blake3, sizeof file.blake3, "%s", digest + strlen(digest_prefix(DIGEST_TREE)));
	file.name = text_copy(span_text(TRUST_FOLDER));
	if (file.name == NULL)
		return no_memory(maker->err);
	subject->files[subject->file_count++] = file;
	return CAPSULE_OK;
}

static int compare_files(const void *left, const void *right)
{
	return strcmp(((const struct trust_file *)left)->name, ((const struct trust_file *)right)->name);
}

static enum capsule_status make(struct maker *maker, const struct manifest *manifest)
{
	enum capsule_status status = add_names(maker, manifest);

	if (status != CAPSULE_OK)
		return status;
	qsort(maker->names, maker->name_count, sizeof *maker->names, compare_names);
	maker->subject->files = calloc(maker->name_count + 1, sizeof *maker->subject->files);
	if (maker->subject->files == NULL)
		return no_memory(maker->err);
	if (manifest->mcp_servers.count > 0)
		status = add_folder(maker);
	for (size_t i = 0; i < maker->name_count && status == CAPSULE_OK; i++)
		if (i == 0 || strcmp(maker->names[i - 1].text, maker->names[i].text) != 0)
			status = add_file(maker, &maker->names[i]);
	qsort(maker->subject->files, maker->subject->file_count, sizeof *maker->subject->files, compare_files);
	return status;
}

enum capsule_status trust_files_make(
	struct trust_subject *subject, const struct manifest *manifest, struct capsule_error *err)
{
	struct maker maker = { .subject = subject, .bytes_left = ALL_FILES_MAX, .err = err };
	enum capsule_status status = make(&maker, manifest);

	for (size_t i = 0; i < maker.name_count; i++)
		free(maker.names[i].text);
	free(maker.names);
	return status;
}
