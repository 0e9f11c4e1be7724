/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The host of a URL by the parser of the library that dials it: two parsers that disagree are how a request is judged for one
 * host and sent to another. */
#include "gate/gate.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "gate/question.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#define URL_BYTES_MAX 65536 /* no server takes one that is longer */

/* Not every version of the library knows the conversion of international names; without it they are refused. */
#ifdef CURLU_PUNYCODE
#define HOST_FLAGS CURLU_PUNYCODE
#else
#define HOST_FLAGS 0
#endif

static void url_drop(CURLU **url)
{
	curl_url_cleanup(*url);
}

static void host_drop(char **host)
{
	curl_free(*host);
}

static enum capsule_status refuse(struct capsule_error *err, struct span url, CURLUcode code)
{
	if (code == CURLUE_OUT_OF_MEMORY)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a URL");
	return error_set(err, CAPSULE_EINVAL, "`%.*s` is no absolute URL: %s", (int)(url.len < 256 ? url.len : 256),
		url.len > 0 ? (const char *)url.data : "", curl_url_strerror(code));
}

/* An address in brackets has one form only. */
static bool append_address(struct span host, struct buffer *out)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (host.len < 3 || host.len - 2 >= sizeof text || host.data[host.len - 1] != ']')
		return false;
	memcpy(text, host.data + 1, host.len - 2);
	text[host.len - 2] = '\0';
	if (inet_pton(AF_INET6, text, &address) != 1 || inet_ntop(AF_INET6, &address, text, sizeof text) == NULL)
		return false;
	return buffer_printf(out, "[%s]", text) || out->failed;
}

static bool is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((uint8_t)*text >= 0x80)
			return false;
	return true;
}

/* The host, for a client with names in English letters only. Where the conversion of others fails - by what the locale can
 * hold, for one - the library calls it a lack of memory. */
static CURLUcode get_host(CURLU *parsed, char **host)
{
	CURLUcode code = curl_url_get(parsed, CURLUPART_HOST, host, 0);

	if (code != CURLUE_OK || is_ascii(*host))
		return code;
	curl_free(*host);
	*host = NULL;
	code = curl_url_get(parsed, CURLUPART_HOST, host, HOST_FLAGS);
	return code == CURLUE_OK && is_ascii(*host) ? CURLUE_OK : CURLUE_BAD_HOSTNAME;
}

static enum capsule_status append_host(struct span url, char *host, struct buffer *out, struct capsule_error *err)
{
	struct span text;

	text_lower(host);
	text = span_text(host);
	if (!host_valid(text) || (text.data[0] == '[' && !append_address(text, out)))
		return refuse(err, url, CURLUE_BAD_HOSTNAME);
	if (text.data[0] != '[')
		(void)buffer_append_span(out, text);
	return buffer_check(out, err);
}

enum capsule_status gate_url_host(struct span url, struct buffer *out, struct capsule_error *err)
{
	HOLD(url_drop) CURLU *parsed = NULL;
	HOLD(host_drop) char *host = NULL;
	HOLD(free_drop) char *text = NULL;
	CURLUcode code;

	if (url.len > URL_BYTES_MAX)
		return error_set(
			err, CAPSULE_EINVAL, "a URL of %zu bytes, at most %d are allowed", url.len, URL_BYTES_MAX);
	if (url.len > 0 && memchr(url.data, '\0', url.len) != NULL)
		return error_set(err, CAPSULE_EINVAL, "a URL with a NUL byte");
	text = text_copy(url);
	parsed = curl_url();
	if (text == NULL || parsed == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a URL");
	code = curl_url_set(parsed, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
	if (code != CURLUE_OK)
		return refuse(err, url, code);
	code = get_host(parsed, &host);
	if (code == CURLUE_NO_HOST || (code == CURLUE_OK && host[0] == '\0'))
		return CAPSULE_OK;
	return code == CURLUE_OK ? append_host(url, host, out, err) : refuse(err, url, code);
}
