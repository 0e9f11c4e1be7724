// SPDX-License-Identifier: MIT OR Apache-2.0
// A tool in AssemblyScript that greets.
import { Host, LogLevel, Memory } from "@extism/as-pdk";
import { error_set } from "@extism/as-pdk/lib/env";
import { JSON } from "json-as";

@json
class Request {
  name: string = "";
  arguments: u8[] = []; // JSON text
}

@json
class Person {
  name: string = "";
}

@json
class Greeting {
  greeting: string = "";
}

// The call fails with this text.
function fail(message: string): i32 {
  error_set(Memory.allocateString(message).offset);
  return 1;
}

// What the compiler calls where a guest gives up.
function onAbort(message: string | null, file: string | null, line: u32, column: u32): void {
  Host.log(LogLevel.Error, message == null ? "aborted" : message);
  unreachable();
}

// Not Host.outputString(): it takes the length in UTF-16 units for the length in bytes.
function answer(text: string): i32 {
  Host.output(Uint8Array.wrap(String.UTF8.encode(text)));
  return 0;
}

function hello(person: Person): i32 {
  if (person.name == "") return fail("the argument `name` is missing");
  const greeting = new Greeting();
  greeting.greeting = "Hello, " + person.name + "!";
  return answer(JSON.stringify(greeting));
}

export function astrid_tool_call(): i32 {
  const request = JSON.parse<Request>(Host.inputString());
  const text = String.UTF8.decodeUnsafe(request.arguments.dataStart, request.arguments.length);
  if (request.name == "hello") return hello(JSON.parse<Person>(text));
  return fail("unknown tool: " + request.name);
}
