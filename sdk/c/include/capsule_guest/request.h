/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The request in which the host names a handler and brings its arguments: {"name": ..., "arguments": [bytes]}. It is read
 * where it is, window by window, since the byte array of large arguments is four times as long as they are.
 * Part of capsule_guest.h, which is the header to include. */
#ifndef CAPSULE_GUEST_REQUEST_H
#define CAPSULE_GUEST_REQUEST_H

#include "blocks.h"
#include "json_text.h"

#define GUEST_WINDOW 512u

struct guest_request {
	uint64_t at, len;       /* in the input */
	uint64_t start, loaded; /* the part of it that is in the window */
	uint8_t window[GUEST_WINDOW];
};

/* The next byte without taking it, or -1 at the end. */
GUEST_OUTLINE int guest_request_peek(struct guest_request *request)
{
	if (request->at >= request->len)
		return -1;
	if (request->at - request->start >= request->loaded) {
		uint64_t left = request->len - request->at;

		request->start = request->at;
		request->loaded = left < GUEST_WINDOW ? left : GUEST_WINDOW;
		guest_input_read(request->at, request->window, (size_t)request->loaded);
	}
	return request->window[request->at - request->start];
}

/* The next byte that is no white space, without taking it. */
GUEST_OUTLINE int guest_request_token(struct guest_request *request)
{
	int byte;

	while ((byte = guest_request_peek(request)) == ' ' || byte == '\t' || byte == '\n' || byte == '\r')
		request->at++;
	return byte;
}

GUEST_OUTLINE bool guest_request_take(struct guest_request *request, int wanted)
{
	if (guest_request_token(request) != wanted)
		return false;
	request->at++;
	return true;
}

/* A string, as it stands between its quotes, then decoded. */
GUEST_OUTLINE bool guest_request_string(struct guest_request *request, struct guest_bytes *out)
{
	struct guest_buffer raw = { .len = 0 }, text = { .len = 0 };
	const uint8_t *at, *end;
	uint8_t unit[4];
	size_t more;
	int byte;

	if (!guest_request_take(request, '"'))
		return false;
	while ((byte = guest_request_peek(request)) != '"') {
		if (byte < 0)
			return false;
		guest_append_byte(&raw, (uint8_t)byte);
		request->at++;
		if (byte != '\\')
			continue;
		byte = guest_request_peek(request);
		guest_append_byte(&raw, (uint8_t)byte);
		request->at++;
	}
	request->at++;
	at = raw.data;
	end = raw.data + raw.len;
	while ((more = guest_take_unit(&at, end, unit)) > 0)
		guest_append_bytes(&text, guest_bytes_of(unit, more));
	*out = guest_appended(&text);
	return !raw.failed && !text.failed;
}

/* An array of numbers from 0 to 255. */
GUEST_OUTLINE bool guest_request_bytes(struct guest_request *request, struct guest_bytes *out)
{
	struct guest_buffer bytes = { .len = 0 };

	if (!guest_request_take(request, '['))
		return false;
	if (guest_request_take(request, ']'))
		return true;
	do {
		uint32_t value = 0, digits = 0;
		int byte = guest_request_token(request);

		for (; guest_is_digit(byte) && digits < 4; byte = guest_request_peek(request), digits++) {
			value = value * 10 + (uint32_t)(byte - '0');
			request->at++;
		}
		if (digits == 0 || value > 255)
			return false;
		guest_append_byte(&bytes, (uint8_t)value);
	} while (guest_request_take(request, ','));
	*out = guest_appended(&bytes);
	return guest_request_take(request, ']') && !bytes.failed;
}

/* Any value; what is no JSON is found later or does not matter. */
GUEST_OUTLINE bool guest_request_skip(struct guest_request *request)
{
	bool in_string = false;
	uint64_t depth = 0;

	if (guest_request_token(request) < 0)
		return false;
	for (;;) {
		int byte = guest_request_peek(request);

		if (byte < 0)
			return false;
		if (depth == 0 && !in_string && (byte == ',' || byte == '}' || byte == ']'))
			return true;
		request->at++;
		if (byte == '\\' && in_string)
			request->at++;
		else if (byte == '"')
			in_string = !in_string;
		else if (!in_string && (byte == '{' || byte == '['))
			depth++;
		else if (!in_string && (byte == '}' || byte == ']'))
			depth--;
	}
}

/* Read the request. False, and the call fails, when it is not what a host sends. `arguments` may be left out. */
GUEST_OUTLINE bool guest_request_read(struct guest_bytes *name, struct guest_bytes *arguments)
{
	struct guest_request request; /* its window is not cleared */
	bool named = false, brought = false, good;
	struct guest_bytes key = { NULL, 0 };

	request.at = request.start = request.loaded = 0;
	request.len = extism_input_length();
	good = guest_request_take(&request, '{');
	*arguments = guest_bytes_of(NULL, 0);
	if (good && guest_request_token(&request) != '}') {
		do {
			good = guest_request_string(&request, &key) && guest_request_take(&request, ':');
			if (good && guest_equal(key, "name")) {
				good = guest_request_string(&request, name);
				named = good;
			} else if (good && guest_equal(key, "arguments")) {
				good = guest_request_bytes(&request, arguments);
				brought = true;
			} else if (good) {
				good = guest_request_skip(&request);
			}
		} while (good && guest_request_take(&request, ','));
	}
	if (brought && !good)
		guest_fail("the `arguments` of the request are not an array of bytes");
	else if (!named)
		guest_fail("the request has no `name`");
#ifndef CAPSULE_PORTABLE
	if (!brought)
		*arguments = guest_take_block(capsule_bulk_arguments());
#endif
	return !guest_failed();
}

#endif
