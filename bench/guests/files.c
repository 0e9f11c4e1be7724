/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads a file as often as the arguments say, which are a number. */
#define CAPSULE_PORTABLE
#include <capsule_guest.h>

CAPSULE_TOOL(read)
{
	uint64_t path = guest_put_block(guest_text("folder/file"));
	int64_t count = 0;

	(void)guest_parse_integer(guest_arguments(), &count);
	for (; count > 0; count--) {
		uint64_t contents = astrid_read_file(path);

		if (extism_length(contents) != 4096)
			guest_fail("another file was read");
		extism_free(contents);
	}
}

/* So that the overlay holds something. */
CAPSULE_TOOL(write)
{
	(void)args;
	(void)out;
	guest_write_file("folder/other", "written");
}
