//! Every message of both sockets: what is decoded is encoded as the same bytes, nothing else is decoded, and no claim of a
//! length takes more memory than a frame may be worth.
#![no_main]

use jit_proto::frame::{self, HEADER, MOST};
use jit_proto::pam::{PamAnswer, PamAsk};
use jit_proto::user::{Greeting, UserAnswer, UserAsk};
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What may be allocated while one frame is decoded, in bytes. serde sets at most 1 MiB aside for a list, by its claimed length, and
/// lists stand in lists.
const MOST_MEMORY: usize = 4 * 1024 * 1024;

/// The allocator of the system, which counts.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: the system's allocator does what is asked of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }
}

fuzz_target!(|data: &[u8]| {
    // The first byte says which message the others are to be.
    let Some((kind, content)) = data.split_first().filter(|(_, content)| content.len() <= MOST) else { return };
    match kind % 5 {
        0 => is_the_same::<PamAsk>(content),
        1 => is_the_same::<PamAnswer>(content),
        2 => is_the_same::<Greeting>(content),
        3 => is_the_same::<UserAsk>(content),
        _ => is_the_same::<UserAnswer>(content),
    }
});

fn is_the_same<T: Serialize + DeserializeOwned>(content: &[u8]) {
    ALLOCATED.store(0, Ordering::Relaxed);
    let decoded = frame::decode::<T>(content);
    let allocated = ALLOCATED.load(Ordering::Relaxed);
    assert!(allocated <= MOST_MEMORY, "{allocated} bytes for a frame of {}", content.len());
    let Ok(message) = decoded else { return };
    let frame = frame::encode(&message).unwrap();
    assert_eq!(&frame[HEADER..], content);
    assert_eq!(frame::content_length(*frame.first_chunk().unwrap()), Ok(content.len()));
}
