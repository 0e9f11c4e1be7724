/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/wasm/compile_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define PATIENCE_NS (60 * NS_PER_S)

/* ---- Modules ---- */

/* Numbers as WASM writes them, unsigned LEB128. */
static void put_number(struct buffer *out, uint64_t number)
{
	do {
		uint8_t low = number & 0x7F;

		number >>= 7;
		buffer_append_byte(out, number == 0 ? low : (uint8_t)(low | 0x80));
	} while (number != 0);
}

static void put_text(struct buffer *out, const char *text)
{
	put_number(out, strlen(text));
	buffer_append_text(out, text);
}

/* What was collected, behind its length; it is freed. */
static void put_sized(struct buffer *out, struct buffer *part)
{
	put_number(out, part->len);
	buffer_append_span(out, buffer_span(part));
	buffer_fini(part);
}

static void put_section(struct buffer *out, uint8_t id, struct buffer *content)
{
	buffer_append_byte(out, id);
	put_sized(out, content);
}

/* The body of a function in the code section: its locals, `times` times the same instructions, and those at the end. */
static void put_body(struct buffer *code, uint32_t locals, struct span repeated, uint32_t times, struct span last)
{
	struct buffer body = { 0 };

	put_number(&body, locals > 0);
	if (locals > 0) {
		put_number(&body, locals);
		buffer_append_byte(&body, 0x7F); /* i32 */
	}
	for (uint32_t i = 0; i < times; i++)
		buffer_append_span(&body, repeated);
	buffer_append_span(&body, last);
	buffer_append_byte(&body, 0x0B);
	put_sized(code, &body);
}

static void put_code(struct buffer *code, const struct module_plan *plan)
{
	static const uint8_t plain[] = { 0x41, 0x01, 0x1A }; /* i32.const 1, drop */
	static const uint8_t one_if[] = { 0x20, 0, 0x04, 0x40, 0x20, 0, 0x41, 1, 0x6A, 0x21, 0, 0x0B };
	static const uint8_t broken[] = { 0x6A }; /* i32.add */
	struct buffer load = { 0 };

	put_number(code, plan->functions + (plan->ifs > 0) + 1);
	for (uint32_t i = 0; i < plan->functions; i++)
		put_body(code, 0, span_of(plain, sizeof plain), 20,
			span_of(broken, plan->broken && i + 1 == plan->functions));
	if (plan->ifs > 0) /* if the local: add 1 to the local */
		put_body(code, 100, span_of(one_if, sizeof one_if), plan->ifs, span_of(NULL, 0));
	buffer_append(&load, "\x41\0\x2D\0", 4); /* i32.const 0, i32.load8_u at the last byte */
	put_number(&load, plan->data_bytes - 1);
	put_body(code, 0, span_of(NULL, 0), 0, buffer_span(&load));
	buffer_fini(&load);
}

static void put_data(struct buffer *data, const struct module_plan *plan)
{
	buffer_append(data, "\1\0\x41\0\x0B", 5); /* one segment, of memory 0, at 0 */
	put_number(data, plan->data_bytes);
	for (uint32_t i = 1; i < plan->data_bytes; i++)
		buffer_append_byte(data, (uint8_t)i);
	buffer_append_byte(data, plan->answer);
}

struct buffer module_bytes(const struct module_plan *plan)
{
	struct buffer out = { 0 }, part = { 0 };
	uint32_t last = plan->functions + (plan->ifs > 0);

	buffer_append(&out, "\0asm\1\0\0\0", 8);
	buffer_append(&part, "\2\x60\0\0\x60\0\1\x7F", 8); /* () and () -> i32 */
	put_section(&out, 1, &part);
	put_number(&part, last + 1);
	for (uint32_t i = 0; i < last; i++)
		buffer_append_byte(&part, 0);
	buffer_append_byte(&part, 1);
	put_section(&out, 3, &part);
	buffer_append(&part, "\1\0", 2);
	put_number(&part, plan->data_bytes / LIMIT_WASM_PAGE + 1);
	put_section(&out, 5, &part);
	put_number(&part, 1);
	put_text(&part, "answer");
	buffer_append_byte(&part, 0);
	put_number(&part, last);
	put_section(&out, 7, &part);
	put_code(&part, plan);
	put_section(&out, 10, &part);
	put_data(&part, plan);
	put_section(&out, 11, &part);
	assert_false(out.failed);
	return out;
}

struct guest *start_plan(struct engine_fixture *fixture, const struct module_plan *plan)
{
	HOLD(buffer_fini) struct buffer bytes = module_bytes(plan);

	return guest_start(fixture, buffer_span(&bytes), NULL);
}

struct guest *start_large(struct engine_fixture *fixture, uint8_t answer)
{
	const struct module_plan plan = { .functions = LARGE_FUNCTIONS, .data_bytes = 100, .answer = answer };

	return start_plan(fixture, &plan);
}

int watch_load(struct guest *guest)
{
	int64_t end = clock_monotonic_ns(&clock_system) + PATIENCE_NS;
	int most = 0;

	while (guest->loaded == 0 && clock_monotonic_ns(&clock_system) < end) {
		int count;

		(void)loop_turn(guest->fixture->loop, 20);
		count = count_children(NULL);
		most = count > most ? count : most;
	}
	assert_int_equal(guest->loaded, 1);
	return most;
}

void assert_loaded(struct guest *guest, uint8_t answer)
{
	char says[32];

	(void)watch_load(guest);
	if (guest->load_error.status != CAPSULE_OK)
		fail_msg("%s", guest->load_error.text);
	(void)snprintf(says, sizeof says, "exit code: %d", answer);
	assert_fails(guest, "answer", CAPSULE_EGUEST, says);
}

/* ---- Children ---- */

/* The parent of a process, 0 when it is gone. */
static int parent_of(const char *pid)
{
	char path[64], text[512];
	const char *at;
	size_t len;
	FILE *file;

	(void)snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	len = fread(text, 1, sizeof text - 1, file);
	(void)fclose(file);
	text[len] = '\0';
	at = strrchr(text, ')'); /* "pid (name) state parent"; the name may have anything in it */
	return at == NULL || strlen(at) < 5 ? 0 : (int)strtol(at + 4, NULL, 10);
}

int count_children(pid_t *one)
{
	DIR *folder = opendir("/proc");
	const struct dirent *entry;
	int count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || parent_of(entry->d_name) != getpid())
			continue;
		count++;
		if (one != NULL)
			*one = (pid_t)strtol(entry->d_name, NULL, 10);
	}
	(void)closedir(folder);
	return count;
}

pid_t await_children(struct engine_fixture *fixture, int count)
{
	int64_t end = clock_monotonic_ns(&clock_system) + PATIENCE_NS;
	pid_t child = 0;

	while (count_children(&child) != count && clock_monotonic_ns(&clock_system) < end)
		(void)loop_turn(fixture->loop, 20);
	assert_int_equal(count_children(&child), count);
	return child;
}

void stop_child(pid_t child)
{
	assert_int_equal(kill(child, SIGSTOP), 0);
}

void continue_child(pid_t child)
{
	assert_int_equal(kill(child, SIGCONT), 0);
}

const char *compile_path(const struct engine_fixture *fixture, const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
	return path;
}

int compile_fixture_free(void **state)
{
	int status = engine_fixture_free(state);

	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return status;
}
