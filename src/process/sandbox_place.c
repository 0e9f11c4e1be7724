/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "process/sandbox_place.h"

#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NOBODY 65534

const char *place_below(const struct place *place, const char *path)
{
	static char names[4][PATH_MAX];
	static unsigned next;
	char *name = names[next++ % 4];

	(void)snprintf(name, PATH_MAX, "%s/%s", place->home, path);
	return name;
}

void place_write(const char *path, const char *content)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	(void)fputs(content, file);
	assert_int_equal(fclose(file), 0);
}

char *place_read(const char *path)
{
	static char content[4096];
	FILE *file = fopen(path, "re");
	size_t len;

	if (file == NULL)
		return NULL;
	len = fread(content, 1, sizeof content - 1, file);
	content[len] = '\0';
	(void)fclose(file);
	return content;
}

void place_show(struct place *place, const char *path, bool writable, const char *why)
{
	struct capsule_error err = { .status = CAPSULE_OK };

	if (sandbox_plan_show(&place->plan, path, writable, why, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
}

/* With the plan of a capsule `c` and the workspace `work`, both below the home, which is below /tmp. */
void place_init(struct place *place)
{
	static const char *const folders[] = { ".ssh", ".astrid", ".astrid/keys", ".astrid/sessions",
		".astrid/capsules", ".astrid/capsules/c", ".astrid/capsules/other", ".astrid/state", ".astrid/state/c",
		".astrid/state/other", "work" };
	static const char *const files[] = { ".ssh/id_ed25519", ".astrid/capsule.db", ".astrid/keys/runtime.key",
		".astrid/sessions/system.token", ".astrid/capsules/c/run.sh", ".astrid/capsules/other/run.sh",
		".astrid/state/other/secret", "work/file" };

	*place = (struct place){ .home = "/tmp/capsule-place-XXXXXX" };
	assert_non_null(mkdtemp(place->home));
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		assert_int_equal(mkdir(place_below(place, folders[i]), 0755), 0);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		place_write(place_below(place, files[i]), files[i]);
	(void)snprintf(place->workspace, sizeof place->workspace, "%s", place_below(place, "work"));
	assert_int_equal(sandbox_plan_hide(&place->plan, place_below(place, ".astrid"), "home", NULL), CAPSULE_OK);
	place_show(place, place_below(place, ".astrid/capsules/c"), false, "capsule");
	place_show(place, place_below(place, ".astrid/state/c"), true, "state");
	place_show(place, place->workspace, true, "workspace");
	place->plan.cwd = strdup(place->workspace);
}

void place_fini(struct place *place)
{
	sandbox_plan_fini(&place->plan);
	fixture_remove_folder(place->home);
}

void place_start(const struct fixture *fixture, struct run *run, const struct sandbox_plan *plan,
	const char *const *argv, const struct program_image *image)
{
	struct process_spec spec = fixture_spec(fixture, argv);
	struct buffer room = { .limit = 0 };
	char *env[SANDBOX_ENV_MAX + 1] = { NULL };

	assert_true(sandbox_environment(plan, env, &room) > 0);
	spec.sandbox = plan;
	spec.image = image;
	spec.env = (const char *const *)env;
	fixture_start(fixture, run, &spec);
	buffer_fini(&room);
}

/* Run a shell script in the sandbox of `place`, with `argument` as $1; it must write `output` and end with 0. */
void place_expect(struct fixture *fixture, const struct place *place, const char *script, const char *argument,
	const char *output)
{
	const char *const argv[] = { "/bin/sh", "-c", script, "sh", argument, NULL };
	struct run run = { .calls = 0 };

	place_start(fixture, &run, &place->plan, argv, NULL);
	fixture_wait(fixture, &run);
	fixture_expect(&run, PROCESS_EXITED, 0, output);
}

void place_refused(struct fixture *fixture, const struct place *place, const char *part)
{
	const char *const argv[] = { "/bin/true", NULL };
	struct process_spec spec = fixture_spec(fixture, argv);
	struct capsule_error err = { .status = CAPSULE_OK };
	struct process *process = NULL;

	spec.sandbox = &place->plan;
	assert_int_equal(process_start(&process, fixture->loop, &spec, NULL, NULL, &err), CAPSULE_EINVAL);
	if (strstr(err.text, part) == NULL)
		fail_msg("no `%s` in: %s", part, err.text);
}

/* Root is somebody else in many ways; what holds above must hold for everybody. */
void place_as_nobody(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		return; /* everything else just ran as one, maybe on behalf of the run below */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0)
			(void)execl("/proc/self/exe", "sandbox_test", (char *)NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}
