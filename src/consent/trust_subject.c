/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What there is to be approved: hashes of files and rights in words. */
#include "consent/trust.h"

#include "base/blake3.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/text.h"
#include "consent/trust_receipt.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define ALL_FILES_MAX (256ull * MIB) /* bytes of all files of one capsule; a second or less of hashing */

struct name {
	const char *text; /* borrowed from the manifest */
	bool maybe;       /* counts only when it is a file in the folder */
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

void trust_subject_fini(struct trust_subject *subject)
{
	for (size_t i = 0; i < subject->file_count; i++)
		free(subject->files[i].name);
	for (size_t i = 0; i < subject->right_count; i++)
		free(subject->rights[i]);
	free(subject->files);
	free(subject->rights);
	free(subject->id);
	free(subject->dir);
	*subject = (struct trust_subject){ 0 };
}

static int compare_with_file(const void *name, const void *file)
{
	return strcmp(name, ((const struct trust_file *)file)->name);
}

const struct trust_file *trust_subject_file(const struct trust_subject *subject, const char *name)
{
	if (subject->file_count == 0)
		return NULL;
	return bsearch(name, subject->files, subject->file_count, sizeof *subject->files, compare_with_file);
}

/* ---- Which files ---- */

static enum capsule_status add_name(struct maker *maker, const char *text, bool maybe)
{
	if (text == NULL)
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
	maker->names[maker->name_count++] = (struct name){ .text = text, .maybe = maybe };
	return CAPSULE_OK;
}

/* `python3 server.py`: what runs is the argument. */
static enum capsule_status add_server(struct maker *maker, const struct manifest_mcp_server *server)
{
	enum capsule_status status = add_name(maker, server->command, true);

	for (size_t i = 0; i < server->args.count && status == CAPSULE_OK; i++)
		status = add_name(maker, server->args.items[i], true);
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

static enum capsule_status make_files(struct maker *maker, const struct manifest *manifest)
{
	enum capsule_status status = add_names(maker, manifest);

	if (status != CAPSULE_OK)
		return status;
	qsort(maker->names, maker->name_count, sizeof *maker->names, compare_names);
	maker->subject->files = calloc(maker->name_count, sizeof *maker->subject->files);
	if (maker->subject->files == NULL)
		return no_memory(maker->err);
	for (size_t i = 0; i < maker->name_count && status == CAPSULE_OK; i++)
		if (i == 0 || strcmp(maker->names[i - 1].text, maker->names[i].text) != 0)
			status = add_file(maker, &maker->names[i]);
	return status;
}

/* ---- Rights ---- */

/* "fs_write workspace://notes -> /w/notes". By what is compared and not by `meaning`: the wording may become better. */
static char *word_right(const struct policy_row *row)
{
	HOLD(buffer_fini) struct buffer line = { 0 };

	(void)buffer_append_text(&line, row->key);
	if (row->operation != GATE_OPERATIONS || strcmp(row->key, POLICY_INTERCEPTOR) == 0 || row->server != NULL) {
		(void)(buffer_append_byte(&line, ' ') && trust_append_escaped(&line, row->entry));
		if (strcmp(row->entry, row->target) != 0)
			(void)(buffer_append_text(&line, " -> ") && trust_append_escaped(&line, row->target));
	}
	if (row->by_component)
		(void)buffer_append_text(&line, " (the component alone)");
	return buffer_steal(&line);
}

static int compare_texts(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Sorted texts, each once. */
static void drop_repeated(char **texts, size_t *count)
{
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++) {
		if (kept > 0 && strcmp(texts[kept - 1], texts[i]) == 0)
			free(texts[i]);
		else
			texts[kept++] = texts[i];
	}
	*count = kept;
}

static enum capsule_status make_rights(struct maker *maker, const struct policy *policy)
{
	struct trust_subject *subject = maker->subject;

	if (policy->count > RECEIPT_RIGHTS_MAX)
		return error_set(maker->err, CAPSULE_ELIMIT,
			"the manifest declares more than %d rights: a capsule with so many can't be approved",
			RECEIPT_RIGHTS_MAX);
	if (policy->count == 0)
		return CAPSULE_OK;
	subject->rights = calloc(policy->count, sizeof *subject->rights);
	if (subject->rights == NULL)
		return no_memory(maker->err);
	for (size_t i = 0; i < policy->count; i++) {
		if (policy->rows[i].target == NULL) /* grants nothing */
			continue;
		subject->rights[subject->right_count] = word_right(&policy->rows[i]);
		if (subject->rights[subject->right_count] == NULL)
			return no_memory(maker->err);
		subject->right_count++;
	}
	qsort(subject->rights, subject->right_count, sizeof *subject->rights, compare_texts);
	drop_repeated(subject->rights, &subject->right_count);
	return CAPSULE_OK;
}

enum capsule_status trust_append_rights(const struct policy *policy, struct buffer *out, struct capsule_error *err)
{
	struct trust_subject subject = { 0 };
	struct maker maker = { .subject = &subject, .err = err };
	enum capsule_status status = make_rights(&maker, policy);

	for (size_t i = 0; i < subject.right_count && status == CAPSULE_OK; i++)
		(void)(buffer_append_byte(out, '\n') && buffer_append_text(out, subject.rights[i]));
	trust_subject_fini(&subject);
	return status == CAPSULE_OK ? buffer_check(out, err) : status;
}

enum capsule_status trust_subject_make(struct trust_subject *out, const char *dir, const struct manifest *manifest,
	const struct policy *policy, struct capsule_error *err)
{
	struct maker maker = { .subject = out, .bytes_left = ALL_FILES_MAX, .err = err };
	enum capsule_status status;

	*out = (struct trust_subject){ 0 };
	out->dir = realpath(dir, NULL);
	if (out->dir == NULL)
		return error_os(err, errno, "the capsule's folder %.512s", dir);
	out->id = text_copy(span_text(manifest->package.name));
	status = out->id != NULL ? make_files(&maker, manifest) : no_memory(err);
	free(maker.names);
	if (status == CAPSULE_OK)
		status = make_rights(&maker, policy);
	if (status != CAPSULE_OK)
		trust_subject_fini(out);
	return status;
}
