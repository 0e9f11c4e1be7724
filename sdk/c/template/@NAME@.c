/* The tools of the capsule @NAME@: a function each, and an entry in Capsule.toml. */
#include <capsule_guest.h>

CAPSULE_TOOL(hello)
{
	struct guest_bytes name = guest_get_text_or(args, "name", "world");

	guest_begin_object(out);
	guest_put_text(out, "greeting", guest_join("Hello, ", name, "!"));
}
