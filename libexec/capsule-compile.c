/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Compiles one module: from descriptor 3 to descriptor 4, under the configuration that the arguments tell. The process that
 * starts it has set its limits and given it an empty environment, and hashes what it wrote before loading it.
 *
 *   capsule-compile GUEST_PAGES KERNEL_PAGES signals|no-signals DESCRIPTION
 *
 * DESCRIPTION is what the library says of itself and the configuration: code of another build must not get under its key.
 *
 * Exit status: 0 done; 3 the module can't be compiled, with the reason on standard output; 1 anything else, with the reason on
 * standard error. */
#include "engine/wasm/profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasmtime.h>

#define MODULE_FD 3
#define CODE_FD 4
#define EXIT_REFUSED 3

static int fail(const char *what)
{
	(void)fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return 1;
}

static int refuse(wasmtime_error_t *error)
{
	wasm_byte_vec_t message;

	wasmtime_error_message(error, &message);
	(void)fwrite(message.data, 1, message.size, stdout);
	wasm_byte_vec_delete(&message);
	wasmtime_error_delete(error);
	return EXIT_REFUSED;
}

static int write_code(const wasm_byte_vec_t *code)
{
	size_t at = 0;

	while (at < code->size) {
		ssize_t written = write(CODE_FD, code->data + at, code->size - at);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return fail("the compiled code can't be written");
		at += (size_t)written;
	}
	return 0;
}

/* Nothing is freed: the process is about to end. */
static int compile(const struct wasm_profile *profile, const uint8_t *bytes, size_t len)
{
	wasm_engine_t *engine = wasm_engine_new_with_config(profile_config(profile));
	wasmtime_module_t *module = NULL;
	wasm_byte_vec_t code = { 0 };
	wasmtime_error_t *error = wasmtime_module_new(engine, bytes, len, &module);

	if (error == NULL)
		error = wasmtime_module_serialize(module, &code);
	return error != NULL ? refuse(error) : write_code(&code);
}

/* Whether this program is of the same build as the library. */
static bool is_same_build(const struct wasm_profile *profile, const char *description)
{
	struct buffer own = { 0 };
	const char *text;

	profile_describe(profile, &own);
	text = buffer_text(&own);
	return text != NULL && strcmp(text, description) == 0;
}

int main(int argc, char **argv)
{
	struct wasm_profile profile = { 0 };
	struct stat info;
	void *bytes;

	if (argc != 5) {
		(void)fputs("capsule-compile is started by libcapsule\n", stderr);
		return 2;
	}
	profile.guest_pages = (uint32_t)strtoul(argv[1], NULL, 10);
	profile.kernel_pages = (uint32_t)strtoul(argv[2], NULL, 10);
	profile.no_signals = strcmp(argv[3], "no-signals") == 0;
	profile.parallel = true;
	profile_fill(&profile);
	if (!is_same_build(&profile, argv[4])) {
		(void)fputs(
			"capsule-compile is of another build than the library; install both from one build\n", stderr);
		return 1;
	}
	if (fstat(MODULE_FD, &info) != 0)
		return fail("the module");
	bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, MODULE_FD, 0);
	if (bytes == MAP_FAILED)
		return fail("the module");
	return compile(&profile, bytes, (size_t)info.st_size);
}
