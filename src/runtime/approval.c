/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Approvals: what a person is shown, what is kept of the answer, and whether it still holds. */
#include "runtime/approval.h"

#include "base/blake3.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "consent/trust.h"
#include "gate/text.h"
#include "runtime/discover.h"
#include "runtime/home.h"
#include "runtime/policy.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define SHOWN_MAX 400      /* bytes of one text of a manifest */
#define BY_MAX 256         /* bytes of a user's name that are kept */
#define PASSWD_BYTES 16384 /* of a user's entry */
#define PROBLEM_CHANGES 3  /* that are named in a discovery's problem */
#define CAPSULES "/.astrid/capsules"

struct capsule_approval {
	struct capsule_policy *policy;
	struct trust_subject subject;
	char *home;
	char *changes; /* NULL when a receipt holds */
	struct buffer text;
};

DEFINE_DROP(approval_drop, struct capsule_approval *, capsule_approval_free)

void capsule_approval_free(struct capsule_approval *approval)
{
	if (approval == NULL)
		return;
	capsule_policy_free(approval->policy);
	trust_subject_fini(&approval->subject);
	free(approval->home);
	free(approval->changes);
	buffer_fini(&approval->text);
	free(approval);
}

/* ---- What there is to be approved ---- */

/* The workspace in which a discovery finds the capsule at `dir` (canonical): that above .astrid/capsules. Owned; NULL when it lies
 * elsewhere or memory runs out. */
static char *workspace_around(const char *dir)
{
	const char *slash = strrchr(dir, '/');
	const size_t tail = strlen(CAPSULES);
	size_t parent = slash != NULL ? (size_t)(slash - dir) : 0, len = strlen(dir);

	if (parent > tail && memcmp(dir + parent - tail, CAPSULES, tail) == 0)
		return text_copy(span_of(dir, parent - tail));
	if (len > tail && memcmp(dir + len - tail, CAPSULES, tail) == 0)
		return text_copy(span_of(dir, len - tail));
	return NULL;
}

static enum capsule_status find_folder(char **out, const char *path, struct capsule_error *err)
{
	struct stat info;

	*out = realpath(path, NULL);
	if (*out == NULL)
		return error_os(err, errno, "the capsule's folder %.512s", path);
	if (stat(*out, &info) != 0 || !S_ISDIR(info.st_mode))
		return error_set(
			err, CAPSULE_EINVAL, "%.512s is not a folder: name the one that holds Capsule.toml", path);
	return CAPSULE_OK;
}

static enum capsule_status fill(struct capsule_approval *approval, const char *path, const char *workspace,
	const char *home, struct capsule_error *err)
{
	HOLD(free_drop) char *dir = NULL;
	HOLD(free_drop) char *around = NULL;
	HOLD(free_drop) char *found_workspace = NULL;
	HOLD(free_drop) char *global = NULL;
	struct capsule_policy_options options = { .size = sizeof options };
	enum capsule_status status = find_folder(&dir, path, err);

	if (status != CAPSULE_OK)
		return status;
	around = workspace == NULL ? workspace_around(dir) : NULL;
	if (around != NULL)
		workspace = around;
	status = places_resolve(workspace, home, &found_workspace, &approval->home, &global, err);
	if (status != CAPSULE_OK)
		return status;
	if (approval->home == NULL)
		return error_set(err, CAPSULE_ENOTFOUND,
			"there is no home to keep receipts in: set ASTRID_HOME or HOME, or name one");
	options.workspace = workspace;
	options.home = home;
	status = capsule_policy_new(&approval->policy, dir, &options, err);
	if (status == CAPSULE_OK)
		status = trust_subject_make(
			&approval->subject, dir, approval->policy->manifest, &approval->policy->policy, err);
	if (status == CAPSULE_OK)
		status = trust_check(&approval->changes, approval->home, &approval->subject, err);
	return status;
}

enum capsule_status capsule_approval_new(struct capsule_approval **out, const char *path,
	const struct capsule_discover_options *options, struct capsule_error *err)
{
	HOLD(approval_drop) struct capsule_approval *approval = NULL;
	struct capsule_error failure;
	enum capsule_status status;

	error_clear(err);
	error_clear(&failure);
	if (out == NULL || path == NULL || path[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no capsule folder is named");
	if (options != NULL && options->size < sizeof *options)
		return error_set(err, CAPSULE_EINVAL,
			"options.size is %zu, expected %zu: set it to sizeof(struct capsule_discover_options)",
			options->size, sizeof *options);
	approval = calloc(1, sizeof *approval);
	if (approval == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an approval");
	status = fill(approval, path, options != NULL ? options->workspace : NULL,
		options != NULL ? options->home : NULL, &failure);
	if (status != CAPSULE_OK)
		return error_copy(err, &failure);
	*out = GIVE(approval);
	return CAPSULE_OK;
}

bool capsule_approval_holds(const struct capsule_approval *approval)
{
	return approval->changes == NULL;
}

const char *capsule_approval_changes(const struct capsule_approval *approval)
{
	return approval->changes != NULL ? approval->changes : "";
}

/* ---- Giving and taking away ---- */

/* The name of who runs this program, as UTF-8. */
static bool append_user(struct buffer *out)
{
	HOLD(free_drop) char *bytes = malloc(PASSWD_BYTES);
	struct passwd entry, *found = NULL;

	if (bytes == NULL)
		return false;
	if (getpwuid_r(geteuid(), &entry, bytes, PASSWD_BYTES, &found) != 0 || found == NULL ||
		found->pw_name[0] == '\0')
		return buffer_printf(out, "uid %lu", (unsigned long)geteuid());
	return gate_text_append(out, span_text(found->pw_name), BY_MAX);
}

enum capsule_status capsule_approval_give(struct capsule_approval *approval, const char *by, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer name = { 0 };
	struct capsule_error failure;
	time_t now = time(NULL);
	enum capsule_status status;
	struct tm parts;
	char when[64];

	error_clear(err);
	error_clear(&failure);
	if (by != NULL && by[0] != '\0')
		(void)gate_text_append(&name, span_text(by), BY_MAX);
	else if (!append_user(&name))
		return error_set(err, CAPSULE_ENOMEM, "no memory for a user's name");
	if (buffer_text(&name) == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a user's name");
	if (gmtime_r(&now, &parts) == NULL || strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		return error_set(err, CAPSULE_EIO, "the clock has no time that can be written");
	status = home_make(approval->home, &failure);
	if (status == CAPSULE_OK)
		status = trust_approve(approval->home, &approval->subject, buffer_text(&name), when, &failure);
	if (status != CAPSULE_OK)
		return error_copy(err, &failure);
	free(approval->changes);
	approval->changes = NULL;
	return CAPSULE_OK;
}

enum capsule_status capsule_approval_revoke(struct capsule_approval *approval, struct capsule_error *err)
{
	struct capsule_error failure;
	char *changes = text_copy(span_text("not approved yet"));
	enum capsule_status status;

	error_clear(err);
	error_clear(&failure);
	if (changes == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an approval");
	status = trust_revoke(approval->home, approval->subject.dir, &failure);
	if (status != CAPSULE_OK) {
		free(changes);
		return error_copy(err, &failure);
	}
	free(approval->changes);
	approval->changes = changes;
	return CAPSULE_OK;
}

/* ---- For a person ---- */

static void append_files(struct buffer *out, const struct trust_subject *subject, bool colour)
{
	(void)buffer_printf(
		out, "\n%sfiles%s (%zu)\n", colour ? "\033[1m" : "", colour ? "\033[0m" : "", subject->file_count);
	for (size_t i = 0; i < subject->file_count; i++) {
		const struct trust_file *file = &subject->files[i];

		(void)buffer_printf(out, "  %-64s  ", file->blake3[0] != '\0' ? file->blake3 : "absent");
		(void)(gate_text_append(out, span_text(file->name), SHOWN_MAX) && buffer_append_byte(out, '\n'));
	}
}

static void append_state(struct buffer *out, const char *changes, bool colour)
{
	struct span left = span_text(changes != NULL ? changes : "");

	(void)buffer_printf(out, "\n%s%s%s\n",
		!colour                   ? ""
			: changes == NULL ? "\033[1;32m"
					  : "\033[1;33m",
		changes == NULL ? "approved" : "not approved", colour ? "\033[0m" : "");
	while (left.len > 0) {
		const uint8_t *end = memchr(left.data, '\n', left.len);
		size_t len = end != NULL ? (size_t)(end - left.data) : left.len;

		(void)(buffer_append_text(out, "  ") && gate_text_append(out, span_of(left.data, len), SHOWN_MAX) &&
			buffer_append_byte(out, '\n'));
		left = end != NULL ? span_of(end + 1, left.len - len - 1) : span_of(NULL, 0);
	}
}

const char *capsule_approval_text(struct capsule_approval *approval, bool colour)
{
	const char *policy = capsule_policy_text(approval->policy, colour);

	if (policy == NULL)
		return NULL;
	buffer_clear(&approval->text);
	(void)buffer_append_text(&approval->text, policy);
	append_files(&approval->text, &approval->subject, colour);
	append_state(&approval->text, approval->changes, colour);
	return buffer_text(&approval->text);
}

/* ---- For programs ---- */

/* Paths need not be UTF-8, JSON must be. */
static bool append_string(struct buffer *out, struct span text)
{
	HOLD(buffer_fini) struct buffer repaired = { 0 };

	return text_append_lossy(&repaired, text) && json_append_string(out, buffer_span(&repaired));
}

/* Each line of `changes` as a string. */
static void append_lines(struct buffer *out, const char *changes)
{
	for (const char *at = changes; at != NULL && *at != '\0';) {
		size_t len = strcspn(at, "\n");

		(void)buffer_append_text(out, at != changes ? "," : "");
		(void)append_string(out, span_of(at, len));
		at += len + (at[len] == '\n');
	}
}

const char *capsule_approval_json(struct capsule_approval *approval)
{
	const struct trust_subject *subject = &approval->subject;
	struct buffer *out = &approval->text;

	buffer_clear(out);
	(void)(buffer_append_text(out, "{\"id\":") && append_string(out, span_text(subject->id)) &&
		buffer_append_text(out, ",\"dir\":") && append_string(out, span_text(subject->dir)));
	(void)buffer_printf(out, ",\"approved\":%s,\"changes\":[", approval->changes == NULL ? "true" : "false");
	append_lines(out, approval->changes);
	(void)buffer_append_text(out, "],\"files\":[");
	for (size_t i = 0; i < subject->file_count; i++) {
		const struct trust_file *file = &subject->files[i];

		(void)(buffer_append_text(out, i > 0 ? ",{\"name\":" : "{\"name\":") &&
			append_string(out, span_text(file->name)));
		if (file->blake3[0] != '\0')
			(void)buffer_printf(out, ",\"blake3\":\"%s\"}", file->blake3);
		else
			(void)buffer_append_text(out, ",\"blake3\":null}");
	}
	(void)buffer_append_text(out, "],\"rights\":[");
	for (size_t i = 0; i < subject->right_count; i++)
		(void)(buffer_append_text(out, i > 0 ? "," : "") && append_string(out, span_text(subject->rights[i])));
	(void)buffer_append_text(out, "]}");
	return buffer_text(out);
}

/* ---- For a discovery ---- */

/* `text` as one word of a shell. */
static void append_word(struct buffer *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%:,";

	if (text[0] != '\0' && text[strspn(text, plain)] == '\0') {
		(void)buffer_append_text(out, text);
		return;
	}
	(void)buffer_append_byte(out, '\'');
	for (; *text != '\0'; text++)
		(void)(*text == '\'' ? buffer_append_text(out, "'\\''") : buffer_append_byte(out, (uint8_t)*text));
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
	HOLD(free_drop) char *around = canonical != NULL ? workspace_around(canonical) : NULL;

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

/* What was parsed must be what was hashed: somebody may write the file meanwhile. */
static bool is_parsed(const struct trust_subject *subject, const struct discovered *found)
{
	const struct trust_file *file = trust_subject_file(subject, TRUST_MANIFEST);
	char hex[BLAKE3_HEX];

	blake3_hex(found->hash, hex);
	return file != NULL && strcmp(file->blake3, hex) == 0;
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
	policy_fini(&policy);
	if (status == CAPSULE_OK && !is_parsed(subject, found))
		return error_set(err, CAPSULE_EIO, TRUST_MANIFEST " is being written");
	if (status == CAPSULE_OK)
		status = trust_check(changes, places->home, subject, err);
	if (status != CAPSULE_OK || *changes != NULL || found->manifest->components.count == 0)
		return status;
	module = trust_subject_file(subject, found->manifest->components.items[0].file);
	if (module != NULL)
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
