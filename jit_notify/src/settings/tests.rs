use super::*;
use crate::template::{Around, Escape};
use crate::way::fake;

fn parse_text(text: &str) -> Loaded {
    Settings::parse(&PolicyFile { file: "f".to_owned(), text: text.to_owned() })
}

fn mistakes(text: &str) -> Vec<String> {
    parse_text(text).unwrap_err().iter().map(ToString::to_string).collect()
}

const PROGRAM: &str = "[[program]]\nname = \"p\"\nevents = [\"*\"]\nrun = [\"/bin/true\"]\n";
const POST: &str = "[[post]]\nname = \"w\"\nevents = [\"grant.*\"]\nurl = \"http://127.0.0.1:8080/\"\n";
const MAIL: &str = "[[mail]]\nname = \"m\"\nevents = [\"optout.taken\"]\nfrom = \"jit@example.com\"\nto = [\"{user}@example.com\"]\n";

fn with(target: &str) -> String {
    format!("version = 1\n{target}")
}

#[test]
fn the_least_that_one_can_write_has_the_defaults_of_the_document() {
    let (settings, _) = parse_text(&with(&[PROGRAM, POST, MAIL].concat())).unwrap();
    assert_eq!((settings.socket.to_str(), settings.state.to_str()), (Some("/run/jit/user.sock"), Some("/var/lib/jit-notify")));
    let [program, post, mail] = settings.targets.as_slice() else { panic!() };
    assert_eq!(program.retry, Retry::default());
    let Way::Program(run) = &program.way else { panic!() };
    assert_eq!((run.run.as_slice(), run.timeout.as_secs()), (["/bin/true".to_owned()].as_slice(), 10));
    let Way::Post(post) = &post.way else { panic!() };
    assert_eq!((post.content_type.as_str(), post.around, post.escape), ("application/json", Around::Json, Escape::Plain));
    let Way::Mail(mail) = &mail.way else { panic!() };
    assert_eq!(mail.relay.to_string(), "127.0.0.1:25");
}

#[test]
fn what_is_wrong_is_named_with_line_column_and_what_was_meant() {
    for (text, begins, says) in [
        ("", "f:1:1:", "has no `version`"),
        ("version = 2\n", "f:1:11:", "write version = 1"),
        ("version = 1\nx = [\n", "f:", "this is not TOML"),
        ("version = 1\n[[porgram]]\n", "f:2:3:", "did you mean `program`?"),
        (&with(&PROGRAM.replace("events", "evnets")), "f:4:1:", "did you mean `events`?"),
        (&with(&PROGRAM.replace("\"*\"", "\"grants.*\"")), "f:4:11:", "did you mean `grant.*`?"),
        (&with(&PROGRAM.replace("/bin/true", "true")), "f:5:7:", "absolute path"),
        (&with(&PROGRAM.replace("\"p\"", "\"../p\"")), "f:3:8:", "small letters"),
        (&with(&[PROGRAM, "timeout = \"1M\"\n"].concat()), "f:6:11:", "minutes are m"),
        (&with(&[PROGRAM, "timeout = \"1h\"\n"].concat()), "f:6:11:", "at most 10m"),
        (&with(&[PROGRAM, "retry = { frist = \"1s\" }\n"].concat()), "f:6:11:", "did you mean `first`?"),
        (&with(&[PROGRAM, PROGRAM].concat()), "f:1:1:", "two targets are named `p`"),
        (&with(&POST.replace("127.0.0.1:8080", "example.com")), "f:5:7:", "for everybody to read"),
        (&with(&POST.replace("http://127.0.0.1:8080/", "ftp://x/")), "f:5:7:", "neither https nor http"),
        (&with(&[POST, "secret = \"short\"\n"].concat()), "f:6:10:", "openssl rand"),
        (&with(&[POST, "body = '{\"text\": \"{resaon}\"}'\n"].concat()), "f:6:8:", "did you mean `reason`?"),
        (&with(&[POST, "body = '{\"text\": {reason}}'\n"].concat()), "f:6:8:", "not JSON"),
        (&with(&[POST, "headers = [\"a b: c\"]\n"].concat()), "f:6:12:", "not a header"),
        (&with(&MAIL.replace("{user}@", "{reason}@")), "f:6:7:", "not an address"),
        (&with(&MAIL.replace("jit@example.com", "Jit <jit@example.com>")), "f:5:8:", "the address alone"),
        (&with(&[MAIL, "relay = \"192.0.2.1:25\"\n"].concat()), "f:7:9:", "not this host"),
    ] {
        let found = mistakes(text);
        assert!(found.iter().any(|line| line.starts_with(begins) && line.contains(says)), "{begins} {says}: {found:#?}");
    }
}

#[test]
fn http_is_for_this_host_alone_however_its_name_is_written() {
    for (url, good) in [
        ("http://localhost/", true),
        ("http://[::1]:80/x", true),
        ("http://127.0.0.1.example.com/", false),
        ("http://localhost.example.com/", false),
        ("http://user@example.com/", false),
        ("https://", false),
        ("/x", false),
    ] {
        let text = with(&POST.replace("http://127.0.0.1:8080/", url));
        assert_eq!(parse_text(&text).is_ok(), good, "{url}");
    }
}

#[test]
fn a_thirteenth_target_is_refused() {
    let many: String = (0..13).map(|number| PROGRAM.replace("\"p\"", &format!("\"p{number}\""))).collect();
    assert!(mistakes(&with(&many))[0].contains("13 targets; 12 are possible"));
}

/// What a shipped file posts to a server that stands in for its own; of the first target in it.
fn posted(text: &str, reason: &str) -> serde_json::Value {
    use std::io::Write;
    let (told, heard) = std::sync::mpsc::channel();
    let address = fake::server(move |mut stream| {
        told.send(fake::request(&mut stream)).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let line = text.lines().find(|line| line.starts_with("url")).unwrap();
    let (settings, _) = parse_text(&text.replace(line, &format!("url = \"http://{address}/\""))).unwrap();
    settings.targets[0].way.tell(&fake::event(reason), "web1").unwrap();
    let (head, body) = heard.recv().unwrap();
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    serde_json::from_str(&body).unwrap()
}

const SLACK: &str = include_str!("../../../packaging/notify/slack.toml");
const TEAMS: &str = include_str!("../../../packaging/notify/teams.toml");
const NTFY: &str = include_str!("../../../packaging/notify/ntfy.toml");
const MAILS: &str = include_str!("../../../packaging/notify/mail.toml");

#[test]
fn slack_gets_blocks_of_plain_text_in_which_no_reason_calls_a_channel_or_is_markup() {
    let body = posted(SLACK, "<!channel> & <http://evil.example|click> *now* https://evil.example");
    assert_eq!(body["text"], "request.submitted on web1");
    let blocks = body["blocks"].as_array().unwrap();
    let texts: Vec<_> = blocks.iter().map(|block| &block["text"]).collect();
    assert!(texts.iter().all(|text| text["type"] == "plain_text" && text["emoji"] == false), "{body}");
    let text = texts[1]["text"].as_str().unwrap();
    assert!(text.starts_with("alice asks for sudo as root, 30m: &lt;!channel&gt; &amp; &lt;http"), "{text}");
    assert_eq!(body.to_string().matches("evil").count(), 2, "nowhere else: {body}");
    // Slack refuses the whole of a message with a text object of more than 3000 letters.
    let body = posted(SLACK, &"&".repeat(2000));
    let text = body["blocks"][1]["text"]["text"].as_str().unwrap();
    assert!(text.len() > 1900 && text.len() < 3000, "{}", text.len());
}

#[test]
fn teams_gets_a_card_of_plain_runs_of_text() {
    let body = posted(TEAMS, "\"], [click](http://evil.example)");
    assert_eq!((&body["type"], body["attachments"].as_array().unwrap().len()), (&"message".into(), 1));
    assert_eq!(body["attachments"][0]["contentType"], "application/vnd.microsoft.card.adaptive");
    let card = &body["attachments"][0]["content"];
    assert_eq!((&card["type"], &card["version"]), (&"AdaptiveCard".into(), &"1.4".into()));
    let blocks = card["body"].as_array().unwrap();
    assert!(blocks.iter().all(|block| block["type"] == "RichTextBlock" && block["inlines"][0]["type"] == "TextRun"));
    assert!(blocks[1]["inlines"][0]["text"].as_str().unwrap().contains("\"], [click](http://evil.example)"));
}

#[test]
fn ntfy_gets_a_message_with_topic_title_and_priority() {
    let body = posted(NTFY, "INC-42");
    assert_eq!(
        (&body["topic"], &body["title"], &body["priority"]),
        (&"jit-CHANGE-ME".into(), &"request.submitted on web1".into(), &4.into())
    );
    assert!(body["message"].as_str().unwrap().contains("INC-42") && body["tags"].is_array());
}

#[test]
fn the_mails_go_to_those_who_must_know_and_to_whom_it_is_about() {
    let (told, heard) = std::sync::mpsc::channel();
    let address = fake::server(move |stream| told.send(fake::smtp(stream, &[])).unwrap());
    let text = MAILS.replace("[[mail]]", &format!("[[mail]]\nrelay = \"{address}\""));
    let (settings, _) = parse_text(&text).unwrap();
    for (target, to) in settings.targets.iter().zip(["security@example.com", "alice@example.com"]) {
        target.way.tell(&fake::event("INC-42"), "web1").unwrap();
        let mail = heard.recv().unwrap();
        assert!(mail.contains(&format!("RCPT TO:<{to}>\r\nDATA\r\n")) && mail.contains("\r\nSubject: =?utf-8?B?"), "{mail}");
    }
}

#[test]
fn each_shipped_file_is_valid_as_it_is() {
    for text in [SLACK, TEAMS, NTFY, MAILS] {
        parse_text(text).unwrap();
    }
}
