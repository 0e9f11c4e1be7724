/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as a guest's path, in a small tree with links of every kind. The text that comes out is what a plain stack of names
 * gives; along links, what realpath() says of the part that exists. The last byte says whether the last name is meant itself. */
#include "base/cleanup.h"
#include "base/text.h"
#include "loop/loop.h"
#include "vfs/vfs.h"
#include "fuzz/target.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>

static char base[] = "/tmp/path-fuzz-XXXXXX";
static const char *root; /* canonical */
static struct loop *loop;
static struct vfs *vfs;

static int remove_one(const char *path, const struct stat *seen, int kind, struct FTW *place)
{
	(void)seen;
	(void)kind;
	(void)place;
	return remove(path);
}

static void take_down(void)
{
	vfs_close(vfs);
	loop_free(loop);
	(void)nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void set_up(void)
{
	static const char *const folders[] = { "root", "root/d", "root/d/s", "outside", "outside/d" };
	static const char *const links[][2] = { { "root/l", "d" }, { "root/f", "d/f" }, { "root/u", "d/s/.." },
		{ "root/d/u", ".." }, { "root/o", "../outside" }, { "root/e", "/etc" }, { "root/b", "../root/d//s/" },
		{ "root/p", "b/../f" }, { "root/x", "x/y" }, { "root/n", "d/no/thing" }, { "root/m", "no/../d" },
		{ "root/d/s/a", "../../l/u/p" }, { "root/g", "/proc/self/cwd" }, { "root/w", "f/../d" },
		{ "root/k", "o/../root/l/s" }, { "outside/i", "../root" }, { "root/i", "o/i/d" } };
	char path[256];

	CHECK(mkdtemp(base) != NULL);
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", base, folders[i]);
		CHECK(mkdir(path, 0700) == 0);
	}
	for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", base, links[i][0]);
		CHECK(symlink(links[i][1], path) == 0);
	}
	(void)snprintf(path, sizeof path, "%s/root/d/f", base);
	CHECK(mknod(path, S_IFREG | 0600, 0) == 0);
	CHECK(loop_new(&loop, &clock_system, NULL) == CAPSULE_OK);
	(void)snprintf(path, sizeof path, "%s/root", base);
	CHECK(vfs_open_direct(&vfs, loop, path, true, NULL) == CAPSULE_OK);
	root = vfs_root(vfs);
	CHECK(atexit(take_down) == 0);
}

/* What is to come out of vfs_path_set(), or that it is to fail. */
static enum capsule_status plain_text(struct span request, char *out)
{
	static const uint8_t *names[LIMIT_PATH];
	static size_t lens[LIMIT_PATH];
	size_t count = 0, len = 0;

	if (request.len > LIMIT_PATH)
		return CAPSULE_ELIMIT;
	if ((request.len > 0 && memchr(request.data, 0, request.len) != NULL) || !text_is_utf8(request))
		return CAPSULE_EINVAL;
	for (size_t at = 0; at <= request.len; at++) {
		size_t end = at;

		while (end < request.len && request.data[end] != '/')
			end++;
		if (end - at > 255)
			return CAPSULE_EINVAL;
		if (end - at == 2 && memcmp(request.data + at, "..", 2) == 0) {
			if (count == 0)
				return CAPSULE_EDENIED;
			count--;
		} else if (end > at && !(end - at == 1 && request.data[at] == '.')) {
			names[count] = request.data + at;
			lens[count++] = end - at;
		}
		at = end;
	}
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			out[len++] = '/';
		memcpy(out + len, names[i], lens[i]);
		len += lens[i];
	}
	out[len] = '\0';
	return CAPSULE_OK;
}

static void check_path(const struct vfs_path *path)
{
	size_t len = strlen(root);

	CHECK(strlen(path->text) == path->len && strncmp(path->text, root, len) == 0);
	CHECK(path->text[len] == '\0' || path->text[len] == '/');
	CHECK(path->relative == path->text + len + (path->text[len] == '/'));
	CHECK(text_is_utf8(span_of(path->text, path->len)));
}

static bool is_inside(const char *text)
{
	size_t len = strlen(root);

	return strncmp(text, root, len) == 0 && (text[len] == '\0' || text[len] == '/');
}

/* What realpath() says of the part of `text` that exists, and the rest behind it. False when a link stands where that part
 * ends: it leads to what does not exist, which realpath() does not tell, or in circles. */
static bool real_text(const char *text, char *out)
{
	static char part[2 * LIMIT_PATH], real[PATH_MAX];
	size_t len = strlen(text);
	struct stat seen;

	memcpy(part, text, len + 1);
	while (realpath(part, real) == NULL) {
		char *slash = strrchr(part, '/');

		if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
			return false;
		if (lstat(part, &seen) == 0 && S_ISLNK(seen.st_mode))
			return false;
		CHECK(slash != NULL && slash > part);
		*slash = '\0';
	}
	(void)snprintf(out, (size_t)3 * LIMIT_PATH, "%s%s", real, text + strlen(part));
	return true;
}

static void check_resolved(struct vfs_path *path, bool itself)
{
	static char before[2 * LIMIT_PATH], real[3 * LIMIT_PATH];
	struct capsule_error err = { 0 };
	enum capsule_status status;
	bool known;

	memcpy(before, path->text, path->len + 1);
	known = !itself && real_text(before, real);
	path->itself = itself;
	status = vfs_path_resolve(vfs, path, &err);
	check_path(path);
	if (status != CAPSULE_OK) {
		CHECK(status == CAPSULE_EDENIED || status == CAPSULE_ELIMIT || status == CAPSULE_ENOTFOUND);
		CHECK(strcmp(path->text, before) == 0 && err.text[0] != '\0');
		CHECK(!known || status == CAPSULE_EDENIED);
	} else {
		CHECK(!known || strcmp(path->text, real) == 0);
		memcpy(before, path->text, path->len + 1);
		CHECK(vfs_path_resolve(vfs, path, &err) == CAPSULE_OK && strcmp(path->text, before) == 0);
	}
	/* Links of the process file system are refused wherever they lead. */
	CHECK(!known || (status == CAPSULE_OK) == is_inside(real) || strstr(before, "/g") != NULL);
}

/* What is asked for afterwards must find no link any more. */
static void check_work(const struct vfs_path *path)
{
	static struct vfs_request request;
	struct stat seen;

	vfs_request_init(&request, loop);
	memcpy(request.path.text, path->text, path->len + 1);
	request.path.len = path->len;
	CHECK(vfs_submit(vfs, &request, NULL, NULL) == VFS_DONE);
	CHECK(!request.linked && request.op.error.status == CAPSULE_OK);
	CHECK(request.exists == (stat(path->text, &seen) == 0));
	vfs_request_fini(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char wanted[2 * LIMIT_PATH];
	struct span request = span_of(data, size > 0 ? size - 1 : 0);
	bool itself = size > 0 && (data[size - 1] & 1) != 0;
	struct capsule_error err = { 0 };
	struct vfs_path path;
	enum capsule_status status;

	if (vfs == NULL)
		set_up();
	status = vfs_path_set(vfs, request, &path, &err);
	check_path(&path);
	CHECK(status == plain_text(request, wanted) || (status == CAPSULE_EINVAL || status == CAPSULE_EDENIED));
	if (status != CAPSULE_OK) {
		CHECK(plain_text(request, wanted) != CAPSULE_OK && path.relative[0] == '\0' && err.text[0] != '\0');
		return 0;
	}
	CHECK(strcmp(path.relative, wanted) == 0);
	check_resolved(&path, itself);
	if (!itself && vfs_path_resolve(vfs, &path, &err) == CAPSULE_OK)
		check_work(&path);
	return 0;
}
