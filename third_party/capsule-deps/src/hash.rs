// SPDX-License-Identifier: MIT OR Apache-2.0
//
// BLAKE3 in one call, and piece by piece for content that is not in memory at once.

use crate::borrowed;

pub struct DepsHasher(blake3::Hasher);

/// # Safety
/// `data` is valid for `len` bytes; `out` for 32.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deps_blake3(data: *const u8, len: usize, out: *mut u8) {
    let digest = blake3::hash(unsafe { borrowed(data, len) });
    unsafe { std::ptr::copy_nonoverlapping(digest.as_bytes().as_ptr(), out, 32) };
}

#[unsafe(no_mangle)]
pub extern "C" fn deps_hasher_new() -> *mut DepsHasher {
    Box::into_raw(Box::new(DepsHasher(blake3::Hasher::new())))
}

/// # Safety
/// `hasher` comes from `deps_hasher_new`; `data` is valid for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deps_hasher_update(hasher: *mut DepsHasher, data: *const u8, len: usize) {
    if let Some(hasher) = unsafe { hasher.as_mut() } {
        hasher.0.update(unsafe { borrowed(data, len) });
    }
}

/// # Safety
/// `hasher` comes from `deps_hasher_new`; `out` is valid for 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deps_hasher_finish(hasher: *const DepsHasher, out: *mut u8) {
    if let Some(hasher) = unsafe { hasher.as_ref() } {
        let digest = hasher.0.finalize();
        unsafe { std::ptr::copy_nonoverlapping(digest.as_bytes().as_ptr(), out, 32) };
    }
}

/// # Safety
/// `hasher` comes from `deps_hasher_new` and is not used again, or is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deps_hasher_free(hasher: *mut DepsHasher) {
    if !hasher.is_null() {
        drop(unsafe { Box::from_raw(hasher) });
    }
}
