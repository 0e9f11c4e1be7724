/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule context, skills, commands: what a capsule serves without running anything, as a list or one of them whole. */
#include "cli/command.h"
#include "cli/json.h"
#include "cli/text.h"
#include <capsule/content.h>
#include <string.h>

struct kind {
	enum capsule_content_kind kind;
	const char *one, *many;
};

static void print_entry(const struct output *out, const struct capsule_content_item *item)
{
	cli_print_styled(stdout, out->colour, STYLE_HEADING, item->name);
	if (item->file != NULL) {
		(void)fputs("  ", stdout);
		cli_print_styled(stdout, out->colour, STYLE_FAINT, item->file);
		(void)printf("  %s bytes", CLI_NUMBER(item->len));
	}
	(void)fputc('\n', stdout);
	if (item->description != NULL && item->description[0] != '\0')
		cli_print_wrapped(stdout, item->description, strlen(item->description), 2, 0);
}

static void print_list(const struct output *out, const struct capsule_content *content, const struct kind *kind)
{
	size_t count = capsule_content_count(content, kind->kind);
	struct capsule_content_item item;

	if (count == 0)
		(void)printf("no %s\n", kind->many);
	for (size_t i = 0; i < count; i++) {
		capsule_content_item(content, kind->kind, i, &item);
		print_entry(out, &item);
	}
}

/* A command may be named without its slash. */
static bool is_called(const char *name, const char *wanted)
{
	return strcmp(name, wanted) == 0 || (name[0] == '/' && strcmp(name + 1, wanted) == 0);
}

static int print_item(const struct cli *cli, struct capsule_content *content, const struct kind *kind, size_t index)
{
	struct capsule_content_item item;

	if (cli->options.json) {
		const char *json = capsule_content_json(content, kind->kind, true);

		return json != NULL ? cli_json_print_item(&cli->out, json, index) : cli_say_memory();
	}
	capsule_content_item(content, kind->kind, index, &item);
	if (item.text == NULL)
		return cli_say("the %s %s has no file", kind->one, CLI_SHORT(item.name));
	cli_print_answer(&cli->out, item.text, item.len, true);
	return 0;
}

static int print_one(const struct cli *cli, struct capsule_content *content, const struct kind *kind)
{
	const char *name = cli->operands[1];
	struct nearest nearest = cli_nearest_start(name);
	size_t count = capsule_content_count(content, kind->kind);
	struct capsule_content_item item;

	for (size_t i = 0; i < count; i++) {
		capsule_content_item(content, kind->kind, i, &item);
		cli_nearest_offer(&nearest, item.name);
		if (is_called(item.name, name))
			return print_item(cli, content, kind, i);
	}
	return cli_say("no %s '%s'%s", kind->one, CLI_SHORT(name), CLI_MEANT(&nearest, ""));
}

static int serve(struct cli *cli, const struct kind *kind)
{
	struct capsule_content *content = NULL;
	int status = 0;

	if (capsule_content_new(&content, cli->operands[0], cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	if (cli->operand_count == 2) {
		status = print_one(cli, content, kind);
	} else if (cli->options.json) {
		const char *json = capsule_content_json(content, kind->kind, true);

		status = json != NULL ? cli_json_print_text(&cli->out, json) : cli_say_memory();
	} else {
		print_list(&cli->out, content, kind);
	}
	capsule_content_free(content);
	return status;
}

int cmd_context(struct cli *cli)
{
	return serve(cli, &(struct kind){ CAPSULE_CONTEXT, "context file", "context files" });
}

int cmd_skills(struct cli *cli)
{
	return serve(cli, &(struct kind){ CAPSULE_SKILL, "skill", "skills" });
}

int cmd_commands(struct cli *cli)
{
	return serve(cli, &(struct kind){ CAPSULE_COMMAND, "command", "commands" });
}
