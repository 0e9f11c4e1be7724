/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Everything that the benches have in common around the public API. */
#include "rig.h"

#include "base/clock.h"
#include "harness.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER_MAX (sizeof(((struct rig *)0)->folder) + 64) /* of a capsule, inside the rig's */

void rig_open(struct rig *rig, const char *guests, const struct capsule_runtime_options *options)
{
	struct capsule_runtime_options wanted = { 0 };
	char home[sizeof rig->folder + 8];

	*rig = (struct rig){ .guests = guests, .folder = "/tmp/capsule-bench-XXXXXX", .error = capsule_error_new() };
	if (rig->error == NULL || mkdtemp(rig->folder) == NULL)
		bench_fail("no temporary folder: %s", strerror(errno));
	if (options != NULL)
		wanted = *options;
	(void)snprintf(home, sizeof home, "%s/home", rig->folder);
	wanted.size = sizeof wanted;
	wanted.home = home;
	wanted.workspace = rig->folder;
	if (capsule_runtime_new(&rig->runtime, &wanted, rig->error) != CAPSULE_OK)
		bench_fail("runtime: %s", capsule_error_text(rig->error));
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info;
	(void)kind;
	(void)walk;
	return remove(path);
}

void rig_close(struct rig *rig)
{
	capsule_runtime_free(rig->runtime);
	capsule_error_free(rig->error);
	if (nftw(rig->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		bench_fail("%s can't be removed: %s", rig->folder, strerror(errno));
}

static FILE *open_file(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);

	if (file == NULL)
		bench_fail("%s: %s", path, strerror(errno));
	return file;
}

static void close_file(FILE *file, const char *path)
{
	if (ferror(file) != 0 || fclose(file) != 0)
		bench_fail("%s: %s", path, strerror(errno));
}

/* Without code `code` is false, and `more` stands on its own. */
static void write_manifest(const char *folder, const char *id, bool code, const char *tools, const char *more)
{
	char path[256], names[256], *rest = names, *name;
	FILE *file;

	(void)snprintf(path, sizeof path, "%s/Capsule.toml", folder);
	(void)snprintf(names, sizeof names, "%s", tools);
	file = open_file(path, "w");
	(void)fprintf(file, "[package]\nname = \"%s\"\nversion = \"1.0.0\"\n%s%s\n", id,
		code ? "[[component]]\nfile = \"guest.wasm\"\n" : "", more);
	while ((name = strsep(&rest, " ")) != NULL)
		if (name[0] != '\0')
			(void)fprintf(file,
				"[[tool]]\nname = \"%s\"\ndescription = \"of a bench\"\n"
				"input_schema = { type = \"object\" }\n",
				name);
	close_file(file, path);
}

static void copy_module(const char *folder, const char *guests, const char *guest)
{
	char from[512], to[256], block[4096];
	FILE *in, *out;
	size_t len;

	(void)snprintf(from, sizeof from, "%s/%s.wasm", guests, guest);
	(void)snprintf(to, sizeof to, "%s/guest.wasm", folder);
	in = open_file(from, "rb");
	out = open_file(to, "wb");
	while ((len = fread(block, 1, sizeof block, in)) > 0)
		(void)fwrite(block, 1, len, out);
	close_file(in, from);
	close_file(out, to);
}

static void folder_of(const struct rig *rig, const char *id, char *folder, size_t size)
{
	(void)snprintf(folder, size, "%s/%s", rig->folder, id);
}

void rig_write(struct rig *rig, const char *id, const char *guest, const char *tools, const char *more)
{
	char folder[FOLDER_MAX];

	folder_of(rig, id, folder, sizeof folder);
	if (mkdir(folder, 0700) != 0)
		bench_fail("%s: %s", folder, strerror(errno));
	write_manifest(folder, id, guest != NULL, tools, more);
	if (guest != NULL)
		copy_module(folder, rig->guests, guest);
}

struct capsule *rig_load_written(struct rig *rig, const char *id)
{
	char folder[FOLDER_MAX];
	struct capsule *capsule = NULL;
	struct capsule_op *op = NULL;

	folder_of(rig, id, folder, sizeof folder);
	if (capsule_load(rig->runtime, folder, NULL, NULL, &op, rig->error) == CAPSULE_OK &&
		capsule_op_wait(op, rig->error) == CAPSULE_OK)
		capsule = capsule_op_capsule(op);
	capsule_op_free(op);
	if (capsule == NULL)
		bench_fail("%s: %s", id, capsule_error_text(rig->error));
	return capsule;
}

struct capsule *rig_load(struct rig *rig, const char *id, const char *guest, const char *tools)
{
	rig_write(rig, id, guest, tools, "");
	return rig_load_written(rig, id);
}

void rig_unload(struct rig *rig, struct capsule *capsule)
{
	struct capsule_op *op = NULL;

	if (capsule_unload(capsule, NULL, NULL, &op, rig->error) != CAPSULE_OK ||
		capsule_op_wait(op, rig->error) != CAPSULE_OK)
		bench_fail("unload: %s", capsule_error_text(rig->error));
	capsule_op_free(op);
}

uint64_t rig_clear_cache(struct rig *rig)
{
	struct capsule_cache *cache = NULL;
	char folder[FOLDER_MAX];
	uint64_t entries = 0;

	folder_of(rig, "home/cache/capsules", folder, sizeof folder);
	if (capsule_cache_open(&cache, folder, rig->error) != CAPSULE_OK ||
		capsule_cache_clear(cache, &entries, NULL, rig->error) != CAPSULE_OK)
		bench_fail("cache: %s", capsule_error_text(rig->error));
	capsule_cache_close(cache);
	return entries;
}

static void wait_for(struct rig *rig, enum capsule_status started, struct capsule_op *op, const char *name)
{
	if (started != CAPSULE_OK || capsule_op_wait(op, rig->error) != CAPSULE_OK)
		bench_fail("%s: %s", name, capsule_error_text(rig->error));
}

/* The length of the answer; `started` is what starting it gave. */
static size_t finish(struct rig *rig, enum capsule_status started, struct capsule_op *op, const char *name)
{
	size_t answer;

	wait_for(rig, started, op, name);
	(void)capsule_op_result(op, &answer);
	capsule_op_free(op);
	return answer;
}

size_t rig_call(struct rig *rig, struct capsule *capsule, const char *tool, const char *arguments, size_t len)
{
	struct capsule_op *op = NULL;
	enum capsule_status status = capsule_call(capsule, tool, arguments, len, NULL, NULL, &op, rig->error);

	return finish(rig, status, op, tool);
}

size_t rig_call_export(struct rig *rig, struct capsule *capsule, const char *name, const void *input, size_t len)
{
	struct capsule_op *op = NULL;
	enum capsule_status status = capsule_call_export(capsule, name, input, len, NULL, NULL, &op, rig->error);

	return finish(rig, status, op, name);
}

uint64_t rig_ask(struct rig *rig, struct capsule *capsule, const char *tool)
{
	struct capsule_op *op = NULL;
	enum capsule_status status = capsule_call(capsule, tool, "{}", 2, NULL, NULL, &op, rig->error);
	char text[32];
	size_t len;

	wait_for(rig, status, op, tool);
	(void)snprintf(text, sizeof text, "%s", capsule_op_result(op, &len));
	capsule_op_free(op);
	return strtoull(text, NULL, 10);
}

void rig_publish(struct rig *rig, const char *topic, const char *payload, size_t len)
{
	if (capsule_publish(rig->runtime, topic, payload, len, NULL, NULL, NULL, rig->error) != CAPSULE_OK)
		bench_fail("%s: %s", topic, capsule_error_text(rig->error));
}

uint64_t rig_publish_and_wait(struct rig *rig, const char *topic, const char *payload, size_t len)
{
	uint64_t matched;
	struct capsule_op *op = NULL;
	enum capsule_status status = capsule_publish(rig->runtime, topic, payload, len, NULL, NULL, &op, rig->error);
	const char *result;

	wait_for(rig, status, op, topic);
	result = capsule_op_result(op, &len);
	matched = bench_number(result, "\"matched\":");
	if (bench_number(result, "\"delivered\":") != matched)
		bench_fail("%s: not everybody got it: %s", topic, result);
	capsule_op_free(op);
	return matched;
}

struct capsule_op *rig_start(
	struct rig *rig, struct capsule *capsule, const char *tool, capsule_done_fn done, void *user)
{
	struct capsule_op *op = NULL;

	if (capsule_call(capsule, tool, "{}", 2, done, user, &op, rig->error) != CAPSULE_OK)
		bench_fail("%s: %s", tool, capsule_error_text(rig->error));
	return op;
}

void rig_turn(struct rig *rig, int ms)
{
	int64_t until = bench_now() + ms * NS_PER_MS, left;

	while ((left = until - bench_now()) > 0)
		(void)capsule_runtime_turn(rig->runtime, (int)(left / NS_PER_MS) + 1);
}
