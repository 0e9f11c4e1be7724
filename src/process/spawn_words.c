/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "process/spawn_words.h"

#include "base/cleanup.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#define OPTION_WORDS 40 /* all options of both launchers, their values and what stands between */

void spawn_fds_drop(struct spawn_fds *table)
{
	for (int i = 0; i < table->count; i++)
		fd_drop(&table->fds[i]);
}

enum capsule_status spawn_fds_add(struct spawn_fds *table, const int *fds, size_t count, struct capsule_error *err)
{
	for (size_t i = 0; i < count; i++) {
		int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, table->above);

		if (copy < 0 && errno == EBADF)
			return error_set(err, CAPSULE_EINVAL, "pass descriptor %d to a child: it is not open", fds[i]);
		if (copy < 0)
			return error_os(err, errno, "pass descriptor %d to a child", fds[i]);
		assert(table->count < SPAWN_FDS_MAX);
		table->fds[table->count++] = copy;
	}
	return CAPSULE_OK;
}

void spawn_words_drop(struct spawn_words *words)
{
	free(words->argv);
}

bool spawn_words_init(struct spawn_words *words, size_t extra)
{
	*words = (struct spawn_words){ .room = OPTION_WORDS + extra };
	words->argv = calloc(words->room + 1, sizeof *words->argv);
	return words->argv != NULL;
}

/* posix_spawn() takes pointers to non-const and changes nothing. */
void spawn_words_add(struct spawn_words *words, const char *word)
{
	assert(words->count < words->room);
	words->argv[words->count++] = (char *)(uintptr_t)word;
}

void spawn_words_add_all(struct spawn_words *words, char *const *more)
{
	for (size_t i = 0; more[i] != NULL; i++)
		spawn_words_add(words, more[i]);
}

void spawn_words_add_number(struct spawn_words *words, const char *name, uint64_t number)
{
	char *text = words->numbers[words->number_count];

	assert(words->number_count < SPAWN_NUMBERS);
	words->number_count++;
	(void)snprintf(text, sizeof words->numbers[0], "%" PRIu64, number);
	spawn_words_add(words, name);
	spawn_words_add(words, text);
}

static void add_limit(struct spawn_words *words, const char *name, uint64_t limit)
{
	if (limit > 0)
		spawn_words_add_number(words, name, limit);
}

void spawn_words_add_limits(struct spawn_words *words, const struct process_limits *limits)
{
	add_limit(words, "--cpu", limits->cpu_ms / 1000 + (limits->cpu_ms % 1000 != 0));
	add_limit(words, "--memory", limits->memory_bytes);
	add_limit(words, "--file", limits->file_bytes);
	add_limit(words, "--files", limits->open_files);
}

size_t spawn_words_count(const char *const *words)
{
	size_t count = 0;

	while (words[count] != NULL)
		count++;
	return count;
}
