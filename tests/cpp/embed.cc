// SPDX-License-Identifier: MIT OR Apache-2.0
// The public headers in C++, and what a C++ program does with them: owners that free, a lambda as done function. Runs a module
// that it writes itself and fails with the reason when anything is not as it should be.
//
// Usage: embed_cpp FOLDER      (an empty or missing one, for the module)
#include <capsule/cache.h>
#include <capsule/capsule.h>
#include <capsule/check.h>
#include <capsule/error.h>
#include <capsule/event.h>
#include <capsule/export.h>
#include <capsule/instance.h>
#include <capsule/log.h>
#include <capsule/op.h>
#include <capsule/runtime.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

namespace
{

template <typename T, void (*drop)(T *)> struct dropper {
	void operator()(T *object) const
	{
		drop(object);
	}
};
template <typename T, void (*drop)(T *)> using owner = std::unique_ptr<T, dropper<T, drop>>;

const char module_text[] = R"wat((module
(import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
(import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
(import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
(memory (export "memory") 1)
(func (export "answer") (result i32) (local $block i64)
(local.set $block (call $alloc (i64.const 2)))
(call $store_u8 (local.get $block) (i32.const 52))
(call $store_u8 (i64.add (local.get $block) (i64.const 1)) (i32.const 50))
(call $output_set (local.get $block) (i64.const 2))
(i32.const 0))))wat";

void check(enum capsule_status status, const capsule_error *error)
{
	if (status != CAPSULE_OK)
		throw std::runtime_error(capsule_error_text(error));
}

void expect(bool right, const char *what)
{
	if (!right)
		throw std::runtime_error(what);
}

void run(const std::string &file)
{
	const owner<capsule_error, capsule_error_free> error(capsule_error_new());
	capsule_runtime_options options = {};
	capsule_runtime *made = nullptr;
	capsule_op *op = nullptr;
	std::string said;

	options.size = sizeof options;
	options.memory_store = true;
	check(capsule_runtime_new(&made, &options, error.get()), error.get());
	const owner<capsule_runtime, capsule_runtime_free> runtime(made);
	const capsule_setting settings[] = { { "greeting", "hello" } };
	check(capsule_load_module(runtime.get(), file.c_str(), settings, 1, nullptr, nullptr, &op, error.get()), error.get());
	const owner<capsule_op, capsule_op_free> load(op);
	check(capsule_op_wait(load.get(), error.get()), error.get());
	struct capsule *capsule = capsule_op_capsule(load.get());
	expect(capsule_id(capsule) == std::string("answer.wat"), "the module has another id");
	expect(capsule_health(capsule, nullptr) == CAPSULE_READY, "the module is not ready");
	const capsule_done_fn done = [](capsule_op *call, void *user) {
		std::size_t len = 0;
		const char *bytes = capsule_op_result(call, &len);

		static_cast<std::string *>(user)->assign(bytes, len);
	};
	check(capsule_call_export(capsule, "answer", nullptr, 0, done, &said, &op, error.get()), error.get());
	const owner<capsule_op, capsule_op_free> call(op);
	check(capsule_op_wait(call.get(), error.get()), error.get());
	expect(said == "42", "the answer is another one");
	expect(capsule_call(capsule, "tool", "{}", 2, nullptr, nullptr, &op, error.get()) == CAPSULE_EUNSUPPORTED,
		"a bare module has tools");
	expect(capsule_error_status(error.get()) == CAPSULE_EUNSUPPORTED, "the error has another status");
}

// What is told of an event, counted by kind; the values are named as in C.
void events()
{
	const owner<capsule_error, capsule_error_free> error(capsule_error_new());
	capsule_runtime_options options = {};
	capsule_subscribe_options all = {};
	capsule_subscription *subscription = nullptr;
	capsule_runtime *made = nullptr;
	std::string heard, told;

	options.size = sizeof options;
	options.memory_store = true;
	all.size = sizeof all;
	check(capsule_runtime_new(&made, &options, error.get()), error.get());
	const owner<capsule_runtime, capsule_runtime_free> runtime(made);
	const capsule_event_fn arrived = [](void *user, const capsule_event *event, std::uint64_t) {
		static_cast<std::string *>(user)->assign(event->payload, event->payload_len);
	};
	const capsule_event_notice_fn notice = [](void *user, const capsule_event_notice *what) {
		*static_cast<std::string *>(user) += what->kind == CAPSULE_EVENT_SETTLED ? "settled"
			: what->kind == CAPSULE_EVENT_OUTCOME                            ? "outcome "
											 : "decided ";
	};
	check(capsule_subscribe(runtime.get(), "a.b", &all, arrived, &heard, &subscription, error.get()), error.get());
	capsule_watch_events(runtime.get(), notice, &told);
	check(capsule_publish(runtime.get(), "a.b", "1", 1, nullptr, nullptr, nullptr, error.get()), error.get());
	while (told.find("settled") == std::string::npos)
		(void)capsule_runtime_turn(runtime.get(), -1);
	expect(told == "outcome settled", "other things are told of the event");
	while (heard.empty())
		(void)capsule_runtime_turn(runtime.get(), -1);
	expect(heard == R"({"type":"custom","data":1})", "another event has arrived");
	capsule_unsubscribe(subscription);
}

} // namespace

int main(int argc, char **argv)
{
	if (argc != 2) {
		std::fprintf(stderr, "usage: embed_cpp FOLDER\n");
		return 2;
	}
	try {
		const std::string file = std::string(argv[1]) + "/answer.wat";

		std::ofstream(file) << module_text;
		run(file);
		std::remove(file.c_str());
		events();
	} catch (const std::exception &failure) {
		std::fprintf(stderr, "embed_cpp: %s\n", failure.what());
		return 1;
	}
	std::printf("%s\n", capsule_version());
	return 0;
}
