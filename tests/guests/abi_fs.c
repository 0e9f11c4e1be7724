/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The file functions, called with bytes that the caller chooses, and an uplink. */
#include "argument.h"

CAPSULE_TOOL(exists)
{
	answer(astrid_fs_exists(block(args, "path")));
}

CAPSULE_TOOL(mkdir)
{
	astrid_fs_mkdir(block(args, "path"));
}

CAPSULE_TOOL(readdir)
{
	answer(astrid_fs_readdir(block(args, "path")));
}

CAPSULE_TOOL(stat)
{
	answer(astrid_fs_stat(block(args, "path")));
}

CAPSULE_TOOL(unlink)
{
	astrid_fs_unlink(block(args, "path"));
}

CAPSULE_TOOL(read)
{
	answer(astrid_read_file(block(args, "path")));
}

CAPSULE_TOOL(read_length)
{
	guest_add_integer(out, (int64_t)extism_length(astrid_read_file(block(args, "path"))));
}

CAPSULE_TOOL(write)
{
	astrid_write_file(block(args, "path"), block(args, "contents"));
}

/* Writes, then ends as calls end that fail. */
CAPSULE_TOOL(write_and_fail)
{
	astrid_write_file(block(args, "path"), block(args, "contents"));
	guest_fail("as it was asked to");
}

/* Reads a file over and over; it may only ever hold what `contents` says. */
CAPSULE_TOOL(watch)
{
	struct guest_bytes expected = guest_get_text(args, "contents");
	int64_t times = guest_get_integer(args, "times");

	for (int64_t i = 0; i < times; i++) {
		uint64_t file = astrid_read_file(block(args, "path"));
		struct guest_bytes seen = guest_take_block(file);

		if (!guest_equal(seen, expected)) {
			guest_fail(guest_join("seen: ", seen));
			return;
		}
	}
	guest_add_integer(out, times);
}

CAPSULE_TOOL(uplink)
{
	answer(astrid_uplink_register(block(args, "name"), block(args, "platform"), block(args, "profile")));
}

CAPSULE_TOOL(uplink_twice)
{
	(void)astrid_uplink_register(block(args, "name"), block(args, "platform"), block(args, "profile"));
	answer(astrid_uplink_register(block(args, "name"), block(args, "other"), block(args, "profile")));
}

CAPSULE_TOOL(capability)
{
	answer(astrid_check_capsule_capability(block(args, "request")));
}
