/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From the operands to the answer. */
#include "cli/invoke.h"
#include "cli/mcp_result.h"
#include <capsule/op.h>

static int print(const struct cli *cli, struct batch *batch, const struct invocation *invocation)
{
	size_t len;
	const char *answer = capsule_op_result(batch->op, &len);
	bool of_server = invocation->kind == BATCH_TOOL &&
		cli_mcp_has_tool(capsule_tools_json(batch->capsule), batch->name);
	int status = 0;

	if (cli->options.json) {
		status = cli_batch_print_json(batch, &cli->out, invocation->name_key);
		return status == 0 && of_server && cli_mcp_is_error(answer, len) ? 1 : status;
	}
	if (of_server)
		status = cli_mcp_print_result(&cli->out, answer, len);
	else
		cli_print_answer(&cli->out, answer, len, invocation->kind == BATCH_TOOL || cli->out.terminal);
	if (!batch->timed)
		return status;
	(void)fflush(stdout); /* the answer first, where both streams go to one place */
	cli_batch_print_times(batch);
	return status;
}

int cli_invoke_loaded(const struct cli *cli, struct session *session, struct capsule *capsule,
	const struct invocation *invocation, const char *name, const struct input *input)
{
	struct batch batch = {
		.session = session,
		.capsule = capsule,
		.kind = invocation->kind,
		.name = name,
		.input = input,
		.wanted = cli->options.repeat,
		.timed = cli->options.time,
	};
	int status = cli_batch_run(&batch);

	if (status == 0)
		status = print(cli, &batch, invocation);
	cli_batch_fini(&batch);
	return status;
}

static int run(struct cli *cli, struct session *session, const struct invocation *invocation, const struct input *input)
{
	struct capsule *capsule = NULL;
	int status = cli_session_load(session, cli, cli->operands[0], invocation->bare, &capsule);

	return status != 0 ? status : cli_invoke_loaded(cli, session, capsule, invocation, cli->operands[1], input);
}

int cli_invoke(struct cli *cli, const struct invocation *invocation)
{
	struct input input;
	struct session session;
	int status = cli_input_read(&input, cli->operand_count > 2 ? cli->operands[2] : invocation->default_input);

	if (status == 0) {
		status = cli_session_open(&session, cli);
		if (status == 0)
			status = run(cli, &session, invocation, &input);
		cli_session_close(&session);
	}
	cli_input_fini(&input);
	return status;
}
