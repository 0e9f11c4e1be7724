/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The guest SDK beside a C library, whose memory must not be touched by the SDK's, nor the other way round. */
#include <capsule_guest.h>

#include <stdio.h>
#include <stdlib.h>

CAPSULE_TOOL(mix)
{
	int64_t rounds = guest_get_integer(args, "rounds");
	char *kept[64] = { NULL }, *ours[64] = { NULL };

	for (int64_t i = 0; i < rounds; i++) {
		size_t size = (size_t)(i * 997 % 70000 + 32);

		free(kept[i % 64]);
		kept[i % 64] = malloc(size);
		ours[i % 64] = guest_alloc(size % 5000 + 32);
		if (kept[i % 64] == NULL || ours[i % 64] == NULL) {
			guest_fail("no memory in round ", i);
			break;
		}
		memset(kept[i % 64], 'a', size);
		(void)snprintf(kept[i % 64], 32, "malloc %lld", (long long)i);
		(void)snprintf(ours[i % 64], 32, "guest %lld", (long long)i);
	}
	guest_begin_array(out);
	for (int i = 0; i < 64 && !guest_failed(); i++) {
		guest_add_text(out, kept[i] != NULL ? kept[i] : "");
		guest_add_text(out, ours[i] != NULL ? ours[i] : "");
		free(kept[i]);
	}
}
