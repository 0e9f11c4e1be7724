/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule explain: what a capsule may do, or the answer to one question, before anything of it runs. */
#include "cli/json.h"
#include "cli/policy.h"
#include "cli/text.h"
#include <string.h>

static int explain_all(struct cli *cli, struct capsule_policy *policy)
{
	const char *text = cli->options.json ? capsule_policy_json(policy)
					     : capsule_policy_text(policy, cli->out.colour);

	if (text == NULL)
		return cli_say_memory();
	if (cli->options.json)
		return cli_json_print_text(&cli->out, text);
	(void)fputs(text, stdout);
	return 0;
}

static int print_json(const struct output *out, const struct capsule_decision *decision)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	int status;

	yyjson_mut_doc_set_root(doc, root);
	if (root != NULL && yyjson_mut_obj_add_bool(doc, root, "allowed", decision->allowed) &&
		cli_json_add_text(doc, root, "reason", decision->reason) &&
		cli_json_add_text(doc, root, "fix", decision->fix) &&
		cli_json_add_text(doc, root, "key", decision->key) &&
		cli_json_add_text(doc, root, "rule", decision->rule) &&
		cli_json_add_text(doc, root, "file", decision->file) &&
		yyjson_mut_obj_add_uint(doc, root, "line", decision->line) &&
		cli_json_add_text(doc, root, "operand", decision->operand))
		status = cli_json_print(out, doc);
	else
		status = cli_say_memory();
	yyjson_mut_doc_free(doc);
	return status;
}

static void print_text(const struct output *out, const struct capsule_decision *decision)
{
	cli_print_styled(stdout, out->colour, decision->allowed ? STYLE_GOOD : STYLE_BAD, decision->reason);
	(void)fputc('\n', stdout);
	if (decision->rule != NULL) {
		cli_print_clean(stdout, decision->file, strlen(decision->file), CLEAN_LINE);
		(void)printf(":%u: %s = \"", decision->line, decision->key);
		cli_print_clean(stdout, decision->rule, strlen(decision->rule), CLEAN_LINE);
		(void)fputs("\"\n", stdout);
	}
	if (decision->fix != NULL) {
		cli_print_styled(stdout, out->colour, STYLE_GOOD, "fix:");
		(void)fputc(' ', stdout);
		cli_print_clean(stdout, decision->fix, strlen(decision->fix), CLEAN_LINE);
		(void)fputc('\n', stdout);
	}
}

static int explain_one(struct cli *cli, struct capsule_policy *policy)
{
	const char *action = cli->operands[1], *operand = cli->operand_count > 2 ? cli->operands[2] : "";
	struct capsule_decision decision;
	int status = 0;

	if (cli->operand_count == 2 && strcmp(action, "bind") != 0) {
		(void)cli_say(
			"what is asked about is missing: capsule explain DIR %s OPERAND\n'capsule help explain' tells what "
			"it may be",
			CLI_SHORT(action));
		return 2;
	}
	if (capsule_policy_decide(policy, action, operand, &decision, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	if (cli->options.json)
		status = print_json(&cli->out, &decision);
	else
		print_text(&cli->out, &decision);
	return status == 0 && !decision.allowed ? CLI_EXIT_NO : status;
}

int cmd_explain(struct cli *cli)
{
	struct capsule_policy *policy = NULL;
	int status = cli_policy_open(cli, cli->operands[0], &policy);

	if (status == 0)
		status = cli->operand_count > 1 ? explain_one(cli, policy) : explain_all(cli, policy);
	capsule_policy_free(policy);
	return status;
}
