/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls from other threads. The main thread owns the runtime and turns it; workers hand requests in with
 * capsule_runtime_post() and each waits for its answer with a condition variable. At the end each worker says goodbye the same
 * way: when the last one has, nobody can post any more and everything is freed in order.
 *
 * Usage: second_thread DIR TOOL [ARGUMENTS [WORKERS [CALLS]]] */
#define _POSIX_C_SOURCE 200809L
#include <capsule/capsule.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX 64
#define TEXT_MAX_BYTES 512 /* kept of an answer */

struct program {
	struct capsule_runtime *runtime;
	struct capsule *capsule;
	const char *tool, *arguments;
	int calls;   /* of each worker */
	int working; /* workers that may still post; the main thread's */
};

/* Lives on the worker's stack: the worker stays until `answered`. */
struct request {
	struct program *program;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool answered;
	enum capsule_status status;
	char text[TEXT_MAX_BYTES];
};

struct worker {
	struct program *program;
	pthread_t thread;
	int good, bad;
	char text[TEXT_MAX_BYTES]; /* of its last answer */
};

/* From here on the request may be gone. */
static void give_answer(struct request *request, enum capsule_status status, const char *text)
{
	(void)pthread_mutex_lock(&request->lock);
	request->status = status;
	(void)snprintf(request->text, sizeof request->text, "%s", text);
	request->answered = true;
	(void)pthread_cond_signal(&request->changed);
	(void)pthread_mutex_unlock(&request->lock);
}

/* Main thread, in a turn. */
static void done(struct capsule_op *op, void *user)
{
	const struct capsule_error *error = capsule_op_error(op);
	enum capsule_status status = capsule_error_status(error);

	give_answer(user, status, status == CAPSULE_OK ? capsule_op_result(op, NULL) : capsule_error_text(error));
	capsule_op_free(op);
}

/* Main thread, in a turn: what a worker posted. */
static void start(void *arg)
{
	struct request *request = arg;
	const struct program *program = request->program;
	struct capsule_error *error = capsule_error_new();
	struct capsule_op *op = NULL;
	enum capsule_status status = capsule_call(program->capsule, program->tool, program->arguments,
		strlen(program->arguments), done, request, &op, error);

	if (status != CAPSULE_OK)
		give_answer(request, status, capsule_error_text(error));
	capsule_error_free(error);
}

/* Worker: one call. Every call ends, by its limits at the latest, so the wait does too. */
static enum capsule_status call(struct program *program, char text[TEXT_MAX_BYTES])
{
	struct request request = { .program = program };
	enum capsule_status status;

	(void)pthread_mutex_init(&request.lock, NULL);
	(void)pthread_cond_init(&request.changed, NULL);
	status = capsule_runtime_post(program->runtime, start, &request, NULL);
	if (status == CAPSULE_OK) {
		(void)pthread_mutex_lock(&request.lock);
		while (!request.answered)
			(void)pthread_cond_wait(&request.changed, &request.lock);
		(void)pthread_mutex_unlock(&request.lock);
		status = request.status;
	}
	(void)snprintf(text, TEXT_MAX_BYTES, "%s", request.answered ? request.text : capsule_status_text(status));
	(void)pthread_cond_destroy(&request.changed);
	(void)pthread_mutex_destroy(&request.lock);
	return status;
}

/* Main thread, in a turn. */
static void goodbye(void *arg)
{
	struct program *program = arg;

	program->working--;
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	for (int i = 0; i < worker->program->calls && worker->bad == 0; i++) {
		if (call(worker->program, worker->text) == CAPSULE_OK)
			worker->good++;
		else
			worker->bad++;
	}
	/* Refused only while 65,536 others wait or memory is short: both pass, since the main thread goes on turning. */
	while (capsule_runtime_post(worker->program->runtime, goodbye, worker->program, NULL) != CAPSULE_OK)
		continue;
	return NULL;
}

static bool run(struct program *program, int count)
{
	static struct worker workers[WORKERS_MAX];
	int started = 0, good = 0, bad = 0;

	for (; started < count; started++) {
		workers[started] = (struct worker){ .program = program };
		if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0)
			break;
	}
	program->working = started;
	while (program->working > 0)
		(void)capsule_runtime_turn(program->runtime, -1);
	for (int i = 0; i < started; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		good += workers[i].good;
		bad += workers[i].bad;
		if (workers[i].bad > 0)
			(void)fprintf(stderr, "second_thread: worker %d: %s\n", i, workers[i].text);
	}
	(void)printf("%d threads, %d answers\n", started, good);
	if (good > 0 && bad == 0)
		(void)printf("%s\n", workers[0].text);
	return started == count && bad == 0;
}

int main(int argc, char **argv)
{
	struct program program = { .arguments = argc > 3 ? argv[3] : "{}",
		.calls = argc > 5 ? (int)strtol(argv[5], NULL, 10) : 100 };
	struct capsule_runtime_options options = { .size = sizeof options, .memory_store = true };
	struct capsule_error *error = capsule_error_new();
	struct capsule_op *op = NULL;
	long workers = argc > 4 ? strtol(argv[4], NULL, 10) : 4;
	bool good;

	if (argc < 3 || argc > 6 || workers < 1 || workers > WORKERS_MAX || program.calls < 1) {
		(void)fprintf(stderr, "usage: second_thread DIR TOOL [ARGUMENTS [WORKERS [CALLS]]]\n");
		return 2;
	}
	program.tool = argv[2];
	good = capsule_runtime_new(&program.runtime, &options, error) == CAPSULE_OK &&
		capsule_load(program.runtime, argv[1], NULL, NULL, &op, error) == CAPSULE_OK &&
		capsule_op_wait(op, error) == CAPSULE_OK;
	if (good) {
		program.capsule = capsule_op_capsule(op);
		good = run(&program, (int)workers);
	} else {
		(void)fprintf(stderr, "second_thread: %s\n", capsule_error_text(error));
	}
	capsule_op_free(op);
	capsule_runtime_free(program.runtime);
	capsule_error_free(error);
	return good ? 0 : 1;
}
