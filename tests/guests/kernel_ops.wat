;; SPDX-License-Identifier: MIT OR Apache-2.0
;;
;; Carries out a script of kernel memory operations and answers with what each of them returned, so that two kernels can be
;; compared. The input of `ops` is a row of records of 24 bytes, little-endian:
;;
;;   u32 operation   index into the table below
;;   u32 earlier     0, or 1 + the number of an earlier record whose result is added to the first argument
;;   u64 first       first argument
;;   u64 second      second argument
;;
;; The output is one u64 a record. The script is copied to address 0 first, since operations may free or reset the input;
;; the results are gathered at 1 MiB.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "free" (func $free (param i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "length_unsafe" (func $length_unsafe (param i64) (result i64)))
  (import "extism:host/env" "load_u8" (func $load_u8 (param i64) (result i32)))
  (import "extism:host/env" "load_u64" (func $load_u64 (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "input_set" (func $input_set (param i64 i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "extism:host/env" "input_load_u64" (func $input_load_u64 (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "output_length" (func $output_length (result i64)))
  (import "extism:host/env" "output_offset" (func $output_offset (result i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "extism:host/env" "error_get" (func $error_get (result i64)))
  (import "extism:host/env" "reset" (func $reset))
  (import "extism:host/env" "memory_bytes" (func $memory_bytes (result i64)))

  (memory (export "memory") 32)
  (type $operation (func (param i64 i64) (result i64)))

  (func $op_alloc (type $operation) (call $alloc (local.get 0)))
  (func $op_free (type $operation) (call $free (local.get 0)) (i64.const 0))
  (func $op_length (type $operation) (call $length (local.get 0)))
  (func $op_length_unsafe (type $operation) (call $length_unsafe (local.get 0)))
  (func $op_load_u8 (type $operation) (i64.extend_i32_u (call $load_u8 (local.get 0))))
  (func $op_load_u64 (type $operation) (call $load_u64 (local.get 0)))
  (func $op_store_u8 (type $operation) (call $store_u8 (local.get 0) (i32.wrap_i64 (local.get 1))) (i64.const 0))
  (func $op_store_u64 (type $operation) (call $store_u64 (local.get 0) (local.get 1)) (i64.const 0))
  (func $op_input_set (type $operation) (call $input_set (local.get 0) (local.get 1)) (i64.const 0))
  (func $op_input_length (type $operation) (call $input_length))
  (func $op_input_offset (type $operation) (call $input_offset))
  (func $op_input_load_u8 (type $operation) (i64.extend_i32_u (call $input_load_u8 (local.get 0))))
  (func $op_input_load_u64 (type $operation) (call $input_load_u64 (local.get 0)))
  (func $op_output_set (type $operation) (call $output_set (local.get 0) (local.get 1)) (i64.const 0))
  (func $op_output_length (type $operation) (call $output_length))
  (func $op_output_offset (type $operation) (call $output_offset))
  (func $op_error_set (type $operation) (call $error_set (local.get 0)) (i64.const 0))
  (func $op_error_get (type $operation) (call $error_get))
  (func $op_reset (type $operation) (call $reset) (i64.const 0))
  (func $op_memory_bytes (type $operation) (call $memory_bytes))

  ;; Write `second` bytes at `first`, each another one.
  (func $op_fill (type $operation) (local $i i64)
    (block $done
      (loop $next
        (br_if $done (i64.ge_u (local.get $i) (local.get 1)))
        (call $store_u8 (i64.add (local.get 0) (local.get $i))
          (i32.wrap_i64 (i64.add (local.get 0) (i64.mul (local.get $i) (i64.const 31)))))
        (local.set $i (i64.add (local.get $i) (i64.const 1)))
        (br $next)))
    (i64.const 0))

  ;; A checksum (FNV-1a) of the `second` bytes at `first`.
  (func $op_sum (type $operation) (local $i i64) (local $sum i64)
    (local.set $sum (i64.const 0xcbf29ce484222325))
    (block $done
      (loop $next
        (br_if $done (i64.ge_u (local.get $i) (local.get 1)))
        (local.set $sum (i64.mul (i64.const 0x100000001b3) (i64.xor (local.get $sum)
          (i64.extend_i32_u (call $load_u8 (i64.add (local.get 0) (local.get $i)))))))
        (local.set $i (i64.add (local.get $i) (i64.const 1)))
        (br $next)))
    (local.get $sum))

  (table funcref (elem
    $op_alloc $op_free $op_length $op_length_unsafe
    $op_load_u8 $op_load_u64 $op_store_u8 $op_store_u64
    $op_input_set $op_input_length $op_input_offset $op_input_load_u8 $op_input_load_u64
    $op_output_set $op_output_length $op_output_offset
    $op_error_set $op_error_get $op_reset $op_memory_bytes
    $op_fill $op_sum))

  ;; Copy the input to address 0, eight bytes at a time and the rest one by one; returns its length.
  (func $read_script (result i64) (local $i i64) (local $length i64)
    (local.set $length (call $input_length))
    (block $done
      (loop $next
        (br_if $done (i64.gt_u (i64.add (local.get $i) (i64.const 8)) (local.get $length)))
        (i64.store (i32.wrap_i64 (local.get $i)) (call $input_load_u64 (local.get $i)))
        (local.set $i (i64.add (local.get $i) (i64.const 8)))
        (br $next)))
    (block $done
      (loop $next
        (br_if $done (i64.ge_u (local.get $i) (local.get $length)))
        (i32.store8 (i32.wrap_i64 (local.get $i)) (call $input_load_u8 (local.get $i)))
        (local.set $i (i64.add (local.get $i) (i64.const 1)))
        (br $next)))
    (local.get $length))

  ;; Where the result of record `number` is kept.
  (func $result_at (param $number i32) (result i32)
    (i32.add (i32.const 0x100000) (i32.shl (local.get $number) (i32.const 3))))

  (func $first_argument (param $record i32) (result i64) (local $earlier i32)
    (local.set $earlier (i32.load offset=4 (local.get $record)))
    (i64.add (i64.load offset=8 (local.get $record))
      (if (result i64) (local.get $earlier)
        (then (i64.load (call $result_at (i32.sub (local.get $earlier) (i32.const 1)))))
        (else (i64.const 0)))))

  ;; Make the output of `length` bytes from address `from` of this module's memory, in a kernel that was reset.
  (func $write_output (param $from i32) (param $length i32) (local $handle i64) (local $i i32)
    (call $reset)
    (local.set $handle (call $alloc (i64.extend_i32_u (local.get $length))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $length)))
        (call $store_u64 (i64.add (local.get $handle) (i64.extend_i32_u (local.get $i)))
          (i64.load (i32.add (local.get $from) (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.const 8)))
        (br $next)))
    (call $output_set (local.get $handle) (i64.extend_i32_u (local.get $length))))

  (func (export "ops") (result i32) (local $record i32) (local $number i32) (local $count i32)
    (local.set $count (i32.div_u (i32.wrap_i64 (call $read_script)) (i32.const 24)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $number) (local.get $count)))
        (local.set $record (i32.mul (local.get $number) (i32.const 24)))
        (i64.store (call $result_at (local.get $number))
          (call_indirect (type $operation)
            (call $first_argument (local.get $record))
            (i64.load offset=16 (local.get $record))
            (i32.load (local.get $record))))
        (local.set $number (i32.add (local.get $number) (i32.const 1)))
        (br $next)))
    (call $write_output (i32.const 0x100000) (i32.shl (local.get $count) (i32.const 3)))
    (i32.const 0))

  ;; Offset and length of the input, for the call without one.
  (func (export "input_range") (result i32)
    (i64.store (i32.const 0x100000) (call $input_offset))
    (i64.store (i32.const 0x100008) (call $input_length))
    (call $write_output (i32.const 0x100000) (i32.const 16))
    (i32.const 0)))
