/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What clients ask the runtime itself, {"method":M,"params":...}, and what it answers, {"status":T,"data":D}. On the
 * bus both are payloads of the type `raw_json`, with their members beside it. Source of the forms: astrid-types 0.3. */
#ifndef BUS_KERNEL_REQUEST_H
#define BUS_KERNEL_REQUEST_H

#include "base/json.h"

#define KERNEL_REQUEST_MAX (64u * 1024) /* bytes of one request */

enum kernel_method {
	KERNEL_INSTALL_CAPSULE,
	KERNEL_APPROVE_CAPABILITY,
	KERNEL_LIST_CAPSULES,
	KERNEL_RELOAD_CAPSULES,
	KERNEL_GET_COMMANDS,
	KERNEL_GET_CAPSULE_METADATA,
	KERNEL_METHODS
};

/* A request that was read. Zero-initialised is empty. */
struct kernel_request {
	enum kernel_method method;
	struct span source;                /* of KERNEL_INSTALL_CAPSULE */
	bool workspace;                    /* likewise */
	struct span request_id, signature; /* of KERNEL_APPROVE_CAPABILITY */
	yyjson_doc *doc;                   /* what the spans point into */
};

/** Read a request (`json`, borrowed) into `request`, which is empty; free it with kernel_request_fini(), also on
 *  failure. Methods without parameters have no `params`, or null; members that are not known are ignored. Errors:
 *  CAPSULE_EINVAL (no JSON, an unknown method, parameters that are not as the method has them), CAPSULE_ELIMIT,
 *  CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status kernel_request_read(
	struct kernel_request *request, struct span json, struct capsule_error *err);

void kernel_request_fini(struct kernel_request *request);

/** "ListCapsules". */
const char *kernel_method_name(enum kernel_method method);

enum kernel_response {
	KERNEL_SUCCESS,  /* data: any JSON */
	KERNEL_COMMANDS, /* [{"name","description","provider_capsule"}] */
	/* [{"name","llm_providers":[{"id","description","capabilities"}],"interceptor_events":[text]}] */
	KERNEL_CAPSULE_METADATA,
	KERNEL_ERROR,             /* text */
	KERNEL_APPROVAL_REQUIRED, /* {"request_id","description","capabilities":[text]} */
	KERNEL_RESPONSES
};

/** Append the response with `data`, which is JSON of the form that it has; `as_payload`: as it travels on the bus,
 *  with its `type`. Returns false as buffer_append() does. */
bool kernel_response_append(struct buffer *out, enum kernel_response response, struct span data, bool as_payload);

/** The same for KERNEL_ERROR with a text, which need not be UTF-8. */
bool kernel_response_append_error(struct buffer *out, struct span text, bool as_payload);

/** Take the name of a tool call apart, "server:tool", at its first colon. Returns false when there is none, or
 *  nothing on a side of it. */
bool tool_name_split(struct span name, struct span *server, struct span *tool);

#endif
