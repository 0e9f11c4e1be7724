/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A parser for long options that knows nothing but the tables: which command takes which, what a value may be. Every mistake
 * is answered with what was probably meant. */
#include "cli/options.h"
#include "cli/command.h"
#include "cli/operands.h"
#include "cli/text.h"
#include <capsule/check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2

static bool allowed(const struct cli *cli, size_t id)
{
	return ((cli->command->options | COMMAND_OPTIONS) >> id & 1) != 0;
}

/* The row called by the first `len` bytes of `name`, NULL after having told that there is none. */
static const struct option_row *find(const struct cli *cli, const char *name, size_t len)
{
	char wanted[64] = "";
	struct nearest nearest;

	if (len < sizeof wanted)
		memcpy(wanted, name, len);
	nearest = cli_nearest_start(wanted);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (!allowed(cli, i))
			continue;
		if (strlen(cli_options[i].name) == len && memcmp(cli_options[i].name, name, len) == 0)
			return &cli_options[i];
		cli_nearest_offer(&nearest, cli_options[i].name);
	}
	(void)cli_say("'%s' has no option '--%s'%s\n'capsule help %s' lists them", cli->command->name,
		len < sizeof wanted ? wanted : CLI_SHORT(name), CLI_MEANT(&nearest, "--"), cli->command->name);
	return NULL;
}

static int set_number(const struct option_row *row, uint64_t *field, const char *value)
{
	char *end;
	unsigned long long number;

	errno = 0;
	number = strtoull(value, &end, 10);
	if (value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0 && number >= row->least &&
		number <= row->most) {
		*field = number;
		return 0;
	}
	(void)cli_say("--%s: '%s' is not a whole number from %s to %s", row->name, CLI_SHORT(value),
		CLI_NUMBER(row->least), CLI_NUMBER(row->most));
	return EXIT_USAGE;
}

static int set_word(const struct option_row *row, int *field, const char *value)
{
	struct nearest nearest = cli_nearest_start(value);
	char words[64], *rest = words, *word;
	int index = 0;

	(void)cli_text_short(row->words, words, sizeof words);
	while ((word = strsep(&rest, "|")) != NULL) {
		if (strcmp(word, value) == 0) {
			*field = index;
			return 0;
		}
		cli_nearest_offer(&nearest, word);
		index++;
	}
	(void)cli_say(
		"--%s: '%s' is not one of %s%s", row->name, CLI_SHORT(value), row->words, CLI_MEANT(&nearest, ""));
	return EXIT_USAGE;
}

static int add_setting(const struct option_row *row, struct options *options, char *value)
{
	char *equals = strchr(value, '=');

	if (equals == NULL || equals == value) {
		(void)cli_say("--%s: '%s' is not of the form %s", row->name, CLI_SHORT(value), row->value);
		return EXIT_USAGE;
	}
	*equals = '\0';
	options->settings[options->setting_count++] = (struct capsule_setting){ .key = value, .value = equals + 1 };
	return 0;
}

static int add_choice(const struct option_row *row, struct options *options, char *value)
{
	struct choice *choice = &options->overlays[options->overlay_count];
	char *equals = strchr(value, '=');

	if (equals == value) {
		(void)cli_say("--%s: '%s' is not of the form %s", row->name, CLI_SHORT(value), row->value);
		return EXIT_USAGE;
	}
	*choice = (struct choice){ 0 };
	if (equals != NULL) {
		*equals = '\0';
		if (!capsule_id_valid(value)) {
			(void)cli_say("--%s: '%s' is no id of a capsule, which is 1 to 128 of a-z, 0-9 and '-'",
				row->name, CLI_SHORT(value));
			return EXIT_USAGE;
		}
		choice->name = value;
		value = equals + 1;
	}
	options->overlay_count++;
	return set_word(row, &choice->word, value);
}

static int add_id(const struct option_row *row, struct options *options, const char *value)
{
	if (value != NULL && !capsule_id_valid(value)) {
		(void)cli_say("--%s: '%s' is no id of a capsule, which is 1 to 128 of a-z, 0-9 and '-'", row->name,
			CLI_SHORT(value));
		return EXIT_USAGE;
	}
	options->unsandboxed[options->unsandboxed_count++] = value != NULL ? value : "*";
	return 0;
}

static int set(struct cli *cli, const struct option_row *row, char *value)
{
	void *field = (char *)&cli->options + row->field;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_NUMBER:
		return set_number(row, field, value);
	case OPTION_TEXT:
		*(const char **)field = value;
		return 0;
	case OPTION_WORD:
		return set_word(row, field, value);
	case OPTION_SETTING:
		return add_setting(row, &cli->options, value);
	case OPTION_CHOICE:
		return add_choice(row, &cli->options, value);
	case OPTION_IDS:
		return add_id(row, &cli->options, value);
	}
	return EXIT_USAGE;
}

/* Take the option at *argv and move *argv on to its last word. */
static int take(struct cli *cli, char ***argv, char **end)
{
	char *name = **argv + 2, *equals = strchr(name, '=');
	const struct option_row *row = find(cli, name, equals != NULL ? (size_t)(equals - name) : strlen(name));
	char *value = equals != NULL ? equals + 1 : NULL;

	if (row == NULL)
		return EXIT_USAGE;
	if (row->kind == OPTION_FLAG && value != NULL) {
		(void)cli_say("--%s takes no value", row->name);
		return EXIT_USAGE;
	}
	if (row->kind != OPTION_FLAG && row->kind != OPTION_IDS && value == NULL) {
		if (*argv + 1 == end) {
			(void)cli_say("--%s needs a value: --%s %s", row->name, row->name, row->value);
			return EXIT_USAGE;
		}
		value = *++*argv;
	}
	return set(cli, row, value);
}

/* An operand that can only be one of some words. */
static int check_word(const struct cli *cli, const struct operand *operand, const char *given)
{
	struct nearest nearest = cli_nearest_start(given);
	char words[64], *rest = words, *word;

	(void)snprintf(words, sizeof words, "%.*s", (int)operand->len, operand->text);
	while ((word = strsep(&rest, "|")) != NULL) {
		if (strcmp(word, given) == 0)
			return 0;
		cli_nearest_offer(&nearest, word);
	}
	(void)cli_say("'%s' is not one of %.*s%s\n'capsule help %s' explains them", CLI_SHORT(given), (int)operand->len,
		operand->text, CLI_MEANT(&nearest, ""), cli->command->name);
	return EXIT_USAGE;
}

static int check_operands(const struct cli *cli)
{
	const struct command *command = cli->command;
	const char *expected = command->operands;
	struct operand operand;

	if (cli->options.help)
		return 0;
	if (cli->operand_count < command->least || cli->operand_count > command->most) {
		(void)cli_say("%s arguments for '%s': capsule %s %s\n'capsule help %s' explains them",
			cli->operand_count < command->least ? "too few" : "too many", command->name, command->name,
			command->operands, command->name);
		return EXIT_USAGE;
	}
	for (size_t i = 0; cli->operands[i] != NULL && cli_operand_next(&expected, &operand); i++) {
		if (operand.kinds == OPERAND_WORD && check_word(cli, &operand, cli->operands[i]) != 0)
			return EXIT_USAGE;
	}
	return 0;
}

int cli_options_parse(struct cli *cli, int argc, char **argv)
{
	char **end = argv + argc;
	bool only_operands = false;

	cli->options = (struct options){ .repeat = 1, .log_level = CAPSULE_LOG_WARN };
	cli->operands = calloc((size_t)argc + 1, sizeof *cli->operands);
	cli->options.settings = calloc((size_t)argc + 1, sizeof *cli->options.settings);
	cli->options.overlays = calloc((size_t)argc + 1, sizeof *cli->options.overlays);
	cli->options.unsandboxed = calloc((size_t)argc + 1, sizeof *cli->options.unsandboxed);
	cli->behind = SIZE_MAX;
	if (cli->operands == NULL || cli->options.settings == NULL || cli->options.overlays == NULL ||
		cli->options.unsandboxed == NULL)
		return cli_say_memory();
	for (; argv < end; argv++) {
		int status = 0;

		if (only_operands || (*argv)[0] != '-' || (*argv)[1] == '\0') {
			cli->operands[cli->operand_count++] = *argv;
		} else if (strcmp(*argv, "--") == 0) {
			only_operands = true;
			cli->behind = cli->operand_count;
		} else if (strcmp(*argv, "-h") == 0) {
			cli->options.help = true;
		} else if ((*argv)[1] == '-') {
			status = take(cli, &argv, end);
		} else {
			(void)cli_say("there is no option '%s'\nput -- before an argument that begins with '-'",
				CLI_SHORT(*argv));
			status = EXIT_USAGE;
		}
		if (status != 0)
			return status;
	}
	return check_operands(cli);
}

void cli_options_fini(struct cli *cli)
{
	free(cli->options.settings);
	free(cli->options.overlays);
	free(cli->options.unsandboxed);
	free(cli->operands);
}
