// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Semantic versions and requirements on them, with the reason in words when a text is neither.

use std::ffi::c_char;
use std::ffi::c_int;

use crate::borrowed;

/// Longer texts are refused unread; no version anybody writes comes near.
const VERSION_MAX: usize = 256;

fn text_of(bytes: &[u8]) -> Result<&str, String> {
    if bytes.len() > VERSION_MAX {
        return Err(format!("longer than {VERSION_MAX} bytes"));
    }
    std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
}

fn parse<T: std::str::FromStr<Err = semver::Error>>(bytes: &[u8]) -> Result<T, String> {
    text_of(bytes)?.parse::<T>().map_err(|error| error.to_string())
}

/// Copies `reason` with a terminating zero, cut at a character boundary where the buffer ends.
unsafe fn tell(reason: &str, buffer: *mut c_char, size: usize) {
    if buffer.is_null() || size == 0 {
        return;
    }
    let mut len = reason.len().min(size - 1);
    while !reason.is_char_boundary(len) {
        len -= 1;
    }
    unsafe {
        std::ptr::copy_nonoverlapping(reason.as_ptr(), buffer.cast::<u8>(), len);
        *buffer.add(len) = 0;
    }
}

unsafe fn check<T>(parsed: Result<T, String>, reason: *mut c_char, reason_size: usize) -> c_int {
    match parsed {
        Ok(_) => {
            unsafe { tell("", reason, reason_size) };
            1
        }
        Err(text) => {
            unsafe { tell(&text, reason, reason_size) };
            0
        }
    }
}

/// # Safety
/// `text` is valid for `len` bytes, `reason` for `reason_size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deps_semver_check(text: *const u8, len: usize, reason: *mut c_char, reason_size: usize) -> c_int {
    let parsed = parse::<semver::Version>(unsafe { borrowed(text, len) });
    unsafe { check(parsed, reason, reason_size) }
}

/// # Safety
/// `text` is valid for `len` bytes, `reason` for `reason_size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deps_semver_req_check(text: *const u8, len: usize, reason: *mut c_char, reason_size: usize) -> c_int {
    let parsed = parse::<semver::VersionReq>(unsafe { borrowed(text, len) });
    unsafe { check(parsed, reason, reason_size) }
}

/// # Safety
/// `req` is valid for `req_len` bytes, `version` for `version_len`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deps_semver_matches(req: *const u8, req_len: usize, version: *const u8, version_len: usize) -> c_int {
    let req = parse::<semver::VersionReq>(unsafe { borrowed(req, req_len) });
    let version = parse::<semver::Version>(unsafe { borrowed(version, version_len) });
    match (req, version) {
        (Ok(req), Ok(version)) => c_int::from(req.matches(&version)),
        _ => -1,
    }
}
