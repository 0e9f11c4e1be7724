/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cli/consent.h"
#include "cli/output.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#define ARGUMENTS_SHOWN 4096 /* bytes; a person reads no more of them */

struct consent_question {
	struct consent_question *next;
	struct capsule_question *question;
	char *capsule, *server, *tool, *arguments;
	size_t arguments_len; /* as they are; `arguments` may be shorter */
};

/* Where a person can be asked: the terminal that the program belongs to, else standard input when that is one. -1:
 * nowhere. */
static int open_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	return fd >= 0 || !isatty(STDIN_FILENO) ? fd : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
}

void cli_consent_open(struct consent *consent, bool yes, bool colour, struct progress *progress)
{
	*consent = (struct consent){ .yes = yes, .colour = colour, .fd = -1, .progress = progress };
	if (!yes && isatty(STDERR_FILENO))
		consent->fd = open_terminal();
}

bool cli_consent_answers(const struct consent *consent)
{
	return consent->yes || consent->fd >= 0;
}

static void drop_first(struct consent *consent)
{
	struct consent_question *first = consent->first;

	consent->first = first->next;
	if (consent->first == NULL)
		consent->last = NULL;
	free(first->capsule);
	free(first->server);
	free(first->tool);
	free(first->arguments);
	free(first);
}

void cli_consent_close(struct consent *consent)
{
	while (consent->first != NULL)
		drop_first(consent);
	if (consent->fd >= 0)
		(void)close(consent->fd);
	consent->fd = -1;
}

void cli_consent_prompt(void *user, struct capsule_question *question, const struct capsule_prompt *prompt)
{
	struct consent *consent = user;
	size_t shown = prompt->arguments_len < ARGUMENTS_SHOWN ? prompt->arguments_len : ARGUMENTS_SHOWN;
	struct consent_question *kept;

	if (consent->yes) {
		capsule_prompt_answer(question, CAPSULE_ANSWER_ONCE);
		return;
	}
	kept = calloc(1, sizeof *kept);
	if (kept != NULL) {
		kept->capsule = strdup(prompt->capsule);
		kept->server = strdup(prompt->server);
		kept->tool = strdup(prompt->tool);
		kept->arguments = calloc(1, shown + 1); /* theirs need not end with a NUL */
		if (kept->arguments != NULL)
			memcpy(kept->arguments, prompt->arguments, shown);
		kept->arguments_len = prompt->arguments_len;
		kept->question = question;
	}
	if (kept == NULL || kept->capsule == NULL || kept->server == NULL || kept->tool == NULL ||
		kept->arguments == NULL) {
		(void)cli_say_memory();
		if (kept != NULL) {
			free(kept->capsule);
			free(kept->server);
			free(kept->tool);
			free(kept->arguments);
		}
		free(kept);
		capsule_prompt_answer(question, CAPSULE_ANSWER_DENY);
		return;
	}
	if (consent->last != NULL)
		consent->last->next = kept;
	else
		consent->first = kept;
	consent->last = kept;
}

static void show(const struct consent *consent, const struct consent_question *question)
{
	cli_progress_erase(consent->progress);
	(void)fflush(stdout);
	(void)fputs("\nMay the tool ", stderr);
	cli_print_styled(stderr, consent->colour, STYLE_NAME, question->tool);
	(void)fputs(" of ", stderr);
	cli_print_styled(stderr, consent->colour, STYLE_NAME, question->server);
	(void)fputs(" be called with these arguments?\n  ", stderr);
	cli_print_clean(stderr, question->arguments, strlen(question->arguments), CLEAN_LINE);
	if (question->arguments_len > ARGUMENTS_SHOWN)
		(void)fprintf(stderr, " ... (%s bytes in all)", CLI_NUMBER(question->arguments_len));
	(void)fputs("\n[y]es, [N]o, [a]lways until this program ends: ", stderr);
	(void)fflush(stderr);
}

int cli_consent_step(struct consent *consent)
{
	if (consent->first == NULL)
		return -1;
	if (!consent->shown) {
		/* What was typed before the question was seen is no answer to it. */
		(void)tcflush(consent->fd, TCIFLUSH);
		consent->len = 0;
		consent->shown = true;
		show(consent, consent->first);
	}
	return consent->fd;
}

static enum capsule_answer read_word(const char *word)
{
	if (strcasecmp(word, "y") == 0 || strcasecmp(word, "yes") == 0)
		return CAPSULE_ANSWER_ONCE;
	if (strcasecmp(word, "a") == 0 || strcasecmp(word, "always") == 0)
		return CAPSULE_ANSWER_SESSION;
	return CAPSULE_ANSWER_DENY;
}

static void answer(struct consent *consent)
{
	consent->line[consent->len] = '\0';
	consent->shown = false;
	capsule_prompt_answer(consent->first->question, read_word(consent->line));
	drop_first(consent);
}

/* A terminal gives one line at a time; without one, at its end, the answer is no. */
void cli_consent_read(struct consent *consent)
{
	char typed[sizeof consent->line];
	ssize_t got;

	if (consent->first == NULL || !consent->shown)
		return;
	got = read(consent->fd, typed, sizeof typed);
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0)
		consent->len = 0;
	for (ssize_t i = 0; i < got && typed[i] != '\n'; i++)
		if (consent->len + 1 < sizeof consent->line)
			consent->line[consent->len++] = typed[i];
	if (got <= 0 || memchr(typed, '\n', (size_t)got) != NULL)
		answer(consent);
}
