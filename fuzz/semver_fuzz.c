/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as a requirement, a line feed and a version. The three functions agree on what can be read, and a reason is given for
 * what cannot: text with an end, within its room. */
#include "base/text.h"
#include "fuzz/target.h"

#include <capsule_deps.h>

#define REASON_MAX 48

static void check_reason(int good, const char reason[REASON_MAX])
{
	CHECK(good == 0 || good == 1);
	CHECK(memchr(reason, '\0', REASON_MAX) != NULL);
	CHECK(text_is_utf8(span_text(reason)));
	CHECK((reason[0] == '\0') == (good == 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *feed = size > 0 ? memchr(text, '\n', size) : NULL;
	size_t len = feed != NULL ? (size_t)(feed - text) : size, rest = feed != NULL ? size - len - 1 : 0;
	const char *version = feed != NULL ? feed + 1 : text;
	char reason[REASON_MAX];
	int requirement_good, version_good, met;

	requirement_good = deps_semver_req_check(text, len, reason, sizeof(reason));
	check_reason(requirement_good, reason);
	version_good = deps_semver_check(version, rest, reason, sizeof(reason));
	check_reason(version_good, reason);
	CHECK(deps_semver_check(version, rest, NULL, 0) == version_good);
	met = deps_semver_matches(text, len, version, rest);
	CHECK((met == -1) == (requirement_good == 0 || version_good == 0));
	CHECK(met >= -1 && met <= 1);
	/* A version meets itself, and nothing is less than itself. */
	if (version_good == 1 && rest < 200) {
		char own[256];
		int own_len = snprintf(own, sizeof(own), "=%.*s", (int)rest, version);

		CHECK(deps_semver_matches(own, (size_t)own_len, version, rest) == 1);
		own[0] = '<';
		CHECK(deps_semver_matches(own, (size_t)own_len, version, rest) == 0);
	}
	return 0;
}
