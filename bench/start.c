/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long does it take from the start of a program until its first capsule has answered, when its module was compiled before?
 * The program is this one again, and the clock runs from before the fork to the byte that tells of the answer. And how long does
 * a hundred capsules take, from looking for them until all are ready? */
#include "harness.h"
#include "rig.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST "--first"
#define SET 100

struct subject {
	char home[128], folder[128];
};

/* The program that is started: what an embedder needs for one call, and a byte. */
static int first(const char *home, const char *folder)
{
	const struct capsule_runtime_options options = { .size = sizeof options, .home = home };
	struct capsule_error *error = capsule_error_new();
	struct capsule_runtime *runtime = NULL;
	struct capsule_op *load = NULL, *call = NULL;
	bool good = error != NULL && capsule_runtime_new(&runtime, &options, error) == CAPSULE_OK &&
		capsule_load(runtime, folder, NULL, NULL, &load, error) == CAPSULE_OK &&
		capsule_op_wait(load, error) == CAPSULE_OK &&
		capsule_call(capsule_op_capsule(load), "run", "{}", 2, NULL, NULL, &call, error) == CAPSULE_OK &&
		capsule_op_wait(call, error) == CAPSULE_OK;

	if (!good)
		bench_fail("%s", capsule_error_text(error));
	good = write(STDOUT_FILENO, "\n", 1) == 1;
	capsule_op_free(call);
	capsule_op_free(load);
	capsule_runtime_free(runtime);
	capsule_error_free(error);
	return good ? 0 : 1;
}

static int64_t start_once(const struct subject *subject)
{
	char *const argv[] = { (char[]){ "bench-start" }, (char[]){ FIRST }, (char *)subject->home,
		(char *)subject->folder, NULL };
	posix_spawn_file_actions_t actions;
	int64_t start = bench_now(), took;
	int ends[2], status = 0;
	pid_t child;
	char byte;

	if (pipe2(ends, O_CLOEXEC) != 0 || posix_spawn_file_actions_init(&actions) != 0 ||
		posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) != 0 ||
		posix_spawn(&child, "/proc/self/exe", &actions, NULL, argv, environ) != 0)
		bench_fail("no process to start");
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		bench_fail("the program that was started did not answer");
	took = bench_now() - start;
	(void)close(ends[0]);
	if (waitpid(child, &status, 0) != child || status != 0)
		bench_fail("the program that was started failed");
	return took;
}

static int64_t run_start(void *arg, uint64_t count)
{
	int64_t took = 0;

	for (uint64_t i = 0; i < count; i++)
		took += start_once(arg);
	return took;
}

static struct capsule_op *boot(struct rig *rig, struct capsule_discovery *discovery)
{
	struct capsule_op *op = NULL;

	if (capsule_boot(rig->runtime, discovery, NULL, NULL, &op, rig->error) != CAPSULE_OK ||
		capsule_op_wait(op, rig->error) != CAPSULE_OK)
		bench_fail("boot: %s", capsule_error_text(rig->error));
	return op;
}

static void check_states(const char *states)
{
	size_t ready = 0;

	for (const char *at = states; (at = strstr(at, "\"state\":\"ready\"")) != NULL; at++)
		ready++;
	if (ready != SET)
		bench_fail("%zu capsules of %d are ready", ready, SET);
}

static int64_t run_set(void *arg, uint64_t count)
{
	struct rig *rig = arg;
	const char *roots[] = { rig->folder };
	const struct capsule_discover_options options = { .size = sizeof options, .roots = roots, .root_count = 1 };
	int64_t took = 0;

	for (uint64_t i = 0; i < count; i++) {
		struct capsule_discovery *discovery = NULL;
		struct capsule_op *op, *end = NULL;
		int64_t start = bench_now();

		if (capsule_discover(&discovery, &options, rig->error) != CAPSULE_OK)
			bench_fail("discover: %s", capsule_error_text(rig->error));
		op = boot(rig, discovery);
		took += bench_now() - start;
		check_states(capsule_op_result(op, NULL));
		if (capsule_shutdown(rig->runtime, NULL, NULL, &end, rig->error) != CAPSULE_OK ||
			capsule_op_wait(end, rig->error) != CAPSULE_OK)
			bench_fail("shutdown: %s", capsule_error_text(rig->error));
		capsule_op_free(end);
		capsule_op_free(op);
		capsule_discovery_free(discovery);
	}
	return took;
}

int main(int argc, char **argv)
{
	struct subject subject;
	struct rig rig, set;
	const struct bench_case cases[] = {
		{ "start.first", "ms", 1e6, run_start, &subject },
		{ "start.100", "ms", 1e6, run_set, &set },
	};

	if (argc == 4 && strcmp(argv[1], FIRST) == 0)
		return first(argv[2], argv[3]);
	rig_open(&rig, bench_guests(argc, argv), NULL);
	rig_write(&rig, "echo", "echo", "run", "");
	(void)snprintf(subject.home, sizeof subject.home, "%s/home", rig.folder);
	(void)snprintf(subject.folder, sizeof subject.folder, "%s/echo", rig.folder);
	(void)start_once(&subject);
	rig_open(&set, bench_guests(argc, argv), NULL);
	for (int i = 0; i < SET; i++) {
		char id[32];

		(void)snprintf(id, sizeof id, "c%d", i);
		rig_write(&set, id, "echo", "run", "");
	}
	(void)run_set(&set, 1);
	bench_run(cases, sizeof cases / sizeof cases[0]);
	rig_close(&set);
	rig_close(&rig);
	return 0;
}
