;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Tools that each do one thing a host must cope with. The host hands in {"name":"<tool>","arguments":[...]}; the letter at
;; offset 9 of it tells the tool.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "extism:host/env" "log_info" (func $log_info (param i64)))
  (import "extism:host/env" "log_warn" (func $log_warn (param i64)))
  (import "extism:host/user" "astrid_kv_set" (func $kv_set (param i64 i64)))
  (import "extism:host/user" "astrid_http_request" (func $http_request (param i64) (result i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "Hello!")
  (data (i32.const 16) "no such person\1b[31m")
  (data (i32.const 48) "bytes \ff\fe end")
  (data (i32.const 80) "first line\0a\1b[2Jsecond line")
  (data (i32.const 112) "busy")
  (data (i32.const 128) "{\"sum\":12345678901234567890,\"parts\":[1,2.50]}")

  ;; A block with the bytes at an address.
  (func $block (param $at i32) (param $len i32) (result i64)
    (local $handle i64) (local $i i32)
    (local.set $handle (call $alloc (i64.extend_i32_u (local.get $len))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $len)))
        (call $store_u8
          (i64.add (local.get $handle) (i64.extend_i32_u (local.get $i)))
          (i32.load8_u (i32.add (local.get $at) (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.get $handle))

  (func $say (param $at i32) (param $len i32)
    (call $output_set (call $block (local.get $at) (local.get $len)) (i64.extend_i32_u (local.get $len))))

  ;; The whole input as output.
  (func $echo
    (local $handle i64) (local $len i64) (local $i i64)
    (local.set $len (call $input_length))
    (local.set $handle (call $alloc (local.get $len)))
    (block $done
      (loop $next
        (br_if $done (i64.ge_u (local.get $i) (local.get $len)))
        (call $store_u8 (i64.add (local.get $handle) (local.get $i)) (call $input_load_u8 (local.get $i)))
        (local.set $i (i64.add (local.get $i) (i64.const 1)))
        (br $next)))
    (call $output_set (local.get $handle) (local.get $len)))

  (func $fall_over (unreachable))
  (func $carry_on (call $fall_over))
  (func $spin (loop $again (br $again)))
  (func $recurse (param $n i64) (result i64) (i64.add (call $recurse (i64.add (local.get $n) (i64.const 1))) (i64.const 1)))
  (func $hoard (loop $again (drop (call $alloc (i64.const 1048576))) (br $again)))

  (func (export "astrid_tool_call") (result i32)
    (local $tool i32)
    (local.set $tool (call $input_load_u8 (i64.const 9)))
    (if (i32.eq (local.get $tool) (i32.const 101)) (then (call $echo)))                                   ;; echo
    (if (i32.eq (local.get $tool) (i32.const 104)) (then (call $say (i32.const 0) (i32.const 6))))        ;; hello
    (if (i32.eq (local.get $tool) (i32.const 106)) (then (call $say (i32.const 128) (i32.const 45))))     ;; json
    (if (i32.eq (local.get $tool) (i32.const 98)) (then (call $say (i32.const 48) (i32.const 12))))       ;; bytes
    (if (i32.eq (local.get $tool) (i32.const 116)) (then (call $carry_on)))                               ;; trap
    (if (i32.eq (local.get $tool) (i32.const 115)) (then (call $spin)))                                   ;; spin
    (if (i32.eq (local.get $tool) (i32.const 114)) (then (drop (call $recurse (i64.const 0)))))           ;; recurse
    (if (i32.eq (local.get $tool) (i32.const 109)) (then (call $hoard)))                                  ;; memory
    (if (i32.eq (local.get $tool) (i32.const 110))                                                        ;; net
      (then (drop (call $http_request (call $block (i32.const 0) (i32.const 6))))))
    (if (i32.eq (local.get $tool) (i32.const 108))                                                        ;; log
      (then
        (call $log_info (call $block (i32.const 0) (i32.const 6)))
        (call $log_warn (call $block (i32.const 80) (i32.const 26)))))
    (if (i32.eq (local.get $tool) (i32.const 107))                                                        ;; keep
      (then
        (call $kv_set (call $block (i32.const 112) (i32.const 4)) (call $block (i32.const 0) (i32.const 6)))
        (call $say (i32.const 0) (i32.const 6))))
    (if (i32.eq (local.get $tool) (i32.const 111))                                                        ;; occupy
      (then
        (call $kv_set (call $block (i32.const 112) (i32.const 4)) (call $block (i32.const 0) (i32.const 6)))
        (call $log_warn (call $block (i32.const 112) (i32.const 4)))
        (call $spin)))
    (if (i32.eq (local.get $tool) (i32.const 102))                                                        ;; fail
      (then
        (call $error_set (call $block (i32.const 16) (i32.const 19)))
        (return (i32.const 1))))
    (i32.const 0)))
