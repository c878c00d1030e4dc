//! What people type: durations, ids, moments and heads. What is understood is written in a way that is understood as the same.
#![no_main]

use jit::fuzzing::{Known, When};
use jit_core::id::{DenialId, GrantId, IdPrefix, RequestId, SessionId};
use jit_core::name::{RunAs, Service};
use jit_core::policy::Principal;
use jit_core::policy::hours::Window;
use jit_core::record::Hash;
use jit_core::span::{LONGEST, Span};
use jit_core::text;
use jit_core::time::WallTime;
use libfuzzer_sys::fuzz_target;
use std::fmt::{Debug, Display};
use std::str::FromStr;

fuzz_target!(|typed: &str| {
    if let Some(span) = goes_round::<Span>(typed) {
        assert!(span >= Span::from_secs(1) && span <= LONGEST);
    }
    goes_round::<RequestId>(typed);
    goes_round::<GrantId>(typed);
    goes_round::<SessionId>(typed);
    goes_round::<DenialId>(typed);
    goes_round::<Window>(typed);
    if let Ok(prefix) = typed.parse::<IdPrefix>() {
        let _ = prefix.begins(&typed);
    }
    if let Some(moment) = WallTime::parse(typed) {
        assert_eq!(WallTime::parse(&moment.with_millis()), Some(moment));
        assert_eq!(WallTime::parse(&moment.to_string()).map(|again| again.as_millis() / 1000), Some(moment.as_millis() / 1000));
        let _ = (moment.day(), WallTime::after_day(moment.day()), moment.up_to_second(), moment.plus(LONGEST), moment.minus(LONGEST));
    }
    if let Some(hash) = Hash::parse(typed) {
        assert_eq!(hash.to_string(), typed.to_ascii_lowercase());
    }
    let _ = typed.parse::<When>();
    let _ = typed.parse::<Known>();
    let service = Service::as_typed(typed);
    assert!(Service::as_typed(service.spoken()).covers(&service), "{service:?} is spoken {}", service.spoken());
    // Names are shown with what could deceive in them escaped, and not at any length.
    if typed.len() <= 64 && !typed.chars().any(text::is_unsafe) {
        assert_eq!(RunAs::as_typed(&RunAs::as_typed(typed).to_string()), RunAs::as_typed(typed));
        if let Some(principal) = Principal::parse(typed) {
            assert_eq!(Principal::parse(&principal.to_string()), Some(principal));
        }
    }
});

/// What it was understood as, if it was; it is understood as the same when it is written.
fn goes_round<T: FromStr<Err: Display> + Display + Debug + PartialEq>(typed: &str) -> Option<T> {
    match typed.parse::<T>() {
        Ok(read) => {
            assert_eq!(read.to_string().parse::<T>().ok().as_ref(), Some(&read), "{typed:?}");
            Some(read)
        }
        Err(why) => {
            assert!(!why.to_string().chars().any(text::is_unsafe), "{why}");
            None
        }
    }
}
