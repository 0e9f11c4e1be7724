/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What there is to be approved: files (trust_files.c) and rights in words. */
#include "consent/trust.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "consent/trust_files.h"
#include "consent/trust_receipt.h"

#include <errno.h>

struct maker {
	struct trust_subject *subject;
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
	struct maker maker = { .subject = out, .err = err };
	enum capsule_status status;

	*out = (struct trust_subject){ 0 };
	out->dir = realpath(dir, NULL);
	if (out->dir == NULL)
		return error_os(err, errno, "the capsule's folder %.512s", dir);
	out->id = text_copy(span_text(manifest->package.name));
	status = out->id != NULL ? trust_files_make(out, manifest, err) : no_memory(err);
	if (status == CAPSULE_OK)
		status = make_rights(&maker, policy);
	if (status != CAPSULE_OK)
		trust_subject_fini(out);
	return status;
}
