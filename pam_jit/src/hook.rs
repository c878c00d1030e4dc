//! Panics print nothing: the host's stderr is not ours.
//!
//! The hook belongs to the copy of std inside this library; the host, and other modules, know nothing of it. It is set
//! once, by the dynamic loader, before anything of ours runs. Set in each call, its lock could be held by another
//! thread at the very moment at which the host forks, and the child would then wait for it for ever.

use std::panic::set_hook;

extern "C" fn say_nothing() {
    set_hook(Box::new(|_| {}));
}

// SAFETY: the loader calls what stands in this section, without arguments that it must take, when the library is
// loaded, on one thread, and before `dlopen` returns. Setting a hook needs nothing that would have to be set up first.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = say_nothing;
