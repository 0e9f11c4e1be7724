/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Paths: from a guest's text to canonical text below the folder, and from there along links.
 *
 * Nothing here decides what is opened. The text that comes out is judged by the gate and then opened beneath the folder
 * without following a link, so a tree that changes meanwhile makes a request fail and never lead elsewhere. That is why
 * links may be followed here over the whole disk: the way there is only text, and what counts is where it ends. */
#include "base/cleanup.h"
#include "base/text.h"
#include "vfs/vfs_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#define REQUEST_ROOM 512 /* bytes of a guest's path in a message, so that what is wrong with it still fits */

const char *vfs_relative(const struct vfs *vfs, const char *text)
{
	if (strncmp(text, vfs->root, vfs->root_len) != 0)
		return NULL;
	text += vfs->root_len;
	return *text == '/' ? text + 1 : *text == '\0' ? text : NULL;
}

static enum capsule_status too_long(struct capsule_error *err)
{
	return error_set(err, CAPSULE_ELIMIT, "path: longer than %d bytes", LIMIT_PATH);
}

/* The text of a guest. */

static enum capsule_status check_request(struct span request, struct capsule_error *err)
{
	if (request.len > LIMIT_PATH)
		return too_long(err);
	if (request.len > 0 && memchr(request.data, 0, request.len) != NULL)
		return error_set(err, CAPSULE_EINVAL, "path: has a NUL byte at offset %zu",
			(size_t)((const uint8_t *)memchr(request.data, 0, request.len) - request.data));
	if (!text_is_utf8(request))
		return error_set(err, CAPSULE_EINVAL, "path: not UTF-8 at offset %zu", text_utf8_valid_prefix(request));
	return CAPSULE_OK;
}

/* Append `/name` to the `*len` bytes of `text`. */
static bool push(char *text, size_t *len, struct span name)
{
	if (name.len + 2 > 2 * LIMIT_PATH - *len)
		return false;
	text[(*len)++] = '/';
	memcpy(text + *len, name.data, name.len);
	*len += name.len;
	text[*len] = '\0';
	return true;
}

/* Take the last component away; nothing is above "". */
static void pop(char *text, size_t *len)
{
	while (*len > 0 && text[--*len] != '/')
		continue;
	text[*len] = '\0';
}

/* The root of the disk is "" while components are added to it. */
static void settle(const struct vfs *vfs, struct vfs_path *path)
{
	if (path->len == 0) {
		memcpy(path->text, "/", 2);
		path->len = 1;
	}
	path->relative = vfs_relative(vfs, path->text);
}

static enum capsule_status escapes(struct span request, const char *how, const char *root, struct capsule_error *err)
{
	int shown = request.len < REQUEST_ROOM ? (int)request.len : REQUEST_ROOM;

	return error_set(err, CAPSULE_EDENIED,
		"path escapes root boundary: %.*s %s; only what is below %.*s can be used", shown,
		(const char *)request.data, how, REQUEST_ROOM / 2, root);
}

static enum capsule_status apply(
	const struct vfs *vfs, struct span request, struct span name, struct vfs_path *path, struct capsule_error *err)
{
	if (name.len == 0 || span_is(name, "."))
		return CAPSULE_OK;
	if (name.len > NAME_MAX)
		return error_set(err, CAPSULE_EINVAL, "path: a component of %zu bytes is longer than %d bytes",
			name.len, NAME_MAX);
	if (!span_is(name, ".."))
		return push(path->text, &path->len, name) ? CAPSULE_OK : too_long(err);
	if (path->len == vfs->root_len)
		return escapes(request, "goes above it", vfs->root, err);
	pop(path->text, &path->len);
	return CAPSULE_OK;
}

enum capsule_status vfs_path_set(
	const struct vfs *vfs, struct span request, struct vfs_path *out, struct capsule_error *err)
{
	enum capsule_status status = check_request(request, err);
	size_t at = 0;

	memcpy(out->text, vfs->root, vfs->root_len);
	out->text[vfs->root_len] = '\0';
	out->len = vfs->root_len;
	out->itself = false;
	while (status == CAPSULE_OK && at < request.len) {
		const uint8_t *slash = memchr(request.data + at, '/', request.len - at);
		size_t end = slash != NULL ? (size_t)(slash - request.data) : request.len;

		status = apply(vfs, request, span_of(request.data + at, end - at), out, err);
		at = end + 1;
	}
	if (status != CAPSULE_OK)
		out->len = vfs->root_len; /* whoever uses it all the same is at the folder itself and nowhere else */
	out->text[out->len] = '\0';
	settle(vfs, out);
	return status;
}

/* Links. */

struct follow {
	const struct vfs *vfs;
	const char *asked; /* relative, borrowed from the path */
	bool itself;
	int dir;                   /* the folder that `text` names */
	bool lost;                 /* what comes next does not exist, or can't be looked at: the rest stays as text */
	unsigned links;            /* followed so far */
	size_t len;                /* of `text` */
	char text[2 * LIMIT_PATH]; /* canonical; "" is the root of the disk */
	char *rest;                /* inside `pending`: what is still to do */
	char pending[2 * LIMIT_PATH]; /* filled from its end, so that a link's target goes in front of what is left */
	char target[PATH_MAX];
};

static void follow_free(struct follow *follow)
{
	fd_drop(&follow->dir);
	free(follow);
}

DEFINE_DROP(follow_drop, struct follow *, follow_free)

static void enter(struct follow *follow, int dir)
{
	fd_drop(&follow->dir);
	follow->dir = dir;
}

static enum capsule_status os_error(const struct follow *follow, struct capsule_error *err)
{
	return vfs_errno(err, errno, follow->asked);
}

/* Errors that say something about the path, and not that looking failed. */
static bool is_answer(int os_errno)
{
	return os_errno == ENOENT || os_errno == ENOTDIR || os_errno == EACCES || os_errno == ENAMETOOLONG;
}

static enum capsule_status go_up(struct follow *follow, struct capsule_error *err)
{
	int dir;

	if (follow->lost) /* up from what is not there leads nowhere, as for everybody */
		return vfs_errno(err, ENOENT, follow->asked);
	dir = openat(follow->dir, "..", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return os_error(follow, err);
	enter(follow, dir);
	pop(follow->text, &follow->len);
	return CAPSULE_OK;
}

/* The target of `link` goes in front of what is left. */
static enum capsule_status take_target(struct follow *follow, int link, struct capsule_error *err)
{
	struct statfs system;
	ssize_t len = readlinkat(link, "", follow->target, sizeof follow->target);
	size_t room = (size_t)(follow->rest - follow->pending);

	if (len < 0 || fstatfs(link, &system) != 0)
		return os_error(follow, err);
	if (system.f_type == PROC_SUPER_MAGIC) /* these lead where their text does not */
		return escapes(span_text(follow->asked), "leads through a link of the process file system",
			follow->vfs->root, err);
	if (++follow->links > LIMIT_LINKS)
		return error_set(err, CAPSULE_ELIMIT, "more than %d symbolic links on the way of %.*s", LIMIT_LINKS,
			REQUEST_ROOM, follow->asked);
	if (len == 0 || (size_t)len == sizeof follow->target || (size_t)len + 1 > room)
		return too_long(err);
	*--follow->rest = '/';
	follow->rest -= len;
	memcpy(follow->rest, follow->target, (size_t)len);
	if (follow->target[0] == '/') {
		int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (dir < 0)
			return os_error(follow, err);
		enter(follow, dir);
		follow->len = 0;
		follow->text[0] = '\0';
	}
	return CAPSULE_OK;
}

/* What the capsule wrote about `text`. */
static enum overlay_shadow shadow_of(const struct follow *follow)
{
	const char *relative = vfs_relative(follow->vfs, follow->text);

	return follow->vfs->overlay != NULL && relative != NULL ? overlay_shadows(follow->vfs->overlay, relative)
								: OVERLAY_NOTHING;
}

/* One name in the folder where we are. `last`: nothing comes behind it. */
static enum capsule_status go_down(struct follow *follow, struct span name, bool last, struct capsule_error *err)
{
	size_t before = follow->len;
	HOLD(fd_drop) int fd = -1;
	enum overlay_shadow shadow;
	struct stat seen;

	if (!push(follow->text, &follow->len, name))
		return too_long(err);
	shadow = follow->lost ? OVERLAY_HIDDEN : shadow_of(follow);
	follow->lost = shadow == OVERLAY_HIDDEN || shadow == OVERLAY_OWN_FILE;
	if (follow->lost)
		return CAPSULE_OK;
	fd = openat(follow->dir, follow->text + before + 1, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &seen) != 0) {
		follow->lost = true;
		return is_answer(errno) ? CAPSULE_OK : os_error(follow, err);
	}
	/* A link in the place of an own folder is not seen; where both have the folder, there may be links in it. */
	if (S_ISLNK(seen.st_mode) && shadow == OVERLAY_NOTHING && !(last && follow->itself)) {
		follow->len = before;
		follow->text[before] = '\0';
		return take_target(follow, fd, err);
	}
	follow->lost = !S_ISDIR(seen.st_mode);
	if (!follow->lost)
		enter(follow, fd_give(&fd));
	return CAPSULE_OK;
}

static enum capsule_status follow_all(struct follow *follow, struct capsule_error *err)
{
	enum capsule_status status = CAPSULE_OK;

	while (status == CAPSULE_OK) {
		struct span name;

		follow->rest += strspn(follow->rest, "/");
		name = span_of(follow->rest, strcspn(follow->rest, "/"));
		if (name.len == 0)
			break;
		follow->rest += name.len;
		if (span_is(name, ".."))
			status = go_up(follow, err);
		else if (!span_is(name, "."))
			status = go_down(follow, name, follow->rest[strspn(follow->rest, "/")] == '\0', err);
	}
	return status;
}

static enum capsule_status begin(
	struct follow *follow, const struct vfs *vfs, const struct vfs_path *path, struct capsule_error *err)
{
	size_t size = strlen(path->relative) + 1;

	follow->vfs = vfs;
	follow->asked = path->relative;
	follow->itself = path->itself;
	follow->lost = false;
	follow->links = 0;
	follow->len = vfs->root_len;
	memcpy(follow->text, vfs->root, vfs->root_len);
	follow->text[vfs->root_len] = '\0';
	follow->rest = follow->pending + sizeof follow->pending - size;
	memcpy(follow->rest, path->relative, size);
	follow->dir = fcntl(vfs->tree.fd, F_DUPFD_CLOEXEC, 0);
	return follow->dir >= 0 ? CAPSULE_OK : os_error(follow, err);
}

enum capsule_status vfs_path_resolve(const struct vfs *vfs, struct vfs_path *path, struct capsule_error *err)
{
	HOLD(follow_drop) struct follow *follow = malloc(sizeof *follow);
	enum capsule_status status;

	if (follow == NULL)
		return vfs_errno(err, ENOMEM, path->relative);
	status = begin(follow, vfs, path, err);
	if (status == CAPSULE_OK)
		status = follow_all(follow, err);
	if (status != CAPSULE_OK)
		return status;
	if (vfs_relative(vfs, follow->text) == NULL)
		return escapes(span_text(path->relative), "leads outside by a symbolic link", vfs->root, err);
	if (!text_is_utf8(span_text(vfs_relative(vfs, follow->text))))
		return error_set(err, CAPSULE_EINVAL,
			"path: a symbolic link on the way of %.*s leads to a name that is not UTF-8", REQUEST_ROOM,
			path->relative);
	memcpy(path->text, follow->text, follow->len + 1);
	path->len = follow->len;
	settle(vfs, path);
	return CAPSULE_OK;
}
