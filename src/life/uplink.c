/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The words of uplinks: profiles as guests write them, and sources. */
#include "life/registry.h"

#include "base/text.h"

#define PROFILE_MAX 16  /* bytes of the longest word, and more */
#define SOURCE_SHOWN 64 /* bytes of an id that a source shows */

static enum capsule_status profile_unknown(struct span text, struct capsule_error *err)
{
	struct span shown = span_of(text.data, text.len < PROFILE_MAX ? text.len : PROFILE_MAX);

	shown.len = text_utf8_valid_prefix(shown);
	return error_set(err, CAPSULE_EINVAL,
		"unknown uplink profile `%.*s`: write chat, interactive, notify or bridge", SPAN_ARG(shown));
}

enum capsule_status uplink_profile_find(struct span text, enum uplink_profile *out, struct capsule_error *err)
{
	static const struct {
		const char *word;
		enum uplink_profile profile;
	} rows[] = {
		{ "chat", UPLINK_CHAT },
		{ "human", UPLINK_CHAT },
		{ "interactive", UPLINK_INTERACTIVE },
		{ "notify", UPLINK_NOTIFY },
		{ "bridge", UPLINK_BRIDGE },
	};
	struct span trimmed = text_is_utf8(text) ? text_trim(text) : span_of(NULL, 0);
	char word[PROFILE_MAX] = { 0 };

	if (trimmed.len >= sizeof word)
		return profile_unknown(text, err);
	if (trimmed.len > 0)
		memcpy(word, trimmed.data, trimmed.len);
	text_lower(word);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (span_is(span_of(word, trimmed.len), rows[i].word)) {
			*out = rows[i].profile;
			return CAPSULE_OK;
		}
	return profile_unknown(text, err);
}

bool uplink_source_valid(struct span capsule_id)
{
	if (capsule_id.len == 0 || capsule_id.data[0] == '-' || capsule_id.data[capsule_id.len - 1] == '-')
		return false;
	for (size_t i = 0; i < capsule_id.len; i++) {
		uint8_t at = capsule_id.data[i];

		if (!(at >= 'a' && at <= 'z') && !(at >= '0' && at <= '9') && at != '-')
			return false;
	}
	return true;
}

bool uplink_source_append(struct span capsule_id, struct buffer *out)
{
	struct span shown = capsule_id;

	if (shown.len > SOURCE_SHOWN)
		shown.len = text_utf8_valid_prefix(span_of(shown.data, SOURCE_SHOWN));
	buffer_append_text(out, "wasm(");
	buffer_append_span(out, shown);
	return buffer_append_text(out, ")");
}
