//! Servers that are slow, fail, lie, or are not there.

use crate::event::Event;
use jit_proto::view::EventView;
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// An event with this reason.
pub fn event(reason: &str) -> Event {
    let data = json!({ "id": "R-7F3KQ2ZD", "user": "alice", "service": "sudo", "as": "root", "for_s": 1800, "reason": reason });
    let view = EventView {
        seq: 7,
        at: "2026-11-23T12:00:00.000Z".to_owned(),
        event: "request.submitted".to_owned(),
        data: data.to_string(),
        prev: "0".repeat(64),
        hash: "1".repeat(64),
    };
    Event::read(&view).unwrap()
}

/// A server that does this with each connection.
pub fn server(mut serve: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(&mut serve));
    address
}

/// An address where nobody listens.
pub fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Reads a request: head and body.
pub fn request(stream: &mut impl Read) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return (head, String::new());
        }
    }
    let length = head.to_ascii_lowercase().split("content-length: ").nth(1).map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

/// A mail server: good answers, but for lines that begin so. All that it heard.
pub fn smtp(mut stream: TcpStream, but: &[(&str, &str)]) -> String {
    let mut heard = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut in_message = false;
    stream.write_all(b"220 here\r\n").unwrap();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return heard;
        }
        heard.push_str(&line);
        if in_message && line != ".\r\n" {
            continue;
        }
        in_message = line == "DATA\r\n";
        let usual = if in_message { "354 go on" } else { "250 good" };
        let reply = but.iter().find(|(begins, _)| line.starts_with(begins)).map_or(usual, |(_, reply)| *reply);
        if stream.write_all(format!("{reply}\r\n").as_bytes()).is_err() {
            return heard;
        }
    }
}

/// Half an answer, of either protocol.
pub fn closes_in_the_middle(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 10]);
    let _ = stream.write_all(b"22");
}

/// Takes everything and never answers.
pub fn says_nothing(mut stream: TcpStream) {
    std::thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink()));
}

/// A line, or a head, without an end.
pub fn never_ends(mut stream: TcpStream) {
    std::thread::spawn(move || {
        let _ = stream.write_all(b"HTTP/1.1 500 Oh\r\nX-Long: ");
        while stream.write_all(&[b'2'; 65_536]).is_ok() {}
    });
}

/// A byte now and then, for ever.
pub fn drips(mut stream: TcpStream) {
    std::thread::spawn(move || {
        while stream.write_all(b"2").is_ok() {
            std::thread::sleep(Duration::from_millis(300));
        }
    });
}
