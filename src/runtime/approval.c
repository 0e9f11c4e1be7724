/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Approvals: what there is to agree to, and what is kept of the answer. */
#include "runtime/approval.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "gate/text.h"
#include "runtime/discover.h"
#include "runtime/home.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define BY_MAX 256         /* bytes of a user's name that are kept */
#define PASSWD_BYTES 16384 /* of a user's entry */
#define CAPSULES "/.astrid/capsules"

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

char *approval_workspace_around(const char *dir)
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

enum capsule_status approval_check_parsed(
	const struct trust_subject *subject, const uint8_t parsed[BLAKE3_SIZE], struct capsule_error *err)
{
	const struct trust_file *file = trust_subject_file(subject, TRUST_MANIFEST);
	char hex[BLAKE3_HEX];

	blake3_hex(parsed, hex);
	return file != NULL && strcmp(file->blake3, hex) == 0
		? CAPSULE_OK
		: error_set(err, CAPSULE_EIO, TRUST_MANIFEST " is being written");
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
	around = workspace == NULL ? approval_workspace_around(dir) : NULL;
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
		status = approval_check_parsed(&approval->subject, approval->policy->hash, err);
	if (status == CAPSULE_OK)
		status = trust_check(&approval->changes, approval->home, &approval->subject, err);
	return status;
}

enum capsule_status capsule_approval_new(struct capsule_approval **out, const char *path,
	const struct capsule_discover_options *options, struct capsule_error *err)
{
	HOLD(approval_drop) struct capsule_approval *approval = NULL;
	struct capsule_discover_options asked;
	struct capsule_error failure;
	enum capsule_status status;

	error_clear(err);
	error_clear(&failure);
	if (out == NULL || path == NULL || path[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no capsule folder is named");
	status = discover_take_options(&asked, options, err);
	if (status != CAPSULE_OK)
		return status;
	approval = calloc(1, sizeof *approval);
	if (approval == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an approval");
	status = fill(approval, path, asked.workspace, asked.home, &failure);
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
