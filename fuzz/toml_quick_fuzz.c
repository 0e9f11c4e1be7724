/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as TOML for the quick reader. What it reads the library reads without an error, to the same tree. */
#include "base/text.h"
#include "manifest/toml_quick_testing.h"
#include "fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct toml_quick quick = { 0 };
	struct deps_toml *toml;
	size_t count, errors;

	if (!text_is_utf8(text) || !toml_quick_read(&quick, text))
		return 0;
	toml = deps_toml_parse((const char *)data, size);
	(void)deps_toml_errors(toml, &errors);
	CHECK(errors == 0);
	CHECK(first_difference(quick.nodes, deps_toml_nodes(toml, &count)) == NULL);
	CHECK(count == quick.count);
	deps_toml_free(toml);
	toml_quick_fini(&quick);
	return 0;
}
