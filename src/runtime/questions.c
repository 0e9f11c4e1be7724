/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Questions to a person about calls of tools. The person answers when it likes: the call may be over by then, and its
 * capsule gone. */
#include "runtime/servers.h"

#include "base/cleanup.h"
#include "runtime/internal.h"

/* Those whose calls are over count, too, until they are answered: somebody holds them. */
#define QUESTIONS_MAX 1024

/* Tools of which an answer is remembered. */
#define REMEMBERED_MAX 4096

struct capsule_question {
	struct list_node link; /* of runtime->questions */
	struct capsule_runtime *runtime;
	struct op *op;     /* who waits; NULL: nobody any more */
	struct buffer key; /* of runtime->remembered */
};

static void question_free(struct capsule_question *question)
{
	list_remove(&question->link);
	question->runtime->question_count--;
	buffer_fini(&question->key);
	free(question);
}

/* op_stop_fn: the call is over. Its question is gone when it is answered, or with the runtime. */
static void withdraw(struct op *op)
{
	struct capsule_question *question = op->producer;

	if (question != NULL)
		question->op = NULL;
}

static bool add_part(struct buffer *out, const char *text)
{
	return buffer_append_text(out, text != NULL ? text : "") && buffer_append_byte(out, 0);
}

/* A capsule from another folder is another one, whatever its id is; so is a tool that is described otherwise. */
static bool make_key(struct buffer *out, const struct capsule *capsule, const struct mcp_call_note *note)
{
	return add_part(out, note->origin != NULL ? note->origin->principal : NULL) && add_part(out, capsule->dir) &&
		add_part(out, note->server) && add_part(out, note->description) && buffer_append_span(out, note->tool);
}

static void finish(struct op *op, enum mcp_answer answer)
{
	struct capsule_error err;

	if (buffer_append_byte(&op->result, (uint8_t)answer)) {
		op_finish(op);
		return;
	}
	(void)error_set(&err, CAPSULE_ENOMEM, "no memory for an answer");
	op_fail(op, &err);
}

enum capsule_status questions_ask(
	void *user, const struct mcp_call_note *note, struct op *op, struct capsule_error *err)
{
	struct servers *servers = user;
	struct capsule *capsule = servers->capsule;
	struct capsule_runtime *runtime = capsule->runtime;
	HOLD(buffer_fini) struct buffer key = { 0 }, tool = { 0 };
	struct capsule_prompt prompt = { .capsule = capsule->id, .server = note->server };
	struct capsule_question *question;

	if (!make_key(&key, capsule, note) || !buffer_append_span(&tool, note->tool) || buffer_text(&tool) == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a question");
	if (map_get(&runtime->remembered, buffer_span(&key)) != NULL) {
		finish(op, MCP_ANSWER_SESSION);
		return CAPSULE_OK;
	}
	if (runtime->question_count >= QUESTIONS_MAX)
		return error_set(err, CAPSULE_ELIMIT,
			"%d questions wait for an answer already: answer them, those of calls that are over too",
			QUESTIONS_MAX);
	question = calloc(1, sizeof *question);
	if (question == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a question");
	question->runtime = runtime;
	question->op = op;
	question->key = key;
	key = (struct buffer){ 0 };
	list_append(&runtime->questions, &question->link);
	runtime->question_count++;
	op->producer = question;
	op->stop = withdraw;
	prompt.tool = buffer_text(&tool);
	prompt.arguments = note->arguments.len > 0 ? (const char *)note->arguments.data : "";
	prompt.arguments_len = note->arguments.len;
	runtime_enter_embedder(runtime);
	runtime->prompt(runtime->prompt_user, question, &prompt);
	runtime_leave_embedder(runtime);
	return CAPSULE_OK;
}

static void remember(struct capsule_runtime *runtime, const struct buffer *key)
{
	/* Without memory the person is asked again. */
	if (runtime->remembered.count < REMEMBERED_MAX)
		(void)(map_put(&runtime->remembered, buffer_span(key), runtime, NULL, NULL) == CAPSULE_OK);
}

void capsule_prompt_answer(struct capsule_question *question, enum capsule_answer answer)
{
	static const enum mcp_answer answers[] = { [CAPSULE_ANSWER_DENY] = MCP_ANSWER_DENY,
		[CAPSULE_ANSWER_ONCE] = MCP_ANSWER_ONCE,
		[CAPSULE_ANSWER_SESSION] = MCP_ANSWER_SESSION };
	struct op *op;

	/* Inside the prompt function, where nothing else may be called, the thread is all that matters. */
	if (question == NULL || atomic_load_explicit(&question->runtime->owner, memory_order_relaxed) != thread_self())
		return;
	op = question->op;
	if (op != NULL && op_pending(op)) {
		op->producer = NULL;
		op->stop = NULL;
		if (answer == CAPSULE_ANSWER_SESSION)
			remember(question->runtime, &question->key);
		finish(op, (unsigned)answer <= CAPSULE_ANSWER_SESSION ? answers[answer] : MCP_ANSWER_DENY);
	}
	question_free(question);
}

void questions_free(struct capsule_runtime *runtime)
{
	while (!list_empty(&runtime->questions))
		question_free(LIST_ENTRY(runtime->questions.next, struct capsule_question, link));
	map_fini(&runtime->remembered);
}
