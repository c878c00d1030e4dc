use super::draw::{Look, draw, share};
use super::form::Stage;
use super::model::{Key, Link, Message, Mode, Model, News, Order, Pane, Picture};
use super::rows::{Glyphs, bar, countdown};
use crate::show::sample;
use crate::show::times::Clock;
use jit_proto::user::Verdict;
use jit_proto::view::{EventView, GrantView, RequestView, ReviewView, StageView};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const PLAIN: Look = Look { colour: false, glyphs: Glyphs::UTF8 };

fn emergency() -> GrantView {
    let review = ReviewView { state: "due".to_owned(), due: sample::moment("2026-11-24T14:00:00Z"), by: None, note: None };
    GrantView {
        id: "G-EMERGENC".to_owned(),
        user: "frank".to_owned(),
        kind: "emergency".to_owned(),
        by: Vec::new(),
        review: Some(review),
        ..sample::grant()
    }
}

fn picture() -> Picture {
    let own = RequestView { id: "R-00000002".to_owned(), user: "carol".to_owned(), ..sample::pending() };
    Picture {
        user: "carol".to_owned(),
        requests: vec![sample::pending(), own],
        reviews: vec![emergency()],
        grants: vec![sample::grant(), emergency()],
        sessions: vec![sample::session()],
        to_approve: [sample::pending().id].into(),
        notices: Vec::new(),
    }
}

fn model() -> Model {
    let mut model = Model::new(Clock::standing(sample::NOW));
    model.hear(News::Link(Link::Live));
    model.hear(News::Picture(Box::new(picture())));
    model.hear(News::Events(sample::events(3)));
    model
}

fn screen_with(model: &Model, look: Look, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model, look)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let line = |row: &[ratatui::buffer::Cell]| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_owned();
    buffer.content().chunks(usize::from(width)).map(line).collect::<Vec<_>>().join("\n")
}

fn screen(model: &Model) -> String {
    screen_with(model, PLAIN, 80, 24)
}

fn press(model: &mut Model, keys: &str) -> Option<Order> {
    let key = |letter: char| match letter {
        '\n' => Key::Enter,
        '\t' => Key::Tab,
        '\x1b' => Key::Escape,
        letter => Key::Letter(letter),
    };
    keys.chars().filter_map(|letter| model.press(key(letter))).last()
}

#[test]
fn a_newcomer_is_told_what_each_part_is_for() {
    let mut model = Model::new(Clock::standing(sample::NOW));
    model.hear(News::Link(Link::Live));
    model.hear(News::Picture(Box::new(Picture { user: "carol".to_owned(), ..Picture::default() })));
    let shown = screen(&model);
    for words in ["jit request sudo", "Nobody holds access", "No session runs", "Each step comes here", "? help  q quit", "live 14:34:00"] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn all_that_matters_is_on_a_screen_of_80_by_24_and_needs_no_colour() {
    let shown = screen(&model());
    for words in [
        "> R-7F3KQ2ZD for you alice     sudo as root  30m   lapses 30:00 \"INC-42 disk",
        "G-EMERGENC REVIEW  frank     sudo as root        due 23h26m",
        "[███████████░] 26:00 left  by carol \"INC",
        "EMERGENCY",
        "S-0000000A alice     sudo as root  open 3m        ends 15:00  pts/3",
        "request.cancelled  alice  R-7F3KQ2ZD",
        "━━ Waiting for an answer (3) ",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
}

#[test]
fn it_fits_any_size_and_says_when_it_does_not() {
    let mut model = model();
    for (width, height) in [(80, 24), (200, 50), (40, 10), (79, 11), (300, 10), (20, 5), (1, 1)] {
        screen_with(&model, PLAIN, width, height);
    }
    assert!(screen_with(&model, PLAIN, 39, 20).contains("too small"));
    let wide = screen_with(&model, PLAIN, 200, 50);
    assert!(wide.lines().any(|line| line.contains("Waiting for an answer") && line.contains("What happens")), "side by side\n{wide}");
    press(&mut model, "a\n\n");
    for (width, height) in [(80, 24), (40, 10)] {
        assert!(screen_with(&model, PLAIN, width, height).contains("y yes"), "what is asked is seen on every screen");
    }
}

#[test]
fn a_terminal_without_utf8_gets_plain_letters() {
    let ascii = Look { colour: true, glyphs: Glyphs::ASCII };
    let shown = screen_with(&model(), ascii, 80, 24);
    assert!(shown.is_ascii(), "{shown}");
    assert!(shown.contains("[###########.]"), "{shown}");
}

#[test]
fn approving_takes_three_keys_and_says_before_exactly_what_will_happen() {
    let mut model = model();
    assert_eq!(press(&mut model, "a"), None);
    assert!(screen(&model).contains("Approve R-7F3KQ2ZD: alice, sudo as root, \"INC-42 disk full\""));
    assert_eq!(press(&mut model, "15m\nbe quick\n"), None);
    let shown = screen(&model);
    assert!(shown.contains("R-7F3KQ2ZD is granted: alice may sudo as root for 15m (30m were asked for).\nNote: \"be quick\""), "{shown}");
    let order = Order::Approve { id: "R-7F3KQ2ZD".to_owned(), for_s: Some(900), note: Some("be quick".to_owned()) };
    assert_eq!(press(&mut model, "y"), Some(order));
    assert_eq!(model.mode, Mode::Look);
}

#[test]
fn anything_but_a_yes_is_a_no() {
    let mut model = model();
    for no in ["Y", "n", "\n", " ", "\x1b"] {
        assert_eq!(press(&mut model, "a\n\n"), None);
        assert_eq!(press(&mut model, no), None, "{no:?}");
        assert_eq!(press(&mut model, "\x1b"), None);
        assert_eq!(model.mode, Mode::Look);
    }
}

#[test]
fn what_is_pasted_presses_no_key() {
    let mut model = model();
    press(&mut model, "a\n");
    model.paste("fine\ny\x1b[2J\u{202e}yes");
    let Mode::Form(form) = &model.mode else { panic!("the form has gone") };
    assert_eq!(form.fields[1].text, "finey[2Jyes");
    assert_eq!(form.stage, Stage::Typing(None));
    assert_eq!(press(&mut model, "\n"), None);
    model.paste("y");
    assert!(matches!(&model.mode, Mode::Form(form) if form.stage == Stage::Typing(None)), "a pasted y is no yes");
}

#[test]
fn one_of_several_approvals_is_said_to_be_one() {
    let mut model = model();
    let stages = vec![StageView { by: vec!["group:leads".to_owned()], count: 2, approved: Vec::new() }];
    model.hear(News::Picture(Box::new(Picture { requests: vec![RequestView { stages, ..sample::pending() }], ..picture() })));
    press(&mut model, "a\n\n");
    assert!(screen(&model).contains("Your approval is put on R-7F3KQ2ZD. With 1 more after it, alice may sudo as root"));
}

#[test]
fn a_time_can_only_be_made_shorter_and_a_denial_needs_words() {
    let mut model = model();
    press(&mut model, "a2h\n\n");
    assert!(screen(&model).contains("! It can only be made shorter than the 30m"));
    press(&mut model, "\x1b");
    press(&mut model, "asoon\n\n");
    assert!(screen(&model).contains("! That is no time"));
    press(&mut model, "\x1bd\n");
    assert!(screen(&model).contains("! Say why: alice will read it."));
    press(&mut model, "not now\n");
    assert!(screen(&model).contains("R-7F3KQ2ZD is denied: alice may not sudo as root, and reads \"not now\""));
    assert_eq!(press(&mut model, "y"), Some(Order::Deny { id: "R-7F3KQ2ZD".to_owned(), note: "not now".to_owned() }));
}

#[test]
fn a_grant_is_revoked_from_its_row_or_from_that_of_its_session() {
    for walk in ["\t", "\t\t"] {
        let mut model = model();
        press(&mut model, walk);
        press(&mut model, "r\n");
        let shown = screen(&model);
        assert!(shown.contains("G-0123ABCD ends now: alice may no longer sudo as root. 1 session of it ends."), "{shown}");
        assert_eq!(press(&mut model, "y"), Some(Order::Revoke { id: "G-0123ABCD".to_owned(), note: None }));
    }
}

#[test]
fn an_emergency_is_reviewed_with_a_verdict() {
    let mut model = model();
    press(&mut model, "jj");
    press(&mut model, "a");
    assert!(screen(&model).contains("is a review, not a request: press v."));
    press(&mut model, "vm\nno ticket\n");
    assert!(screen(&model).contains("Your verdict on G-EMERGENC of frank is MISUSE"), "{}", screen(&model));
    let order = Order::Review { id: "G-EMERGENC".to_owned(), verdict: Verdict::Misuse, note: Some("no ticket".to_owned()) };
    assert_eq!(press(&mut model, "y"), Some(order));
}

#[test]
fn what_does_not_wait_for_one_cannot_be_answered() {
    let mut model = model();
    press(&mut model, "ja");
    assert_eq!(model.mode, Mode::Look);
    assert_eq!(model.message, Some(Message::Bad("R-00000002 does not wait for you.".to_owned())));
    press(&mut model, "\tv");
    assert_eq!(model.message, Some(Message::Bad("G-0123ABCD does not wait for your review.".to_owned())));
}

#[test]
fn what_is_chosen_stays_chosen_when_rows_come_and_go() {
    let mut model = model();
    press(&mut model, "j");
    let mut next = picture();
    next.requests.insert(0, RequestView { id: "R-00000009".to_owned(), ..sample::pending() });
    model.hear(News::Picture(Box::new(next)));
    assert_eq!(model.ids(Pane::Waiting)[model.chosen(Pane::Waiting)], "R-00000002");
    model.hear(News::Picture(Box::new(Picture { user: "carol".to_owned(), ..Picture::default() })));
    assert_eq!(press(&mut model, "a\n"), None, "there is nothing to act on");
}

#[test]
fn a_jitd_that_is_away_is_said_and_nothing_is_decided_meanwhile() {
    let mut model = model();
    model.hear(News::Link(Link::Away("jitd cannot be reached at /run/jit/user.sock: nobody listens.".to_owned())));
    let shown = screen(&model);
    assert!(shown.contains("jitd is AWAY; looking again") && shown.contains("nobody listens"), "{shown}");
    press(&mut model, "a");
    assert_eq!(model.mode, Mode::Look);
    assert!(screen(&model).contains("! jitd is away"));
    model.hear(News::Link(Link::Live));
    press(&mut model, "a");
    assert!(matches!(model.mode, Mode::Form(_)));
}

#[test]
fn what_is_wrong_with_the_daemon_stands_above_all() {
    let mut model = model();
    model.hear(News::Picture(Box::new(Picture { notices: vec!["the record cannot be written".to_owned()], ..picture() })));
    assert!(screen(&model).lines().nth(1).unwrap().starts_with("! the record cannot be written"));
}

#[test]
fn nothing_of_others_reaches_the_terminal_as_a_command() {
    let evil = "x\x1b[2J\u{202e}\n\u{9b}1m".to_owned();
    let mut hostile = picture();
    hostile.requests[0].reason = evil.clone();
    hostile.requests[0].user = evil.clone();
    hostile.grants[0].by = vec![evil.clone()];
    hostile.sessions[0].tty = Some(evil.clone());
    hostile.notices = vec![evil.clone()];
    let mut model = model();
    model.hear(News::Picture(Box::new(hostile)));
    let event = EventView {
        event: evil.clone(),
        data: "{\"user\":\"a\\u001b[2J\",\"reason\":\"\\u202e\"}".to_owned(),
        ..sample::events(9).remove(8)
    };
    model.hear(News::Events(vec![event]));
    model.hear(News::Link(Link::Away(evil)));
    let plain = |shown: &str| !shown.chars().any(|letter| letter != '\n' && jit_core::text::is_unsafe(letter));
    assert!(plain(&screen(&model)));
    model.hear(News::Link(Link::Live));
    for keys in ["a", "\n\n"] {
        press(&mut model, keys);
        let shown = screen(&model);
        assert!(plain(&shown) && shown.contains("x\\u{1b}[2J"), "{shown}");
    }
}

#[test]
fn events_that_come_again_after_a_reconnection_are_shown_once_and_scrolling_holds_its_place() {
    let mut model = model();
    model.hear(News::Events(sample::events(3)));
    assert_eq!(model.events.len(), 3);
    press(&mut model, "\t\t\tk");
    assert_eq!(model.back, 1);
    model.hear(News::Events(sample::events(5)));
    assert_eq!((model.events.len(), model.back), (5, 3), "what is read does not move");
    model.hear(News::Events(sample::events(1000)));
    assert!(model.events.len() <= 300 && model.back < 300);
}

#[test]
fn each_part_gets_a_row_and_what_is_left_is_the_last_ones() {
    assert_eq!(share(22, &[1, 1, 1, 1], 0), [1, 1, 1, 15]);
    assert_eq!(share(22, &[30, 30, 30, 300], 0).iter().sum::<u16>(), 18);
    assert!(share(22, &[30, 2, 1, 300], 0)[0] >= 6);
    assert_eq!(share(5, &[9, 9, 9, 9], 2), [0, 0, 1, 0], "the one that is looked at comes first");
}

#[test]
fn time_runs_down_in_words_and_bars() {
    assert_eq!([0, 59, 3599, 3600, 90_000].map(countdown), ["0:00", "0:59", "59:59", "1h00m", "1d01h"]);
    assert_eq!(bar(Glyphs::ASCII, 1, 1000, 4), "[#...]", "what is left is seen to the last");
    assert_eq!(bar(Glyphs::ASCII, 0, 1000, 4), "[....]");
    assert_eq!(bar(Glyphs::ASCII, 5000, 1000, 4), "[####]");
    assert_eq!(bar(Glyphs::ASCII, 0, 0, 4), "[....]");
}

#[test]
fn ctrl_c_leaves_from_everywhere() {
    for keys in ["", "?", "a", "a\n\n"] {
        let mut model = model();
        press(&mut model, keys);
        assert_eq!(model.press(Key::Quit), None);
        assert!(model.is_over, "{keys:?}");
    }
}
