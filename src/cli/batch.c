/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Repeated calls. The next call is started from the completion of the one before, so that the rate is the library's and not
 * that of this loop; every couple of milliseconds the loop has its turn, for Ctrl-C and the progress line. */
#include "cli/batch.h"
#include "cli/json.h"
#include <capsule/op.h>
#include <stdlib.h>

#define SLICE_NS 2000000

static void call_done(struct capsule_op *op, void *user);

static void start(struct batch *batch)
{
	struct capsule_error *error = batch->session->error;
	const struct input *input = batch->input;
	enum capsule_status status;

	capsule_op_free(batch->op);
	batch->op = NULL;
	batch->running = true;
	if (batch->kind == BATCH_TOOL)
		status = capsule_call(
			batch->capsule, batch->name, input->bytes, input->len, call_done, batch, &batch->op, error);
	else
		status = capsule_call_export(
			batch->capsule, batch->name, input->bytes, input->len, call_done, batch, &batch->op, error);
	if (status != CAPSULE_OK) {
		batch->running = false;
		batch->refused = true;
	}
}

static void call_done(struct capsule_op *op, void *user)
{
	struct batch *batch = user;

	batch->running = false;
	if (capsule_error_status(capsule_op_error(op)) != CAPSULE_OK)
		return;
	if (batch->wall_ns != NULL)
		batch->wall_ns[batch->finished] = capsule_op_wall_ns(op);
	batch->cpu_ns += capsule_op_cpu_ns(op);
	batch->finished++;
	if (batch->finished < batch->wanted && batch->session->interrupted_by == 0 &&
		cli_now_ns() < batch->slice_end_ns)
		start(batch);
}

static bool failed(const struct batch *batch)
{
	return batch->refused || batch->session->interrupted_by != 0 ||
		(batch->op != NULL && capsule_op_done(batch->op) &&
			capsule_error_status(capsule_op_error(batch->op)) != CAPSULE_OK);
}

static int finish(struct batch *batch)
{
	if (batch->refused && batch->session->interrupted_by == 0)
		return cli_say_error(batch->session->error);
	if (failed(batch))
		return cli_session_failed(batch->session, batch->op != NULL ? capsule_op_error(batch->op) : NULL);
	if (batch->finished < batch->wanted)
		return cli_say("%s: the call never ended", batch->name);
	return 0;
}

int cli_batch_run(struct batch *batch)
{
	struct progress *progress = &batch->session->progress;
	int64_t began_ns;
	bool more = true;

	if (batch->timed) {
		batch->wall_ns = calloc(batch->wanted, sizeof *batch->wall_ns);
		if (batch->wall_ns == NULL)
			return cli_say_memory();
	}
	cli_progress_begin(progress, "calling", batch->name, batch->wanted);
	began_ns = cli_now_ns();
	while (more && (batch->running || (batch->finished < batch->wanted && !failed(batch)))) {
		batch->slice_end_ns = cli_now_ns() + SLICE_NS;
		if (!batch->running)
			start(batch);
		progress->done = batch->finished;
		if (batch->running)
			more = cli_session_step(batch->session, batch->op) || !batch->running;
	}
	batch->total_ns = cli_now_ns() - began_ns;
	cli_progress_end(progress);
	return finish(batch);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

struct times {
	double least_us, median_us, p99_us, most_us, calls_per_s;
};

/* The smallest time that `percent` of the calls did not exceed; they are sorted. */
static double percentile_us(const struct batch *batch, uint64_t percent)
{
	uint64_t rank = (batch->finished * percent + 99) / 100;

	return (double)batch->wall_ns[rank > 0 ? rank - 1 : 0] / 1000;
}

static struct times times_of(struct batch *batch)
{
	qsort(batch->wall_ns, batch->finished, sizeof *batch->wall_ns, compare);
	return (struct times){
		.least_us = percentile_us(batch, 0),
		.median_us = percentile_us(batch, 50),
		.p99_us = percentile_us(batch, 99),
		.most_us = percentile_us(batch, 100),
		.calls_per_s = (double)batch->finished * 1e9 / (double)(batch->total_ns > 0 ? batch->total_ns : 1),
	};
}

void cli_batch_print_times(struct batch *batch)
{
	struct times times = times_of(batch);

	(void)fprintf(stderr, "each call: min %.2f µs, median %.2f µs, p99 %.2f µs, max %.2f µs\n", times.least_us,
		times.median_us, times.p99_us, times.most_us);
	(void)fprintf(stderr, "%s call%s in %.3f ms, %s a second; processor time %.3f ms\n",
		CLI_NUMBER(batch->finished), batch->finished == 1 ? "" : "s", (double)batch->total_ns / 1e6,
		CLI_NUMBER((uint64_t)times.calls_per_s), (double)batch->cpu_ns / 1e6);
}

static bool add_times(struct batch *batch, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	struct times times = times_of(batch);
	yyjson_mut_val *object = yyjson_mut_obj_add_obj(doc, root, "time");

	return object != NULL && yyjson_mut_obj_add_uint(doc, object, "calls", batch->finished) &&
		yyjson_mut_obj_add_real(doc, object, "min_us", times.least_us) &&
		yyjson_mut_obj_add_real(doc, object, "median_us", times.median_us) &&
		yyjson_mut_obj_add_real(doc, object, "p99_us", times.p99_us) &&
		yyjson_mut_obj_add_real(doc, object, "max_us", times.most_us) &&
		cli_json_add_us(doc, object, "total_us", batch->total_ns) &&
		yyjson_mut_obj_add_real(doc, object, "calls_per_s", times.calls_per_s) &&
		cli_json_add_us(doc, object, "cpu_us", batch->cpu_ns);
}

int cli_batch_print_json(struct batch *batch, const struct output *out, const char *name_key)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	size_t len;
	const char *answer = capsule_op_result(batch->op, &len);
	bool made;
	int status;

	yyjson_mut_doc_set_root(doc, root);
	made = yyjson_mut_obj_add_str(doc, root, name_key, batch->name) &&
		cli_json_add_result(doc, root, answer, len) &&
		cli_json_add_us(doc, root, "wall_us", capsule_op_wall_ns(batch->op)) &&
		cli_json_add_us(doc, root, "cpu_us", capsule_op_cpu_ns(batch->op)) &&
		(!batch->timed || add_times(batch, doc, root));
	status = made ? cli_json_print(out, doc) : cli_say_memory();
	yyjson_mut_doc_free(doc);
	return status;
}

void cli_batch_fini(struct batch *batch)
{
	capsule_op_free(batch->op);
	free(batch->wall_ns);
}
