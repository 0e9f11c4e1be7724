/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/wasm/compile.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "process/libexec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define WALL_FACTOR 4  /* a busy machine gives a child less than a processor */
#define MESSAGES 4096  /* bytes of what a child says that are kept */
#define EXIT_REFUSED 3 /* capsule-compile: the module is no good, the reason is on standard output */
#define SHOWN 480      /* bytes of that reason */

void compiler_init(struct compiler *compiler, struct loop *loop, const struct wasm_profile *profile)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	compiler->loop = loop;
	compiler->profile = *profile;
	list_init(&compiler->waiting);
	if (compiler->cpu_ms == 0)
		compiler->cpu_ms = LIMIT_COMPILE_CPU_MS;
	compiler->cpu_ms = (compiler->cpu_ms + 999) / 1000 * 1000; /* as the kernel counts it */
	if (compiler->memory_bytes == 0)
		compiler->memory_bytes = LIMIT_COMPILE_BYTES;
	if (compiler->jobs_max == 0)
		compiler->jobs_max = processors < 1       ? 1
			: processors > LIMIT_COMPILE_JOBS ? LIMIT_COMPILE_JOBS
							  : (uint32_t)processors;
}

/* A file in memory with `bytes` in it. */
static int memory_file(const char *name, struct span bytes, struct capsule_error *err)
{
	HOLD(fd_drop) int fd = memfd_create(name, MFD_CLOEXEC);

	while (fd >= 0 && bytes.len > 0) {
		ssize_t written = write(fd, bytes.data, bytes.len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			(void)error_os(err, errno, "memory for a module of %zu bytes", bytes.len);
			return -1;
		}
		bytes = span_of(bytes.data + written, bytes.len - (size_t)written);
	}
	if (fd < 0)
		(void)error_os(err, errno, "memory for a module");
	return fd_give(&fd);
}

static struct span first_lines(const struct buffer *said)
{
	struct span text = text_trim(buffer_span(said));

	return text.len <= SHOWN ? text : span_of(text.data, text_utf8_valid_prefix(span_of(text.data, SHOWN)));
}

static bool says(const struct buffer *said, const char *words)
{
	return said->len > 0 && memmem(said->data, said->len, words, strlen(words)) != NULL;
}

/* In the words of whoever asked for it: Rust's allocator, an arena, the maker of threads; or as an error of Wasmtime's. */
static bool ran_out_of_memory(const struct process_result *result)
{
	static const char *const words[] = { "memory allocation of", "out of memory", "Cannot allocate memory",
		"Resource temporarily unavailable" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (says(&result->error, words[i]) || (i > 0 && says(&result->output, words[i])))
			return true;
	return false;
}

static bool ran_out_of_time(const struct compiler *compiler, const struct process_result *result)
{
	return result->end == PROCESS_SIGNALED &&
		(result->code == SIGXCPU ||
			(result->code == SIGKILL && result->cpu_ns / NS_PER_MS >= (int64_t)compiler->cpu_ms));
}

/* What became of the child. CAPSULE_OK when the code is there. */
static enum capsule_status judge(
	const struct compiler *compiler, const struct process_result *result, struct capsule_error *err)
{
	if (result->end == PROCESS_EXITED && result->code == 0)
		return CAPSULE_OK;
	if (ran_out_of_time(compiler, result))
		return error_set(err, CAPSULE_ELIMIT,
			"it can't be compiled within %" PRIu64
			" s of processor time; raise compile_cpu_ms (--compile-seconds)",
			compiler->cpu_ms / 1000);
	if (result->end == PROCESS_TIMEOUT)
		return error_set(err, CAPSULE_ELIMIT,
			"it was not compiled within %" PRIu64
			" s on the clock; raise compile_cpu_ms (--compile-seconds), of which that is %d times",
			compiler->cpu_ms * WALL_FACTOR / 1000, WALL_FACTOR);
	if (ran_out_of_memory(result))
		return error_set(err, CAPSULE_ELIMIT,
			"it can't be compiled within %" PRIu64 " MiB of memory; raise compile_bytes (--compile-mib)",
			compiler->memory_bytes / MIB);
	if (result->end == PROCESS_SIGNALED && result->code == SIGXFSZ)
		return error_set(err, CAPSULE_ELIMIT, "its compiled code has more than %llu MiB", LIMIT_ARTEFACT / MIB);
	if (result->end == PROCESS_EXITED && result->code == EXIT_REFUSED)
		return error_set(
			err, CAPSULE_EMODULE, "it is no valid module: %.*s", SPAN_ARG(first_lines(&result->output)));
	if (result->end == PROCESS_SIGNALED)
		return error_set(err, CAPSULE_EMODULE,
			"it can't be compiled: the compiler was ended by signal %d (%s) %.*s", result->code,
			strsignal(result->code), SPAN_ARG(first_lines(&result->error)));
	return error_set(err, CAPSULE_EINTERNAL, "the compiler failed with status %d: %.*s", result->code,
		SPAN_ARG(first_lines(&result->error)));
}

static void start_waiting(struct compiler *compiler);

static void child_done(void *user, const struct process_result *result, const struct capsule_error *failure)
{
	struct compile_job *job = user;
	struct compiler *compiler = job->compiler;
	struct capsule_error err;
	struct stat info;

	error_clear(&err);
	job->process = NULL;
	compiler->running--;
	start_waiting(compiler);
	if (failure != NULL)
		(void)error_copy(&err, failure);
	else if (judge(compiler, result, &err) == CAPSULE_OK && (fstat(job->code_fd, &info) != 0 || info.st_size == 0))
		(void)error_set(&err, CAPSULE_EINTERNAL, "the compiler gave no code");
	if (err.status != CAPSULE_OK) {
		(void)close(job->code_fd);
		job->code_fd = -1;
	}
	job->done(job, err.status == CAPSULE_OK ? NULL : &err);
}

static enum capsule_status start_child(struct compile_job *job, struct capsule_error *err)
{
	struct compiler *compiler = job->compiler;
	HOLD(free_drop) char *launcher = NULL;
	HOLD(free_drop) char *program = NULL;
	HOLD(fd_drop) int module_fd = -1;
	HOLD(fd_drop) int code_fd = -1;
	const char *details = getenv(PROFILE_DETAILS);
	HOLD(free_drop) char *variable = NULL;
	char guest_pages[16], kernel_pages[16];
	enum capsule_status status = libexec_find(&launcher, compiler->libexec_dir, "capsule-launch", err);

	if (status == CAPSULE_OK)
		status = libexec_find(&program, compiler->libexec_dir, "capsule-compile", err);
	if (status != CAPSULE_OK)
		return status;
	module_fd = memory_file("module", job->module, err);
	code_fd = module_fd < 0 ? -1 : memory_file("code", span_of(NULL, 0), err);
	if (code_fd < 0)
		return CAPSULE_EIO;
	if (details != NULL && asprintf(&variable, PROFILE_DETAILS "=%s", details) < 0)
		return error_set(err, CAPSULE_ENOMEM, "no memory to compile a module");
	(void)snprintf(guest_pages, sizeof guest_pages, "%u", compiler->profile.guest_pages);
	(void)snprintf(kernel_pages, sizeof kernel_pages, "%u", compiler->profile.kernel_pages);

	const char *const argv[] = { program, guest_pages, kernel_pages,
		compiler->profile.no_signals ? "no-signals" : "signals", compiler->description, NULL };
	const char *const env[] = { variable, NULL };
	const int fds[] = { module_fd, code_fd };
	const struct process_spec spec = { .launcher = launcher,
		.argv = argv,
		.env = env,
		.input = -1,
		.fds = fds,
		.fd_count = 2,
		.limits = { .cpu_ms = compiler->cpu_ms,
			.memory_bytes = compiler->memory_bytes,
			.file_bytes = LIMIT_ARTEFACT,
			.open_files = 32 },
		.wall_ms = compiler->cpu_ms * WALL_FACTOR,
		.output = { .limit = MESSAGES },
		.error = { .limit = MESSAGES } };

	status = process_start(&job->process, compiler->loop, &spec, child_done, job, err);
	if (status != CAPSULE_OK)
		return status;
	job->code_fd = fd_give(&code_fd);
	compiler->running++;
	return CAPSULE_OK;
}

static void start_waiting(struct compiler *compiler)
{
	struct list_node *node;

	while (compiler->running < compiler->jobs_max && (node = list_take_first(&compiler->waiting)) != NULL) {
		struct compile_job *job = LIST_ENTRY(node, struct compile_job, link);
		struct capsule_error err;

		if (start_child(job, &err) != CAPSULE_OK)
			job->done(job, &err);
	}
}

enum capsule_status compile_start(struct compile_job *job, struct compiler *compiler, struct span module,
	void (*done)(struct compile_job *job, const struct capsule_error *error), struct capsule_error *err)
{
	*job = (struct compile_job){ .compiler = compiler, .module = module, .code_fd = -1, .done = done };
	list_init(&job->link);
	if (compiler->running < compiler->jobs_max)
		return start_child(job, err);
	list_append(&compiler->waiting, &job->link);
	return CAPSULE_OK;
}

void compile_cancel(struct compile_job *job)
{
	list_remove(&job->link);
	if (job->process == NULL)
		return;
	process_abandon(job->process);
	job->process = NULL;
	(void)close(job->code_fd);
	job->code_fd = -1;
	job->compiler->running--;
	start_waiting(job->compiler);
}
