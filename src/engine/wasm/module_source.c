/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/wasm/module_source.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/text.h"
#include "capsule_deps.h"
#include "engine/wasm/trap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

bool module_source_init(struct module_source *source, const char *dir, const char *file, const char *expected_hash,
	uint64_t limit_bytes)
{
	*source = (struct module_source){ .fd = -1, .limit_bytes = limit_bytes };
	source->dir = dir == NULL ? NULL : text_copy(span_text(dir));
	source->file = text_copy(span_text(file));
	source->expected_hash = expected_hash == NULL ? NULL : text_copy(span_text(expected_hash));
	if (source->expected_hash != NULL)
		text_lower(source->expected_hash);
	return source->file != NULL && (dir == NULL || source->dir != NULL) &&
		(expected_hash == NULL || source->expected_hash != NULL);
}

static void close_file(struct module_source *source)
{
	if (source->fd >= 0)
		(void)close(source->fd);
	source->fd = -1;
}

void module_source_fini(struct module_source *source)
{
	close_file(source);
	buffer_fini(&source->bytes);
	free(source->dir);
	free(source->file);
	free(source->expected_hash);
}

/* Not blocking, so that a named pipe can't hold the pool. A capsule's module is looked up beneath its folder by the kernel:
 * neither `..` nor a link leads out. */
static int open_file(const struct module_source *source)
{
	if (source->dir == NULL)
		return open(source->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd_open_beneath(source->dir, source->file, O_RDONLY | O_NONBLOCK);
}

enum capsule_status module_source_open(struct module_source *source, struct capsule_error *err)
{
	struct stat info;

	source->fd = open_file(source);
	if (source->fd < 0 && source->dir != NULL && errno == EXDEV)
		return error_set(err, CAPSULE_EMODULE,
			"Failed to read WASM module %s: it lies outside the capsule's folder %s; name a file inside",
			source->file, source->dir);
	if (source->fd < 0 || fstat(source->fd, &info) != 0)
		return error_os(err, errno, "Failed to read WASM module %s", source->file);
	if (!S_ISREG(info.st_mode))
		return error_set(
			err, CAPSULE_EMODULE, "Failed to read WASM module %s: it is not a regular file", source->file);
	if ((uint64_t)info.st_size > source->limit_bytes)
		return error_set(err, CAPSULE_ELIMIT, "WASM module %s: %lld bytes are over the limit of %llu bytes",
			source->file, (long long)info.st_size, (unsigned long long)source->limit_bytes);
	if (info.st_size == 0)
		return error_set(err, CAPSULE_EMODULE, "WASM module %s: the file is empty", source->file);
	source->file_bytes = (size_t)info.st_size;
	source->bytes.limit = (size_t)source->limit_bytes + 64 * KIB + 1;
	return CAPSULE_OK;
}

static enum capsule_status read_all(struct module_source *source, struct capsule_error *err)
{
	if (fd_read_all(source->fd, (size_t)source->limit_bytes, &source->bytes) == 0)
		return CAPSULE_OK;
	if (errno == ENOMEM)
		return error_set(err, CAPSULE_ENOMEM, "Failed to read WASM module %s: no memory after %zu bytes",
			source->file, source->bytes.len);
	if (errno == EFBIG)
		return error_set(err, CAPSULE_ELIMIT,
			"Failed to read WASM module %s: it is over the limit of %llu bytes", source->file,
			(unsigned long long)source->limit_bytes);
	return error_os(err, errno, "Failed to read WASM module %s", source->file);
}

static enum capsule_status check_hash(const struct module_source *source, struct capsule_error *err)
{
	char actual[2 * HASH_LEN + 1];

	if (source->expected_hash == NULL)
		return CAPSULE_OK;
	for (size_t i = 0; i < HASH_LEN; i++)
		(void)snprintf(actual + 2 * i, 3, "%02x", source->hash[i]);
	if (strcmp(actual, source->expected_hash) == 0)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_EMODULE,
		"WASM module %s is not the one that the manifest names: expected BLAKE3 %.80s, the file has %s",
		source->file, source->expected_hash, actual);
}

static bool is_text_file(const char *file)
{
	size_t len = strlen(file);

	return len > 4 && strcmp(file + len - 4, ".wat") == 0;
}

static enum capsule_status assemble(struct module_source *source, struct capsule_error *err)
{
	wasm_byte_vec_t binary = { 0 };
	wasmtime_error_t *error = wasmtime_wat2wasm((const char *)source->bytes.data, source->bytes.len, &binary);
	bool fits;

	if (error != NULL)
		return trap_error_text(err, CAPSULE_EMODULE, error, "WASM module %.200s", source->file);
	buffer_clear(&source->bytes);
	fits = buffer_append(&source->bytes, binary.data, binary.size);
	wasm_byte_vec_delete(&binary);
	if (source->bytes.starved)
		return error_set(err, CAPSULE_ENOMEM, "WASM module %s: no memory for its binary", source->file);
	return fits ? CAPSULE_OK
		    : error_set(err, CAPSULE_ELIMIT, "WASM module %s: over the limit of %llu bytes as binary",
			      source->file, (unsigned long long)source->limit_bytes);
}

/* Whether the bytes begin as a core module does. */
static enum capsule_status check_kind(const struct module_source *source, struct capsule_error *err)
{
	if (module_is_component(buffer_span(&source->bytes)))
		return error_set(err, CAPSULE_EMODULE,
			"WASM module %s is a component; this release runs core modules: build for wasm32-wasip1 without "
			"componentizing",
			source->file);
	if (source->bytes.len < 4 || memcmp(source->bytes.data, "\0asm", 4) != 0)
		return error_set(err, CAPSULE_EMODULE,
			"WASM module %s is no valid module: it does not begin as one (\\0asm); name a .wasm file, or text as "
			".wat",
			source->file);
	return CAPSULE_OK;
}

enum capsule_status module_source_read(struct module_source *source, struct capsule_error *err)
{
	enum capsule_status status = read_all(source, err);

	close_file(source);
	if (status != CAPSULE_OK)
		return status;
	source->file_bytes = source->bytes.len;
	deps_blake3(source->bytes.data, source->bytes.len, source->hash);
	status = check_hash(source, err);
	if (status == CAPSULE_OK && is_text_file(source->file))
		status = assemble(source, err);
	if (status == CAPSULE_OK)
		status = check_kind(source, err);
	/* What is broken the compiler tells better. */
	if (status == CAPSULE_OK && !module_scan(buffer_span(&source->bytes), &source->scan))
		source->scan = (struct module_scan){ .memory_max = UINT64_MAX };
	return status;
}
