/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writes the man pages from the tables of commands and options: capsule.1, and capsule-<command>.1 for each command. A program of
 * the build; what it writes is installed and not kept in git.
 *
 * Usage: man_pages VERSION FILE...     FILE is a path that ends in the name of a page; all pages must be asked for. */
#include "cli/command.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_COLUMNS 76
#define WORD_BYTES_MAX 256

struct fact {
	const char *name, *text;
};

static const struct fact environment[] = {
	{ "ASTRID_HOME",
		"The home, an absolute path: where state, overlays, receipts and compiled modules are kept. "
		"Not set: ~/.astrid. The option --home comes first." },
	{ "CAPSULE_SHARE_DIR", "The folder that holds sdk/, the SDKs, in place of the installed one." },
	{ "NO_COLOR", "Set and not empty: no colours unless --color always asks for them." },
	{ "TERM", "\"dumb\": no colours and no progress line." },
};

static const struct fact files[] = {
	{ "Capsule.toml", "The manifest of a capsule, in its folder." },
	{ "~/.astrid/capsules/", "Installed capsules." },
	{ "~/.astrid/capsule.db", "The key-value state of capsules." },
	{ "~/.astrid/overlays/", "What capsules wrote and nobody committed; 'capsule fs'." },
	{ "~/.astrid/trust/", "Receipts of 'capsule approve'." },
	{ "~/.astrid/shared/", "What global:// means." },
	{ "~/.astrid/cache/capsules/", "Compiled modules; 'capsule cache' lists and removes them." },
	{ "PREFIX/share/capsule/sdk/", "The SDKs, a folder for each language; 'capsule sdk' tells where." },
};

static const struct fact statuses[] = {
	{ "0", "It is done." },
	{ "1", "It failed; standard error says why." },
	{ "2", "It was asked for in a wrong way; standard error says what is right." },
	{ "3",
		"The answer is no: explain tells that it is denied, diff that more is allowed than before, approve that "
		"it is not approved." },
	{ "130, 143, 129", "It was interrupted: by Ctrl-C, SIGTERM, SIGHUP. 'capsule run' ends with 0 or 1 then." },
	{ "141", "Whoever read its output went away." },
};

/* Append `text` to `word` with what roff would take for commands escaped. A hyphen is a minus in names of options and files,
 * so that it can be copied. */
static void escape(char *word, const char *text, size_t len)
{
	bool literal = memchr(text, '/', len) != NULL || memmem(text, len, "--", 2) != NULL || text[0] == '-';
	char *end = word + strlen(word);

	for (size_t i = 0; i < len && end < word + WORD_BYTES_MAX - 8; i++) {
		const char *replacement = text[i] == '\\' ? "\\e"
			: text[i] == '\''                 ? "\\(aq"
			: text[i] == '`'                  ? "\\(ga"
			: text[i] == '~'                  ? "\\(ti"
			: text[i] == '-' && literal       ? "\\-"
							  : NULL;

		if (replacement != NULL) {
			end = stpcpy(end, replacement);
		} else {
			*end++ = text[i];
			*end = '\0';
		}
	}
}

/* Write the words in `len` bytes of `text` as lines that are short and are no commands of roff. */
static void put_text(FILE *page, const char *text, size_t len)
{
	size_t column = 0;

	for (size_t at = 0; at < len;) {
		size_t start = at + strspn(text + at, " \n"), length = strcspn(text + start, " \n");
		char word[WORD_BYTES_MAX] = "";

		at = start + length;
		if (start >= len)
			break;
		escape(word, text + start, length);
		if (column > 0 && column + 1 + strlen(word) > LINE_COLUMNS) {
			(void)fputc('\n', page);
			column = 0;
		}
		if (column > 0)
			column += (size_t)fprintf(page, " %s", word);
		else
			column = (size_t)fprintf(page, "%s%s", word[0] == '.' ? "\\&" : "", word);
	}
	(void)fputc('\n', page);
}

static void put_paragraphs(FILE *page, const char *text)
{
	while (*text != '\0') {
		const char *end = strstr(text, "\n\n");
		size_t len = end != NULL ? (size_t)(end - text) : strlen(text);

		put_text(page, text, len);
		text += end != NULL ? len + 2 : len;
		if (*text != '\0')
			(void)fputs(".PP\n", page);
	}
}

/* Lines as they are, for examples. */
static void put_lines(FILE *page, const char *text)
{
	(void)fputs(".SH EXAMPLES\n.nf\n", page);
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		char line[2 * WORD_BYTES_MAX] = "";

		for (size_t at = 0; at < len;) {
			size_t blanks = strspn(text + at, " "), length = strcspn(text + at + blanks, " \n");
			char word[WORD_BYTES_MAX] = "";

			escape(word, text + at + blanks, length);
			(void)snprintf(line + strlen(line), sizeof line - strlen(line), "%*s%s", (int)blanks, "", word);
			at += blanks + length;
		}
		(void)fprintf(page, "%s\n", line);
		text += len + (text[len] == '\n');
	}
	(void)fputs(".fi\n", page);
}

static void put_facts(FILE *page, const char *heading, const struct fact *facts, size_t count)
{
	(void)fprintf(page, ".SH %s\n", heading);
	for (size_t i = 0; i < count; i++) {
		char name[WORD_BYTES_MAX] = "";

		escape(name, facts[i].name, strlen(facts[i].name));
		(void)fprintf(page, ".TP\n.B %s\n", name);
		put_text(page, facts[i].text, strlen(facts[i].text));
	}
}

static void put_options(FILE *page, uint64_t options)
{
	(void)fputs(".SH OPTIONS\n", page);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = &cli_options[i];
		char name[WORD_BYTES_MAX] = "";

		if ((options >> i & 1) == 0)
			continue;
		escape(name, "--", 2);
		escape(name, row->name, strlen(row->name));
		(void)fprintf(page, ".TP\n\\fB%s\\fR", name);
		if (i == OPTION_ID_HELP)
			(void)fputs(", \\fB\\-h\\fR", page);
		(void)fprintf(page, "%s%s%s\n", row->value != NULL ? " \\fI" : "", row->value != NULL ? row->value : "",
			row->value != NULL ? "\\fR" : "");
		put_text(page, row->help, strlen(row->help));
		if (row->words == NULL)
			continue;
		(void)fprintf(page, ".br\n\\fI%s\\fR is one of: ", row->value);
		put_text(page, row->words, strlen(row->words));
	}
}

static void put_title(FILE *page, const char *name, const char *summary, const char *version)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH"); /* so that a build can be repeated to the byte */
	time_t now = epoch != NULL ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
	struct tm parts;
	char date[32] = "", escaped[WORD_BYTES_MAX] = "";

	if (gmtime_r(&now, &parts) != NULL)
		(void)strftime(date, sizeof date, "%Y-%m-%d", &parts);
	(void)fprintf(page, ".\\\" Made from the tables of the program.\n.TH \"");
	for (const char *at = name; *at != '\0'; at++)
		(void)fputc(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at, page);
	escape(escaped, "-", 1); /* the one in "name - summary" */
	(void)fprintf(page, "\" 1 \"%s\" \"capsule %s\" \"Commands of capsule\"\n.SH NAME\n%s %s ", date, version, name,
		escaped);
	put_text(page, summary, strlen(summary));
}

static void put_overview(FILE *page, const char *version)
{
	put_title(page, "capsule", "run capsules: sandboxed WebAssembly modules under a manifest", version);
	(void)fputs(
		".SH SYNOPSIS\n.B capsule\n.I COMMAND\n.RI [ ARGUMENTS ]\n.RI [ OPTIONS ]\n.SH DESCRIPTION\n", page);
	put_paragraphs(page,
		"A capsule is a folder with a manifest, Capsule.toml, and a WebAssembly module. The manifest says what "
		"the capsule offers, its tools, and what it may touch; everything else is denied.\n\nEach command "
		"has a page of its own, and 'capsule help COMMAND' prints the same.");
	(void)fputs(".SH COMMANDS\n", page);
	for (size_t i = 0; i < cli_command_count; i++) {
		(void)fprintf(page, ".TP\n.BR capsule\\-%s (1)\n", cli_commands[i].name);
		put_text(page, cli_commands[i].summary, strlen(cli_commands[i].summary));
	}
	put_options(page, COMMAND_OPTIONS);
	put_facts(page, "ENVIRONMENT", environment, sizeof environment / sizeof environment[0]);
	put_facts(page, "FILES", files, sizeof files / sizeof files[0]);
	put_facts(page, "EXIT STATUS", statuses, sizeof statuses / sizeof statuses[0]);
}

static void put_command(FILE *page, const struct command *command, const char *version)
{
	char name[64];

	(void)snprintf(name, sizeof name, "capsule\\-%s", command->name);
	put_title(page, name, command->summary, version);
	(void)fprintf(page, ".SH SYNOPSIS\n.B capsule %s\n", command->name);
	if (command->operands[0] != '\0')
		(void)fprintf(page, ".I \"%s\"\n", command->operands);
	(void)fputs(".RI [ OPTIONS ]\n.SH DESCRIPTION\n", page);
	put_paragraphs(page, command->help);
	put_options(page, command->options | COMMAND_OPTIONS);
	put_facts(page, "EXIT STATUS", statuses, sizeof statuses / sizeof statuses[0]);
	put_lines(page, command->examples);
	(void)fputs(".SH SEE ALSO\n.BR capsule (1)\n", page);
}

/* The number of the page in the table of commands, one more than the last for the overview; SIZE_MAX for none. */
static size_t page_of(const char *path)
{
	const char *slash = strrchr(path, '/'), *file = slash != NULL ? slash + 1 : path;
	char name[64];

	for (size_t i = 0; i < cli_command_count; i++) {
		(void)snprintf(name, sizeof name, "capsule-%s.1", cli_commands[i].name);
		if (strcmp(file, name) == 0)
			return i;
	}
	return strcmp(file, "capsule.1") == 0 ? cli_command_count : SIZE_MAX;
}

static int write_page(const char *path, const char *version)
{
	size_t number = page_of(path);
	FILE *page;
	bool written;

	if (number == SIZE_MAX) {
		(void)fprintf(stderr,
			"man_pages: %s: no command has this page; correct cli_commands in man/meson.build\n", path);
		return 1;
	}
	page = fopen(path, "w");
	if (page == NULL) {
		perror(path);
		return 1;
	}
	if (number == cli_command_count)
		put_overview(page, version);
	else
		put_command(page, &cli_commands[number], version);
	written = ferror(page) == 0;
	if (fclose(page) == 0 && written)
		return 0;
	perror(path);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		(void)fputs("usage: man_pages VERSION FILE...\n", stderr);
		return 2;
	}
	if ((size_t)argc - 2 != cli_command_count + 1) {
		(void)fprintf(stderr,
			"man_pages: %d pages are asked for, there are %zu: correct cli_commands in man/meson.build\n",
			argc - 2, cli_command_count + 1);
		return 1;
	}
	for (int i = 2; i < argc; i++) {
		if (write_page(argv[i], argv[1]) != 0)
			return 1;
	}
	return 0;
}
