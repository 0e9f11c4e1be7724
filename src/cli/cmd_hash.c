/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule hash: digests as the lines of a manifest that they belong into. */
#include "cli/command.h"
#include "cli/json.h"
#include <capsule/mcp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST "Capsule.toml"
#define DIGEST_BYTES 80

/* What there is to say about one file or folder. */
struct hashed {
	char digest[DIGEST_BYTES];
	char *path;           /* canonical */
	char *capsule;        /* the folder of the capsule that it is in; NULL outside of all */
	const char *relative; /* path below that folder, in `path`; NULL when `integrity` can't name it */
	bool folder;
};

static void hashed_fini(struct hashed *hashed)
{
	free(hashed->path);
	free(hashed->capsule);
}

static bool has_manifest(const char *folder)
{
	char path[4096 + sizeof MANIFEST + 1];
	int len = snprintf(path, sizeof path, "%s/" MANIFEST, folder);

	return len > 0 && (size_t)len < sizeof path && access(path, F_OK) == 0;
}

/* The nearest folder above that is a capsule. Returns false when memory ran out. */
static bool find_capsule(struct hashed *hashed)
{
	char *folder = strdup(hashed->path);

	if (folder == NULL)
		return false;
	for (char *slash = strrchr(folder, '/'); slash != NULL && slash != folder; slash = strrchr(folder, '/')) {
		*slash = '\0';
		if (!has_manifest(folder))
			continue;
		hashed->capsule = folder;
		hashed->relative = hashed->path + strlen(folder) + 1;
		/* The manifest can't hold a digest of itself. */
		if (strcmp(hashed->relative, MANIFEST) == 0)
			hashed->relative = NULL;
		return true;
	}
	free(folder);
	return true;
}

/* Returns the exit status. */
static int look(struct cli *cli, const char *path, struct hashed *hashed)
{
	struct stat info;

	if (capsule_digest(hashed->digest, path, cli->options.sha256, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	hashed->path = realpath(path, NULL);
	if (hashed->path == NULL)
		return errno == ENOMEM ? cli_say_memory() : cli_say("%s: %s", path, strerror(errno));
	hashed->folder = stat(hashed->path, &info) == 0 && S_ISDIR(info.st_mode);
	/* All of a capsule is what receipts hold, and no part of one. */
	if (hashed->folder && has_manifest(hashed->path))
		return 0;
	return find_capsule(hashed) ? 0 : cli_say_memory();
}

/* "path=digest" as a string of TOML, quoted as JSON is; *quoted stays NULL when a manifest can't hold it. Returns false
 * when memory ran out. */
static bool quote_entry(const struct hashed *hashed, char **quoted)
{
	size_t size = strlen(hashed->relative) + DIGEST_BYTES + 2;
	char *entry = malloc(size);
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);

	if (entry != NULL && doc != NULL) {
		(void)snprintf(entry, size, "%s=%s", hashed->relative, hashed->digest);
		*quoted = yyjson_mut_val_write(yyjson_mut_str(doc, entry), 0, NULL);
	}
	yyjson_mut_doc_free(doc);
	free(entry);
	return entry != NULL && doc != NULL;
}

static int print_lines(const struct hashed *hashed)
{
	char *quoted = NULL;

	if (!hashed->folder)
		(void)printf("hash = \"%s\"\n", hashed->digest);
	else if (hashed->relative == NULL)
		(void)printf("%s\n", hashed->digest);
	if (hashed->relative == NULL)
		return 0;
	if (!quote_entry(hashed, &quoted))
		return cli_say_memory();
	if (quoted == NULL)
		return cli_say("%s: a manifest can't hold the name, since it is not UTF-8: rename it", hashed->path);
	(void)fputs("integrity = [", stdout);
	cli_print_clean(stdout, quoted, strlen(quoted), CLEAN_LINE);
	(void)fputs("]\n", stdout);
	free(quoted);
	return 0;
}

static int print_json(const struct output *out, const struct hashed *hashed)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	bool made;
	int status;

	yyjson_mut_doc_set_root(doc, root);
	made = yyjson_mut_obj_add_str(doc, root, "digest", hashed->digest) &&
		cli_json_add_text(doc, root, "file", hashed->path) &&
		yyjson_mut_obj_add_bool(doc, root, "folder", hashed->folder) &&
		cli_json_add_text(doc, root, "capsule", hashed->capsule) &&
		cli_json_add_text(doc, root, "path", hashed->relative);
	status = made ? cli_json_print(out, doc) : cli_say_memory();
	yyjson_mut_doc_free(doc);
	return status;
}

int cmd_hash(struct cli *cli)
{
	struct hashed hashed = { 0 };
	int status = look(cli, cli->operands[0], &hashed);

	if (status == 0)
		status = cli->options.json ? print_json(&cli->out, &hashed) : print_lines(&hashed);
	hashed_fini(&hashed);
	return status;
}
