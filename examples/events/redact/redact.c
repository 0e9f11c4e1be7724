/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An interceptor that may change a message. An empty answer leaves it as it is. */
#include <capsule_guest.h>

#define DIGITS_LEAST 12 /* of what looks like a card number */

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

static size_t digits_at(struct guest_bytes text, size_t at)
{
	size_t count = 0;

	while (at + count < text.len && is_digit(text.data[at + count]))
		count++;
	return count;
}

/* Whether something was taken out of `text`, which is changed in place. */
static bool redact_text(struct guest_bytes text, uint8_t *copy)
{
	bool found = false;
	size_t run;

	for (size_t i = 0; i<text.len; i += run> 0 ? run : 1) {
		run = digits_at(text, i);
		for (size_t k = 0; k < (run > 0 ? run : 1); k++)
			copy[i + k] = run >= DIGITS_LEAST ? '*' : text.data[i + k];
		found = found || run >= DIGITS_LEAST;
	}
	return found;
}

CAPSULE_INTERCEPTOR(redact)
{
	struct guest_bytes text = guest_get_text(args, "text");
	uint8_t *copy = guest_alloc(text.len);

	if (guest_failed() || !redact_text(text, copy)) {
		guest_answer("");
		return;
	}
	guest_begin_object(out);
	guest_put_text(out, "reason", "card numbers are taken out");
	guest_put_object(out, "payload");
	for (struct guest_each each = guest_each(args); guest_next(&each);) {
		struct guest_bytes key = guest_each_key(&each);

		if (guest_equal(key, "text"))
			guest_put_text(out, "text", ((struct guest_bytes){ copy, text.len }));
		else
			guest_put_value(out, key, each.value);
	}
}
