/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Digests and lines of `integrity`: which texts they are, and what is said about others. */
#include "base/digest_text.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DIGITS "0123456789abcdefABCDEF9876543210fedcba98765432100011223344556677"

static void assert_kind(const char *text, enum digest_kind expected)
{
	struct capsule_error err = { 0 };
	enum digest_kind kind = DIGEST_KINDS;

	if (digest_parse(&kind, span_text(text), &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	assert_int_equal(kind, expected);
}

static void assert_no_digest(const char *text, const char *part)
{
	struct capsule_error err = { 0 };
	enum digest_kind kind;

	assert_int_equal(digest_parse(&kind, span_text(text), &err), CAPSULE_EINVAL);
	if (strstr(err.text, part) == NULL)
		fail_msg("`%s` is not in: %s", part, err.text);
}

static void digests_are_a_kind_and_64_digits(void **state)
{
	(void)state;
	assert_kind("blake3:" DIGITS, DIGEST_BLAKE3);
	assert_kind("sha256:" DIGITS, DIGEST_SHA256);
	assert_kind("tree:" DIGITS, DIGEST_TREE);
	assert_no_digest("", "`blake3:`, `sha256:`");
	assert_no_digest(DIGITS, "is no digest");
	assert_no_digest("BLAKE3:" DIGITS, "is no digest");
	assert_no_digest("md5:" DIGITS, "is no digest");
	assert_no_digest("blake3:" DIGITS "0", "does not have 64 hexadecimal digits behind `blake3:`");
	assert_no_digest("tree:" DIGITS " ", "does not have 64");
	assert_no_digest("sha256:", "does not have 64");
	assert_no_digest("sha256:g123456789abcdefABCDEF9876543210fedcba98765432100011223344556677", "does not have 64");
	assert_true(digest_same("tree:aB", "tree:Ab"));
	assert_false(digest_same("tree:ab", "tree:abc"));
}

static void assert_line(const char *line, const char *path, enum digest_kind kind)
{
	struct digest_line parsed;
	struct capsule_error err = { 0 };

	if (digest_line_parse(&parsed, span_text(line), &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	if (!span_is(parsed.path, path))
		fail_msg("%.*s is not %s", SPAN_ARG(parsed.path), path);
	assert_int_equal(parsed.kind, kind);
	assert_true(span_is(parsed.digest, strrchr(line, '=') + 1));
}

static void lines_are_a_path_and_a_digest(void **state)
{
	(void)state;
	assert_line("server.py=blake3:" DIGITS, "server.py", DIGEST_BLAKE3);
	assert_line("./lib/a b=c=sha256:" DIGITS, "lib/a b=c", DIGEST_SHA256);
	assert_line("././/node_modules//=tree:" DIGITS, "node_modules", DIGEST_TREE);
	assert_line("..a/b..=tree:" DIGITS, "..a/b..", DIGEST_TREE);
}

static void assert_no_line(struct span line, const char *part)
{
	struct digest_line parsed;
	struct capsule_error err = { 0 };

	assert_int_equal(digest_line_parse(&parsed, line, &err), CAPSULE_EINVAL);
	if (strstr(err.text, part) == NULL)
		fail_msg("`%s` is not in: %s", part, err.text);
}

static void paths_stay_below_the_folder(void **state)
{
	static const char nul[] = "a\0b=blake3:" DIGITS;
	static char longest[LIMIT_PATH + 128];

	(void)state;
	assert_no_line(span_of(NULL, 0), "has no `=`");
	assert_no_line(span_text("server.py"), "has no `=`");
	assert_no_line(span_text("server.py=blake3"), "is no digest");
	assert_no_line(span_text("=blake3:" DIGITS), "names the capsule's whole folder");
	assert_no_line(span_text(".=tree:" DIGITS), "names the capsule's whole folder");
	assert_no_line(span_text("./=tree:" DIGITS), "names the capsule's whole folder");
	assert_no_line(span_text("/etc/passwd=blake3:" DIGITS), "is absolute");
	assert_no_line(span_text("/=tree:" DIGITS), "is absolute");
	assert_no_line(span_text("../a=blake3:" DIGITS), "holds `..`");
	assert_no_line(span_text("a/../b=blake3:" DIGITS), "holds `..`");
	assert_no_line(span_text("a/..=blake3:" DIGITS), "holds `..`");
	assert_no_line(span_text("a//b=blake3:" DIGITS), "empty component");
	assert_no_line(span_text("a/./b=blake3:" DIGITS), "a `.`");
	assert_no_line(span_of(nul, sizeof nul - 1), "holds a NUL");
	memset(longest, 'a', LIMIT_PATH + 1);
	(void)snprintf(longest + LIMIT_PATH + 1, sizeof longest - LIMIT_PATH - 1, "=blake3:" DIGITS);
	assert_no_line(span_text(longest), "is longer than 4096 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_a_kind_and_64_digits),
		cmocka_unit_test(lines_are_a_path_and_a_digest),
		cmocka_unit_test(paths_stay_below_the_folder),
	};

	return cmocka_run_group_tests_name("base_digest_text", tests, NULL, NULL);
}
