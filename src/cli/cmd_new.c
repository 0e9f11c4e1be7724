/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule new: the folder is made under another name beside its place and renamed when it is whole, so that there is all of it or
 * nothing. */
#include "cli/command.h"
#include "cli/path.h"
#include "cli/share.h"
#include "cli/template.h"
#include "cli/text.h"
#include <capsule/check.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define EXIT_USAGE 2
#define OPEN_FOLDERS_MAX 16 /* while removing; deeper ones are opened again */

struct plan {
	char *place;    /* the folder that is to be */
	const char *id; /* its last component */
	char *work;     /* the folder that it is made in */
	char *template; /* what it is copied from */
	struct template_files files;
};

static int check_id(const char *id)
{
	if (capsule_id_valid(id) && id[0] != '-')
		return 0;
	(void)cli_say(
		"'%s' is not an id for a capsule: only a-z, 0-9 and '-' may be in it, first a letter or a digit, and at "
		"most 128 of them",
		CLI_SHORT(id));
	return EXIT_USAGE;
}

/* The place is `name` in the folder `dir`, without slashes at its end. */
static int plan_place(struct plan *plan, const char *dir, const char *name)
{
	size_t len = strlen(name);
	char *slash;

	while (len > 1 && name[len - 1] == '/')
		len--;
	plan->place = dir != NULL && name[0] != '/' ? cli_path_printf("%s/%.*s", dir, (int)len, name)
						    : cli_path_printf("%.*s", (int)len, name);
	if (plan->place == NULL)
		return 1;
	slash = strrchr(plan->place, '/');
	plan->id = slash != NULL ? slash + 1 : plan->place;
	return check_id(plan->id);
}

/* Nothing, or an empty folder, may be at the place. The final renaming checks it again; this is to say so before any work. */
static int check_place(const char *place)
{
	DIR *folder = opendir(place);
	struct dirent *entry;
	size_t count = 0;

	if (folder == NULL) {
		if (errno == ENOENT)
			return 0;
		return cli_say("%s: %s", CLI_SHORT(place),
			errno == ENOTDIR ? "a file of this name is there; choose another name" : strerror(errno));
	}
	while ((entry = readdir(folder)) != NULL)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(folder);
	if (count == 0)
		return 0;
	return cli_say("%s: the folder is there and not empty; choose another name, or empty it", CLI_SHORT(place));
}

static int plan_template(struct plan *plan, const char *language)
{
	struct sdks sdks;
	struct stat info;
	int status = cli_sdks_find(&sdks);

	if (status == 0)
		status = cli_sdks_check(&sdks, language);
	if (status == 0) {
		plan->template = cli_path_printf("%s/%s/template", sdks.dir, language);
		if (plan->template == NULL)
			status = 1;
		else if (stat(plan->template, &info) != 0 || !S_ISDIR(info.st_mode))
			status = cli_say("%s: the SDK for '%s' has no template", CLI_SHORT(plan->template), language);
	}
	cli_sdks_fini(&sdks);
	return status;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
	(void)info;
	(void)type;
	(void)where;
	return remove(path);
}

static int say_errno(const struct plan *plan)
{
	return cli_say("cannot make %s: %s", CLI_SHORT(plan->place), strerror(errno));
}

/* Make the folder to work in, beside the place. */
static int make_work(struct plan *plan)
{
	mode_t mask = umask(0);

	(void)umask(mask);
	plan->work = cli_path_printf("%.*s.%s.XXXXXX", (int)(plan->id - plan->place), plan->place, plan->id);
	if (plan->work == NULL)
		return 1;
	if (mkdtemp(plan->work) != NULL)
		return chmod(plan->work, 0777 & ~mask) == 0 ? 0 : say_errno(plan);
	(void)say_errno(plan);
	free(plan->work); /* what has that name now is not ours to remove */
	plan->work = NULL;
	return 1;
}

static int make(struct plan *plan)
{
	int status = make_work(plan);

	if (status == 0)
		status = cli_template_copy(plan->template, plan->work, plan->id, &plan->files);
	if (status == 0 && rename(plan->work, plan->place) != 0)
		status = say_errno(plan);
	if (status != 0 && plan->work != NULL)
		(void)nftw(plan->work, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
	return status;
}

/* The same with Ctrl-C and its like held back: it takes milliseconds, and leaves nothing half done. */
static int make_undisturbed(struct plan *plan)
{
	sigset_t held, before;
	int status;

	(void)sigemptyset(&held);
	(void)sigaddset(&held, SIGINT);
	(void)sigaddset(&held, SIGTERM);
	(void)sigaddset(&held, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &held, &before);
	status = make(plan);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}

static void print(const struct output *out, const struct plan *plan, const char *language)
{
	(void)fputs("made ", stdout);
	cli_print_styled(stdout, out->colour, STYLE_HEADING, plan->place);
	(void)printf(", a capsule written in %s:\n", language);
	for (size_t i = 0; i < plan->files.count; i++) {
		(void)fputs("  ", stdout);
		cli_print_styled(stdout, out->colour, STYLE_NAME, plan->files.paths[i]);
		(void)fputc('\n', stdout);
	}
	(void)fputs("build it, and see what it offers:\n  make -C ", stdout);
	cli_print_styled(stdout, false, STYLE_PLAIN, plan->place);
	(void)fputs("\n  capsule tools ", stdout);
	cli_print_styled(stdout, false, STYLE_PLAIN, plan->place);
	(void)fputc('\n', stdout);
}

int cmd_new(struct cli *cli)
{
	const char *language = cli->options.language != NULL ? cli->options.language : "c";
	struct plan plan = { 0 };
	int status = plan_place(&plan, cli->options.dir, cli->operands[0]);

	if (status == 0)
		status = plan_template(&plan, language);
	if (status == 0)
		status = check_place(plan.place);
	if (status == 0)
		status = make_undisturbed(&plan);
	if (status == 0)
		print(&cli->out, &plan, language);
	cli_template_fini(&plan.files);
	free(plan.template);
	free(plan.work);
	free(plan.place);
	return status;
}
