/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long does a child take from its start until it has ended and all of that is known? /bin/true, with a loop that does
 * nothing else; beside it posix_spawn() and waitpid() of the same program. */
#include "harness.h"

#include "base/error.h"
#include "process/libexec.h"
#include "process/process.h"
#include "process/sandbox.h"

#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

struct subject {
	struct loop *loop;
	char *launcher;
	const struct sandbox_plan *plan; /* NULL: no sandbox */
};

static const char *const words[] = { "/bin/true", NULL };

static void done(void *user, const struct process_result *result, const struct capsule_error *failure)
{
	bool *ended = user;

	if (failure != NULL)
		bench_fail("%s", failure->text);
	if (result->end != PROCESS_EXITED || result->code != 0)
		bench_fail("/bin/true ended with %d", result->code);
	*ended = true;
}

static int64_t run_child(void *arg, uint64_t count)
{
	const struct subject *subject = arg;
	const struct process_spec spec = { .launcher = subject->launcher,
		.argv = words,
		.sandbox = subject->plan,
		.input = -1,
		.output = { .limit = 4096 },
		.error = { .limit = 4096 } };
	int64_t begin = bench_now();

	for (uint64_t i = 0; i < count; i++) {
		struct capsule_error error;
		struct process *process;
		bool ended = false;

		if (process_start(&process, subject->loop, &spec, done, &ended, &error) != CAPSULE_OK)
			bench_fail("%s", error.text);
		while (!ended)
			(void)loop_turn(subject->loop, -1);
	}
	return bench_now() - begin;
}

static int64_t run_floor(void *arg, uint64_t count)
{
	int64_t begin = bench_now();

	(void)arg;
	for (uint64_t i = 0; i < count; i++) {
		char *const argv[] = { (char *)(uintptr_t)words[0], NULL };
		char *const env[] = { NULL };
		int status;
		pid_t pid;

		if (posix_spawn(&pid, argv[0], NULL, NULL, argv, env) != 0 || waitpid(pid, &status, 0) != pid ||
			status != 0)
			bench_fail("/bin/true does not run");
	}
	return bench_now() - begin;
}

int main(int argc, char **argv)
{
	const struct sandbox_plan plan = { .count = 0 };
	struct capsule_error error;
	struct subject plain = { .plan = NULL }, sandboxed;
	const struct bench_case cases[] = {
		{ "spawn.plain", "ms", 1e6, run_child, &plain },
		{ "spawn.sandbox", "ms", 1e6, run_child, &sandboxed },
		{ "floor.spawn", "ms", 1e6, run_floor, NULL },
	};

	(void)bench_guests(argc, argv);
	if (libexec_find(&plain.launcher, NULL, "capsule-launch", &error) != CAPSULE_OK ||
		loop_new(&plain.loop, &clock_system, &error) != CAPSULE_OK)
		bench_fail("%s", error.text);
	sandboxed = plain;
	sandboxed.plan = &plan;
	bench_run(cases, sizeof cases / sizeof cases[0]);
	loop_free(plain.loop);
	free(plain.launcher);
	return 0;
}
