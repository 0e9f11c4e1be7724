/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A small program that embeds the runtime: it loads one capsule and calls it for each line of standard input, which is
 * the name of a tool and its arguments. Each call is answered by a line, "ok ANSWER" or "failed REASON".
 *
 * Usage: session [-c CPU_MS] DIR       tools of the capsule in the folder DIR
 *        session [-c CPU_MS] FILE      exports of a module */
#define _POSIX_C_SOURCE 200809L
#include <capsule/capsule.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One line, whatever is in it. */
static void print_line(const char *word, const char *bytes, size_t len)
{
	printf("%s%s", word, len > 0 ? " " : "");
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n')
			(void)fputs("\\n", stdout);
		else
			(void)putchar(bytes[i]);
	}
	(void)putchar('\n');
	(void)fflush(stdout);
}

static void print_failure(const struct capsule_error *error)
{
	print_line("failed", capsule_error_text(error), strlen(capsule_error_text(error)));
}

static struct capsule *load(struct capsule_runtime *runtime, const char *path, struct capsule_error *error)
{
	struct capsule *capsule = NULL;
	struct capsule_op *op = NULL;
	enum capsule_status started;
	struct stat info;

	if (stat(path, &info) == 0 && S_ISREG(info.st_mode))
		started = capsule_load_module(runtime, path, NULL, 0, NULL, NULL, &op, error);
	else
		started = capsule_load(runtime, path, NULL, NULL, &op, error);
	if (started == CAPSULE_OK && capsule_op_wait(op, error) == CAPSULE_OK)
		capsule = capsule_op_capsule(op);
	capsule_op_free(op);
	return capsule;
}

/* A bare module has no tools: there the line names an export, and what follows is its input. */
static void call(struct capsule *capsule, bool bare, const char *name, const char *input, struct capsule_error *error)
{
	struct capsule_op *op = NULL;
	enum capsule_status status;
	const char *answer;
	size_t len = strlen(input);

	if (bare)
		status = capsule_call_export(capsule, name, input, len, NULL, NULL, &op, error);
	else
		status = capsule_call(capsule, name, len > 0 ? input : "{}", len > 0 ? len : 2, NULL, NULL, &op, error);
	if (status == CAPSULE_OK)
		status = capsule_op_wait(op, error);
	if (status == CAPSULE_OK) {
		answer = capsule_op_result(op, &len);
		print_line("ok", answer, len);
	} else {
		print_failure(error);
	}
	capsule_op_free(op);
}

static void read_lines(struct capsule *capsule, struct capsule_error *error)
{
	bool bare = strcmp(capsule_tools_json(capsule), "[]") == 0;
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 0) {
		char *input;

		line[strcspn(line, "\n")] = '\0';
		input = strchr(line, ' ');
		if (input != NULL)
			*input++ = '\0';
		call(capsule, bare, line, input != NULL ? input : "", error);
	}
	free(line);
}

int main(int argc, char **argv)
{
	struct capsule_runtime_options options = { .size = sizeof options, .memory_store = true };
	struct capsule_error *error = capsule_error_new();
	struct capsule_runtime *runtime = NULL;
	struct capsule *capsule = NULL;
	int option;

	while ((option = getopt(argc, argv, "c:")) == 'c')
		options.call_cpu_ms = strtoull(optarg, NULL, 10);
	if (option != -1 || optind + 1 != argc) {
		(void)fprintf(stderr, "usage: session [-c CPU_MS] DIR|FILE\n");
		return 2;
	}
	if (capsule_runtime_new(&runtime, &options, error) == CAPSULE_OK)
		capsule = load(runtime, argv[optind], error);
	if (capsule != NULL)
		read_lines(capsule, error);
	else
		print_failure(error);
	capsule_runtime_free(runtime);
	capsule_error_free(error);
	return capsule != NULL ? 0 : 1;
}
