// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the C code needs from Rust, in one static library: Wasmtime's C API as it is, and a few C functions of ours around the
// crates `toml`, `blake3` and `semver`. Their contract is in capsule_deps.h. The library is built with panic = "abort", so
// nothing here may panic whatever bytes it is given: no indexing, no unwrap on data, no recursion over input.

#[cfg(feature = "wasmtime")]
pub use wasmtime_c_api::*;

mod hash;
mod toml_guard;
mod toml_tree;
mod version;

/// The bytes a C caller points at; nothing when the length is zero, whatever the pointer.
///
/// # Safety
/// `data` is valid for `len` bytes, or `len` is zero.
unsafe fn borrowed<'a>(data: *const u8, len: usize) -> &'a [u8] {
    if data.is_null() || len == 0 || len > isize::MAX as usize {
        return &[];
    }
    unsafe { std::slice::from_raw_parts(data, len) }
}
