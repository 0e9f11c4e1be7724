/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An event and what became of it, as a line. */
#include "cli/json.h"
#include "cli/run_events.h"
#include "cli/text.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAYLOAD_COLUMNS 60
#define NS_PER_S 1000000000
#define NS_PER_MS 1000000

/* ---- For people ---- */

static void print_time(int64_t realtime_ns)
{
	time_t seconds = (time_t)(realtime_ns / NS_PER_S);
	struct tm local = { 0 };

	(void)localtime_r(&seconds, &local);
	(void)printf("%02d:%02d:%02d.%03d", local.tm_hour, local.tm_min, local.tm_sec,
		(int)(realtime_ns % NS_PER_S / NS_PER_MS));
}

/* The beginning of `len` bytes of JSON. */
static void print_cut(const char *text, size_t len)
{
	size_t end = 0;
	uint32_t code;

	for (size_t column = 0; end < len && column < PAYLOAD_COLUMNS; column++)
		end += cli_utf8_next(text + end, len - end, &code);
	cli_print_clean(stdout, text, end, CLEAN_LINE);
	if (end < len)
		(void)printf("... (%s bytes)", CLI_NUMBER(len));
}

/* Of a lifecycle event what is its own: its type is in its topic, and the metadata are alike. Returns false when
 * memory ran out. */
static bool print_lifecycle(const struct capsule_event *event)
{
	yyjson_doc *read = cli_json_read(event->payload, event->payload_len);
	yyjson_mut_doc *doc = read != NULL ? yyjson_doc_mut_copy(read, NULL) : NULL;
	char *text = NULL;
	size_t len = 0;

	if (doc != NULL) {
		(void)yyjson_mut_obj_remove_key(yyjson_mut_doc_get_root(doc), "type");
		(void)yyjson_mut_obj_remove_key(yyjson_mut_doc_get_root(doc), "metadata");
		text = yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, &len);
	}
	if (text != NULL)
		print_cut(text, len);
	free(text);
	yyjson_mut_doc_free(doc);
	yyjson_doc_free(read);
	return text != NULL;
}

/* What was published says more than what it is wrapped in. */
static void print_payload(const struct capsule_event *event, const char *payload, size_t len)
{
	static const char wrap[] = "{\"type\":\"custom\",\"data\":";
	size_t head = sizeof wrap - 1;

	if (strcmp(event->type, "ipc") != 0 && print_lifecycle(event))
		return;
	if (len > head && memcmp(payload, wrap, head) == 0)
		print_cut(payload + head, len - head - 1);
	else
		print_cut(payload, len);
}

static void print_note(const struct output *out, const struct run_note *note)
{
	bool good = note->decided ? !note->vetoed : note->outcome == CAPSULE_OUTCOME_DELIVERED;

	cli_print_styled(stdout, false, STYLE_PLAIN, note->capsule);
	(void)fputc('/', stdout);
	cli_print_styled(stdout, false, STYLE_PLAIN, note->action);
	(void)fputc(' ', stdout);
	if (note->decided)
		cli_print_styled(stdout, out->colour, good ? STYLE_WARNING : STYLE_BAD,
			note->vetoed ? "denied it" : "rewrote it");
	else
		cli_print_styled(
			stdout, out->colour, good ? STYLE_GOOD : STYLE_BAD, capsule_outcome_name(note->outcome));
	if (note->reason[0] != '\0') {
		(void)fputs(": ", stdout);
		cli_print_styled(stdout, false, STYLE_PLAIN, note->reason);
	}
}

/* The payload that receivers got. */
static const char *payload_of(const struct capsule_event *event, const struct run_event *known, size_t *len)
{
	*len = known->payload != NULL ? known->payload_len : event->payload_len;
	return known->payload != NULL ? known->payload : event->payload;
}

void run_events_print_text(const struct output *out, const struct capsule_event *event, const struct run_event *known)
{
	size_t len;
	const char *payload = payload_of(event, known, &len);

	print_time(event->realtime_ns);
	(void)fputs("  ", stdout);
	cli_print_clean(stdout, event->topic, event->topic_len, CLEAN_LINE);
	(void)fputs("  ", stdout);
	print_payload(event, payload, len);
	(void)fputs("  from ", stdout);
	cli_print_styled(stdout, out->colour, STYLE_NAME,
		event->capsule != NULL            ? event->capsule
			: run_event_is_own(event) ? "--publish"
						  : event->source);
	for (const struct run_note *note = known->notes; note != NULL; note = note->next) {
		(void)fputs(note == known->notes ? "  to " : ", ", stdout);
		print_note(out, note);
	}
	if (known->matched == 0)
		(void)fputs("  to nobody", stdout);
	(void)fputc('\n', stdout);
}

/* ---- For programs ---- */

static bool add_time(yyjson_mut_doc *doc, yyjson_mut_val *object, int64_t realtime_ns)
{
	time_t seconds = (time_t)(realtime_ns / NS_PER_S);
	char date[64] = "", text[96];
	struct tm utc = { 0 };

	if (gmtime_r(&seconds, &utc) == NULL || strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc) == 0)
		date[0] = '\0';
	(void)snprintf(text, sizeof text, "%s.%09" PRId64 "Z", date, realtime_ns % NS_PER_S);
	return yyjson_mut_obj_add_strcpy(doc, object, "timestamp", text);
}

/* The payload is JSON that the library has checked and written: it goes in as it is. */
static bool add_event(
	yyjson_mut_doc *doc, yyjson_mut_val *root, const struct capsule_event *event, const struct run_event *known)
{
	size_t len;
	const char *payload = payload_of(event, known, &len);
	yyjson_mut_val *object = yyjson_mut_obj_add_obj(doc, root, "event"), *raw = yyjson_mut_rawn(doc, payload, len);

	return object != NULL && raw != NULL && yyjson_mut_obj_add_uint(doc, object, "number", event->number) &&
		yyjson_mut_obj_add_str(doc, object, "type", event->type) &&
		yyjson_mut_obj_add_strn(doc, object, "topic", event->topic, event->topic_len) &&
		yyjson_mut_obj_add_val(doc, object, "payload", raw) &&
		cli_json_add_text(doc, object, "capsule", event->capsule) &&
		yyjson_mut_obj_add_str(doc, object, "source", event->source) &&
		yyjson_mut_obj_add_str(doc, object, "source_id", event->source_id) &&
		add_time(doc, object, event->realtime_ns);
}

static bool add_note(yyjson_mut_doc *doc, yyjson_mut_val *array, const struct run_note *note)
{
	yyjson_mut_val *object = yyjson_mut_arr_add_obj(doc, array);

	if (object == NULL || !cli_json_add_text(doc, object, "capsule", note->capsule) ||
		!cli_json_add_text(doc, object, "action", note->action))
		return false;
	if (!note->decided)
		return yyjson_mut_obj_add_str(doc, object, "outcome", capsule_outcome_name(note->outcome));
	return yyjson_mut_obj_add_bool(doc, object, "vetoed", note->vetoed) &&
		cli_json_add_text(doc, object, "reason", note->reason);
}

static bool add_notes(
	yyjson_mut_doc *doc, yyjson_mut_val *root, const char *key, const struct run_event *known, bool decided)
{
	yyjson_mut_val *array = yyjson_mut_obj_add_arr(doc, root, key);
	bool added = array != NULL;

	for (const struct run_note *note = known->notes; added && note != NULL; note = note->next)
		added = note->decided != decided || add_note(doc, array, note);
	return added;
}

bool run_events_print_json(const struct output *out, const struct capsule_event *event, const struct run_event *known)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = doc != NULL ? yyjson_mut_obj(doc) : NULL;
	char *text = NULL;
	size_t len = 0;

	if (root != NULL && add_event(doc, root, event, known) && add_notes(doc, root, "decisions", known, true) &&
		add_notes(doc, root, "outcomes", known, false) &&
		yyjson_mut_obj_add_uint(doc, root, "matched", known->matched)) {
		yyjson_mut_doc_set_root(doc, root);
		text = yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, &len);
	}
	yyjson_mut_doc_free(doc);
	if (text != NULL)
		cli_print_answer(out, text, len, true);
	free(text);
	return text != NULL;
}
