/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long does it take to find a thousand capsules, whose files the kernel has in memory? Each manifest is read, hashed and parsed;
 * what was found is freed outside of the time. */
#include "harness.h"
#include "life/discovery.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CAPSULES 1000
#define LARGE_BYTES (15 * 1024)
#define WALK_FDS 16

struct subject {
	char root[64];
};

static int64_t run_find(void *arg, uint64_t count)
{
	const struct subject *subject = arg;
	const struct discovery_root root = { subject->root, DISCOVERY_HOME };
	int64_t took = 0;

	for (uint64_t i = 0; i < count; i++) {
		struct discovery found;
		struct capsule_error err = { 0 };
		int64_t start = bench_now();

		if (discovery_find(&found, &root, 1, NULL, NULL, &err) != CAPSULE_OK)
			bench_fail("%s: %s", subject->root, err.text);
		took += bench_now() - start;
		for (size_t j = 0; j < found.count; j++)
			if (found.items[j].state != DISCOVERY_GOOD)
				bench_fail("%s", found.items[j].problem);
		if (found.count != CAPSULES)
			bench_fail("%s: %zu capsules", subject->root, found.count);
		discovery_fini(&found);
	}
	return took;
}

/* What a capsule with many tools has: a table and a schema for each. */
static void write_tools(FILE *file)
{
	for (int i = 0; ftell(file) < LARGE_BYTES; i++)
		(void)fprintf(file,
			"\n[[tool]]\nname = \"tool_%d\"\n"
			"description = \"Looks for what matches in the notes of the workspace, newest first.\"\n"
			"[tool.input_schema]\ntype = \"object\"\nrequired = [\"query\"]\n"
			"[tool.input_schema.properties.query]\ntype = \"string\"\ndescription = \"Words to look for.\"\n"
			"[tool.input_schema.properties.limit]\ntype = \"integer\"\nminimum = 1\nmaximum = 100\n",
			i);
}

static void write_capsules(struct subject *subject, bool large)
{
	char path[128];

	(void)snprintf(subject->root, sizeof subject->root, "/tmp/capsule-bench-XXXXXX");
	if (mkdtemp(subject->root) == NULL)
		bench_fail("no folder in /tmp");
	for (int i = 0; i < CAPSULES; i++) {
		FILE *file;

		(void)snprintf(path, sizeof path, "%s/capsule-%d", subject->root, i);
		if (mkdir(path, 0700) != 0)
			bench_fail("no folder %s", path);
		(void)snprintf(path, sizeof path, "%s/capsule-%d/Capsule.toml", subject->root, i);
		file = fopen(path, "we");
		if (file == NULL)
			bench_fail("no file %s", path);
		(void)fprintf(file,
			"[package]\nname = \"capsule-%d\"\nversion = \"1.0.0\"\ndescription = \"One of many.\"\n\n"
			"[[component]]\nfile = \"capsule.wasm\"\n\n[capabilities]\nfs_read = [\"workspace://notes\"]\n",
			i);
		if (large)
			write_tools(file);
		if (fclose(file) != 0)
			bench_fail("%s is not written", path);
	}
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

int main(int argc, char **argv)
{
	struct subject small, large;
	const struct bench_case cases[] = {
		{ "discover.1000.small", "ms", 1e6, run_find, &small },
		{ "discover.1000.large", "ms", 1e6, run_find, &large },
	};

	(void)bench_guests(argc, argv);
	write_capsules(&small, false);
	write_capsules(&large, true);
	bench_run(cases, sizeof cases / sizeof cases[0]);
	(void)nftw(small.root, remove_entry, WALK_FDS, FTW_DEPTH | FTW_PHYS);
	(void)nftw(large.root, remove_entry, WALK_FDS, FTW_DEPTH | FTW_PHYS);
	return 0;
}
