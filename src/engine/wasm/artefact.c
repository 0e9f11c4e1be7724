/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The seal, little-endian: magic, length of the code, the members of struct artefact_seal in their order, zeroes, digest. */
#include "engine/wasm/artefact.h"

#include "capsule_deps.h"

#define MAGIC "CAPSCODE"
#define AT_CODE_BYTES 8
#define AT_KEY 16
#define AT_MODULE (AT_KEY + ARTEFACT_KEY)
#define AT_MODULE_BYTES (AT_MODULE + ARTEFACT_KEY)
#define AT_CREATED (AT_MODULE_BYTES + 8)
#define AT_ENGINE (AT_CREATED + 8)
#define AT_NAME (AT_ENGINE + sizeof((struct artefact_seal *)0)->engine)
#define AT_END (AT_NAME + sizeof((struct artefact_seal *)0)->name)
#define AT_DIGEST (ARTEFACT_SEAL - DEPS_BLAKE3_SIZE)

_Static_assert(AT_END <= AT_DIGEST, "the members fit in front of the digest");

static void put_u64(uint8_t *at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_u64(const uint8_t *at)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

static void digest(struct span code, const uint8_t *seal, uint8_t out[DEPS_BLAKE3_SIZE])
{
	struct deps_hasher *hasher = deps_hasher_new();

	deps_hasher_update(hasher, code.data, code.len);
	deps_hasher_update(hasher, seal, AT_DIGEST);
	deps_hasher_finish(hasher, out);
	deps_hasher_free(hasher);
}

void artefact_seal_make(const struct artefact_seal *seal, struct span code, uint8_t out[ARTEFACT_SEAL])
{
	memset(out, 0, ARTEFACT_SEAL);
	memcpy(out, MAGIC, 8);
	put_u64(out + AT_CODE_BYTES, code.len);
	memcpy(out + AT_KEY, seal->key, sizeof seal->key);
	memcpy(out + AT_MODULE, seal->module, sizeof seal->module);
	put_u64(out + AT_MODULE_BYTES, seal->module_bytes);
	put_u64(out + AT_CREATED, (uint64_t)seal->created);
	memcpy(out + AT_ENGINE, seal->engine, strnlen(seal->engine, sizeof seal->engine));
	memcpy(out + AT_NAME, seal->name, strnlen(seal->name, sizeof seal->name));
	digest(code, out, out + AT_DIGEST);
}

bool artefact_seal_read(struct span file, struct artefact_seal *seal)
{
	const uint8_t *at;

	if (file.len < ARTEFACT_SEAL)
		return false;
	at = file.data + file.len - ARTEFACT_SEAL;
	if (memcmp(at, MAGIC, 8) != 0 || get_u64(at + AT_CODE_BYTES) != file.len - ARTEFACT_SEAL)
		return false;
	memcpy(seal->key, at + AT_KEY, sizeof seal->key);
	memcpy(seal->module, at + AT_MODULE, sizeof seal->module);
	seal->module_bytes = get_u64(at + AT_MODULE_BYTES);
	seal->created = (int64_t)get_u64(at + AT_CREATED);
	memcpy(seal->engine, at + AT_ENGINE, sizeof seal->engine);
	memcpy(seal->name, at + AT_NAME, sizeof seal->name);
	seal->engine[sizeof seal->engine - 1] = '\0';
	seal->name[sizeof seal->name - 1] = '\0';
	return true;
}

bool artefact_sound(struct span file)
{
	uint8_t found[DEPS_BLAKE3_SIZE];
	const uint8_t *seal;

	if (file.len < ARTEFACT_SEAL)
		return false;
	seal = file.data + file.len - ARTEFACT_SEAL;
	digest(span_of(file.data, file.len - ARTEFACT_SEAL), seal, found);
	return memcmp(found, seal + AT_DIGEST, sizeof found) == 0;
}
