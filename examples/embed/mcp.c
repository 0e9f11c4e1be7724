/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Talk to a program that speaks the Model Context Protocol: it runs in a sandbox as a capsule of its own. Its tools are
 * listed, one is called, and each line on the wire is counted. A capsule with [[mcp_server]] works the same way after
 * capsule_load(); where its manifest wants a person to be asked, the prompt function is.
 *
 * Usage: mcp DIR TOOL ARGUMENTS COMMAND [WORD...]     (DIR: absolute, all that the command sees beside the system) */
#include <capsule/capsule.h>

#include <stdio.h>
#include <string.h>

struct program {
	struct capsule_runtime *runtime;
	struct capsule_error *error;
	unsigned lines;
};

static int complain(const char *what, const struct capsule_error *error)
{
	(void)fprintf(stderr, "mcp: %s: %s\n", what, capsule_error_text(error));
	return 1;
}

/* A real program shows what it is asked, without control characters, and lets a person decide. */
static void ask(void *user, struct capsule_question *question, const struct capsule_prompt *prompt)
{
	(void)user;
	(void)prompt;
	capsule_prompt_answer(question, CAPSULE_ANSWER_ONCE);
}

static void trace(void *user, const char *server, bool to_server, const char *line, size_t len)
{
	struct program *program = user;

	(void)server;
	(void)to_server;
	(void)line;
	(void)len;
	program->lines++;
}

/* Wait for `op` (taken) and print its result. */
static int finish(struct program *program, const char *what, enum capsule_status started, struct capsule_op *op)
{
	int status = 0;

	if (started != CAPSULE_OK || capsule_op_wait(op, program->error) != CAPSULE_OK)
		status = complain(what, program->error);
	else
		(void)printf("%s: %s\n", what, capsule_op_result(op, NULL));
	capsule_op_free(op);
	return status;
}

static int talk(struct program *program, struct capsule *capsule, const char *tool, const char *arguments)
{
	struct capsule_op *op = NULL;
	enum capsule_status started;

	(void)printf("tools: %s\n", capsule_tools_json(capsule));
	started = capsule_call(capsule, tool, arguments, strlen(arguments), NULL, NULL, &op, program->error);
	if (finish(program, "answer", started, op) != 0)
		return 1;
	op = NULL;
	started = capsule_mcp_request(capsule, NULL, "ping", NULL, 0, NULL, NULL, &op, program->error);
	return finish(program, "ping", started, op);
}

static int run(struct program *program, char **argv)
{
	const struct capsule_command command = {
		.size = sizeof command, .argv = (const char *const *)argv + 4, .dir = argv[1]
	};
	struct capsule *capsule;
	struct capsule_op *op = NULL;
	int status;

	capsule_mcp_trace(program->runtime, trace, program);
	if (capsule_load_command(program->runtime, &command, NULL, NULL, &op, program->error) != CAPSULE_OK ||
		capsule_op_wait(op, program->error) != CAPSULE_OK)
		return complain(argv[4], program->error);
	capsule = capsule_op_capsule(op);
	capsule_op_free(op);
	status = talk(program, capsule, argv[2], argv[3]);
	(void)printf("%u lines were exchanged\n", program->lines);
	return status;
}

int main(int argc, char **argv)
{
	const struct capsule_runtime_options options = { .size = sizeof options, .memory_store = true, .prompt = ask };
	struct program program = { .error = capsule_error_new() };
	int status;

	if (argc < 5) {
		(void)fputs("usage: mcp DIR TOOL ARGUMENTS COMMAND [WORD...]\n", stderr);
		return 2;
	}
	if (capsule_runtime_new(&program.runtime, &options, program.error) != CAPSULE_OK)
		status = complain("runtime", program.error);
	else
		status = run(&program, argv);
	capsule_runtime_free(program.runtime);
	capsule_error_free(program.error);
	return status;
}
