(module
  (import "extism:host/env" "allok" (func))
  (import "extism:host/user" "astrid_kv_delete" (func (param i64) (result i64)))
  (import "extism:host/env" "memory" (memory 1))
  (import "" "" (global i32))
  (import "ä" "\00" (func (param f32 v128 externref))))
