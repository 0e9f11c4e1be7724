/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Notes with tags, one JSON object each under `note.<id>` in the key-value store, and under `last` the id given last.
 *
 * Ids are written with leading zeros, so that the order of the keys is the order of the notes. A note is stored in one
 * piece before its id becomes the last one: a call that is cut off in between loses the note that it was about to add,
 * and nothing else. */
#include <capsule_guest.h>

#define PREFIX "note."
#define LAST "last"
#define ID_DIGITS 10
#define ID_MAX 9999999999
#define TITLE_MAX 200
#define LIST_MAX 100

static struct guest_bytes key_of(int64_t id)
{
	static const char zeros[] = "0000000000";
	size_t digits = guest_join(id).len;

	return guest_join(PREFIX, guest_text(zeros + (digits < ID_DIGITS ? digits : ID_DIGITS)), id);
}

static int64_t id_of(struct guest_bytes key)
{
	int64_t id = 0;

	(void)guest_parse_integer(guest_after(key, sizeof PREFIX - 1), &id);
	return id;
}

/* The stored note that the argument `id` asks for; the call fails when there is none. */
static struct guest_value wanted_note(struct guest_value args)
{
	int64_t id = guest_get_integer(args, "id");
	struct guest_value note;

	if (id < 1 || id > ID_MAX)
		guest_reject(guest_get(args, "id"), "must be between 1 and ", (int64_t)ID_MAX);
	note = guest_kv_get_json(key_of(id));
	if (!guest_present(note))
		guest_fail("there is no note ", id, "; the tool `list` tells which there are");
	return note;
}

/* Whether the note has the tag. */
static bool has_tag(struct guest_value note, struct guest_bytes tag)
{
	for (struct guest_each each = guest_each(guest_get_array(note, "tags")); guest_next(&each);)
		if (guest_equal(guest_as_text(each.value), tag))
			return true;
	return false;
}

/* Copy the array of strings `tags`; an empty one when there is none. */
static void put_tags(struct guest_json_writer *out, struct guest_value tags)
{
	guest_put_array(out, "tags");
	for (struct guest_each each = guest_each(tags); guest_next(&each);) {
		struct guest_bytes tag = guest_as_text(each.value);

		if (tag.len == 0)
			guest_reject(each.value, "must not be empty");
		guest_add_text(out, tag);
	}
	guest_end(out);
}

static void put_source(struct guest_json_writer *out, struct guest_value source)
{
	int64_t page;

	if (!guest_present(source))
		return;
	page = guest_get_integer_or(source, "page", 1);
	if (page < 1)
		guest_reject(guest_get(source, "page"), "must be 1 or more");
	guest_put_object(out, "source");
	guest_put_text(out, "name", guest_get_text(source, "name"));
	if (guest_has(source, "page"))
		guest_put_integer(out, "page", page);
	guest_end(out);
}

CAPSULE_TOOL(add)
{
	struct guest_bytes title = guest_get_text(args, "title");
	struct guest_json_writer note = { .problem = NULL };
	int64_t id = guest_kv_get_integer(LAST, 0) + 1;

	if (title.len == 0 || title.len > TITLE_MAX)
		guest_reject(guest_get(args, "title"), "must have 1 to ", TITLE_MAX, " bytes, not ", title.len);
	if (id > ID_MAX)
		guest_fail("no more ids are left");
	guest_begin_object(&note);
	guest_put_text(&note, "title", title);
	guest_put_text(&note, "text", guest_get_text_or(args, "text", ""));
	put_tags(&note, guest_get_array_or_none(args, "tags"));
	put_source(&note, guest_get_object_or_none(args, "source"));
	guest_put_integer(&note, "added_ms", guest_now_ms());
	guest_kv_set(key_of(id), guest_written(&note)); /* nothing is stored if something has failed above */
	guest_kv_set_integer(LAST, id);
	guest_begin_object(out);
	guest_put_integer(out, "id", id);
}

CAPSULE_TOOL(get)
{
	guest_add_value(out, wanted_note(args));
}

/* `id` and `title`, as list and search tell them. */
static void add_line(struct guest_json_writer *out, int64_t id, struct guest_value note)
{
	guest_begin_object(out);
	guest_put_integer(out, "id", id);
	guest_put_text(out, "title", guest_get_text(note, "title"));
	guest_end(out);
}

CAPSULE_TOOL(list)
{
	struct guest_bytes tag = guest_get_text_or(args, "tag", "");
	int64_t limit = guest_get_integer_or(args, "limit", 20);

	if (limit < 1 || limit > LIST_MAX)
		guest_reject(guest_get(args, "limit"), "must be between 1 and ", LIST_MAX, ", not ", limit);
	guest_begin_array(out);
	for (struct guest_each each = guest_kv_list(PREFIX); limit > 0 && guest_next(&each);) {
		struct guest_bytes key = guest_as_text(each.value);
		struct guest_value note = guest_kv_get_json(key);

		if (tag.len > 0 && !has_tag(note, tag))
			continue;
		add_line(out, id_of(key), note);
		limit--;
	}
}

/* Whether all `words` stand in the note, in its title or its text. */
static bool has_words(struct guest_value note, struct guest_value words)
{
	struct guest_bytes title = guest_get_text(note, "title"), text = guest_get_text(note, "text");

	for (struct guest_each each = guest_each(words); guest_next(&each);) {
		struct guest_bytes word = guest_as_text(each.value);

		if (!guest_contains(title, word) && !guest_contains(text, word))
			return false;
	}
	return true;
}

static bool has_tags(struct guest_value note, struct guest_value tags)
{
	for (struct guest_each each = guest_each(tags); guest_next(&each);)
		if (!has_tag(note, guest_as_text(each.value)))
			return false;
	return true;
}

CAPSULE_TOOL(search)
{
	struct guest_value words = guest_get_array(args, "words"), tags = guest_get_array_or_none(args, "tags");

	guest_begin_array(out);
	for (struct guest_each each = guest_kv_list(PREFIX); !guest_failed() && guest_next(&each);) {
		struct guest_bytes key = guest_as_text(each.value);
		struct guest_value note = guest_kv_get_json(key);

		if (has_words(note, words) && has_tags(note, tags))
			add_line(out, id_of(key), note);
	}
}

CAPSULE_TOOL(remove)
{
	struct guest_bytes title = guest_get_text(wanted_note(args), "title");

	guest_kv_delete(key_of(guest_get_integer(args, "id")));
	guest_begin_object(out);
	guest_put_text(out, "removed", title);
}
