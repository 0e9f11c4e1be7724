(module
  (import "extism:host/env" "alloc" (func (param i64) (result i64)))
  (import "extism:host/env" "load_u8" (func (param i64) (result i32)))
  (import "extism:host/user" "astrid_kv_get" (func (param i64) (result i64)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2 1024)
  (table 10 funcref)
  (func (export "_initialize"))
  (func (export "astrid_tool_call") (result i32) (i32.const 0)))
