/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as a request to the runtime. What is read has all that its method needs; what is refused says why. */
#include "bus/kernel_request.h"

#include "base/text.h"
#include "fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kernel_request request = { 0 };
	struct capsule_error err = { 0 };
	enum capsule_status status = kernel_request_read(&request, span_of(data, size), &err);
	struct span server, tool;

	if (status != CAPSULE_OK) {
		CHECK(status == CAPSULE_EINVAL || status == CAPSULE_ELIMIT);
		CHECK(err.status == status && text_is_utf8(span_text(err.text)));
	} else {
		CHECK(request.method < KERNEL_METHODS);
		CHECK((request.source.data != NULL) == (request.method == KERNEL_INSTALL_CAPSULE));
		CHECK((request.signature.data != NULL) == (request.method == KERNEL_APPROVE_CAPABILITY));
		CHECK((request.request_id.data != NULL) == (request.method == KERNEL_APPROVE_CAPABILITY));
		CHECK(text_is_utf8(request.source) && text_is_utf8(request.signature));
	}
	kernel_request_fini(&request);
	if (tool_name_split(span_of(data, size), &server, &tool)) {
		CHECK(server.len > 0 && tool.len > 0 && server.len + tool.len + 1 == size);
		CHECK(memchr(server.data, ':', server.len) == NULL && server.data[server.len] == ':');
	}
	return 0;
}
