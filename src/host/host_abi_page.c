/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writes docs/host-abi.md from host_functions.def, or compares the page with it, so that the two can't drift apart.
 *
 *   host-abi-page > docs/host-abi.md
 *   host-abi-page --check docs/host-abi.md */
#include "base/limits.h"
#include "host/host.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct page_row {
	int index;
	const char *name, *service, *capability;
	enum host_waits waits;
	const char *begin; /* as written in the table */
	enum host_result_kind result;
	const char *doc;
	struct host_arg args[HOST_ARGS_MAX];
};

#define NO_ARGS                                                                                                        \
	{                                                                                                              \
		NULL, HOST_UNREAD, 0                                                                                   \
	}
#define ARG(name, kind, limit)                                                                                         \
	{                                                                                                              \
		(name), (kind), (limit)                                                                                \
	}
#define HOST_FUNCTION(index, name, service, capability, waits, begin, finish, result, doc, ...)                        \
	{ index, #name, service, capability, waits, #begin, result, doc, { __VA_ARGS__ } },
static const struct page_row rows[] = {
#include "host/host_functions.def"
};
#undef HOST_FUNCTION
#undef ARG
#undef NO_ARGS

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const char intro[] =
	"# Functions that a guest may import\n"
	"\n"
	"<!-- Written by `host-abi-page` from src/host/host_functions.def; change the table and run\n"
	"     `build/src/host/host-abi-page > docs/host-abi.md`. -->\n"
	"\n"
	"A guest imports them from the module `extism:host/user`. Each parameter is an `i64`: the handle of a block in the\n"
	"memory that guest and host share, 0 for nothing. A result is the handle of a new block, 0 when it is empty. The\n"
	"number in the first column is the index for `__invokeHostFunc` of the module `shim`; it never changes.\n"
	"\n"
	"A call fails by ending the guest's own call with the text of the failure. It fails when\n"
	"\n"
	"- an argument is no block, or longer than the limit given here in bytes,\n"
	"- a `text` argument is not UTF-8 (`lossy` text is repaired with U+FFFD, `bytes` are taken as they are, `unread`\n"
	"  arguments are not looked at),\n"
	"- it needs a capability and the list of that name in `[capabilities]` of Capsule.toml is empty, also in those of the\n"
	"  component,\n"
	"- the gate denies what it is to be done with, as no entry of that list covers it,\n"
	"- the service behind it is not part of this release.\n"
	"\n"
	"*Waits* says what may hold it up: nothing (`-`); `work`, which the host does for the guest and charges to the\n"
	"guest's time; or `others`: a peer, a person, a child process, time, none of which is charged.\n"
	"\n";

static void put_args(FILE *out, const struct host_arg *args)
{
	static const char *const kinds[] = {
		[HOST_UNREAD] = "unread",
		[HOST_BYTES] = "bytes",
		[HOST_LOSSY] = "lossy",
		[HOST_TEXT] = "text",
	};

	if (args[0].name == NULL)
		fputs("-", out);
	for (int i = 0; i < HOST_ARGS_MAX && args[i].name != NULL; i++) {
		fprintf(out, "%s`%s` %s", i > 0 ? ", " : "", args[i].name, kinds[args[i].kind]);
		if (args[i].kind != HOST_UNREAD)
			fprintf(out, " %" PRIu32, args[i].limit);
	}
}

static void put_row(FILE *out, const struct page_row *row)
{
	static const char *const results[] = {
		[HOST_NOTHING] = "-",
		[HOST_BLOCK] = "block",
		[HOST_NUMBER] = "number",
	};
	static const char *const waits[] = {
		[HOST_NOW] = "-",
		[HOST_WAITS] = "others",
		[HOST_WORKS] = "work",
	};

	fprintf(out, "| %d | `%s` | ", row->index, row->name);
	put_args(out, row->args);
	fprintf(out, " | %s | ", results[row->result]);
	if (row->capability != NULL)
		fprintf(out, "`%s`", row->capability);
	else
		fputs("-", out);
	fprintf(out, " | %s | %s | %s |\n", waits[row->waits], row->doc,
		strcmp(row->begin, "UNSERVED") == 0 ? "not yet" : "yes");
}

static const char bulk[] =
	"\n"
	"## Bytes in bulk\n"
	"\n"
	"The module `capsule:bulk` is an addition of this host: a guest that imports from it runs here only. Extism's interface\n"
	"moves bytes between shared memory and the guest's own with a call for each eight of them; these copy them at once.\n"
	"\n"
	"| function | type | what it does |\n"
	"|---|---|---|\n"
	"| `load` | `(block: i64, offset: i64, to: i32, len: i32) -> i32` | Copy at most `len` bytes of a block, from `offset` on, to "
	"`to` in the guest's memory; gives how many were there. Anything that is no block has none. |\n"
	"| `store` | `(from: i32, len: i32) -> i64` | A new block with `len` bytes of the guest's memory; 0 for none. |\n"
	"| `arguments` | `() -> i64` | The block with the arguments of this call of a tool or interceptor as they are. The input of "
	"a module that imports it is `{\"name\":...}`, without the array of bytes. |\n"
	"\n"
	"The guest's memory is the one it exports as `memory`; a range that is not inside it ends the call.\n";

static const char files[] =
	"\n"
	"## Paths\n"
	"\n"
	"A path is counted from the workspace, with or without `workspace://` in front and however many slashes it begins with.\n"
	"`global://` in front means the folder `shared` of the home, if it was there when the capsule was loaded. `.` and `..` are\n"
	"applied to the text; what leads out of the tree is refused (`escapes root boundary`).\n"
	"\n"
	"The gate judges the canonical path: reading against `fs_read`, writing against `fs_write`. Links are followed inside the\n"
	"tree, and where one leads is judged, too; nothing is opened but what was judged. A refusal reads `security denied ...` and\n"
	"tells what the manifest would have to declare. Only regular files and folders can be used: no devices, FIFOs or sockets.\n"
	"\n"
	"What a capsule writes to the workspace is kept in an overlay of its own until it is committed, and is seen by its own file\n"
	"functions at once; a deleted file is hidden until then. Parents of a new file are made. Capsules that may start programs\n"
	"write to the workspace directly. `global://` is always written directly, and parents are not made there.\n";

static const char events[] =
	"\n"
	"## Events\n"
	"\n"
	"A topic is a row of segments with dots between them. An entry of `ipc_publish` matches topics of as many segments, `*` any one;\n"
	"a last `*` in a subscription, and in an entry of `ipc_subscribe`, stands for one segment or more. Only the runtime publishes\n"
	"below `astrid.v1.lifecycle.`. Each capsule may publish 10 MiB a second.\n"
	"\n"
	"A published value that is an object with one of the known `type`s, and the members that belong to it, travels as that; any other\n"
	"value `v` travels as `{\"type\":\"custom\",\"data\":v}`.\n"
	"\n"
	"`astrid_ipc_poll` and `astrid_ipc_recv` give `{\"dropped\":0,\"lagged\":n,\"messages\":[...]}`: messages in order of publication, each\n"
	"with `payload`, `signature`, `source_id`, `timestamp` and `topic`. `lagged` counts those that were lost since the last time, when\n"
	"more had come than a capsule's 1,024 messages or 16 MiB. One answer has up to 4,096 messages with payloads of 10 MiB, the rest comes with the next. When a\n"
	"subscription ends while its guest waits, the guest gets an answer without messages, and the next use of the handle fails.\n";

static bool put_page(FILE *out)
{
	fputs(intro, out);
	fputs("| # | function | arguments | result | capability | waits | what it does | served |\n", out);
	fputs("|--:|---|---|---|---|---|---|---|\n", out);
	for (size_t i = 0; i < ROW_COUNT; i++)
		put_row(out, &rows[i]);
	fputs(files, out);
	fputs(events, out);
	fputs(bulk, out);
	return fflush(out) == 0 && !ferror(out);
}

/* Whether the file `path` holds exactly `page`. */
static bool same_as_file(const char *path, const char *page, size_t len)
{
	FILE *file = fopen(path, "rb");
	size_t at = 0;
	int byte;

	if (file == NULL)
		return false;
	while ((byte = getc(file)) != EOF && at < len && (unsigned char)page[at] == byte)
		at++;
	(void)fclose(file);
	return byte == EOF && at == len;
}

static int check(const char *path)
{
	char *page = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&page, &len);
	bool same = memory != NULL && put_page(memory);

	if (memory != NULL)
		same = fclose(memory) == 0 && same && same_as_file(path, page, len);
	free(page);
	if (same)
		return EXIT_SUCCESS;
	fprintf(stderr,
		"%s is missing or not what the table says; run: build/src/host/host-abi-page > docs/host-abi.md\n",
		path);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--check") == 0)
		return check(argv[2]);
	if (argc == 1)
		return put_page(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
	fputs("usage: host-abi-page [--check FILE]\n", stderr);
	return 2;
}
