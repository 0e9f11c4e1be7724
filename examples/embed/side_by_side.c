/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two capsules in one runtime on one thread: while a guest of the first spins until its processor time is used up, the
 * second is called every few milliseconds. Prints how many answers came meanwhile and how long the slowest took.
 *
 * Usage: side_by_side FOLDER_OF_CAPSULES [CPU_MS]      (FOLDER has the examples spinner and hello) */
#define _POSIX_C_SOURCE 200809L
#include <capsule/capsule.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAUSE_MS 3 /* between an answer and the next question */
#define NS_PER_MS 1000000
#define ANSWERS_MAX 100000

struct program {
	struct capsule_runtime *runtime;
	struct capsule_error *error;
	struct capsule *spinner, *hello;
	struct capsule_op *spin, *greet;
	int64_t asked_ns;
	int64_t took_ns[ANSWERS_MAX];
	size_t answers;
	bool wrong; /* an answer was an error */
};

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 * NS_PER_MS + now.tv_nsec;
}

static bool complain(const char *what, const struct capsule_error *error)
{
	(void)fprintf(stderr, "side_by_side: %s: %s\n", what, capsule_error_text(error));
	return false;
}

/* Load FOLDER/NAME and wait for it. NULL after a message. */
static struct capsule *load(struct program *program, const char *folder, const char *name)
{
	struct capsule *capsule = NULL;
	struct capsule_op *op = NULL;
	char path[4096];

	if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
		(void)fprintf(stderr, "side_by_side: the path is too long\n");
		return NULL;
	}
	if (capsule_load(program->runtime, path, NULL, NULL, &op, program->error) == CAPSULE_OK &&
		capsule_op_wait(op, program->error) == CAPSULE_OK)
		capsule = capsule_op_capsule(op);
	else
		(void)complain(path, program->error);
	capsule_op_free(op);
	return capsule;
}

/* Runs inside capsule_runtime_turn() when an answer has come. */
static void answered(struct capsule_op *op, void *user)
{
	struct program *program = user;

	if (capsule_error_status(capsule_op_error(op)) != CAPSULE_OK)
		program->wrong = !complain("greet", capsule_op_error(op));
	program->took_ns[program->answers++] = now_ns() - program->asked_ns;
	capsule_op_free(op);
	program->greet = NULL;
}

static bool ask(struct program *program)
{
	static const char arguments[] = "{\"name\":\"Ada\"}";

	program->asked_ns = now_ns();
	if (capsule_call(program->hello, "greet", arguments, sizeof arguments - 1, answered, program, &program->greet,
		    program->error) == CAPSULE_OK)
		return true;
	return complain("greet", program->error);
}

/* One thread, one loop: whatever can go on goes on in each turn, the spinner a slice at a time. */
static bool run(struct program *program)
{
	if (capsule_call(program->spinner, "spin", "{}", 2, NULL, NULL, &program->spin, program->error) != CAPSULE_OK)
		return complain("spin", program->error);
	while (!capsule_op_done(program->spin) && !program->wrong && program->answers < ANSWERS_MAX) {
		int64_t next_ns = program->asked_ns + PAUSE_MS * NS_PER_MS;

		if (program->greet == NULL && now_ns() >= next_ns && !ask(program))
			return false;
		(void)capsule_runtime_turn(program->runtime, PAUSE_MS);
	}
	return !program->wrong;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static bool report(struct program *program)
{
	const struct capsule_error *error = capsule_op_error(program->spin);
	size_t n = program->answers, middle = n / 2;

	if (capsule_error_status(error) != CAPSULE_ETIMEOUT)
		return complain("spin was not stopped at its limit", error);
	if (n == 0) {
		(void)fprintf(stderr, "side_by_side: no answer came while the other capsule was spinning\n");
		return false;
	}
	qsort(program->took_ns, n, sizeof program->took_ns[0], compare);
	printf("hello answered %zu times meanwhile: half of the answers within %.0f µs, the slowest after %.1f ms\n", n,
		(double)program->took_ns[middle] / 1000, (double)program->took_ns[n - 1] / NS_PER_MS);
	printf("spinner was stopped after %" PRId64 " ms of processor time:\n%s\n",
		capsule_op_cpu_ns(program->spin) / NS_PER_MS, capsule_error_text(error));
	return true;
}

int main(int argc, char **argv)
{
	static struct program program;
	struct capsule_runtime_options options = { .size = sizeof options, .memory_store = true };
	bool good;

	if (argc < 2 || argc > 3) {
		(void)fprintf(stderr, "usage: side_by_side FOLDER_OF_CAPSULES [CPU_MS]\n");
		return 2;
	}
	options.call_cpu_ms = argc > 2 ? strtoull(argv[2], NULL, 10) : 300;
	program.error = capsule_error_new();
	good = capsule_runtime_new(&program.runtime, &options, program.error) == CAPSULE_OK;
	if (!good)
		(void)complain("no runtime", program.error);
	good = good && (program.spinner = load(&program, argv[1], "spinner")) != NULL &&
		(program.hello = load(&program, argv[1], "hello")) != NULL && run(&program) && report(&program);
	capsule_op_free(program.greet);
	capsule_op_free(program.spin);
	capsule_runtime_free(program.runtime);
	capsule_error_free(program.error);
	return good ? 0 : 1;
}
