/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tests start where a shell can't do it. Its first argument says what it does. Descriptor 3, if it has one, is the
 * writing end of a pipe: it tells when everything is set up, and ends when all that hold it are gone. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIPE 3

static void say(char letter)
{
	if (write(PIPE, &letter, 1) != 1)
		_exit(2);
}

/* The numbers of all open descriptors. */
static int fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (dir == NULL)
		return 1;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && strtol(entry->d_name, NULL, 10) != dirfd(dir))
			(void)printf("%s ", entry->d_name);
	return closedir(dir);
}

/* Ask for 64 MiB. */
static int allocate(void)
{
	size_t size = (size_t)64 << 20;
	char *memory = malloc(size);

	if (memory == NULL)
		return 9;
	memset(memory, 1, size);
	return memory[size / 2] == 1 ? 0 : 1;
}

static void terminated(int number)
{
	(void)number;
	say('t');
}

/* For ever, but not when the test was killed itself. */
_Noreturn static int hold(void)
{
	say('r');
	(void)alarm(300);
	for (;;)
		(void)pause();
}

/* Not to be ended by SIGTERM, which it tells. */
_Noreturn static int stubborn(void)
{
	(void)signal(SIGTERM, terminated);
	hold();
}

/* Two generations that ignore SIGTERM below one that does not. */
_Noreturn static int tree(void)
{
	int pid = fork();

	if (pid == 0) {
		(void)signal(SIGTERM, SIG_IGN);
		(void)!fork();
	}
	hold();
}

/* Leave somebody behind in the group. */
static int orphan(void)
{
	if (fork() == 0)
		hold();
	return 5;
}

/* Leave somebody behind in a session of its own, who holds the output open until the standard input ends. */
static int runaway(void)
{
	char byte;

	if (fork() != 0)
		return 5;
	(void)setsid();
	say('r');
	return read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1;
}

/* Whether it leads a session and a group of its own, without a terminal. */
static int session(void)
{
	(void)printf("%d %d %d\n", getsid(0) == getpid(), getpgrp() == getpid(), getppid() == getpid());
	return 0;
}

/* Forked twice, in a session of its own, with none of the standard streams, deaf to all that can be ignored. */
static void daemonize(void)
{
	if (fork() != 0)
		return;
	(void)setsid();
	if (fork() != 0)
		_exit(0);
	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_IGN);
	for (int fd = 0; fd < PIPE; fd++)
		(void)close(fd);
	hold();
}

/* Several of them, beside one that is as deaf itself. */
_Noreturn static int daemons(void)
{
	for (int i = 0; i < 3; i++)
		daemonize();
	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_IGN);
	hold();
}

/* The same, but the program itself ends. */
static int leave(void)
{
	char letter;

	daemonize();
	(void)printf("x");
	(void)fflush(stdout);
	return read(STDIN_FILENO, &letter, 1) == 1 ? 6 : 1;
}

/* Closes its output, and lives until its input ends. */
static int mute(void)
{
	char letter;

	(void)close(STDOUT_FILENO);
	(void)close(STDERR_FILENO);
	say('r');
	return read(STDIN_FILENO, &letter, 1) == 0 ? 7 : 1;
}

/* Fork until it is refused, at most 64 times, for a minute at most; how many there were. */
static int bomb(void)
{
	int count = 0, pid = 0;

	while (count < 64 && (pid = fork()) > 0)
		count++;
	if (pid == 0) {
		(void)alarm(60);
		for (;;)
			(void)pause();
	}
	(void)printf("%d %d\n", count, pid < 0 && errno == EAGAIN);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} verbs[] = {
		{ "fds", fds },
		{ "allocate", allocate },
		{ "stubborn", stubborn },
		{ "hold", hold },
		{ "tree", tree },
		{ "orphan", orphan },
		{ "runaway", runaway },
		{ "session", session },
		{ "daemons", daemons },
		{ "leave", leave },
		{ "mute", mute },
		{ "bomb", bomb },
	};

	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (argc > 1 && strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run();
	return 3;
}
