/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as the index of an overlay, over a folder and an upper one with a few files in them. Whatever they are, the
 * overlay is opened or refused; what is opened can be looked at, is the same when it is opened again, and is empty after
 * a rollback; the folder below stays as it is, and nothing is made or removed outside of the overlay. */
#include "vfs/overlay.h"
#include "fuzz/target.h"

#include <fcntl.h>
#include <unistd.h>

#define ROOT "/" /* as the first line of the files in the corpus has it */

/* Made at the first input, removed at the end: `lower`, `overlay`, and in both the files that the corpus names. */
static char dir[64];
static struct tree whole = { .fd = -1 }, lower = { .fd = -1 };
static const char *const files[] = { "lower/a", "lower/d/b", "outside" };

static void clean_up(void)
{
	static const char *const folders[] = { "overlay/upper/d", "overlay/upper", "overlay", "lower/d", "lower" };
	static const char *const left[] = { "overlay/index", "overlay/lock", "overlay/upper/a", "overlay/upper/d/b" };

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		(void)tree_unlink(&whole, files[i]);
	for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
		(void)tree_unlink(&whole, left[i]);
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		(void)tree_unlink(&whole, folders[i]);
	(void)rmdir(dir);
}

static void write_text(const char *path, struct span text)
{
	CHECK(tree_write(&whole, path, text) == 0);
}

static void set_up(void)
{
	(void)snprintf(dir, sizeof dir, "%s/overlay-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	CHECK(mkdtemp(dir) != NULL && tree_open(&whole, dir) == 0);
	CHECK(tree_mkdirs(&whole, "lower/d", NULL) == 0);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		write_text(files[i], span_text("below"));
	lower = (struct tree){ .fd = tree_openat(&whole, "lower", O_PATH | O_DIRECTORY, 0) };
	CHECK(lower.fd >= 0 && atexit(clean_up) == 0);
}

static enum capsule_status open_it(struct overlay **overlay)
{
	struct capsule_error error = { .status = CAPSULE_OK };
	char path[96];
	enum capsule_status status;

	(void)snprintf(path, sizeof path, "%s/overlay", dir);
	*overlay = NULL;
	status = overlay_open(overlay, &lower, ROOT, path, true, NULL, &error);
	CHECK((status == CAPSULE_OK) == (*overlay != NULL));
	CHECK(status == CAPSULE_OK || error.text[0] != '\0');
	return status;
}

static enum capsule_status run(struct overlay *overlay, enum vfs_verb verb, const char *path, struct buffer *result)
{
	struct vfs_work work = { .verb = verb, .relative = path, .result = result };

	buffer_clear(result);
	return overlay_run(overlay, &work, NULL);
}

static void check_below(void)
{
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		struct buffer bytes = { 0 };
		uint64_t size;

		CHECK(tree_read(&whole, files[i], 100, &bytes, &size) == 0 && span_is(buffer_span(&bytes), "below"));
		buffer_fini(&bytes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer first = { 0 }, second = { 0 };
	struct overlay *overlay;

	if (dir[0] == '\0')
		set_up();
	CHECK(tree_mkdirs(&whole, "overlay/upper/d", NULL) == 0);
	write_text("overlay/upper/a", span_text("above"));
	write_text("overlay/upper/d/b", span_text("above"));
	write_text("overlay/index", span_of(data, size));
	if (open_it(&overlay) == CAPSULE_OK) {
		CHECK(run(overlay, VFS_DIFF, "", &first) == CAPSULE_OK);
		overlay_close(overlay);
		CHECK(open_it(&overlay) == CAPSULE_OK);
		CHECK(run(overlay, VFS_DIFF, "", &second) == CAPSULE_OK);
		CHECK(span_equal(buffer_span(&first), buffer_span(&second)));
		CHECK(run(overlay, VFS_LIST, "", &first) == CAPSULE_OK);
		(void)run(overlay, VFS_LIST, "d", &first);
		(void)run(overlay, VFS_READ, "d/b", &first);
		CHECK(run(overlay, VFS_ROLLBACK, "", &first) == CAPSULE_OK && overlay_count(overlay) == 0);
		CHECK(run(overlay, VFS_READ, "d/b", &first) == CAPSULE_OK && span_is(buffer_span(&first), "below"));
		overlay_close(overlay);
	}
	check_below();
	buffer_fini(&first);
	buffer_fini(&second);
	return 0;
}
