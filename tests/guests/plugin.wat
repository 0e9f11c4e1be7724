;; SPDX-License-Identifier: MIT OR Apache-2.0
;; A plug-in without a manifest: bytes in, bytes out.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
  (global $calls (mut i32) (i32.const 0))

  (func (export "echo") (result i32)
    (call $output_set (call $input_offset) (call $input_length))
    (i32.const 0))

  ;; How often it was called on this instance, as one digit.
  (func (export "count") (result i32)
    (local $handle i64)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (local.set $handle (call $alloc (i64.const 1)))
    (call $store_u8 (local.get $handle) (i32.add (global.get $calls) (i32.const 48)))
    (call $output_set (local.get $handle) (i64.const 1))
    (i32.const 0))

  ;; The configuration value that the input names.
  (func (export "setting") (result i32)
    (local $value i64) (local $key i64)
    (local.set $key (call $input_offset))
    (local.set $value (call $config_get (local.get $key)))
    (call $output_set (local.get $value) (call $length (local.get $value)))
    (i32.const 0))

  (func (export "refuse") (result i32) (i32.const 7))
  (func (export "spin") (loop $again (br $again))))
