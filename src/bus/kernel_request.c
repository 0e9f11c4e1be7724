/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "bus/kernel_request.h"

#include "base/text.h"

#define METHOD_SHOWN 64 /* bytes of an unknown one in a message */

static const char *const methods[KERNEL_METHODS] = {
	[KERNEL_INSTALL_CAPSULE] = "InstallCapsule",
	[KERNEL_APPROVE_CAPABILITY] = "ApproveCapability",
	[KERNEL_LIST_CAPSULES] = "ListCapsules",
	[KERNEL_RELOAD_CAPSULES] = "ReloadCapsules",
	[KERNEL_GET_COMMANDS] = "GetCommands",
	[KERNEL_GET_CAPSULE_METADATA] = "GetCapsuleMetadata",
};

static const char *const responses[KERNEL_RESPONSES] = {
	[KERNEL_SUCCESS] = "Success",
	[KERNEL_COMMANDS] = "Commands",
	[KERNEL_CAPSULE_METADATA] = "CapsuleMetadata",
	[KERNEL_ERROR] = "Error",
	[KERNEL_APPROVAL_REQUIRED] = "ApprovalRequired",
};

const char *kernel_method_name(enum kernel_method method)
{
	return methods[method];
}

void kernel_request_fini(struct kernel_request *request)
{
	yyjson_doc_free(request->doc);
	*request = (struct kernel_request){ 0 };
}

/* ---- Requests ---- */

static struct span text_of(yyjson_val *value)
{
	return span_of(unsafe_yyjson_get_str(value), unsafe_yyjson_get_len(value));
}

static enum capsule_status read_method(struct kernel_request *request, struct capsule_error *err)
{
	yyjson_val *method = yyjson_obj_get(request->doc->root, "method");
	struct span shown;

	if (!yyjson_is_str(method))
		return error_set(err, CAPSULE_EINVAL, "request: not an object with a text `method`");
	for (int i = 0; i < KERNEL_METHODS; i++)
		if (span_is(text_of(method), methods[i])) {
			request->method = (enum kernel_method)i;
			return CAPSULE_OK;
		}
	shown = text_of(method);
	if (shown.len > METHOD_SHOWN)
		shown.len = text_utf8_valid_prefix(span_of(shown.data, METHOD_SHOWN));
	return error_set(err, CAPSULE_EINVAL,
		"request: unknown method `%.*s`; there are InstallCapsule, ApproveCapability, ListCapsules, "
		"ReloadCapsules, GetCommands and GetCapsuleMetadata",
		SPAN_ARG(shown));
}

static enum capsule_status read_text(const struct kernel_request *request, yyjson_val *params, const char *name,
	struct span *out, struct capsule_error *err)
{
	yyjson_val *value = yyjson_obj_get(params, name);

	if (!yyjson_is_str(value))
		return error_set(err, CAPSULE_EINVAL, "request: `params` of %s needs a text `%s`",
			methods[request->method], name);
	*out = text_of(value);
	return CAPSULE_OK;
}

static enum capsule_status read_install(struct kernel_request *request, yyjson_val *params, struct capsule_error *err)
{
	yyjson_val *workspace = yyjson_obj_get(params, "workspace");
	enum capsule_status status = read_text(request, params, "source", &request->source, err);

	if (status != CAPSULE_OK)
		return status;
	if (!yyjson_is_bool(workspace))
		return error_set(
			err, CAPSULE_EINVAL, "request: `params` of InstallCapsule needs `workspace`, true or false");
	request->workspace = yyjson_get_bool(workspace);
	return CAPSULE_OK;
}

static enum capsule_status read_params(struct kernel_request *request, struct capsule_error *err)
{
	yyjson_val *params = yyjson_obj_get(request->doc->root, "params");
	enum capsule_status status;

	switch (request->method) {
	case KERNEL_INSTALL_CAPSULE:
		return read_install(request, params, err);
	case KERNEL_APPROVE_CAPABILITY:
		status = read_text(request, params, "request_id", &request->request_id, err);
		return status != CAPSULE_OK ? status
					    : read_text(request, params, "signature", &request->signature, err);
	default:
		if (params == NULL || yyjson_is_null(params))
			return CAPSULE_OK;
		return error_set(err, CAPSULE_EINVAL, "request: %s has no parameters: leave `params` out, or null",
			methods[request->method]);
	}
}

enum capsule_status kernel_request_read(struct kernel_request *request, struct span json, struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = KERNEL_REQUEST_MAX };
	enum capsule_status status = json_parse(&request->doc, json, &limits, "request", err);

	if (status == CAPSULE_OK)
		status = read_method(request, err);
	return status != CAPSULE_OK ? status : read_params(request, err);
}

/* ---- Responses ---- */

static bool append_head(struct buffer *out, enum kernel_response response, bool as_payload)
{
	return buffer_printf(
		out, "{%s\"status\":\"%s\",\"data\":", as_payload ? "\"type\":\"raw_json\"," : "", responses[response]);
}

bool kernel_response_append(struct buffer *out, enum kernel_response response, struct span data, bool as_payload)
{
	return append_head(out, response, as_payload) && buffer_append_span(out, data) && buffer_append_byte(out, '}');
}

bool kernel_response_append_error(struct buffer *out, struct span text, bool as_payload)
{
	return append_head(out, KERNEL_ERROR, as_payload) && json_append_lossy(out, text) &&
		buffer_append_byte(out, '}');
}

/* ---- Names of tools ---- */

bool tool_name_split(struct span name, struct span *server, struct span *tool)
{
	const uint8_t *colon = name.len > 0 ? memchr(name.data, ':', name.len) : NULL;
	size_t at = colon != NULL ? (size_t)(colon - name.data) : 0;

	if (at == 0 || at + 1 == name.len)
		return false;
	*server = span_of(name.data, at);
	*tool = span_of(name.data + at + 1, name.len - at - 1);
	return true;
}
