//! Mail, handed to the mail server of this host.
//!
//! Nothing but plain SMTP over loopback: TLS, credentials and queues are the mail server's. What it answers is read
//! with bounds, since it may be anything that listens there.

use super::Failed;
use crate::event::Event;
use crate::template::{Around, Escape, Template};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The longest reply that is read, in bytes; RFC 5321 allows 512 a line.
const LONGEST_REPLY: usize = 8192;

/// Mail to these people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The mail server, on loopback.
    pub relay: SocketAddr,
    /// Whom it is from.
    pub from: String,
    /// Whom it is to; one that is no address for an event is left out.
    pub to: Vec<Template>,
    /// What it is about.
    pub subject: Template,
    /// What it says.
    pub body: Template,
    /// How long it may take in all.
    pub timeout: Duration,
}

/// Whether this is an address to which nothing can be added: no name, no comment, no quotes, no line.
pub fn is_address(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|letter| letter.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(letter))
    };
    text.len() <= 254 && !text.starts_with('-') && text.split_once('@').is_some_and(|(local, domain)| plain(local) && plain(domain))
}

impl Mail {
    /// Sends an event.
    ///
    /// # Errors
    /// The mail server did not take it.
    pub fn send(&self, event: &Event, host: &str) -> Result<(), Failed> {
        let to: Vec<_> = self.to.iter().map(|to| to.fill(event, host, Around::Text, Escape::Plain)).filter(|to| is_address(to)).collect();
        if to.is_empty() {
            return Ok(());
        }
        let message = self.message(event, host, &to);
        let mut line = Line::connect(self.relay, self.timeout)?;
        line.expect(2)?;
        line.ask(&format!("EHLO {}", if host.is_empty() { "localhost" } else { host }), 2)?;
        line.ask(&format!("MAIL FROM:<{}>", self.from), 2)?;
        let mut refused = None;
        let mut taken = 0_usize;
        for to in &to {
            match line.ask(&format!("RCPT TO:<{to}>"), 2) {
                Ok(()) => taken = taken.saturating_add(1),
                Err(Failed::Refused(why)) => refused = Some(why),
                Err(failed @ Failed::NotNow(..)) => return Err(failed),
            }
        }
        match refused {
            Some(why) if taken == 0 => return Err(Failed::Refused(why)),
            Some(why) => eprintln!("jit-notify: one who should get a mail does not: {}", Failed::Refused(why)),
            None => {}
        }
        line.ask("DATA", 3)?;
        line.write(message.as_bytes())?;
        line.ask("\r\n.", 2)?;
        // It is the mail server's from here on.
        let _ = line.write(b"QUIT\r\n");
        Ok(())
    }

    /// Headers and body. The body is base64: no line of it can be too long, end the message, or be anything else.
    fn message(&self, event: &Event, host: &str, to: &[String]) -> String {
        let fill = |template: &Template| template.fill(event, host, Around::Text, Escape::Plain);
        let domain = self.from.split_once('@').map_or("localhost", |(_, domain)| domain);
        let date = chrono::Utc::now().to_rfc2822();
        let encoded = STANDARD.encode(fill(&self.body).replace("\r\n", "\n").replace('\n', "\r\n"));
        let mut message = format!(
            "Date: {date}\r\nFrom: <{}>\r\nTo: {}\r\nSubject: {}\r\nMessage-ID: <{}.{}@{domain}>\r\nAuto-Submitted: auto-generated\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            self.from,
            to.iter().map(|to| format!("<{to}>")).collect::<Vec<_>>().join(",\r\n "),
            header(&fill(&self.subject)),
            event.delivery(),
            if is_address(&format!("{host}@x")) { host } else { "host" },
        );
        for line in encoded.as_bytes().chunks(76) {
            message.push_str(&String::from_utf8_lossy(line));
            message.push_str("\r\n");
        }
        message
    }
}

/// A header's text: RFC 2047's encoded words, each of at most 75 letters and of whole characters.
fn header(text: &str) -> String {
    let mut words = Vec::new();
    let mut word = String::new();
    for letter in text.chars() {
        if word.len().saturating_add(letter.len_utf8()) > 42 {
            words.push(std::mem::take(&mut word));
        }
        word.push(letter);
    }
    words.push(word);
    words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect::<Vec<_>>().join("\r\n ")
}

/// A connection that is given up when its time is over.
struct Line {
    stream: TcpStream,
    deadline: Instant,
    read: Vec<u8>,
}

impl Line {
    fn connect(relay: SocketAddr, timeout: Duration) -> Result<Self, Failed> {
        let now = Instant::now();
        let stream = TcpStream::connect_timeout(&relay, timeout).map_err(|error| Failed::not_now(format!("{relay}: {error}")))?;
        Ok(Self { stream, deadline: now.checked_add(timeout).unwrap_or(now), read: Vec::new() })
    }

    fn left(&self) -> Result<Option<Duration>, Failed> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Failed::not_now("the mail server took too long")) } else { Ok(Some(left)) }
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Failed> {
        while !bytes.is_empty() {
            let left = self.left()?;
            let written = self.stream.set_write_timeout(left).and_then(|()| self.stream.write(bytes)).map_err(broken)?;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    fn ask(&mut self, words: &str, wanted: u8) -> Result<(), Failed> {
        self.write(format!("{words}\r\n").as_bytes())?;
        self.expect(wanted)
    }

    /// Reads a reply, whose code must begin with this digit.
    fn expect(&mut self, wanted: u8) -> Result<(), Failed> {
        let reply = self.reply()?;
        match reply.as_bytes().first().map(|digit| digit.wrapping_sub(b'0')) {
            Some(digit) if digit == wanted => Ok(()),
            Some(5) => Err(Failed::Refused(format!("the mail server answers {reply}"))),
            Some(_) | None => Err(Failed::not_now(format!("the mail server answers {reply}"))),
        }
    }

    /// All lines of a reply; those before the last have a hyphen behind the code.
    fn reply(&mut self) -> Result<String, Failed> {
        let mut reply = String::new();
        loop {
            let Some(end) = self.read.iter().position(|byte| *byte == b'\n') else {
                self.more()?;
                continue;
            };
            let line: Vec<u8> = self.read.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let is_reply = line.bytes().take(3).filter(u8::is_ascii_digit).count() == 3;
            if !is_reply || reply.len() > LONGEST_REPLY {
                return Err(Failed::not_now(format!("this is no mail server; it says {line}")));
            }
            let is_last = line.as_bytes().get(3) != Some(&b'-');
            reply.push_str(&line);
            if is_last {
                return Ok(reply);
            }
            reply.push(' ');
        }
    }

    fn more(&mut self) -> Result<(), Failed> {
        if self.read.len() > LONGEST_REPLY {
            return Err(Failed::not_now("this is no mail server; its line does not end"));
        }
        let mut buffer = [0; 1024];
        let left = self.left()?;
        match self.stream.set_read_timeout(left).and_then(|()| self.stream.read(&mut buffer)).map_err(broken)? {
            0 => Err(Failed::not_now("the mail server closed the connection")),
            read => {
                self.read.extend(buffer.iter().take(read));
                Ok(())
            }
        }
    }
}

fn broken(error: io::Error) -> Failed {
    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
        return Failed::not_now("the mail server took too long");
    }
    Failed::not_now(format!("the mail server is gone: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::way::fake;

    #[test]
    fn an_address_has_nothing_that_could_end_it() {
        for good in ["alice@example.com", "jit+x@host", "a.b@x-y.example"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "alice", "@example.com", "alice@", "a@b@c", "a b@c", "a@b\r\nDATA", "<a@b>", "a@b,c@d", "é@b", "-oX@b", "\"a\"@b"]
        {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn a_header_is_folded_into_words_that_decode_to_what_was_said() {
        let text = "größe \u{1f512} ".repeat(20);
        let header = header(&text);
        assert!(header.is_ascii() && header.lines().all(|line| line.trim().len() <= 75), "{header}");
        let word = |line: &str| {
            let inside = line.trim().strip_prefix("=?utf-8?B?").unwrap().strip_suffix("?=").unwrap().to_owned();
            String::from_utf8(STANDARD.decode(inside).unwrap()).unwrap()
        };
        assert_eq!(header.lines().map(word).collect::<String>(), text);
    }

    fn mail(relay: SocketAddr) -> Mail {
        let template = |text| Template::parse(text).unwrap();
        Mail {
            relay,
            from: "jit@example.com".to_owned(),
            to: vec![template("{user}@example.com"), template("security@example.com")],
            subject: template("[jit] größe {user}"),
            body: template("{summary}\n.\nQUIT\n{reason}"),
            timeout: Duration::from_secs(2),
        }
    }

    fn send(server: impl FnMut(TcpStream) + Send + 'static) -> Result<(), Failed> {
        mail(fake::server(server)).send(&fake::event("x\r\n.\r\nRCPT TO:<eve@example.com>"), "web1")
    }

    #[test]
    fn a_mail_server_gets_one_whole_message_that_no_reason_can_end() {
        let (told, heard) = std::sync::mpsc::channel();
        let sent = send(move |stream| told.send(fake::smtp(stream, &[])).unwrap());
        assert_eq!(sent, Ok(()));
        let dialogue = heard.recv().unwrap();
        let (commands, rest) = dialogue.split_once("DATA\r\n").unwrap();
        assert_eq!(
            commands,
            "EHLO web1\r\nMAIL FROM:<jit@example.com>\r\nRCPT TO:<alice@example.com>\r\nRCPT TO:<security@example.com>\r\n"
        );
        let (message, end) = rest.split_once("\r\n.\r\n").unwrap();
        assert_eq!(end, "QUIT\r\n");
        let (headers, body) = message.split_once("\r\n\r\n").unwrap();
        assert!(headers.contains("To: <alice@example.com>,\r\n <security@example.com>\r\n"), "{headers}");
        assert!(headers.contains("Message-ID: <7-1111111111111111.web1@example.com>\r\n") && headers.is_ascii(), "{headers}");
        let body = STANDARD.decode(body.replace("\r\n", "")).unwrap();
        let body = String::from_utf8(body).unwrap();
        assert!(body.starts_with("alice asks for sudo") && body.ends_with("x\\u{d}\\n.\\u{d}\\nRCPT TO:<eve@example.com>"), "{body}");
    }

    #[test]
    fn a_mail_server_that_refuses_or_defers_is_told_from_one_that_does_neither() {
        let answered = |line: &'static str, reply: &'static str| send(move |stream| drop(fake::smtp(stream, &[(line, reply)])));
        assert!(matches!(answered("MAIL", "450 later"), Err(Failed::NotNow(why, None)) if why.contains("450 later")));
        assert!(matches!(answered("MAIL", "550 never"), Err(Failed::Refused(why)) if why.contains("550 never")));
        assert_eq!(answered("RCPT TO:<alice", "550 nobody here"), Ok(()), "the others get it");
        assert!(matches!(answered("RCPT", "550 nobody here"), Err(Failed::Refused(_))));
        assert!(matches!(answered("RCPT", "451 later"), Err(Failed::NotNow(..))));
        assert!(matches!(answered("EHLO", "250-a\r\n250-b\r\n250 c"), Ok(())));
    }

    #[test]
    fn what_only_claims_to_be_a_mail_server_costs_neither_time_nor_memory() {
        let began = Instant::now();
        let not_now = |server: fn(TcpStream)| matches!(send(server), Err(Failed::NotNow(..)));
        assert!(not_now(fake::closes_in_the_middle));
        assert!(not_now(fake::says_nothing), "slow");
        assert!(not_now(fake::never_ends));
        assert!(not_now(fake::drips), "a byte now and then");
        let nobody = mail(fake::nobody()).send(&fake::event("x"), "web1");
        assert!(matches!(nobody, Err(Failed::NotNow(..))));
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    }
}
