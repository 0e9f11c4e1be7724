/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One block holds an IPC message with its topic and payload: publishing costs one allocation, however many receive it. */
#include "bus/event.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/topic.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define SOURCE_UNKNOWN "unknown"

static_assert(sizeof(struct event) <= EVENT_OVERHEAD, "inboxes of small events must not take more than their budget");

static void event_fill(struct event *event, const struct event_source *source, enum event_type type)
{
	event->refs = 1;
	list_init(&event->over);
	event->type = type;
	event->origin = source->origin;
	event->source = source->source != NULL ? source->source : SOURCE_UNKNOWN;
	event->realtime_ns = source->realtime_ns;
	event->published_ns = source->published_ns;
	event->charge = EVENT_OVERHEAD + event->topic.len + event->payload.len;
}

static struct span place(uint8_t **at, struct span bytes)
{
	struct span placed = span_of(*at, bytes.len);

	if (bytes.len > 0)
		memcpy(*at, bytes.data, bytes.len);
	*at += bytes.len;
	return placed;
}

enum capsule_status event_new_ipc(struct event **out, const struct event_source *source, struct span topic,
	const struct payload *payload, struct capsule_error *err)
{
	struct span tagged = payload->tagged, inner = payload->inner;
	bool inside = inner.data >= tagged.data && inner.data + inner.len <= tagged.data + tagged.len;
	struct event *event = calloc(
		1, sizeof *event + topic.len + tagged.len + payload->request_id.len + (inside ? 0 : inner.len));
	uint8_t *at;

	if (event == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an event of %zu bytes", tagged.len);
	at = event->bytes;
	event->topic = place(&at, topic);
	event->payload = place(&at, tagged);
	if (inside)
		event->inner = span_of(event->payload.data + (inner.data - tagged.data), inner.len);
	else
		event->inner = place(&at, inner);
	event->request = payload->request;
	event->request_id = place(&at, payload->request_id);
	event_fill(event, source, EVENT_IPC);
	*out = event;
	return CAPSULE_OK;
}

void event_release(struct event *event)
{
	assert(event->refs > 0);
	if (--event->refs > 0)
		return;
	assert(event->open == 0 && event->chain == NULL && event->waiter == NULL);
	if (event->first != NULL)
		event_release(event->first);
	buffer_fini(&event->envelope);
	buffer_fini(&event->array);
	free(event);
}

enum capsule_status event_new_rewritten(
	struct event **out, struct event *event, const struct payload *payload, struct capsule_error *err)
{
	const struct event_source source = { .origin = event->origin,
		.source = event->source,
		.realtime_ns = event->realtime_ns,
		.published_ns = event->published_ns };
	enum capsule_status status = event_new_ipc(out, &source, event->topic, payload, err);

	if (status != CAPSULE_OK)
		return status;
	(*out)->first = event_hold(event_books(event));
	(*out)->sequence = event->sequence;
	return CAPSULE_OK;
}

/* ---- Lifecycle events ---- */

struct lifecycle_row {
	const char *tag, *topic, *fields;
};

static const struct lifecycle_row rows[EVENT_TYPES] = {
	[EVENT_IPC] = { "ipc", "ipc", "" },
#define LIFECYCLE(id, tag, fields) [EVENT_##id] = { tag, TOPIC_LIFECYCLE tag, fields },
#include "bus/lifecycle.def"
#undef LIFECYCLE
};

const char *event_type_name(enum event_type type)
{
	return rows[type].tag;
}

const char *event_type_topic(enum event_type type)
{
	return type == EVENT_CUSTOM ? rows[type].tag : rows[type].topic;
}

enum event_type event_type_find(struct span tag)
{
	int type = 0;

	while (type < EVENT_TYPES && !span_is(tag, rows[type].tag))
		type++;
	return (enum event_type)type;
}

/* ---- JSON ---- */

#define SECONDS_A_DAY 86400

/* Days since 1970 to a date of the Gregorian calendar, years counted from March so that a leap day comes last. */
static void date_of(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t shifted = days + 719468; /* from 0000-03-01 */
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	unsigned of_era = (unsigned)(shifted - era * 146097);
	unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned from_march = (5 * of_year + 2) / 153;

	*day = of_year - (153 * from_march + 2) / 5 + 1;
	*month = from_march < 10 ? from_march + 3 : from_march - 9;
	*year = (int64_t)year_of_era + era * 400 + (*month <= 2);
}

bool event_append_time(struct buffer *out, int64_t realtime_ns)
{
	int64_t seconds = realtime_ns / NS_PER_S, days, year;
	long fraction = (long)(realtime_ns % NS_PER_S);
	unsigned month, day, of_day;

	if (fraction < 0) {
		fraction += (long)NS_PER_S;
		seconds--;
	}
	days = seconds / SECONDS_A_DAY - (seconds % SECONDS_A_DAY < 0);
	of_day = (unsigned)(seconds - days * SECONDS_A_DAY);
	date_of(days, &year, &month, &day);
	(void)buffer_printf(out, "%04lld-%02u-%02uT%02u:%02u:%02u", (long long)year, month, day, of_day / 3600,
		of_day / 60 % 60, of_day % 60);
	if (fraction % 1000 != 0)
		(void)buffer_printf(out, ".%09ld", fraction);
	else if (fraction % 1000000 != 0)
		(void)buffer_printf(out, ".%06ld", fraction / 1000);
	else if (fraction != 0)
		(void)buffer_printf(out, ".%03ld", fraction / 1000000);
	return buffer_append_byte(out, 'Z');
}

static bool append_uuid(struct buffer *out, const struct uuid *uuid)
{
	char text[UUID_TEXT_LEN + 1];

	uuid_format(uuid, text);
	return buffer_append_byte(out, '"') && buffer_append(out, text, UUID_TEXT_LEN) && buffer_append_byte(out, '"');
}

struct span event_array(struct event *event)
{
	if (event->array.len == 0 && event->inner.len <= EVENT_ARRAY_MAX)
		(void)json_append_byte_array(&event->array, event->inner);
	return event->array.failed ? span_of(NULL, 0) : buffer_span(&event->array);
}

struct span event_envelope(struct event *event)
{
	struct buffer *out = &event->envelope;

	if (out->len > 0 && !out->failed)
		return buffer_span(out);
	buffer_clear(out);
	(void)(buffer_append_text(out, "{\"payload\":") && buffer_append_span(out, event->payload) &&
		buffer_append_text(out, ",\"signature\":null,\"source_id\":") &&
		append_uuid(out, &event->origin.source) && buffer_append_text(out, ",\"timestamp\":\"") &&
		event_append_time(out, event->realtime_ns) && buffer_append_text(out, "\",\"topic\":") &&
		json_append_string(out, event->topic) && buffer_append_byte(out, '}'));
	return out->failed ? span_of(NULL, 0) : buffer_span(out);
}

enum capsule_status event_id(struct event *event, struct uuid *out, struct capsule_error *err)
{
	enum capsule_status status = event->has_id ? CAPSULE_OK : uuid_make(&event->id, err);

	if (status != CAPSULE_OK)
		return status;
	event->has_id = true;
	*out = event->id;
	return CAPSULE_OK;
}

/* A source of all zeros is none: the runtime and its embedder have no session. */
static bool is_nil(const struct uuid *uuid)
{
	static const struct uuid nil;

	return memcmp(uuid, &nil, sizeof nil) == 0;
}

bool event_append_metadata(struct event *event, struct buffer *out)
{
	struct uuid id;

	if (event_id(event, &id, NULL) != CAPSULE_OK) {
		out->failed = true;
		return false;
	}
	(void)(buffer_append_text(out, "{\"event_id\":") && append_uuid(out, &id) &&
		buffer_append_text(out, ",\"timestamp\":\"") && event_append_time(out, event->realtime_ns) &&
		buffer_append_text(out, "\",\"correlation_id\":null,\"session_id\":"));
	if (is_nil(&event->origin.source))
		(void)buffer_append_text(out, "null");
	else
		(void)append_uuid(out, &event->origin.source);
	(void)(buffer_append_text(out, ",\"user_id\":null,\"source\":") &&
		json_append_string(out, span_text(event->source)));
	return buffer_append_byte(out, '}');
}

/* The kind of a value as a row writes it; 0 for null. */
static char letter_of(const struct event_value *value)
{
	static const char letters[] = { [EVENT_TEXT] = 's',
		[EVENT_NUMBER] = 'u',
		[EVENT_REAL] = 'r',
		[EVENT_BOOL] = 'b',
		[EVENT_UUID] = 'U',
		[EVENT_JSON] = 'j' };

	return value->kind == EVENT_NULL ? 0 : letters[value->kind];
}

static bool append_real(struct buffer *out, double real)
{
	yyjson_val value = { 0 };

	if (!isfinite(real))
		return buffer_append_text(out, "null");
	return yyjson_set_real(&value, real) && json_append_value(out, &value);
}

static bool append_value(struct buffer *out, const struct event_value *value)
{
	switch (value->kind) {
	case EVENT_TEXT:
		return json_append_lossy(out, value->text);
	case EVENT_NUMBER:
		return buffer_printf(out, "%llu", (unsigned long long)value->number);
	case EVENT_REAL:
		return append_real(out, value->real);
	case EVENT_BOOL:
		return buffer_append_text(out, value->truth ? "true" : "false");
	case EVENT_UUID:
		return append_uuid(out, &value->uuid);
	case EVENT_JSON:
		return buffer_append_span(out, value->text);
	default:
		return buffer_append_text(out, "null");
	}
}

/* The next "name:kind" of `fields`. Returns false at the end. */
static bool field_next(const char **fields, struct span *name, char *kind, bool *nullable)
{
	const char *colon = strchr(*fields, ':');

	if (colon == NULL)
		return false;
	*name = span_of(*fields, (size_t)(colon - *fields));
	*kind = colon[1];
	*nullable = colon[2] == '?';
	*fields = colon + 2 + *nullable;
	*fields += **fields == ' ';
	return true;
}

static bool append_fields(struct buffer *out, enum event_type type, const struct event_value *values, size_t count)
{
	const char *fields = rows[type].fields;
	struct span name;
	size_t at = 0;
	bool nullable;
	char kind;

	while (field_next(&fields, &name, &kind, &nullable)) {
		assert(at < count && (letter_of(&values[at]) == kind || (nullable && values[at].kind == EVENT_NULL)));
		(void)(buffer_append_text(out, ",\"") && buffer_append_span(out, name) &&
			buffer_append_text(out, "\":") && append_value(out, &values[at]));
		at++;
	}
	assert(at == count);
	return buffer_append_byte(out, '}');
}

enum capsule_status event_new_lifecycle(struct event **out, const struct event_source *source, enum event_type type,
	const struct event_value *values, size_t count, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	struct event head = { 0 }, *event;
	enum capsule_status status;

	assert(type > EVENT_IPC && type < EVENT_TYPES);
	event_fill(&head, source, type);
	status = event_id(&head, &head.id, err);
	if (status != CAPSULE_OK)
		return status;
	(void)(buffer_append_text(&text, "{\"type\":\"") && buffer_append_text(&text, rows[type].tag) &&
		buffer_append_text(&text, "\",\"metadata\":") && event_append_metadata(&head, &text) &&
		append_fields(&text, type, values, count));
	status = buffer_check(&text, err);
	if (status != CAPSULE_OK)
		return status;
	event = calloc(1, sizeof *event + text.len);
	if (event == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an event of %zu bytes", text.len);
	*event = head;
	list_init(&event->over); /* a list can't be copied */
	memcpy(event->bytes, text.data, text.len);
	event->topic = span_text(event_type_topic(type));
	event->payload = event->inner = span_of(event->bytes, text.len);
	event->charge = EVENT_OVERHEAD + event->topic.len + event->payload.len;
	*out = event;
	return CAPSULE_OK;
}
