/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long does it take to find a thousand capsules, whose files the kernel has in memory? Each manifest is read, hashed and parsed;
 * what was found is freed outside of the time. bench/peer/src/discover.rs writes the same manifests, byte for byte. */
#include "harness.h"
#include "life/discovery.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CAPSULES 1000
#define WALK_FDS 16

/* What a capsule with a tool has beyond the small one: a schema, topics and comments, 1 KiB in all. */
static const char large_rest[] =
	"ipc_publish = [\"notes.v1.found\", \"tool.v1.result.search_notes\"]\nipc_subscribe = [\"notes.v1.*\"]\n"
	"\n# Asked for when somebody looks through the notes.\n[[interceptor]]\n"
	"event = \"tool.v1.execute.search_notes\"\naction = \"search\"\n"
	"\n[[interceptor]]\nevent = \"notes.v1.changed\"\naction = \"forget\"\n"
	"\n[[tool]]\nname = \"search_notes\"\n"
	"description = \"Looks for what matches in the notes of the workspace and gives the newest first, "
	"each with its title, its tags and the lines around what was found.\"\n"
	"[tool.input_schema]\ntype = \"object\"\nrequired = [\"query\"]\n"
	"[tool.input_schema.properties.query]\ntype = \"string\"\n"
	"description = \"Words that all have to be in a note, or a text in quotes as it stands there.\"\n"
	"[tool.input_schema.properties.limit]\ntype = \"integer\"\n"
	"minimum = 1\nmaximum = 100\ndefault = 20\n"
	"description = \"The most notes to give.\"\n"
	"[tool.input_schema.properties.tags]\ntype = \"array\"\nitems = { type = \"string\" }\n"
	"description = \"Tags, all of which a note has to have.\"\n";

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
			(void)fputs(large_rest, file);
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
