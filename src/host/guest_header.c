/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writes sdk/c/include/capsule_guest/host.h from host_functions.def, or compares the header with it, so that guests in C can
 * call whatever the table has.
 *
 *   guest-header > sdk/c/include/capsule_guest/host.h
 *   guest-header --check sdk/c/include/capsule_guest/host.h */
#include "base/limits.h"
#include "host/host.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define COLUMNS 118

struct header_row {
	const char *name, *service, *capability;
	enum host_waits waits;
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
	{ #name, service, capability, waits, result, doc, { __VA_ARGS__ } },
static const struct header_row rows[] = {
#include "host/host_functions.def"
};
#undef HOST_FUNCTION
#undef ARG
#undef NO_ARGS

static const char intro[] =
	"/* SPDX-License-Identifier: MIT OR Apache-2.0 */\n"
	"/* Every function of the host. Written by `guest-header` from src/host/host_functions.def; change the table and run\n"
	" * `build/src/host/guest-header > sdk/c/include/capsule_guest/host.h`.\n"
	" *\n"
	" * astrid_...() is the import, with handles of blocks; guest_...() beside it takes text or bytes (a C string or a struct\n"
	" * guest_bytes) and gives bytes, empty for nothing, valid until the next call. Only what is called is imported. What a\n"
	" * capsule may call is said in its Capsule.toml: \"needs\" names the key of [capabilities]. On failure none returns: the\n"
	" * call ends with the text of the host. When the call has failed already, in the guest, guest_...() does nothing.\n"
	" * Part of capsule_guest.h, which is the header to include. */\n"
	"#ifndef CAPSULE_GUEST_HOST_H\n"
	"#define CAPSULE_GUEST_HOST_H\n"
	"\n"
	"#include \"blocks.h\"\n"
	"\n"
	"#define GUEST_HOST(name) __attribute__((import_module(\"extism:host/user\"), import_name(#name)))\n"
	"\n"
	"/* clang-format off */\n";

/* The words of `text`, wrapped, behind what is in `column` already. */
static void put_words(FILE *out, const char *text, int *column)
{
	while (*text != '\0') {
		int len = (int)strcspn(text, " ");

		if (*column + 1 + len > COLUMNS) {
			fputs("\n * ", out);
			*column = 3;
		}
		fprintf(out, " %.*s", len, text);
		*column += 1 + len;
		text += len;
		text += strspn(text, " ");
	}
}

static int arg_count(const struct header_row *row)
{
	int count = 0;

	while (count < HOST_ARGS_MAX && row->args[count].name != NULL)
		count++;
	return count;
}

static void put_comment(FILE *out, const struct header_row *row)
{
	static const char *const kinds[] = {
		[HOST_UNREAD] = "not looked at",
		[HOST_BYTES] = "bytes",
		[HOST_LOSSY] = "text",
		[HOST_TEXT] = "text",
	};
	char text[128];
	int column = 3;

	fputs("/**", out);
	put_words(out, row->doc, &column);
	for (int i = 0; i < arg_count(row); i++) {
		const struct host_arg *arg = &row->args[i];

		if (arg->kind == HOST_UNREAD)
			(void)snprintf(text, sizeof text, "%s: %s.", arg->name, kinds[arg->kind]);
		else
			(void)snprintf(text, sizeof text, "%s: %s, at most %" PRIu32 " bytes.", arg->name,
				kinds[arg->kind], arg->limit);
		put_words(out, text, &column);
	}
	if (row->waits == HOST_WAITS)
		put_words(out, "May wait.", &column);
	if (row->capability != NULL) {
		(void)snprintf(text, sizeof text, "Needs `%s`.", row->capability);
		put_words(out, text, &column);
	}
	fputs(" */\n", out);
}

/* The names of the arguments, each with something before and behind it. */
static void put_args(FILE *out, const struct header_row *row, const char *before, const char *behind)
{
	for (int i = 0; i < arg_count(row); i++)
		fprintf(out, "%s%s%s%s", i > 0 ? ", " : "", before, row->args[i].name, behind);
}

static void put_row(FILE *out, const struct header_row *row)
{
	static const char *const types[] = {
		[HOST_NOTHING] = "void",
		[HOST_BLOCK] = "struct guest_bytes",
		[HOST_NUMBER] = "int64_t",
	};
	static const char *const results[] = {
		[HOST_NOTHING] = "NOTHING",
		[HOST_BLOCK] = "BYTES",
		[HOST_NUMBER] = "NUMBER",
	};
	const char *name = row->name + strlen("astrid_");

	fputc('\n', out);
	put_comment(out, row);
	fprintf(out, "GUEST_HOST(%s) %s %s(", row->name, row->result == HOST_NOTHING ? "void" : "uint64_t", row->name);
	if (arg_count(row) == 0)
		fputs("void", out);
	put_args(out, row, "uint64_t ", "");
	fprintf(out, ");\nGUEST_WRAP_%d(%s, %s, %s%s", arg_count(row), types[row->result], name,
		strcmp(row->service, "log") == 0 ? "ALWAYS_" : "", results[row->result]);
	if (arg_count(row) == 0) {
		fputs(")\n", out);
		return;
	}
	fputs(", ", out);
	put_args(out, row, "", "");
	fprintf(out, ")\n#define guest_%s(", name);
	put_args(out, row, "", "");
	fprintf(out, ") guest_%s(", name);
	put_args(out, row, "GUEST_BYTES(", ")");
	fputs(")\n", out);
}

static bool put_header(FILE *out)
{
	fputs(intro, out);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		put_row(out, &rows[i]);
	fputs("/* clang-format on */\n\n#endif\n", out);
	return fflush(out) == 0 && !ferror(out);
}

/* Whether the file `path` holds exactly `text`. */
static bool same_as_file(const char *path, const char *text, size_t len)
{
	FILE *file = fopen(path, "rb");
	size_t at = 0;
	int byte;

	if (file == NULL)
		return false;
	while ((byte = getc(file)) != EOF && at < len && (unsigned char)text[at] == byte)
		at++;
	(void)fclose(file);
	return byte == EOF && at == len;
}

static int check(const char *path)
{
	char *text = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&text, &len);
	bool same = memory != NULL && put_header(memory);

	if (memory != NULL)
		same = fclose(memory) == 0 && same && same_as_file(path, text, len);
	free(text);
	if (same)
		return EXIT_SUCCESS;
	fprintf(stderr, "%s is missing or not what the table says; run: build/src/host/guest-header > %s\n", path,
		"sdk/c/include/capsule_guest/host.h");
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--check") == 0)
		return check(argv[2]);
	if (argc == 1)
		return put_header(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
	fputs("usage: guest-header [--check FILE]\n", stderr);
	return 2;
}
