/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A child stands in the list of its capsule until nobody can ask for it any more: one in the foreground until its report is
 * taken, one in the background until it is killed or too many have ended after it. */
#include "process/children.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>

#define CODE_NOT_RUN 1 /* of a program that could not be run */
#define CODE_SIGNAL 128
#define CODE_CANCELLED (-1)

/* What one in the background wrote and nobody has taken. */
struct stream {
	struct buffer kept; /* raw, at most CHILDREN_RING */
	uint64_t lost;      /* bytes dropped before it */
	uint64_t counted;   /* bytes that were kept or lost in all */
	size_t told;        /* of `kept`, by the last children_read() */
};

enum kind { FOREGROUND, BACKGROUND, KILLED };

struct child {
	struct children *owner;
	struct list_node link;
	enum kind kind;
	struct process *process; /* NULL: it has ended */
	uint64_t id;             /* of the background; 0: none */
	uint64_t call_id;
	struct op *op;  /* that waits for its end, or has ended and not taken the report; NULL: none */
	bool reported;  /* `report` is there */
	bool cancelled; /* by children_cancel() */
	bool known;     /* whether `code` is */
	int code;
	struct stream streams[2]; /* output, error */
	struct timer reap;        /* of one that is killed */
	struct child_report report;
};

struct cancel {
	uint64_t call_id;
	int64_t until_ns;
};

struct children {
	struct loop *loop;
	struct list_node all; /* the oldest first */
	uint64_t last_id;
	bool closed;
	struct cancel cancels[CHILDREN_CANCELS];
	size_t next_cancel;
};

void child_report_fini(struct child_report *report)
{
	buffer_fini(&report->output);
	buffer_fini(&report->error);
	*report = (struct child_report){ 0 };
}

static void child_free(struct child *child)
{
	list_remove(&child->link);
	loop_timer_disarm(child->owner->loop, &child->reap);
	process_abandon(child->process);
	buffer_fini(&child->streams[0].kept);
	buffer_fini(&child->streams[1].kept);
	child_report_fini(&child->report);
	free(child);
}

DEFINE_DROP(child_drop, struct child *, child_free)

/* ---- What it wrote ---- */

/* How many bytes at the end of `bytes` begin a sequence whose rest may still come. */
static size_t unfinished(struct span bytes)
{
	size_t len = 0;

	while (len < bytes.len && len < 3) {
		uint8_t byte = bytes.data[bytes.len - ++len];
		size_t whole = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 0;

		if ((byte & 0xC0) == 0x80)
			continue;
		return byte <= 0xF4 && whole > len ? len : 0;
	}
	return 0;
}

static void drop_first(struct buffer *buffer, size_t len)
{
	buffer->len -= len;
	memmove(buffer->data, buffer->data + len, buffer->len);
}

static void lose_first(struct stream *stream, size_t len)
{
	if (len == 0)
		return;
	drop_first(&stream->kept, len);
	stream->lost += len;
}

/* New bytes behind a gap of `lost` ones. What does not fit is lost at the front. */
static void stream_add(struct stream *stream, struct span bytes, uint64_t lost)
{
	size_t cut = 0;

	stream->counted += lost + bytes.len;
	if (lost > 0) {
		lose_first(stream, stream->kept.len);
		stream->lost += lost;
		/* The gap may have taken the beginning of a character. */
		while (cut < 3 && cut < bytes.len && (bytes.data[cut] & 0xC0) == 0x80)
			cut++;
		stream->lost += cut;
	}
	if (bytes.len - cut > CHILDREN_RING - stream->kept.len)
		lose_first(stream, bytes.len - cut - (CHILDREN_RING - stream->kept.len));
	if (bytes.len > cut && !buffer_append(&stream->kept, bytes.data + cut, bytes.len - cut)) {
		stream->kept.failed = false;
		stream->lost += bytes.len - cut;
	}
	stream->told = 0;
}

/* Fetch what the process holds for us. */
static void collect(struct child *child)
{
	for (int i = 0; child->process != NULL && i < 2; i++) {
		HOLD(buffer_fini) struct buffer bytes = { 0 };
		uint64_t lost = 0;

		(void)process_take_output(child->process, i == 1, &bytes, &lost);
		if (bytes.len > 0 || lost > 0)
			stream_add(&child->streams[i], buffer_span(&bytes), lost);
	}
}

/* What a stream holds, as text; `last`: nothing will come behind it. */
static enum capsule_status tell_stream(
	struct stream *stream, bool last, struct buffer *out, uint64_t *lost, struct capsule_error *err)
{
	struct span bytes = buffer_span(&stream->kept);

	if (!last)
		bytes.len -= unfinished(bytes);
	stream->told = bytes.len;
	*lost = stream->lost;
	(void)text_append_lossy(out, bytes);
	return buffer_check(out, err);
}

static enum capsule_status tell(struct child *child, struct child_report *out, struct capsule_error *err)
{
	bool last = child->process == NULL;
	enum capsule_status status;

	*out = (struct child_report){
		.running = !last, .known = child->known, .code = child->code, .cancelled = child->cancelled
	};
	status = tell_stream(&child->streams[0], last, &out->output, &out->output_lost, err);
	if (status == CAPSULE_OK)
		status = tell_stream(&child->streams[1], last, &out->error, &out->error_lost, err);
	if (status != CAPSULE_OK)
		child_report_fini(out);
	return status;
}

/* ---- Its end ---- */

static void ended_well(struct child *child)
{
	child->reported = true;
	op_finish(child->op);
}

static void failed(struct child *child, const struct capsule_error *err)
{
	struct op *op = child->op;

	child_free(child);
	op_fail(op, err);
}

/* Of the foreground: what was written goes into the report at once. */
static void report_run(struct child *child, const struct process_result *result)
{
	struct child_report *report = &child->report;
	struct capsule_error err;

	report->cancelled = child->cancelled;
	report->known = child->known;
	report->code = child->code;
	report->output_lost = result->output_bytes - result->output.len;
	report->error_lost = result->error_bytes - result->error.len;
	(void)text_append_lossy(&report->output, buffer_span(&result->output));
	(void)text_append_lossy(&report->error, buffer_span(&result->error));
	if (buffer_check(&report->output, &err) == CAPSULE_OK && buffer_check(&report->error, &err) == CAPSULE_OK)
		ended_well(child);
	else
		failed(child, &err);
}

static void report_killed(struct child *child)
{
	struct capsule_error err;

	if (tell(child, &child->report, &err) == CAPSULE_OK)
		ended_well(child);
	else
		failed(child, &err);
}

/* The oldest of those that ended in the background make room. */
static void forget_oldest(struct children *children)
{
	struct child *oldest = NULL;
	size_t count = 0;

	LIST_EACH (node, &children->all) {
		struct child *child = LIST_ENTRY(node, struct child, link);

		if (child->kind != BACKGROUND || child->process != NULL)
			continue;
		if (oldest == NULL)
			oldest = child;
		count++;
	}
	if (count > CHILDREN_ENDED_MAX)
		child_free(oldest);
}

static void take_code(struct child *child, const struct process_result *result)
{
	child->known = !child->cancelled && (result->end == PROCESS_EXITED || result->end == PROCESS_SIGNALED);
	child->code = result->end == PROCESS_SIGNALED ? CODE_SIGNAL + result->code : result->code;
	if (!child->known)
		child->code = CODE_CANCELLED;
}

/* What is left in the pipes of a child whose output was taken in between. */
static void take_rest(struct stream *stream, const struct buffer *bytes, uint64_t written)
{
	uint64_t before = stream->counted + bytes->len;

	stream_add(stream, buffer_span(bytes), written > before ? written - before : 0);
}

static void child_done(void *user, const struct process_result *result, const struct capsule_error *failure)
{
	struct child *child = user;
	struct children *children = child->owner;

	child->process = NULL;
	loop_timer_disarm(children->loop, &child->reap);
	if (result != NULL)
		take_code(child, result);
	if (child->kind == FOREGROUND) {
		if (result != NULL)
			report_run(child, result);
		else
			failed(child, failure);
		return;
	}
	if (result != NULL) {
		take_rest(&child->streams[0], &result->output, result->output_bytes);
		take_rest(&child->streams[1], &result->error, result->error_bytes);
	} else {
		child->known = true;
		child->code = CODE_NOT_RUN;
		stream_add(&child->streams[1], span_text(failure->text), 0);
	}
	if (child->kind == KILLED)
		report_killed(child);
	else
		forget_oldest(children);
}

/* op.stop: nobody waits any more. */
static void stopped(struct op *op)
{
	child_free(op->producer);
}

/* It hangs inside the kernel: whoever waits gets what there is. */
static void reap_missed(struct timer *timer)
{
	struct child *child = LIST_ENTRY(timer, struct child, reap);

	collect(child);
	process_abandon(child->process);
	child->process = NULL;
	report_killed(child);
}

/* ---- Beginning ---- */

enum capsule_status children_new(struct children **out, struct loop *loop, struct capsule_error *err)
{
	struct children *children = calloc(1, sizeof *children);

	if (children == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for children");
	children->loop = loop;
	list_init(&children->all);
	*out = children;
	return CAPSULE_OK;
}

void children_open(struct children *children)
{
	children->closed = false;
}

static size_t count(const struct children *children, enum kind kind)
{
	size_t running = 0;

	LIST_EACH (node, &children->all) {
		const struct child *child = LIST_ENTRY(node, struct child, link);

		running += child->kind == kind && child->process != NULL;
	}
	return running;
}

size_t children_running(const struct children *children)
{
	return count(children, FOREGROUND) + count(children, BACKGROUND) + count(children, KILLED);
}

static enum capsule_status cancelled(struct capsule_error *err)
{
	return error_set(err, CAPSULE_ECANCELLED, "process cancelled");
}

static bool is_cancelled(const struct children *children, uint64_t call_id)
{
	for (size_t i = 0; call_id != 0 && i < CHILDREN_CANCELS; i++)
		if (children->cancels[i].call_id == call_id && children->cancels[i].until_ns > loop_now(children->loop))
			return true;
	return false;
}

static struct child *child_new(struct children *children, enum kind kind, uint64_t call_id, struct capsule_error *err)
{
	struct child *child = calloc(1, sizeof *child);

	if (child == NULL) {
		(void)error_set(err, CAPSULE_ENOMEM, "no memory for a child");
		return NULL;
	}
	child->owner = children;
	child->kind = kind;
	child->call_id = call_id;
	child->code = CODE_CANCELLED;
	child->reap.fire = reap_missed;
	list_append(&children->all, &child->link);
	return child;
}

static enum capsule_status start(struct child *child, const struct process_spec *asked, struct capsule_error *err)
{
	struct process_spec spec = *asked;
	const struct process_stream stream = child->kind == FOREGROUND
		? (struct process_stream){ .keep = PROCESS_FIRST, .limit = CHILDREN_OUTPUT_MAX }
		: (struct process_stream){ .keep = PROCESS_LAST, .limit = CHILDREN_RING };

	spec.output = spec.error = stream;
	spec.wall_ms = spec.grace_ms = 0;
	return process_start(&child->process, child->owner->loop, &spec, child_done, child, err);
}

/* `op` waits for the child from now on. */
static void attach(struct child *child, struct op *op)
{
	struct child_report old;

	children_take(child->owner, op, &old);
	child_report_fini(&old);
	child->op = op;
	op->producer = child;
	op->stop = stopped;
}

enum capsule_status children_run(struct children *children, const struct process_spec *spec, uint64_t call_id,
	struct op *op, struct capsule_error *err)
{
	HOLD(child_drop) struct child *child = NULL;
	enum capsule_status status = CAPSULE_OK;

	if (children->closed)
		return cancelled(err);
	if (count(children, FOREGROUND) >= CHILDREN_FOREGROUND_MAX)
		return error_set(
			err, CAPSULE_ELIMIT, "foreground process limit reached (max %d)", CHILDREN_FOREGROUND_MAX);
	child = child_new(children, FOREGROUND, call_id, err);
	if (child == NULL)
		return CAPSULE_ENOMEM;
	child->cancelled = child->report.cancelled = is_cancelled(children, call_id);
	child->report.code = CODE_CANCELLED;
	if (!child->cancelled)
		status = start(child, spec, err);
	if (status != CAPSULE_OK)
		return status;
	attach(child, op);
	if (child->cancelled)
		ended_well(child);
	child = NULL; /* in the list */
	return CAPSULE_OK;
}

void children_take(struct children *children, const struct op *op, struct child_report *out)
{
	*out = (struct child_report){ 0 };
	LIST_EACH (node, &children->all) {
		struct child *child = LIST_ENTRY(node, struct child, link);

		if (child->op != op || !child->reported)
			continue;
		*out = child->report;
		child->report = (struct child_report){ 0 };
		child_free(child);
		return;
	}
}

enum capsule_status children_start(struct children *children, const struct process_spec *spec, uint64_t call_id,
	uint64_t *id, struct capsule_error *err)
{
	HOLD(child_drop) struct child *child = NULL;
	enum capsule_status status;

	if (children->closed || is_cancelled(children, call_id))
		return cancelled(err);
	if (count(children, BACKGROUND) >= CHILDREN_RUNNING_MAX)
		return error_set(
			err, CAPSULE_ELIMIT, "background process limit reached (max %d)", CHILDREN_RUNNING_MAX);
	child = child_new(children, BACKGROUND, call_id, err);
	if (child == NULL)
		return CAPSULE_ENOMEM;
	status = start(child, spec, err);
	if (status != CAPSULE_OK)
		return status;
	*id = child->id = ++children->last_id;
	child = NULL; /* in the list */
	return CAPSULE_OK;
}

/* ---- Those in the background ---- */

static struct child *find(const struct children *children, uint64_t id)
{
	LIST_EACH (node, &children->all) {
		struct child *child = LIST_ENTRY(node, struct child, link);

		if (child->kind == BACKGROUND && child->id == id)
			return child;
	}
	return NULL;
}

static enum capsule_status not_found(uint64_t id, struct capsule_error *err)
{
	return error_set(err, CAPSULE_ENOTFOUND, "no background process with id %" PRIu64, id);
}

enum capsule_status children_read(
	struct children *children, uint64_t id, struct child_report *out, struct capsule_error *err)
{
	struct child *child = find(children, id);

	*out = (struct child_report){ 0 };
	if (child == NULL)
		return not_found(id, err);
	collect(child);
	return tell(child, out, err);
}

void children_read_taken(struct children *children, uint64_t id)
{
	struct child *child = find(children, id);

	for (int i = 0; child != NULL && i < 2; i++) {
		struct stream *stream = &child->streams[i];

		if (stream->told > 0)
			drop_first(&stream->kept, stream->told);
		stream->told = 0;
		stream->lost = 0;
		if (stream->kept.len == 0)
			buffer_fini(&stream->kept);
	}
}

enum capsule_status children_kill(
	struct children *children, uint64_t id, struct op *op, bool *alive, struct capsule_error *err)
{
	struct child *child = find(children, id);

	if (child == NULL)
		return not_found(id, err);
	*alive = child->process != NULL;
	child->kind = KILLED;
	attach(child, op);
	if (child->process == NULL) {
		report_killed(child);
		return CAPSULE_OK;
	}
	process_end(child->process, SIGKILL, 0);
	if (!loop_timer_arm(children->loop, &child->reap, loop_due_after(children->loop, CHILDREN_REAP_MS)))
		reap_missed(&child->reap);
	return CAPSULE_OK;
}

/* ---- Cancelling ---- */

size_t children_cancel(struct children *children, uint64_t call_id)
{
	struct cancel *cancel = &children->cancels[children->next_cancel];
	size_t hit = 0;

	assert(call_id != 0);
	children->next_cancel = (children->next_cancel + 1) % CHILDREN_CANCELS;
	*cancel = (struct cancel){ call_id, loop_due_after(children->loop, CHILDREN_CANCEL_GRACE_MS) };
	LIST_EACH (node, &children->all) {
		struct child *child = LIST_ENTRY(node, struct child, link);

		if (child->call_id != call_id || child->process == NULL)
			continue;
		child->cancelled = true;
		process_end(child->process, SIGINT, CHILDREN_CANCEL_GRACE_MS);
		hit++;
	}
	return hit;
}

void children_end_all(struct children *children)
{
	struct capsule_error err;

	(void)cancelled(&err);
	children->closed = true;
	LIST_EACH_SAFE (node, &children->all) {
		struct child *child = LIST_ENTRY(node, struct child, link);

		if (child->reported) /* ended before: it is its operation's */
			continue;
		if (child->op != NULL)
			failed(child, &err);
		else
			child_free(child);
	}
}

void children_free(struct children *children)
{
	if (children == NULL)
		return;
	children_end_all(children);
	while (!list_empty(&children->all))
		child_free(LIST_ENTRY(children->all.next, struct child, link));
	free(children);
}
