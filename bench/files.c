/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What does a small file cost a guest, through the gate and an overlay that holds changes? Beside it, what the kernel takes for the
 * same bytes. */
#include "harness.h"
#include "rig.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES 4096

struct subject {
	struct rig rig;
	struct capsule *capsule;
	char path[256];
};

static void make_file(struct subject *subject)
{
	char bytes[FILE_BYTES];
	FILE *file;

	(void)snprintf(subject->path, sizeof subject->path, "%s/folder", subject->rig.folder);
	if (mkdir(subject->path, 0700) != 0)
		bench_fail("%s can't be made", subject->path);
	(void)snprintf(subject->path, sizeof subject->path, "%s/folder/file", subject->rig.folder);
	memset(bytes, 'x', sizeof bytes);
	file = fopen(subject->path, "wb");
	if (file == NULL || fwrite(bytes, 1, sizeof bytes, file) != sizeof bytes || fclose(file) != 0)
		bench_fail("%s can't be written", subject->path);
}

static int64_t run_read(void *arg, uint64_t count)
{
	struct subject *subject = arg;
	char arguments[32];
	int len = snprintf(arguments, sizeof arguments, "%" PRIu64, count);
	int64_t start = bench_now();

	(void)rig_call(&subject->rig, subject->capsule, "read", arguments, (size_t)len);
	return bench_now() - start;
}

static int64_t run_floor(void *arg, uint64_t count)
{
	const struct subject *subject = arg;
	int64_t start = bench_now();

	for (; count > 0; count--) {
		char bytes[FILE_BYTES];
		struct stat info;
		int fd = open(subject->path, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || fstat(fd, &info) != 0 || read(fd, bytes, sizeof bytes) != FILE_BYTES || close(fd) != 0)
			bench_fail("%s can't be read", subject->path);
	}
	return bench_now() - start;
}

int main(int argc, char **argv)
{
	struct subject subject = { 0 };
	const struct bench_case cases[] = {
		{ "fs.read.4k", "µs", 1000, run_read, &subject },
		{ "floor.fs.read.4k", "µs", 1000, run_floor, &subject },
	};

	rig_open(&subject.rig, bench_guests(argc, argv), NULL);
	make_file(&subject);
	rig_write(&subject.rig, "files", "files", "read write",
		"capabilities = { fs_read = [\"workspace://folder\"], fs_write = [\"*\"] }");
	subject.capsule = rig_load_written(&subject.rig, "files");
	(void)rig_call(&subject.rig, subject.capsule, "write", "{}", 2);
	bench_run(cases, sizeof cases / sizeof cases[0]);
	rig_close(&subject.rig);
	return 0;
}
