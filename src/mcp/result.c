/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Items are put together anew out of the pieces of text that they were, so that nothing is unescaped and escaped again. */
#include "mcp/result.h"

#include "base/cleanup.h"
#include "base/json.h"

/* The members of an item, of any type. */
enum member { TYPE, TEXT, DATA, MIME_TYPE, RESOURCE, URI, NAME, ANNOTATIONS, MEMBERS };

static const char *const member_names[MEMBERS] = { "type", "text", "data", "mimeType", "resource", "uri", "name",
	"annotations" };

enum capsule_status mcp_result_read(struct mcp_result *out, struct span json, struct capsule_error *err)
{
	static const char *const names[] = { "content", "structuredContent", "isError" };
	const char *why = "not an object";
	struct span members[3], item;
	struct json_scan scan;

	*out = (struct mcp_result){ .json = json };
	if (!json_scan_whole(json, 0, &why) || !json_is_object(json))
		return error_set(err, CAPSULE_EINVAL, "the result of a tool call is no JSON object: %s", why);
	json_scan_find(json, names, members, 3);
	if (members[0].len > 0 && !json_is_array(members[0]))
		return error_set(err, CAPSULE_EINVAL, "the content of a tool's result is no array");
	out->content = members[0];
	if (json_is_object(members[1]))
		out->structured = members[1];
	out->is_error = span_is(members[2], "true");
	scan = json_scan_begin(out->content, 0);
	out->has_content = json_scan_open(&scan, '[') && json_scan_item(&scan, &item);
	return CAPSULE_OK;
}

bool mcp_result_append_text(const struct mcp_result *result, struct span between, struct buffer *out)
{
	struct json_scan scan = json_scan_begin(result->content, 0);
	struct span item, members[2];
	bool first = true;

	if (!json_scan_open(&scan, '['))
		return !out->failed;
	while (json_scan_item(&scan, &item)) {
		json_scan_find(item, member_names, members, 2);
		if (!json_scan_is(members[TYPE], "text") || !json_is_string(members[TEXT]))
			continue;
		if (!first)
			(void)buffer_append_span(out, between);
		first = false;
		if (!json_scan_unescape(members[TEXT], out))
			return false;
	}
	return !out->failed;
}

/* Append `,"<name>":<value>` if there is a value. */
static void append_member(struct buffer *out, const char *name, struct span value)
{
	if (value.len > 0)
		(void)(buffer_printf(out, ",\"%s\":", name) && json_append_compact(out, value));
}

static void append_media(struct buffer *out, const char *type, const struct span members[MEMBERS])
{
	(void)buffer_printf(out, "{\"type\":\"%s\"", type);
	append_member(out, "data", members[DATA]);
	append_member(out, "mime_type", members[MIME_TYPE]);
}

static void append_link(struct buffer *out, const struct span members[MEMBERS])
{
	(void)buffer_append_text(out, "{\"type\":\"resource_link\"");
	append_member(out, "uri", members[URI]);
	append_member(out, "name", members[NAME]);
	append_member(out, "data", span_text("null"));
	append_member(out, "mime_type", members[MIME_TYPE]);
}

/* Returns false when there is neither text nor blob. */
static bool append_resource(struct buffer *out, struct span resource)
{
	static const char *const names[] = { "uri", "text", "blob", "mimeType" };
	struct span members[4];

	json_scan_find(resource, names, members, 4);
	if (!json_is_string(members[0]) || !(json_is_string(members[1]) || json_is_string(members[2])))
		return false;
	(void)buffer_append_text(out, "{\"type\":\"resource\"");
	append_member(out, "uri", members[0]);
	append_member(out, "data", json_is_string(members[1]) ? members[1] : members[2]);
	append_member(out, "encoding", span_text(json_is_string(members[1]) ? "\"text\"" : "\"base64\""));
	append_member(out, "mime_type", json_is_string(members[3]) ? members[3] : span_of(NULL, 0));
	return true;
}

/* Begin an item of a known type, without its end. Returns false when it has none, or not what that needs. */
static bool append_known(struct buffer *out, struct span members[MEMBERS])
{
	bool data = json_is_string(members[DATA]) && json_is_string(members[MIME_TYPE]);

	if (json_scan_is(members[TYPE], "text") && json_is_string(members[TEXT])) {
		(void)buffer_append_text(out, "{\"type\":\"text\"");
		append_member(out, "text", members[TEXT]);
	} else if (json_scan_is(members[TYPE], "image") && data) {
		append_media(out, "image", members);
	} else if (json_scan_is(members[TYPE], "audio") && data) {
		append_media(out, "audio", members);
	} else if (json_scan_is(members[TYPE], "resource_link") && json_is_string(members[URI])) {
		append_link(out, members);
	} else {
		return json_scan_is(members[TYPE], "resource") && append_resource(out, members[RESOURCE]);
	}
	return true;
}

static void append_item(struct buffer *out, struct span item)
{
	struct span members[MEMBERS];

	json_scan_find(item, member_names, members, MEMBERS);
	if (!append_known(out, members)) {
		(void)json_append_compact(out, item);
		return;
	}
	append_member(out, "annotations", members[ANNOTATIONS]);
	(void)buffer_append_byte(out, '}');
}

static void append_error(const struct mcp_result *result, struct buffer *out)
{
	HOLD(buffer_fini) struct buffer text = { 0 };

	if (!result->is_error) {
		(void)buffer_append_text(out, "null");
		return;
	}
	if (!mcp_result_append_text(result, span_text("\n"), &text)) {
		out->failed = true;
		out->starved = out->starved || text.starved;
		return;
	}
	(void)json_append_string(out, text.len > 0 ? buffer_span(&text) : span_text("Unknown error"));
}

bool mcp_result_append_json(const struct mcp_result *result, struct buffer *out)
{
	struct json_scan scan = json_scan_begin(result->content, 0);
	const char *comma = "";
	struct span item;

	(void)buffer_printf(out, "{\"success\":%s,\"is_error\":%s,\"error\":", result->is_error ? "false" : "true",
		result->is_error ? "true" : "false");
	append_error(result, out);
	(void)buffer_append_text(out, ",\"content\":[");
	if (json_scan_open(&scan, '[')) {
		for (; !out->failed && json_scan_item(&scan, &item); comma = ",") {
			(void)buffer_append_text(out, comma);
			append_item(out, item);
		}
	}
	(void)buffer_append_byte(out, ']');
	append_member(out, "structured", result->structured);
	append_member(out, "original", result->json);
	return buffer_append_byte(out, '}');
}
