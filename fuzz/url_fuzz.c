/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as a URL. A host that comes out is in its final form: lower-case ASCII without what separates the parts of a URL, and
 * the same again when it is put into a URL of its own. Nothing comes out of what is refused, and the reason is clean text. */
#include "base/cleanup.h"
#include "base/text.h"
#include "gate/gate.h"
#include "fuzz/target.h"

static void check_host(struct span host)
{
	HOLD(buffer_fini) struct buffer url = { 0 }, again = { 0 };

	for (size_t i = 0; i < host.len; i++) {
		uint8_t c = host.data[i];

		CHECK(c > ' ' && c < 0x7F && !(c >= 'A' && c <= 'Z') && strchr("/\\@?#%*", c) == NULL);
		CHECK(c != ':' || host.data[0] == '[');
	}
	CHECK(host.data[0] != '[' || host.data[host.len - 1] == ']');
	CHECK(buffer_append_text(&url, "http://") && buffer_append_span(&url, host) && buffer_append_byte(&url, '/'));
	CHECK(gate_url_host(buffer_span(&url), &again, NULL) == CAPSULE_OK);
	CHECK(span_equal(host, buffer_span(&again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	HOLD(buffer_fini) struct buffer host = { 0 };
	struct capsule_error err = { 0 };
	enum capsule_status status = gate_url_host(span_of(data, size), &host, &err);

	CHECK(status == CAPSULE_OK || status == CAPSULE_EINVAL);
	if (status != CAPSULE_OK)
		CHECK(host.len == 0 && err.status == CAPSULE_EINVAL);
	for (const char *at = err.text; *at != '\0'; at++)
		CHECK((uint8_t)*at >= ' ' || *at == '\n' || *at == '\t');
	if (host.len > 0)
		check_host(buffer_span(&host));
	return 0;
}
