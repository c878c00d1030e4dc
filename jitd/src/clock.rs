//! The two clocks, read in one place.

use jit_core::time::{BootId, BootTime, Now, WallTime};
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// What time it is. Tests bring their own.
pub trait Clock: Send + Sync + 'static {
    /// Both clocks, now.
    fn now(&self) -> Now;

    /// Which boot this is.
    fn boot(&self) -> BootId;
}

/// The kernel's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let read = |clock| clock_gettime(clock).map_or(Duration::ZERO, Duration::from).as_millis();
        let wall = i64::try_from(read(ClockId::CLOCK_REALTIME)).unwrap_or(0);
        let boot = u64::try_from(read(ClockId::CLOCK_BOOTTIME)).unwrap_or(0);
        Now { wall: WallTime::from_millis(wall), boot: BootTime::from_millis(boot) }
    }

    fn boot(&self) -> BootId {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        BootId(id.trim().to_owned())
    }
}

/// The kernel's randomness, for ids and nonces.
#[derive(Debug, Clone, Copy)]
pub struct KernelEntropy;

impl KernelEntropy {
    /// Fresh random bytes.
    ///
    /// # Panics
    /// If the kernel has none to give: nothing that names a grant may be guessed.
    #[must_use]
    pub fn bytes<const N: usize>() -> [u8; N] {
        let mut bytes = [0; N];
        #[allow(clippy::expect_used, reason = "without randomness no id and no nonce is safe")]
        getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
        bytes
    }
}

impl jit_core::id::Entropy for KernelEntropy {
    fn bits(&mut self) -> u64 {
        u64::from_ne_bytes(Self::bytes())
    }
}
