/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Payloads of IPC messages. What a guest publishes is any JSON value; what travels is an object with a `type`: one of
 * the known ones when its fields are as that type has them - unknown fields dropped, defaults filled in -, else
 * {"type":"custom","data":<the value>}. The types are rows of payload_types.def. Source of the forms: astrid-types
 * 0.3. No function keeps what it is given. */
#ifndef BUS_PAYLOAD_H
#define BUS_PAYLOAD_H

#include "base/buffer.h"

enum payload_type {
#define PAYLOAD_TYPE(id, tag) PAYLOAD_##id,
#include "bus/payload_types.def"
#undef PAYLOAD_TYPE
	PAYLOAD_TYPES
};

/* By which member of the published value somebody waits for an answer. */
enum payload_request {
	PAYLOAD_NO_REQUEST,
	PAYLOAD_REQUEST,  /* "req_id" */
	PAYLOAD_DELIVERY, /* "_astrid_delivery_id" */
};

#define PAYLOAD_REQUEST_ID_MAX                                                                                         \
	128 /* bytes of such an id; longer ones, and ones that can't be a segment of a topic, are none */

/* A payload that was read. Reused from one to the next; zero-initialised is empty. */
struct payload {
	enum payload_type type;
	struct span tagged; /* the object as it travels, compact JSON */
	struct span inner;  /* what an interceptor gets: of `custom` and `raw_json` the value inside, else `tagged` */
	enum payload_request request;
	struct span request_id;    /* letters, digits, '-' and '_' */
	struct buffer text, extra; /* where the spans point into */
	struct yyjson_doc *doc;    /* of payload_open(), until payload_form(); with it the text it was made from */
	struct span json;
	char id[PAYLOAD_REQUEST_ID_MAX];
};

void payload_fini(struct payload *payload);

/** Read one JSON value (`json`, borrowed: at most LIMIT_PUBLISH bytes, strict UTF-8, nesting up to 127, no key twice
 *  in one object: readers would not agree on what it says) into `payload`. Errors: CAPSULE_EINVAL and CAPSULE_ELIMIT
 *  ("not valid JSON: ..." with the place), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status payload_read(struct payload *payload, struct span json, struct capsule_error *err);

/** The same in two steps, for a payload that perhaps nobody gets: whether it can be read and who waits for an answer,
 *  then, while `json` is still there, the forms of it. payload_form() does nothing for one that has its forms. */
MUST_CHECK enum capsule_status payload_open(struct payload *payload, struct span json, struct capsule_error *err);
MUST_CHECK enum capsule_status payload_form(struct payload *payload, struct capsule_error *err);

/** Read a payload that is an object with `type` already, as clients write it: an unknown `type` becomes
 *  PAYLOAD_UNKNOWN ("{"type":"unknown"}"), a missing one or fields that are not as the type has them are an error.
 *  Errors: CAPSULE_EINVAL, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status payload_read_tagged(
	struct payload *payload, struct span json, struct capsule_error *err);

/** The tag of `type`; the type of a tag, PAYLOAD_UNKNOWN for one that is not known. */
const char *payload_type_name(enum payload_type type);
enum payload_type payload_type_find(struct span tag);

#endif
