// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import "encoding/binary"

// Blocks of bytes that guest and host share are named by handles; see docs/host-abi.md.

//go:wasmimport extism:host/env input_length
func inputLength() uint64

//go:wasmimport extism:host/env input_load_u8
func inputLoadByte(offset uint64) uint32

//go:wasmimport extism:host/env input_load_u64
func inputLoadWord(offset uint64) uint64

//go:wasmimport extism:host/env alloc
func alloc(size uint64) uint64

//go:wasmimport extism:host/env store_u8
func storeByte(at uint64, value uint32)

//go:wasmimport extism:host/env store_u64
func storeWord(at, value uint64)

//go:wasmimport extism:host/env output_set
func outputSet(handle, size uint64)

//go:wasmimport extism:host/env error_set
func errorSet(handle uint64)

// input gives what the host hands in for this call.
func input() []byte {
	data := make([]byte, inputLength())
	at := 0
	for ; at+8 <= len(data); at += 8 {
		binary.LittleEndian.PutUint64(data[at:], inputLoadWord(uint64(at)))
	}
	for ; at < len(data); at++ {
		data[at] = byte(inputLoadByte(uint64(at)))
	}
	return data
}

// block makes a block of the host with these bytes.
func block(data []byte) uint64 {
	handle := alloc(uint64(len(data)))
	at := 0
	for ; at+8 <= len(data); at += 8 {
		storeWord(handle+uint64(at), binary.LittleEndian.Uint64(data[at:]))
	}
	for ; at < len(data); at++ {
		storeByte(handle+uint64(at), uint32(data[at]))
	}
	return handle
}

// output sets the answer of the call.
func output(data []byte) {
	outputSet(block(data), uint64(len(data)))
}

// fail makes the call fail with this text.
func fail(message string) {
	errorSet(block([]byte(message)))
}
