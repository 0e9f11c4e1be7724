/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What words stand for, and that what was verified is what runs. */
#include "process/program.h"

#include "base/blake3.h"
#include "base/cleanup.h"
#include "process/digest.h"
#include "process/place_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#define SCRIPT "#!/bin/sh\necho hello\n"

static enum capsule_status find_in(
	struct place_fixture *fixture, struct program *out, const char *command, const struct program_places *places)
{
	return program_find(out, command, places, &fixture->err);
}

/* With the capsule's folder and the PATH of the system. */
static enum capsule_status find(struct place_fixture *fixture, struct program *out, const char *command)
{
	const struct program_places places = { .capsule_dir = fixture->capsule };

	return find_in(fixture, out, command, &places);
}

static void assert_found(struct place_fixture *fixture, const char *command, const char *path, bool bundled)
{
	HOLD(program_fini) struct program program;

	if (find(fixture, &program, command) != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	assert_string_equal(program.command, command);
	assert_string_equal(program.path, path);
	assert_int_equal(program.bundled, bundled);
}

static void refuse(struct place_fixture *fixture, const char *command, enum capsule_status expected, const char *part)
{
	struct program program;

	assert_int_equal(find(fixture, &program, command), expected);
	assert_null(program.path);
	assert_null(program.command);
	place_assert_error(fixture, part);
}

/* ---- Names ---- */

static void a_name_is_a_program_of_the_system(void **state) /* mv:54 */
{
	struct place_fixture *fixture = *state;
	HOLD(program_fini) struct program program;

	assert_int_equal(find(fixture, &program, "echo"), CAPSULE_OK);
	assert_int_equal(program.path[0], '/');
	assert_int_equal(access(program.path, X_OK), 0);
	assert_false(program.bundled);
}

static void a_name_that_nothing_has_is_not_resolved(void **state) /* mv:55 */
{
	struct place_fixture *fixture = *state;

	refuse(fixture, "nonexistent-binary-xyz-12345", CAPSULE_ENOTFOUND,
		"Cannot resolve binary 'nonexistent-binary-xyz-12345': no program of this name in " PROGRAM_PATH);
	refuse(fixture, "", CAPSULE_EINVAL, "an empty command");
	refuse(fixture, ".", CAPSULE_ENOTFOUND, "Cannot resolve binary '.'");
	refuse(fixture, "..", CAPSULE_ENOTFOUND, "Cannot resolve binary '..'");
}

static void a_name_is_never_a_file_of_the_capsule(void **state) /* mv:15: without its ./ it is a name */
{
	struct place_fixture *fixture = *state;
	HOLD(program_fini) struct program program;

	place_write(fixture, "capsule/server.sh", SCRIPT, 0600);
	place_write(fixture, "capsule/echo", SCRIPT, 0700);
	refuse(fixture, "server.sh", CAPSULE_ENOTFOUND, "in the capsule's folder write `./server.sh`");
	assert_int_equal(find(fixture, &program, "echo"), CAPSULE_OK);
	assert_false(program.bundled);
	assert_string_not_equal(program.path, place_path(fixture, "capsule/echo"));
}

static void the_first_folder_that_has_an_executable_file_counts(void **state)
{
	struct place_fixture *fixture = *state;
	char folders[512];
	const struct program_places places = { .path = folders };
	HOLD(program_fini) struct program program;

	place_folder(fixture, "1");
	place_folder(fixture, "1/tool");
	place_folder(fixture, "2");
	place_write(fixture, "2/tool", SCRIPT, 0600);
	place_folder(fixture, "3");
	place_link(fixture, "3/tool", "../4/tool");
	place_folder(fixture, "4");
	place_write(fixture, "4/tool", SCRIPT, 0700);
	place_fifo(fixture, "4/pipe");
	(void)snprintf(folders, sizeof folders, "::.:relative:%s/0:%s/1:%s/2:%s/3:%s/4", fixture->root, fixture->root,
		fixture->root, fixture->root, fixture->root);
	assert_int_equal(find_in(fixture, &program, "tool", &places), CAPSULE_OK);
	assert_string_equal(program.path, place_path(fixture, "4/tool"));
	program_fini(&program);
	assert_int_equal(find_in(fixture, &program, "pipe", &places), CAPSULE_ENOTFOUND);
}

static void relative_folders_of_path_do_not_count(void **state)
{
	struct place_fixture *fixture = *state;
	const struct program_places places = { .path = ":.:capsule" };
	HOLD(program_fini) struct program program;

	place_write(fixture, "capsule/tool", SCRIPT, 0700);
	assert_int_equal(chdir(fixture->capsule), 0);
	assert_int_equal(find_in(fixture, &program, "tool", &places), CAPSULE_ENOTFOUND);
	assert_int_equal(chdir("/"), 0);
}

static void arguments_do_not_belong_into_the_word(void **state) /* mv:5 */
{
	struct place_fixture *fixture = *state;

	refuse(fixture, "npx -y x", CAPSULE_EINVAL, "arguments belong in args");
	refuse(fixture, "./server --port 1", CAPSULE_EINVAL, "arguments belong in args");
	refuse(fixture, "/bin/sh -c", CAPSULE_EINVAL, "arguments belong in args");
	place_write(fixture, "capsule/my server", SCRIPT, 0700);
	assert_found(fixture, "./my server", place_path(fixture, "capsule/my server"), true);
}

/* ---- Paths ---- */

static void a_path_is_below_the_folder(void **state)
{
	struct place_fixture *fixture = *state;

	place_folder(fixture, "capsule/bin");
	place_write(fixture, "capsule/bin/tool", SCRIPT, 0700);
	place_link(fixture, "capsule/link", "bin/tool");
	assert_found(fixture, "./bin/tool", place_path(fixture, "capsule/bin/tool"), true);
	assert_found(fixture, "bin/tool", place_path(fixture, "capsule/bin/tool"), true);
	assert_found(fixture, "bin/../bin/tool", place_path(fixture, "capsule/bin/tool"), true);
	assert_found(fixture, "./link", place_path(fixture, "capsule/bin/tool"), true);
	assert_found(fixture, place_path(fixture, "capsule/bin/tool"), place_path(fixture, "capsule/bin/tool"), true);
}

static void a_path_does_not_lead_out_of_the_folder(void **state) /* mv:8 */
{
	struct place_fixture *fixture = *state;

	place_write(fixture, "evil.sh", SCRIPT, 0700);
	place_folder(fixture, "capsule-too");
	place_write(fixture, "capsule-too/tool", SCRIPT, 0700);
	refuse(fixture, "../evil.sh", CAPSULE_EDENIED,
		"Path traversal detected: command '../evil.sh' escapes the capsule directory.");
	refuse(fixture, "./../capsule-too/tool", CAPSULE_EDENIED, "Path traversal detected");
	refuse(fixture, "./../../../bin/sh", CAPSULE_EDENIED, "Path traversal detected");
}

static void a_link_does_not_lead_out_of_the_folder(void **state) /* mv:9 rt:195 */
{
	struct place_fixture *fixture = *state;

	place_write(fixture, "evil.sh", SCRIPT, 0700);
	place_link(fixture, "capsule/run", "../evil.sh");
	place_link(fixture, "capsule/up", "..");
	refuse(fixture, "./run", CAPSULE_EDENIED, "Path traversal detected: command './run'");
	refuse(fixture, "./up/evil.sh", CAPSULE_EDENIED, "Path traversal detected");
}

static void an_absolute_path_is_that_file(void **state) /* mv:10 */
{
	struct place_fixture *fixture = *state;
	HOLD(program_fini) struct program program;
	HOLD(free_drop) char *canonical = realpath("/bin/sh", NULL);

	assert_found(fixture, "/bin/sh", canonical, false);
	refuse(fixture, "/nonexistent/tool", CAPSULE_ENOTFOUND, "Cannot resolve binary '/nonexistent/tool'");
	refuse(fixture, "/usr", CAPSULE_ENOTFOUND, "it is a folder");
	assert_int_equal(find(fixture, &program, "/bin/sh"), CAPSULE_OK);
}

static void what_the_capsule_may_write_is_not_started(void **state)
{
	struct place_fixture *fixture = *state;
	const char *writable[] = { "/nowhere", fixture->root };
	const struct program_places places = {
		.capsule_dir = fixture->capsule, .path = fixture->root, .writable = writable, .writable_count = 2
	};
	struct program program;

	place_write(fixture, "tool", SCRIPT, 0700);
	assert_int_equal(find_in(fixture, &program, place_path(fixture, "tool"), &places), CAPSULE_EDENIED);
	place_assert_error(fixture, "in a folder that the capsule may write");
	assert_int_equal(find_in(fixture, &program, "tool", &places), CAPSULE_EDENIED);
	writable[1] = place_path(fixture, "too"); /* a beginning of the name, not a folder above it */
	assert_int_equal(find_in(fixture, &program, place_path(fixture, "tool"), &places), CAPSULE_OK);
	program_fini(&program);
}

static void only_executable_regular_files_are_programs(void **state) /* mv:15 */
{
	struct place_fixture *fixture = *state;

	place_write(fixture, "capsule/server.sh", SCRIPT, 0600);
	place_fifo(fixture, "capsule/fifo");
	place_link(fixture, "capsule/null", "/dev/null");
	place_link(fixture, "capsule/loop", "loop");
	refuse(fixture, "./server.sh", CAPSULE_ENOTFOUND, "Cannot resolve binary './server.sh': it can't be executed");
	refuse(fixture, "./fifo", CAPSULE_ENOTFOUND, "Cannot resolve binary './fifo': it is no regular file");
	refuse(fixture, "./null", CAPSULE_EDENIED, "Path traversal detected");
	refuse(fixture, "./loop", CAPSULE_ENOTFOUND, "Cannot resolve binary './loop'");
	refuse(fixture, "./server.sh/x", CAPSULE_ENOTFOUND, "Cannot resolve binary");
	refuse(fixture, "/dev/null", CAPSULE_ENOTFOUND, "it is no regular file");
}

static void without_a_folder_nothing_is_bundled(void **state)
{
	struct place_fixture *fixture = *state;
	const struct program_places places = { 0 };
	HOLD(program_fini) struct program program;

	assert_int_equal(find_in(fixture, &program, "./tool", &places), CAPSULE_ENOTFOUND);
	place_assert_error(fixture, "write its absolute path");
	assert_int_equal(find_in(fixture, &program, "/bin/sh", &places), CAPSULE_OK);
	assert_false(program.bundled);
}

/* ---- Fat folders ---- */

static const char *slice(const char *folder)
{
	static char name[256];

	(void)snprintf(name, sizeof name, "%s/%s", folder, program_triple());
	return name;
}

static void a_folder_has_a_program_for_this_machine(void **state)
{
	struct place_fixture *fixture = *state;

	place_folder(fixture, "capsule/tool");
	place_write(fixture, "capsule/tool/x86_64-pc-windows-msvc", "MZ", 0700);
	place_write(fixture, slice("capsule/tool"), SCRIPT, 0700);
	assert_found(fixture, "./tool", place_path(fixture, slice("capsule/tool")), true);
	assert_non_null(strstr(program_triple(), "-unknown-linux-"));
}

static void a_folder_for_other_machines_has_none(void **state) /* mv:11 mv:14 rt:193 */
{
	struct place_fixture *fixture = *state;
	char expected[256];

	(void)snprintf(expected, sizeof expected,
		"Fat binary directory './bin/my-tool' does not contain a valid slice for the current architecture: %s",
		program_triple());
	place_folder(fixture, "capsule/bin");
	place_folder(fixture, "capsule/bin/my-tool");
	place_write(fixture, "capsule/bin/my-tool/x86_64-pc-windows-msvc", "MZ", 0700);
	refuse(fixture, "./bin/my-tool", CAPSULE_ENOTFOUND, expected);
	place_folder(fixture, slice("capsule/bin/my-tool"));
	refuse(fixture, "./bin/my-tool", CAPSULE_ENOTFOUND, expected);
	place_remove(fixture, slice("capsule/bin/my-tool"));
	place_fifo(fixture, slice("capsule/bin/my-tool"));
	refuse(fixture, "bin/my-tool", CAPSULE_ENOTFOUND, "does not contain a valid slice");
}

static void a_slice_does_not_lead_out_of_the_folder(void **state) /* mv:13 */
{
	struct place_fixture *fixture = *state;
	char expected[256];

	(void)snprintf(expected, sizeof expected, "Fat binary slice '%s' resolves outside the capsule boundary.",
		program_triple());
	place_folder(fixture, "capsule/tool");
	place_write(fixture, "evil", SCRIPT, 0700);
	place_link(fixture, slice("capsule/tool"), "../../evil");
	refuse(fixture, "./tool", CAPSULE_EDENIED, expected);
	place_write(fixture, "capsule/good", SCRIPT, 0700);
	place_link(fixture, slice("capsule/tool"), "../good");
	assert_found(fixture, "./tool", place_path(fixture, "capsule/good"), true);
}

/* ---- Images ---- */

static void take(struct place_fixture *fixture, struct program *out, const char *command)
{
	if (find(fixture, out, command) != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
}

static void digest_of(struct place_fixture *fixture, const char *path, bool sha256, char out[DIGEST_TEXT])
{
	if (digest_path(out, path, sha256, &fixture->err) != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
}

/* The status with which what `fd` holds ends when it is executed; arguments are borrowed. */
static int run_image(int fd, char *const *argv)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		(void)execveat(fd, "", argv, (char *const[]){ NULL }, AT_EMPTY_PATH);
		_exit(126);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void both_kinds_of_hash_are_compared(void **state) /* mv:49 */
{
	struct place_fixture *fixture = *state;
	HOLD(program_fini) struct program program;
	struct program_image image;
	char digest[DIGEST_TEXT];

	take(fixture, &program, "/bin/true");
	for (int sha256 = 0; sha256 < 2; sha256++) {
		digest_of(fixture, program.path, sha256 != 0, digest);
		assert_int_equal(program_open(&image, &program, digest, &fixture->err), CAPSULE_OK);
		assert_string_equal(image.digest, digest);
		assert_string_equal(image.path, program.path);
		assert_int_equal(image.script_fd, -1);
		assert_int_equal(fcntl(image.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		assert_int_equal(lseek(image.fd, 0, SEEK_CUR), 0);
		program_image_fini(&image);
	}
	assert_int_equal(program_open(&image, &program, NULL, &fixture->err), CAPSULE_OK);
	assert_string_equal(image.digest, "");
	program_image_fini(&image);
}

static void another_hash_is_refused(void **state) /* mv:48 */
{
	struct place_fixture *fixture = *state;
	HOLD(program_fini) struct program program;
	struct program_image image;
	char expected[512], actual[DIGEST_TEXT];
	const char *wrong = "sha256:0123456789012345678901234567890123456789012345678901234567890123";

	place_write(fixture, "capsule/server", SCRIPT, 0700);
	take(fixture, &program, "./server");
	digest_of(fixture, program.path, true, actual);
	(void)snprintf(
		expected, sizeof expected, "Binary hash mismatch for ./server: expected %s, got %s", wrong, actual);
	assert_int_equal(program_open(&image, &program, wrong, &fixture->err), CAPSULE_EDENIED);
	assert_string_equal(fixture->err.text, expected);
	assert_int_equal(image.fd, -1);
	assert_int_equal(image.script_fd, -1);
	assert_null(image.path);
	assert_int_equal(program_open(&image, &program, "md5:00", &fixture->err), CAPSULE_EINVAL);
	place_assert_error(fixture, "hash of ./server");
	assert_int_equal(
		program_open(&image, &program, "tree:0123456789012345678901234567890123456789012345678901234567890123",
			&fixture->err),
		CAPSULE_EINVAL);
}

static void a_program_that_was_replaced_is_not_started(void **state) /* mv:51 */
{
	struct place_fixture *fixture = *state;
	HOLD(program_fini) struct program program;
	struct program_image image;
	char digest[DIGEST_TEXT];

	place_write(fixture, "capsule/server", SCRIPT, 0700);
	take(fixture, &program, "./server");
	digest_of(fixture, program.path, false, digest);
	place_write(fixture, "capsule/server", "#!/bin/sh\necho evil\n", 0700);
	assert_int_equal(program_open(&image, &program, digest, &fixture->err), CAPSULE_EDENIED);
	place_assert_error(fixture, "Binary hash mismatch");
}

static void what_took_the_place_of_a_program_is_not_started(void **state)
{
	struct place_fixture *fixture = *state;
	HOLD(program_fini) struct program program;
	struct program_image image;

	place_write(fixture, "evil", SCRIPT, 0700);
	place_folder(fixture, "capsule/bin");
	place_write(fixture, "capsule/bin/server", SCRIPT, 0700);
	take(fixture, &program, "./bin/server");
	place_link(fixture, "capsule/bin/server", "../../evil");
	assert_int_equal(program_open(&image, &program, NULL, &fixture->err), CAPSULE_EDENIED);
	place_assert_error(fixture, "is behind a link now");
	place_fifo(fixture, "capsule/bin/server");
	assert_int_equal(program_open(&image, &program, NULL, &fixture->err), CAPSULE_EDENIED);
	place_assert_error(fixture, "is no regular file any more");
	place_remove(fixture, "capsule/bin/server");
	assert_int_equal(program_open(&image, &program, NULL, &fixture->err), CAPSULE_ENOTFOUND);
	place_remove(fixture, "capsule/bin");
	place_write(fixture, "server", SCRIPT, 0700);
	place_link(fixture, "capsule/bin", "..");
	assert_int_equal(program_open(&image, &program, NULL, &fixture->err), CAPSULE_EDENIED);
}

/* What an opened program is does not change when others put something in its place. */
static void what_was_opened_is_what_runs(void **state)
{
	struct place_fixture *fixture = *state;
	HOLD(program_fini) struct program program;
	HOLD(program_image_fini) struct program_image image;
	HOLD(fd_drop) int shell = open("/bin/sh", O_PATH | O_CLOEXEC);
	char *argv[] = { (char[]){ "server" }, NULL };
	char digest[DIGEST_TEXT], command[512];

	(void)snprintf(command, sizeof command, "cp /bin/false %s/server", fixture->capsule);
	assert_true(shell >= 0);
	assert_int_equal(run_image(shell, (char *[]){ (char[]){ "sh" }, (char[]){ "-c" }, command, NULL }), 0);
	take(fixture, &program, "./server");
	digest_of(fixture, program.path, false, digest);
	assert_int_equal(program_open(&image, &program, digest, &fixture->err), CAPSULE_OK);
	place_link(fixture, "capsule/server", "/bin/true");
	assert_int_equal(run_image(image.fd, argv), 1);
}

static void a_script_is_a_sealed_copy(void **state)
{
	struct place_fixture *fixture = *state;
	HOLD(program_fini) struct program program;
	HOLD(program_image_fini) struct program_image image;
	char text[64] = "", digest[DIGEST_TEXT], of_copy[DIGEST_TEXT];
	int fd;

	place_write(fixture, "capsule/server", SCRIPT, 0700);
	take(fixture, &program, "./server");
	digest_of(fixture, program.path, false, digest);
	assert_int_equal(program_open(&image, &program, digest, &fixture->err), CAPSULE_OK);
	assert_true(image.script_fd >= 0);
	/* Into the very file, which the descriptor of the file shows, and the copy does not. */
	fd = open(program.path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, "#!evil", 6), 6);
	assert_int_equal(close(fd), 0);
	assert_int_equal(lseek(image.script_fd, 0, SEEK_CUR), 0);
	assert_int_equal(pread(image.script_fd, text, sizeof text - 1, 0), strlen(SCRIPT));
	assert_string_equal(text, SCRIPT);
	assert_int_equal(digest_file(of_copy, DIGEST_BLAKE3, image.script_fd, &fixture->err), CAPSULE_OK);
	assert_string_equal(of_copy, digest);
	assert_int_equal(pwrite(image.script_fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(image.script_fd, 0), -1);
	assert_int_equal(fcntl(image.script_fd, F_ADD_SEALS, 0), -1);
}

static void a_script_has_a_size_that_can_be_copied(void **state)
{
	struct place_fixture *fixture = *state;
	HOLD(program_fini) struct program program;
	struct program_image image;

	place_write(fixture, "capsule/server", SCRIPT, 0700);
	take(fixture, &program, "./server");
	assert_int_equal(truncate(program.path, PROGRAM_SCRIPT_MAX), 0);
	assert_int_equal(program_open(&image, &program, NULL, &fixture->err), CAPSULE_OK);
	program_image_fini(&image);
	assert_int_equal(truncate(program.path, PROGRAM_SCRIPT_MAX + 1), 0);
	assert_int_equal(program_open(&image, &program, NULL, &fixture->err), CAPSULE_ELIMIT);
	place_assert_error(fixture, "start its interpreter");
}

static void a_program_without_content_is_no_script(void **state)
{
	struct place_fixture *fixture = *state;
	HOLD(program_fini) struct program program;
	HOLD(program_image_fini) struct program_image image;

	place_write(fixture, "capsule/server", "#", 0700);
	take(fixture, &program, "./server");
	assert_int_equal(program_open(&image, &program, NULL, &fixture->err), CAPSULE_OK);
	assert_int_equal(image.script_fd, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_is_a_program_of_the_system),
		TEST(a_name_that_nothing_has_is_not_resolved),
		TEST(a_name_is_never_a_file_of_the_capsule),
		TEST(the_first_folder_that_has_an_executable_file_counts),
		TEST(relative_folders_of_path_do_not_count),
		TEST(arguments_do_not_belong_into_the_word),
		TEST(a_path_is_below_the_folder),
		TEST(a_path_does_not_lead_out_of_the_folder),
		TEST(a_link_does_not_lead_out_of_the_folder),
		TEST(an_absolute_path_is_that_file),
		TEST(what_the_capsule_may_write_is_not_started),
		TEST(only_executable_regular_files_are_programs),
		TEST(without_a_folder_nothing_is_bundled),
		TEST(a_folder_has_a_program_for_this_machine),
		TEST(a_folder_for_other_machines_has_none),
		TEST(a_slice_does_not_lead_out_of_the_folder),
		TEST(both_kinds_of_hash_are_compared),
		TEST(another_hash_is_refused),
		TEST(a_program_that_was_replaced_is_not_started),
		TEST(what_took_the_place_of_a_program_is_not_started),
		TEST(what_was_opened_is_what_runs),
		TEST(a_script_is_a_sealed_copy),
		TEST(a_script_has_a_size_that_can_be_copied),
		TEST(a_program_without_content_is_no_script),
	};

	return cmocka_run_group_tests_name("process_program", tests, NULL, NULL);
}
