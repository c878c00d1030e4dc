//! Groups by their number or name, however many are in one.
//!
//! nix gives up on an entry of more than a megabyte, which is some hundred thousand members: whoever is in such a group would
//! have groups that cannot be known, and so be let in nowhere.

use jit_core::name::{GroupName, UserName};
use nix::errno::Errno;
use nix::libc::{self, c_char, c_int, gid_t, size_t};
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::ptr;

/// How much room for an entry is tried first, and at most, in bytes.
const FIRST: usize = 16 * 1024;
const MOST: usize = 256 * 1024 * 1024;

/// The name of the group of this number; none: it has none.
///
/// # Errors
/// The name service failed.
pub fn name_of(gid: gid_t) -> Result<Option<GroupName>, Errno> {
    let ask = |group: *mut libc::group, room: *mut c_char, length: size_t, found: *mut *mut libc::group| {
        // SAFETY: `found` passes pointers that are good for the call, and room of this length.
        unsafe { libc::getgrgid_r(gid, group, room, length, found) }
    };
    found(ask, |group| GroupName::new(text(group.gr_name)))
}

/// A group of a name.
pub struct Group {
    /// Its name, as the name service spells it.
    pub name: GroupName,
    /// Its number.
    pub gid: gid_t,
    /// The accounts that it lists.
    pub members: Vec<UserName>,
}

/// The group of this name, if there is one.
///
/// # Errors
/// The name service failed.
pub fn named(name: &GroupName) -> Result<Option<Group>, Errno> {
    let name = CString::new(name.as_str()).map_err(|_| Errno::EINVAL)?;
    let ask = |group: *mut libc::group, room: *mut c_char, length: size_t, found: *mut *mut libc::group| {
        // SAFETY: as above, and `name` is a C string.
        unsafe { libc::getgrnam_r(name.as_ptr(), group, room, length, found) }
    };
    found(ask, |group| Group { name: GroupName::new(text(group.gr_name)), gid: group.gr_gid, members: members(group) })
}

/// Asks with more room until it is enough, and takes what is wanted out of the entry.
fn found<T>(
    ask: impl Fn(*mut libc::group, *mut c_char, size_t, *mut *mut libc::group) -> c_int,
    take: impl FnOnce(&libc::group) -> T,
) -> Result<Option<T>, Errno> {
    let mut room: Vec<c_char> = Vec::new();
    let mut length = FIRST;
    while length <= MOST {
        room.try_reserve_exact(length).map_err(|_| Errno::ENOMEM)?;
        let mut entry = MaybeUninit::<libc::group>::uninit();
        let mut answer = ptr::null_mut();
        match ask(entry.as_mut_ptr(), room.as_mut_ptr(), room.capacity(), &raw mut answer) {
            0 if answer.is_null() => return Ok(None),
            // SAFETY: an answer that is not null is the entry, filled, with texts in the room, which is there still.
            0 => return Ok(Some(take(unsafe { entry.assume_init_ref() }))),
            libc::ERANGE => length = length.saturating_mul(4),
            failed => return Err(Errno::from_raw(failed)),
        }
    }
    Err(Errno::ERANGE)
}

/// The texts of a list that ends with null.
fn members(group: &libc::group) -> Vec<UserName> {
    let mut names = Vec::new();
    let mut next = group.gr_mem.cast_const();
    while !next.is_null() {
        // SAFETY: an array of C strings of the entry, that ends with null, where this ends.
        let name = unsafe { *next };
        if name.is_null() {
            break;
        }
        names.push(UserName::new(text(name)));
        // SAFETY: what was read was not the end of the array.
        next = unsafe { next.add(1) };
    }
    names
}

fn text(text: *const c_char) -> String {
    // SAFETY: a C string of an entry that is there still: this is private, and called with those alone.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_number_and_by_name_and_one_that_is_not_there_is_none() {
        assert_eq!(name_of(0), Ok(Some(GroupName::new("root"))));
        assert_eq!(named(&GroupName::new("root")).unwrap().unwrap().gid, 0);
        assert_eq!(name_of(4_000_000_000), Ok(None));
        assert!(named(&GroupName::new("no-such-group-here")).unwrap().is_none());
        assert!(named(&GroupName::new("no\0such")).is_err());
    }

    #[test]
    fn an_entry_that_needs_ten_megabytes_gets_them_and_one_that_needs_more_than_there_are_fails() {
        let needs = |bytes: usize| {
            let asked = move |group: *mut libc::group, _: *mut c_char, length: size_t, found: *mut *mut libc::group| {
                if length < bytes {
                    return libc::ERANGE;
                }
                let name = c"big".as_ptr().cast_mut();
                let big = libc::group { gr_name: name, gr_passwd: ptr::null_mut(), gr_gid: 7, gr_mem: ptr::null_mut() };
                // SAFETY: the pointer is that of `found`.
                unsafe { group.write(big) };
                // SAFETY: the same.
                unsafe { found.write(group) };
                0
            };
            found(asked, |group| (text(group.gr_name), group.gr_gid, members(group).len()))
        };
        assert_eq!(needs(10_000_000), Ok(Some(("big".to_owned(), 7, 0))));
        assert_eq!(needs(usize::MAX), Err(Errno::ERANGE));
    }
}
