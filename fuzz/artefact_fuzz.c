/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as a file of compiled code. Whatever they are, reading the seal reads nothing outside of them and gives terminated
 * texts; and the seal that is made of what was read, behind the same bytes, is read the same and is sound until one byte
 * changes. */
#include "engine/wasm/artefact.h"
#include "fuzz/target.h"

#include <string.h>

static void check_texts(const struct artefact_seal *seal)
{
	CHECK(memchr(seal->engine, '\0', sizeof seal->engine) != NULL);
	CHECK(memchr(seal->name, '\0', sizeof seal->name) != NULL);
}

/* Seal the bytes anew, and look at the result. */
static void check_sealed(const struct artefact_seal *seal, const uint8_t *data, size_t size)
{
	size_t len = size + ARTEFACT_SEAL;
	uint8_t *file = malloc(len);
	struct artefact_seal again;

	CHECK(file != NULL);
	if (size > 0)
		memcpy(file, data, size);
	artefact_seal_make(seal, span_of(file, size), file + size);
	CHECK(artefact_seal_read(span_of(file, len), &again));
	CHECK(artefact_sound(span_of(file, len)));
	CHECK(memcmp(again.key, seal->key, sizeof seal->key) == 0);
	CHECK(memcmp(again.module, seal->module, sizeof seal->module) == 0);
	CHECK(again.module_bytes == seal->module_bytes && again.created == seal->created);
	CHECK(strcmp(again.engine, seal->engine) == 0 && strcmp(again.name, seal->name) == 0);
	file[size % len] ^= 1;
	CHECK(!artefact_sound(span_of(file, len)));
	free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct artefact_seal seal = { .module_bytes = size, .engine = "engine", .name = "name" };
	struct span file = span_of(data, size);
	bool readable = artefact_seal_read(file, &seal);

	if (readable) {
		CHECK(size >= ARTEFACT_SEAL);
		check_texts(&seal);
	}
	if (artefact_sound(file))
		CHECK(size >= ARTEFACT_SEAL);
	check_sealed(&seal, data, size);
	return 0;
}
