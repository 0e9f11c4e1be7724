/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whether what a discovery found is approved, and what to do when it is not. */
#include "runtime/approval.h"

#include "base/blake3.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "gate/text.h"
#include "runtime/home.h"

#define SHOWN_MAX 400     /* bytes of one change */
#define PROBLEM_CHANGES 3 /* that are named */

static bool is_control(char byte)
{
	return (unsigned char)byte < 0x20 || byte == 0x7F;
}

/* `text` as one word of a shell, on one line: what could steer a terminal in the form $'\x1b', which bash and zsh read.
 * */
static void append_word(struct buffer *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%:,";
	bool control = false;

	if (text[0] != '\0' && text[strspn(text, plain)] == '\0') {
		(void)buffer_append_text(out, text);
		return;
	}
	for (const char *at = text; *at != '\0'; at++)
		control = control || is_control(*at);
	(void)buffer_append_text(out, control ? "$'" : "'");
	for (; *text != '\0'; text++) {
		if (is_control(*text))
			(void)buffer_printf(out, "\\x%02x", (unsigned char)*text);
		else if (*text == '\'')
			(void)buffer_append_text(out, control ? "\\'" : "'\\''");
		else if (*text == '\\' && control)
			(void)buffer_append_text(out, "\\\\");
		else
			(void)buffer_append_byte(out, (uint8_t)*text);
	}
	(void)buffer_append_byte(out, '\'');
}

/* Whether `path` is where `capsule approve` looks when nothing is said. */
static bool is_default_home(const char *path)
{
	HOLD(free_drop) char *named = NULL;
	HOLD(free_drop) char *canonical = NULL;

	if (home_default_path(&named, NULL) != CAPSULE_OK || named == NULL)
		return false;
	canonical = realpath(named, NULL);
	return strcmp(canonical != NULL ? canonical : named, path) == 0;
}

static void append_command(struct buffer *out, const char *dir, const struct approval_places *places)
{
	HOLD(free_drop) char *canonical = realpath(dir, NULL);
	HOLD(free_drop) char *around = canonical != NULL ? approval_workspace_around(canonical) : NULL;

	(void)buffer_append_text(out, "capsule approve ");
	append_word(out, dir);
	if (places->workspace != NULL && (around == NULL || strcmp(around, places->workspace) != 0)) {
		(void)buffer_append_text(out, " --workspace ");
		append_word(out, places->workspace);
	}
	if (places->home != NULL && !is_default_home(places->home)) {
		(void)buffer_append_text(out, " --home ");
		append_word(out, places->home);
	}
}

/* The first lines of `changes`, on one. */
static void append_summary(struct buffer *out, const char *changes)
{
	size_t lines = 0, more = 0;

	for (const char *at = changes; *at != '\0'; lines++) {
		size_t len = strcspn(at, "\n");

		if (lines < PROBLEM_CHANGES)
			(void)(buffer_append_text(out, lines > 0 ? "; " : "") &&
				gate_text_append(out, span_of(at, len), SHOWN_MAX));
		else
			more++;
		at += len + (at[len] == '\n');
	}
	if (more > 0)
		(void)buffer_printf(out, "; and %zu more", more);
}

/* The files as they were approved, for the engines to hold what they read against. */
static enum capsule_status note_files(
	const struct trust_subject *subject, struct discovered *found, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { 0 };

	/* A name with a line break could stand for two lines. What has one is approved for nobody. */
	for (size_t i = 0; i < subject->file_count; i++)
		if (subject->files[i].blake3[0] != '\0' && strchr(subject->files[i].name, '\n') == NULL)
			(void)buffer_printf(&text, "%s %s\n", subject->files[i].blake3, subject->files[i].name);
	free(found->approved);
	found->approved = buffer_steal(&text);
	return found->approved != NULL
		? CAPSULE_OK
		: error_set(err, CAPSULE_ENOMEM, "no memory for the hashes of what was approved");
}

static enum capsule_status note_rights(const struct policy *policy, struct discovered *found, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	enum capsule_status status = trust_append_rights(policy, &text, err);

	if (status != CAPSULE_OK)
		return status;
	free(found->rights); /* a second look takes the place of the first */
	found->rights = buffer_steal(&text);
	return found->rights != NULL ? CAPSULE_OK
				     : error_set(err, CAPSULE_ENOMEM, "no memory for the rights that were approved");
}

static enum capsule_status look(const struct approval_places *places, struct discovered *found, char **changes,
	struct trust_subject *subject, struct capsule_error *err)
{
	const struct gate_roots roots = {
		.workspace = places->workspace, .global = places->global, .forbidden = places->home
	};
	const struct trust_file *module;
	struct policy policy = { 0 };
	enum capsule_status status;

	if (places->home == NULL)
		return error_set(err, CAPSULE_ENOTFOUND, "there is no home to keep receipts in");
	status = policy_make(&policy, found->manifest, &roots, err);
	if (status == CAPSULE_OK)
		status = trust_subject_make(subject, found->dir, found->manifest, &policy, err);
	if (status == CAPSULE_OK)
		status = note_rights(&policy, found, err);
	policy_fini(&policy);
	if (status == CAPSULE_OK)
		status = approval_check_parsed(subject, found->hash, err);
	if (status == CAPSULE_OK)
		status = trust_check(changes, places->home, subject, err);
	if (status == CAPSULE_OK && *changes == NULL)
		status = note_files(subject, found, err);
	if (status != CAPSULE_OK || *changes != NULL || found->manifest->components.count == 0)
		return status;
	module = trust_subject_file(subject, found->manifest->components.items[0].file);
	/* Without a hash nothing would be pinned: a module that is put there later must not run on this receipt. */
	if (module == NULL || module->blake3[0] == '\0')
		return error_set(err, CAPSULE_ENOTFOUND, "its module `%.256s` was not there when it was approved",
			found->manifest->components.items[0].file);
	memcpy(found->module_blake3, module->blake3, sizeof found->module_blake3);
	return CAPSULE_OK;
}

enum capsule_status approval_problem(void *user, struct discovered *found, char **why, struct capsule_error *err)
{
	const struct approval_places *places = user;
	HOLD(buffer_fini) struct buffer text = { 0 };
	HOLD(free_drop) char *changes = NULL;
	struct trust_subject subject = { 0 };
	struct capsule_error failure;
	enum capsule_status status;

	error_clear(&failure);
	status = look(places, found, &changes, &subject, &failure);
	trust_subject_fini(&subject);
	if (status == CAPSULE_ENOMEM)
		return error_copy(err, &failure);
	if (status == CAPSULE_OK && changes == NULL)
		return CAPSULE_OK;
	(void)buffer_append_text(&text, "waits for approval: ");
	append_summary(&text, status == CAPSULE_OK ? changes : failure.text);
	(void)buffer_append_text(&text, ": ");
	append_command(&text, found->dir, places);
	*why = buffer_steal(&text);
	return *why != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for an approval");
}
