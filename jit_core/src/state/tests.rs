use super::KEPT;
use crate::engine::Command;
use crate::engine::fixture::{World, actor};

#[test]
fn what_is_over_for_longest_is_forgotten_and_what_is_live_is_not() {
    let mut world = World::new();
    let live = world.request("bob").unwrap();
    let first = world.request("alice").unwrap();
    let _ = world.command(Command::Cancel(actor("alice"), None)).unwrap();
    for _ in 0..KEPT {
        world.now.wall = world.now.wall.plus(crate::span::Span::from_secs(1));
        world.state.begin();
        world.request("alice").unwrap();
        let _ = world.command(Command::Cancel(actor("alice"), None)).unwrap();
        world.state.keep();
    }
    assert_eq!(world.outcome(first), "none");
    assert_eq!(world.outcome(live), "pending");
    assert_eq!(world.state.requests().count(), KEPT + 1);
}
