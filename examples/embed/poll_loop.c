/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A runtime inside a poll(2) loop that was there before: the program waits for standard input and for the runtime at once.
 * Each line of input starts a call, and each answer is printed when it comes: a slow one does not hold up the others.
 *
 * Usage: poll_loop [-c CPU_MS] DIR...
 * Input: lines of "CAPSULE TOOL [ARGUMENTS]"; line 3 is answered by "3 ok ANSWER" or "3 failed REASON". */
#define _POSIX_C_SOURCE 200809L
#include <capsule/capsule.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAPSULES_MAX 16
#define CALLS_MAX 32 /* under way at once; beyond that no input is read */
#define LINE_MAX_BYTES 65536

struct program {
	struct capsule_runtime *runtime;
	struct capsule_error *error;
	struct capsule *capsules[CAPSULES_MAX];
	int count;
	int calls;           /* under way */
	unsigned long lines; /* read so far */
	bool ended;          /* input has ended */
	char line[LINE_MAX_BYTES];
	size_t len;
};

struct call {
	struct program *program;
	unsigned long line;
};

static void answer(unsigned long line, const char *word, const char *text)
{
	(void)printf("%lu %s %s\n", line, word, text);
	(void)fflush(stdout);
}

/* Runs inside capsule_runtime_turn() when a call is complete. */
static void done(struct capsule_op *op, void *user)
{
	struct call *call = user;

	if (capsule_error_status(capsule_op_error(op)) == CAPSULE_OK)
		answer(call->line, "ok", capsule_op_result(op, NULL));
	else
		answer(call->line, "failed", capsule_error_text(capsule_op_error(op)));
	call->program->calls--;
	capsule_op_free(op);
	free(call);
}

static struct capsule *find(const struct program *program, const char *id)
{
	for (int i = 0; i < program->count; i++)
		if (strcmp(capsule_id(program->capsules[i]), id) == 0)
			return program->capsules[i];
	return NULL;
}

/* Start what a line asks for. Nothing waits here: the answer comes from a turn, and so does a failure of the guest. */
static void start(struct program *program, char *line)
{
	char *tool = strchr(line, ' '), *space = tool == NULL ? NULL : strchr(tool + 1, ' ');
	const char *arguments = space == NULL ? "{}" : space + 1;
	struct capsule *capsule;
	struct capsule_op *op = NULL;
	struct call *call;

	if (tool != NULL)
		*tool++ = '\0';
	if (space != NULL)
		*space = '\0';
	program->lines++;
	capsule = find(program, line);
	call = capsule == NULL || tool == NULL ? NULL : malloc(sizeof *call);
	if (call == NULL) {
		answer(program->lines, "failed", "expected CAPSULE TOOL [ARGUMENTS], with a capsule that is loaded");
		return;
	}
	*call = (struct call){ program, program->lines };
	if (capsule_call(capsule, tool, arguments, strlen(arguments), done, call, &op, program->error) != CAPSULE_OK) {
		answer(call->line, "failed", capsule_error_text(program->error));
		free(call);
		return;
	}
	program->calls++;
}

/* Start the calls of all whole lines that were read, as long as there is room for more. */
static void start_lines(struct program *program)
{
	char *end;

	while (program->calls < CALLS_MAX && (end = memchr(program->line, '\n', program->len)) != NULL) {
		size_t used = (size_t)(end - program->line) + 1;

		*end = '\0';
		start(program, program->line);
		program->len -= used;
		memmove(program->line, program->line + used, program->len);
	}
}

static bool read_some(struct program *program)
{
	ssize_t got = read(STDIN_FILENO, program->line + program->len, sizeof program->line - program->len);

	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	program->ended = got == 0;
	program->len += (size_t)got;
	if (program->ended && program->len > 0)
		program->line[program->len++] = '\n'; /* the last line may have none */
	return program->ended || program->len < sizeof program->line ||
		memchr(program->line, '\n', program->len) != NULL;
}

static bool run(struct program *program)
{
	while (!program->ended || program->calls > 0) {
		struct pollfd fds[2] = { { .fd = capsule_runtime_fd(program->runtime), .events = POLLIN },
			{ .fd = STDIN_FILENO, .events = POLLIN } };
		bool listen = !program->ended && program->calls < CALLS_MAX;

		/* How long the runtime may wait changes with each turn and each call: ask every time. */
		if (poll(fds, listen ? 2 : 1, capsule_runtime_timeout_ms(program->runtime)) < 0 && errno != EINTR) {
			perror("poll_loop: poll");
			return false;
		}
		(void)capsule_runtime_turn(program->runtime, 0);
		if (listen && (fds[1].revents & (POLLIN | POLLHUP)) != 0 && !read_some(program)) {
			(void)fprintf(stderr, "poll_loop: standard input can't be read, or a line is too long\n");
			return false;
		}
		start_lines(program);
	}
	return true;
}

static bool load(struct program *program, const char *dir)
{
	struct capsule_op *op = NULL;
	bool good = program->count < CAPSULES_MAX &&
		capsule_load(program->runtime, dir, NULL, NULL, &op, program->error) == CAPSULE_OK &&
		capsule_op_wait(op, program->error) == CAPSULE_OK;

	if (good)
		program->capsules[program->count++] = capsule_op_capsule(op);
	capsule_op_free(op);
	return good;
}

int main(int argc, char **argv)
{
	static struct program program;
	struct capsule_runtime_options options = { .size = sizeof options, .memory_store = true };
	bool good;
	int option;

	while ((option = getopt(argc, argv, "c:")) == 'c')
		options.call_cpu_ms = strtoull(optarg, NULL, 10);
	if (option != -1 || optind == argc || argc - optind > CAPSULES_MAX) {
		(void)fprintf(stderr, "usage: poll_loop [-c CPU_MS] DIR...      (at most %d)\n", CAPSULES_MAX);
		return 2;
	}
	program.error = capsule_error_new();
	good = capsule_runtime_new(&program.runtime, &options, program.error) == CAPSULE_OK;
	while (good && optind < argc)
		good = load(&program, argv[optind++]);
	if (good)
		good = run(&program);
	else
		(void)fprintf(stderr, "poll_loop: %s\n", capsule_error_text(program.error));
	capsule_runtime_free(program.runtime);
	capsule_error_free(program.error);
	return good ? 0 : 1;
}
