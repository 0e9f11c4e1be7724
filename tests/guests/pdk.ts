// SPDX-License-Identifier: MIT OR Apache-2.0
// A guest as its authors write them with the Extism PDK for AssemblyScript: input, output, variables, configuration, log.
import { Config, Host, LogLevel, Var } from "@extism/as-pdk";

// What the compiler calls where a guest gives up.
function onAbort(message: string | null, file: string | null, line: u32, column: u32): void {
  Host.log(LogLevel.Error, message == null ? "aborted" : message);
  unreachable();
}

export function echo(): i32 {
  Host.output(Host.input());
  return 0;
}

export function count_vowels(): i32 {
  const text = Host.inputString();
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    if ("aeiouAEIOU".includes(text.charAt(i))) count++;
  }
  const theme = Config.get("theme");
  Host.outputString('{"count":' + count.toString() + ',"theme":"' + (theme == null ? "none" : theme) + '"}');
  return 0;
}

// Each call appends its input to what the calls before left.
export function remember(): i32 {
  const before = Var.getString("seen");
  const now = (before == null ? "" : before + ",") + Host.inputString();
  Var.set("seen", Uint8Array.wrap(String.UTF8.encode(now)));
  Host.outputString(now);
  return 0;
}

export function tell(): i32 {
  Host.log(LogLevel.Warn, "told: " + Host.inputString());
  return 0;
}

export function give_up(): i32 {
  const nothing = new Array<i32>(0);
  return nothing[Host.input().length];
}
