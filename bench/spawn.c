/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long does a child take from its start until it has ended and all of that is known? /bin/true, with a loop that does
 * nothing else; beside it posix_spawn() and waitpid() of the same program, and of bubblewrap with the words that ours
 * has. */
#include "harness.h"

#include "base/error.h"
#include "process/libexec.h"
#include "process/process.h"
#include "process/sandbox.h"
#include "process/sandbox_wrap.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

#define FIRST_FD 100 /* of what bubblewrap is given to read */

/* The words are made once; the descriptors are read from their start each time. */
struct bare {
	struct sandbox_wrap wrap;
	char **argv;
	posix_spawn_file_actions_t actions;
};

static void bare_init(struct bare *bare)
{
	const struct sandbox_plan plan = { .count = 0 };
	struct capsule_error error;

	if (sandbox_wrap_make(&bare->wrap, &plan, NULL, FIRST_FD, &error) != CAPSULE_OK)
		bench_fail("%s", error.text);
	bare->argv = calloc(bare->wrap.count + 2, sizeof *bare->argv);
	(void)posix_spawn_file_actions_init(&bare->actions);
	if (bare->argv == NULL)
		bench_fail("no memory");
	memcpy(bare->argv, bare->wrap.words, bare->wrap.count * sizeof *bare->argv);
	bare->argv[bare->wrap.count] = (char *)(uintptr_t)words[0];
	for (size_t i = 0; i < bare->wrap.fd_count; i++)
		(void)posix_spawn_file_actions_adddup2(&bare->actions, bare->wrap.fds[i], FIRST_FD + (int)i);
}

static void bare_fini(struct bare *bare)
{
	(void)posix_spawn_file_actions_destroy(&bare->actions);
	free(bare->argv);
	sandbox_wrap_fini(&bare->wrap);
}

static int64_t run_bubblewrap(void *arg, uint64_t count)
{
	struct bare *bare = arg;
	int64_t begin = bench_now();

	for (uint64_t i = 0; i < count; i++) {
		char *const env[] = { NULL };
		int status;
		pid_t pid;

		for (size_t j = 0; j < bare->wrap.fd_count; j++)
			(void)lseek(bare->wrap.fds[j], 0, SEEK_SET);
		if (posix_spawn(&pid, bare->argv[0], &bare->actions, NULL, bare->argv, env) != 0 ||
			waitpid(pid, &status, 0) != pid || status != 0)
			bench_fail("/bin/true does not run in a sandbox");
	}
	return bench_now() - begin;
}

int main(int argc, char **argv)
{
	const struct sandbox_plan plan = { .count = 0 };
	struct capsule_error error;
	struct subject plain = { .plan = NULL }, sandboxed;
	struct bare bare;
	const struct bench_case cases[] = {
		{ "spawn.plain", "ms", 1e6, run_child, &plain },
		{ "spawn.sandbox", "ms", 1e6, run_child, &sandboxed },
		{ "floor.spawn", "ms", 1e6, run_floor, NULL },
		{ "floor.spawn.sandbox", "ms", 1e6, run_bubblewrap, &bare },
	};

	(void)bench_guests(argc, argv);
	if (libexec_find(&plain.launcher, NULL, "capsule-launch", &error) != CAPSULE_OK ||
		loop_new(&plain.loop, &clock_system, &error) != CAPSULE_OK)
		bench_fail("%s", error.text);
	sandboxed = plain;
	sandboxed.plan = &plan;
	bare_init(&bare);
	bench_run(cases, sizeof cases / sizeof cases[0]);
	bare_fini(&bare);
	loop_free(plain.loop);
	free(plain.launcher);
	return 0;
}
