/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The checks in their order, which decides the error that is told first: versions, patterns, capability strings, topics. */
#include "manifest/validate.h"
#include "base/limits.h"
#include "base/text.h"
#include "manifest/validate_part.h"

#include <capsule_deps.h>

#include <stdio.h>

#define REASON_MAX 256

size_t validate_granted(const struct manifest *manifest, struct granted out[GRANTED_MAX])
{
	size_t count = 0;

	out[count++] = (struct granted){ &manifest->capabilities, "[capabilities]" };
	if (manifest->components.count > 0)
		out[count++] = (struct granted){ &manifest->components.items[0].capabilities,
			"[component.capabilities]" };
	return count;
}

void validate_starved(struct diagnostics *found)
{
	found->errors++;
	found->skipped++;
}

/* Why `requirement` is none; false when it is one. A NUL can't be in it. */
static bool requirement_broken(const char *requirement, char reason[REASON_MAX])
{
	return deps_semver_req_check(requirement, strlen(requirement), reason, REASON_MAX) == 0;
}

static void check_runtime_version(const struct manifest_package *package, struct diagnostics *found)
{
	const char *requirement = package->astrid_version, *own = MANIFEST_RUNTIME_VERSION;
	char reason[REASON_MAX], fix[VALIDATE_FIX_MAX] = "write for example `>=0.3, <0.4`";

	if (requirement == NULL || deps_semver_matches(requirement, strlen(requirement), own, strlen(own)) == 1)
		return;
	if (requirement_broken(requirement, reason)) {
		if ((requirement[0] == 'v' || requirement[0] == 'V') && !requirement_broken(requirement + 1, reason))
			(void)snprintf(
				fix, sizeof(fix), "write `%" VALIDATE_SHOWN "`, without the letter", requirement + 1);
		(void)requirement_broken(requirement, reason);
		diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(package->astrid_version_place), fix,
			"invalid astrid-version `%" VALIDATE_SHOWN "`: %s", requirement, reason);
	} else {
		diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(package->astrid_version_place),
			"use a runtime that it names, or correct it when the capsule works with this one too",
			"the astrid-version `%" VALIDATE_SHOWN "` does not include %s, which this runtime implements",
			requirement, own);
	}
}

/* What was meant by a text that is no version: blanks and a `v` left out, missing numbers taken as 0. */
static bool version_meant(const char *version, char meant[LIMIT_NAME + 8])
{
	struct span text = text_trim(span_text(version));
	size_t dots = 0;

	if (text.len > 0 && (text.data[0] == 'v' || text.data[0] == 'V'))
		text = span_of(text.data + 1, text.len - 1);
	if (text.len == 0 || text.len > LIMIT_NAME)
		return false;
	for (size_t i = 0; i < text.len; i++)
		dots += text.data[i] == '.';
	(void)snprintf(meant, LIMIT_NAME + 8, "%.*s%s", SPAN_ARG(text), dots == 0 ? ".0.0" : dots == 1 ? ".0" : "");
	return deps_semver_check(meant, strlen(meant), NULL, 0) == 1;
}

static void check_version(const struct manifest_package *package, struct diagnostics *found)
{
	char reason[REASON_MAX], meant[LIMIT_NAME + 8], fix[VALIDATE_FIX_MAX] = "write three numbers, as `1.2.3`";

	if (package->version == NULL ||
		deps_semver_check(package->version, strlen(package->version), reason, sizeof(reason)) == 1)
		return;
	if (version_meant(package->version, meant))
		(void)snprintf(fix, sizeof(fix), "write `%s`", meant);
	diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(package->version_place), fix,
		"invalid version `%" VALIDATE_SHOWN "`: %s", package->version, reason);
}

/* `type:body`. The type says in which of the manifest's tables the thing stands. */
static const char *const prefixes[] = { "topic", "tool", "llm", "uplink" };

#define PREFIX_COUNT (sizeof(prefixes) / sizeof(prefixes[0]))

static bool check_prefix(
	const char *text, size_t prefix_len, const char *key, struct place place, struct diagnostics *found)
{
	char prefix[32], fix[VALIDATE_FIX_MAX];
	const char *near = NULL;

	for (size_t i = 0; i < PREFIX_COUNT; i++)
		if (span_is(span_of(text, prefix_len), prefixes[i]))
			return true;
	if (prefix_len < sizeof(prefix)) {
		(void)snprintf(prefix, sizeof(prefix), "%.*s", (int)prefix_len, text);
		text_lower(prefix);
		near = text_nearest(prefix, prefixes, PREFIX_COUNT);
	}
	if (near != NULL)
		(void)snprintf(fix, sizeof(fix), "did you mean `%s:%" VALIDATE_SHOWN "`?", near, text + prefix_len + 1);
	else
		(void)snprintf(fix, sizeof(fix), "write one of `topic:`, `tool:`, `llm:`, `uplink:`");
	diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(place), fix,
		"unknown prefix `%.*s` of `%" VALIDATE_SHOWN "` in `%s`",
		(int)(prefix_len < sizeof(prefix) ? prefix_len : sizeof(prefix)), text, text, key);
	return false;
}

static void check_capability(
	const char *text, const char *key, bool provided, struct place place, struct diagnostics *found)
{
	const char *colon = strchr(text, ':');
	char fix[VALIDATE_FIX_MAX];

	if (text[0] == '\0') {
		diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(place), "remove the entry",
			"empty capability string in `%s`", key);
		return;
	}
	if (colon == NULL) {
		(void)snprintf(fix, sizeof(fix), "write for example `topic:%" VALIDATE_SHOWN "`", text);
		diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(place), fix,
			"`%" VALIDATE_SHOWN "` in `%s` must have a type prefix: `topic:`, `tool:`, `llm:` or `uplink:`",
			text, key);
		return;
	}
	if (!check_prefix(text, (size_t)(colon - text), key, place, found) ||
		!validate_segments(colon + 1, provided ? "`provides`" : "`requires`", place, found))
		return;
	if (provided && strchr(colon, '*') != NULL)
		diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(place), "name each thing that the capsule provides",
			"`%" VALIDATE_SHOWN "` in `%s` holds the wildcard `*`, which only `requires` may have", text,
			key);
}

static void check_dependencies(const struct manifest *manifest, struct diagnostics *found)
{
	for (size_t i = 0; i < manifest->provides.count; i++)
		check_capability(manifest->provides.items[i], "provides", true, manifest->provides.places[i], found);
	for (size_t i = 0; i < manifest->requires.count; i++)
		check_capability(manifest->requires.items[i], "requires", false, manifest->requires.places[i], found);
	if (manifest->capabilities.uplink && manifest->requires.count > 0)
		diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(manifest->requires.places[0]),
			"remove `requires`, or `uplink = true` from [capabilities]",
			"`requires` is not allowed on uplink capsules, which connect people or services");
}

/* Whether `hash` is 64 hexadecimal digits. */
static bool hash_valid(const char *hash)
{
	return strlen(hash) == 64 && strspn(hash, "0123456789abcdefABCDEF") == 64;
}

static void check_hashes(const struct manifest *manifest, struct diagnostics *found)
{
	for (size_t i = 0; i < manifest->components.count; i++) {
		const struct manifest_component *component = &manifest->components.items[i];

		if (component->hash != NULL && !hash_valid(component->hash))
			diagnostics_add(found, SEVERITY_ERROR, PLACE_ARGS(component->hash_place),
				"write what `b3sum` says about the module",
				"`hash` in [[component]] is not a BLAKE3 hash: 64 hexadecimal digits");
	}
}

void manifest_validate(const struct manifest *manifest, struct diagnostics *diagnostics)
{
	check_runtime_version(&manifest->package, diagnostics);
	check_version(&manifest->package, diagnostics);
	validate_patterns(manifest, diagnostics);
	check_dependencies(manifest, diagnostics);
	validate_topics(manifest, diagnostics);
	check_hashes(manifest, diagnostics);
	validate_env(manifest, diagnostics);
	validate_interceptors(manifest, diagnostics);
	validate_twins(manifest, diagnostics);
	validate_servers(manifest, diagnostics);
	validate_grants(manifest, diagnostics);
}
