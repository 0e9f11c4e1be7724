/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From the operands to the answer. */
#include "cli/invoke.h"
#include <capsule/op.h>

static int print(struct cli *cli, struct batch *batch, const struct invocation *invocation)
{
	size_t len;
	const char *answer = capsule_op_result(batch->op, &len);

	if (cli->options.json)
		return cli_batch_print_json(batch, &cli->out, invocation->name_key);
	cli_print_answer(&cli->out, answer, len, invocation->kind == BATCH_TOOL || cli->out.terminal);
	if (!batch->timed)
		return 0;
	(void)fflush(stdout); /* the answer first, where both streams go to one place */
	cli_batch_print_times(batch);
	return 0;
}

static int run(struct cli *cli, struct session *session, const struct invocation *invocation, const struct input *input)
{
	struct batch batch = {
		.session = session,
		.kind = invocation->kind,
		.name = cli->operands[1],
		.input = input,
		.wanted = cli->options.repeat,
		.timed = cli->options.time,
	};
	int status = cli_session_load(session, cli, cli->operands[0], invocation->bare, &batch.capsule);

	if (status != 0)
		return status;
	status = cli_batch_run(&batch);
	if (status == 0)
		status = print(cli, &batch, invocation);
	cli_batch_fini(&batch);
	return status;
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
