/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Programs that a guest starts. The gate is asked for the program by its name, exactly as an entry has it; what runs is what
 * that entry stood for when the capsule was loaded, in a sandbox. */
#include "host/host_rows.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "host/spawn_request.h"
#include "process/children.h"
#include "process/program.h"

#include <inttypes.h>

#define CODE_NOT_RUN 1 /* as a shell's: the reason stands in the error output */

/* Bytes of JSON for one stream in an answer, which has to fit into a guest's memory with room to spare: what is escaped
 * takes up to six times its bytes. */
#define TEXT_MAX (16u * MIB)

struct host_process {
	struct op op;
	bool alive;                   /* it was, then */
	struct capsule_error failure; /* of the operation */
};

static struct children *children_of(const struct host_call *call)
{
	return call->host->services.children;
}

void host_process_free(struct host_call *call)
{
	struct host_process *process = call->process;
	struct child_report report;

	if (process == NULL)
		return;
	if (call->op == &process->op)
		call->op = NULL;
	op_fini(&process->op);
	if (children_of(call) != NULL) {
		children_take(children_of(call), &process->op, &report);
		child_report_fini(&report);
	}
	free(process);
	call->process = NULL;
}

/* ---- Answers ---- */

/* Bytes of JSON for the character that begins with `byte` and has `len` bytes. */
static size_t cost_of(uint8_t byte, size_t len)
{
	if (byte == '"' || byte == '\\' || (byte >= '\b' && byte <= '\r' && byte != '\v'))
		return 2;
	return byte < ' ' ? 6 : len;
}

/* How much of `text`, which is UTF-8, may stand in an answer: a whole number of characters. */
static size_t fitting(struct span text)
{
	size_t len = 0, room = TEXT_MAX;

	while (len < text.len) {
		uint8_t byte = text.data[len];
		size_t step = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
		size_t cost = cost_of(byte, step);

		if (cost > room)
			break;
		room -= cost;
		len += step;
	}
	return len;
}

/* The member `key` with the text, and what is lost of it in `*lost`. */
static void append_stream(struct buffer *out, const char *key, const struct buffer *text, uint64_t *lost)
{
	struct span shown = span_of(text->data, fitting(buffer_span(text)));

	*lost += text->len - shown.len;
	(void)(buffer_printf(out, "\"%s\":", key) && json_append_string(out, shown));
}

static void append_streams(struct buffer *out, struct child_report *report)
{
	append_stream(out, "stdout", &report->output, &report->output_lost);
	(void)buffer_append_byte(out, ',');
	append_stream(out, "stderr", &report->error, &report->error_lost);
}

static void append_code(struct buffer *out, const struct child_report *report)
{
	if (report->known && !report->running)
		(void)buffer_printf(out, ",\"exit_code\":%d", report->code);
	else
		(void)buffer_append_text(out, ",\"exit_code\":null");
}

/* Only what was lost is told, so that most answers have the members that guests have always known. */
static void append_lost(struct buffer *out, const struct child_report *report)
{
	if (report->output_lost > 0)
		(void)buffer_printf(out, ",\"stdout_truncated\":%" PRIu64, report->output_lost);
	if (report->error_lost > 0)
		(void)buffer_printf(out, ",\"stderr_truncated\":%" PRIu64, report->error_lost);
	(void)buffer_append_byte(out, '}');
}

static enum capsule_status answer(struct host_call *call, struct capsule_error *err)
{
	if (buffer_check(&call->out, err) != CAPSULE_OK)
		return error_in(err, "%s result", call->row->name);
	call->result = buffer_span(&call->out);
	return CAPSULE_OK;
}

static enum capsule_status answer_run(struct host_call *call, struct child_report *report, struct capsule_error *err)
{
	struct buffer *out = &call->out;

	buffer_clear(out);
	(void)buffer_append_byte(out, '{');
	append_streams(out, report);
	(void)buffer_printf(out, ",\"exit_code\":%d", report->code);
	append_lost(out, report);
	return answer(call, err);
}

/* It did not run, or was ended with its capsule: an answer like any other. */
static enum capsule_status answer_instead(
	struct host_call *call, const struct capsule_error *failure, struct capsule_error *err)
{
	bool cancelled = failure->status == CAPSULE_ECANCELLED;

	buffer_clear(&call->out);
	(void)(buffer_append_text(&call->out, "{\"stdout\":\"\",\"stderr\":") &&
		json_append_lossy(&call->out, span_text(failure->text)));
	(void)buffer_printf(&call->out, ",\"exit_code\":%d}", cancelled ? -1 : CODE_NOT_RUN);
	return answer(call, err);
}

/* Whether a failure is the guest's to read as that of its program, and not that of this machine to run any. */
static bool of_program(const struct capsule_error *failure)
{
	return failure->status == CAPSULE_ENOTFOUND || failure->status == CAPSULE_EIO ||
		failure->status == CAPSULE_EDENIED || failure->status == CAPSULE_EINVAL ||
		failure->status == CAPSULE_ECANCELLED;
}

/* ---- May it ---- */

static enum capsule_status permit(struct host_call *call, struct span cmd, struct capsule_error *err)
{
	const struct gate *gate = call->host->gate != NULL ? call->host->gate : gate_deny_all();
	const struct gate_question question = { .operation = GATE_PROCESS, .operand = cmd };
	struct gate_decision decision;
	HOLD(buffer_fini) struct buffer fix = { 0 };

	if (host_call_allows(call, &question, &decision))
		return CAPSULE_OK;
	host_call_tell_refused(call, &question, &decision);
	if (decision.reason != GATE_NOT_DECLARED) {
		(void)gate_refuse(err, gate, call->host->capsule_id, &question, &decision);
		return error_in(err, "Security Check Failed");
	}
	(void)gate_append_fix(&question, &decision, &fix);
	return error_set(err, CAPSULE_EDENIED,
		"Security Check Failed: capsule '%s' denied: host process '%.*s' not declared in manifest (%s:%u); %.*s",
		call->host->capsule_id, SPAN_ARG(cmd), gate->manifest_path != NULL ? gate->manifest_path : "none",
		decision.place.line, SPAN_ARG(buffer_span(&fix)));
}

static enum capsule_status none_here(const struct host_call *call, struct capsule_error *err)
{
	return error_set(err, CAPSULE_EUNSUPPORTED, "there are no programs for '%s'", call->host->capsule_id);
}

/* What is about to be started: what its texts are in, and where they lead. */
struct start {
	struct spawn_request request;
	struct process_spec spec;
	struct program_image image;
	bool opened;
};

static void start_fini(struct start *start)
{
	spawn_request_fini(&start->request);
	if (start->opened)
		program_image_fini(&start->image);
}

static enum capsule_status read_request(struct host_call *call, struct start *start, struct capsule_error *err)
{
	if (call->args[0].len > LIMIT_PAYLOAD) {
		(void)error_set(err, CAPSULE_ELIMIT,
			"memory allocation of %zu bytes exceeds maximum allowed limit of %u bytes", call->args[0].len,
			LIMIT_PAYLOAD);
		return CAPSULE_ELIMIT;
	}
	if (spawn_request_read(&start->request, call->args[0], err) == CAPSULE_OK)
		return CAPSULE_OK;
	return error_in(err, "failed to parse process request");
}

/* The program as it is now, and what it gets. */
static enum capsule_status find(struct host_call *call, struct start *start, struct capsule_error *err)
{
	const struct host_services *services = &call->host->services;
	struct spawn_request *request = &start->request;
	const struct program *program = NULL;
	enum capsule_status status = services->command(
		services->user, span_text(request->cmd), &program, &start->spec, err);

	if (status == CAPSULE_OK)
		status = program_open(&start->image, program, NULL, err);
	if (status != CAPSULE_OK)
		return status;
	start->opened = true;
	request->argv[0] = program->path;
	start->spec.argv = request->argv;
	start->spec.image = &start->image;
	start->spec.input = -1;
	return CAPSULE_OK;
}

/* In this order, which guests know. */
static enum capsule_status prepare(struct host_call *call, struct start *start, struct capsule_error *err)
{
	enum capsule_status status = read_request(call, start, err);

	if (status != CAPSULE_OK || start->request.cmd == NULL)
		return status;
	status = permit(call, span_text(start->request.cmd), err);
	if (status == CAPSULE_OK && (children_of(call) == NULL || call->host->services.command == NULL))
		status = none_here(call, err);
	return status;
}

static uint64_t call_id_of(const struct host_call *call)
{
	return call->origin != NULL ? call->origin->call_id : 0;
}

/* Refusals say whose they are. */
static enum host_answer refused(const struct host_call *call, struct capsule_error *err)
{
	return err->status == CAPSULE_EDENIED ? HOST_FAILED : host_call_failed(call, err);
}

/* ---- Waiting ---- */

/* op_done_fn: what may be an answer is looked at first. */
static void over(struct op *op, void *user)
{
	struct host_call *call = user;

	if (op->error.status != CAPSULE_OK && of_program(&op->error)) {
		(void)error_copy(&call->process->failure, &op->error);
		error_clear(&op->error);
	}
	host_call_resume(op, call);
}

static enum capsule_status begin_wait(struct host_call *call, const char *what, struct capsule_error *err)
{
	host_process_free(call);
	call->process = calloc(1, sizeof *call->process);
	if (call->process == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a program");
	op_init(&call->process->op, call->host->loop);
	op_start(&call->process->op, over, call, NULL, 0, what);
	return CAPSULE_OK;
}

static enum capsule_status run(struct host_call *call, struct start *start, struct capsule_error *err)
{
	enum capsule_status status = find(call, start, err);

	if (status == CAPSULE_OK)
		status = begin_wait(call, "a program", err);
	if (status == CAPSULE_OK)
		status = children_run(children_of(call), &start->spec, call_id_of(call), &call->process->op, err);
	if (status != CAPSULE_OK)
		host_process_free(call);
	return status;
}

enum host_answer host_process_run(struct host_call *call, struct capsule_error *err)
{
	HOLD(start_fini) struct start start = { 0 };
	struct capsule_error failure;

	if (prepare(call, &start, err) != CAPSULE_OK)
		return refused(call, err);
	if (run(call, &start, &failure) == CAPSULE_OK) {
		call->op = &call->process->op;
		host_call_trim(call);
		return HOST_WAITING;
	}
	if (of_program(&failure))
		return answer_instead(call, &failure, err) == CAPSULE_OK ? HOST_READY : HOST_FAILED;
	(void)error_copy(err, &failure);
	(void)error_in(err, "failed to spawn command");
	return host_call_failed(call, err);
}

enum capsule_status host_process_run_finish(struct host_call *call, struct capsule_error *err)
{
	struct host_process *process = call->process;
	struct child_report report;
	enum capsule_status status;

	children_take(children_of(call), &process->op, &report);
	status = process->failure.status != CAPSULE_OK ? answer_instead(call, &process->failure, err)
						       : answer_run(call, &report, err);
	child_report_fini(&report);
	return status;
}

/* ---- In the background ---- */

enum host_answer host_process_start(struct host_call *call, struct capsule_error *err)
{
	HOLD(start_fini) struct start start = { 0 };
	uint64_t id = 0;
	enum capsule_status status = prepare(call, &start, err);

	if (status != CAPSULE_OK)
		return refused(call, err);
	status = find(call, &start, err);
	if (status == CAPSULE_OK)
		status = children_start(children_of(call), &start.spec, call_id_of(call), &id, err);
	if (status == CAPSULE_ELIMIT)
		return host_call_failed(call, err);
	if (status != CAPSULE_OK) {
		(void)error_in(err, "failed to spawn background process");
		return host_call_failed(call, err);
	}
	buffer_clear(&call->out);
	(void)buffer_printf(&call->out, "{\"id\":%" PRIu64 "}", id);
	return answer(call, err) == CAPSULE_OK ? HOST_READY : HOST_FAILED;
}

static enum capsule_status read_id(
	const struct host_call *call, const char *what, uint64_t *id, struct capsule_error *err)
{
	if (spawn_request_read_id(id, call->args[0], err) != CAPSULE_OK)
		return error_in(err, "failed to parse %s request", what);
	return children_of(call) == NULL ? none_here(call, err) : CAPSULE_OK;
}

static enum capsule_status tell_logs(
	struct host_call *call, uint64_t id, struct child_report *report, struct capsule_error *err)
{
	struct buffer *out = &call->out;
	enum capsule_status status;

	buffer_clear(out);
	(void)buffer_append_byte(out, '{');
	append_streams(out, report);
	(void)buffer_printf(out, ",\"running\":%s", report->running ? "true" : "false");
	append_code(out, report);
	append_lost(out, report);
	status = answer(call, err);
	/* What is read is gone, so the guest has to have room for it first. */
	if (status == CAPSULE_OK && call->reserve != NULL)
		status = call->reserve(call, out->len, err);
	if (status == CAPSULE_OK)
		children_read_taken(children_of(call), id);
	return status;
}

enum host_answer host_process_read(struct host_call *call, struct capsule_error *err)
{
	struct child_report report = { 0 };
	uint64_t id = 0;
	enum capsule_status status = read_id(call, "read logs", &id, err);

	if (status == CAPSULE_OK)
		status = children_read(children_of(call), id, &report, err);
	if (status == CAPSULE_OK)
		status = tell_logs(call, id, &report, err);
	child_report_fini(&report);
	return status == CAPSULE_OK ? HOST_READY : host_call_failed(call, err);
}

enum host_answer host_process_kill(struct host_call *call, struct capsule_error *err)
{
	uint64_t id = 0;
	enum capsule_status status = read_id(call, "kill", &id, err);

	if (status == CAPSULE_OK)
		status = begin_wait(call, "the end of a program", err);
	if (status == CAPSULE_OK)
		status = children_kill(children_of(call), id, &call->process->op, &call->process->alive, err);
	if (status != CAPSULE_OK) {
		host_process_free(call);
		return host_call_failed(call, err);
	}
	call->op = &call->process->op;
	return HOST_WAITING;
}

enum capsule_status host_process_kill_finish(struct host_call *call, struct capsule_error *err)
{
	struct buffer *out = &call->out;
	struct child_report report;

	children_take(children_of(call), &call->process->op, &report);
	buffer_clear(out);
	(void)buffer_printf(out, "{\"killed\":%s", call->process->alive ? "true" : "false");
	append_code(out, &report);
	(void)buffer_append_byte(out, ',');
	append_streams(out, &report);
	append_lost(out, &report);
	child_report_fini(&report);
	return answer(call, err);
}
