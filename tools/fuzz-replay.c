/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Runs a fuzz target over files and folders of inputs, as libFuzzer does when it is only given a corpus, so that every compiler
 * can replay what was found before. Says how many inputs were run; a target that finds something aborts.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX ((size_t)16 << 20)

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(INPUT_MAX);
	int result = -1;

	if (file && data) {
		size_t size = fread(data, 1, INPUT_MAX, file);
		/* A copy of exactly this size, so that the address sanitizer sees the first byte read behind it. */
		uint8_t *exact = malloc(size ? size : 1);

		if (exact) {
			memcpy(exact, data, size);
			LLVMFuzzerTestOneInput(exact, size);
			result = 1;
		}
		free(exact);
	}
	if (result < 0)
		perror(path);
	if (file)
		fclose(file);
	free(data);
	return result;
}

/** Runs all files of a folder, not of the folders in it; the number of them, or -1. */
static int run_folder(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	int count = 0;

	if (!folder) {
		perror(path);
		return -1;
	}
	while (count >= 0 && (entry = readdir(folder))) {
		char *name = NULL;

		if (entry->d_name[0] == '.')
			continue;
		if (asprintf(&name, "%s/%s", path, entry->d_name) < 0 || run_file(name) < 0)
			count = -1;
		else
			count++;
		free(name);
	}
	closedir(folder);
	return count;
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		struct stat about;
		int count;

		if (stat(argv[i], &about)) {
			perror(argv[i]);
			return 1;
		}
		count = S_ISDIR(about.st_mode) ? run_folder(argv[i]) : run_file(argv[i]);
		if (count < 0)
			return 1;
		total += count;
	}
	printf("%d inputs\n", total);
	return total ? 0 : 1;
}
