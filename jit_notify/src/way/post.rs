//! Posting to an address, signed.

use super::Failed;
use crate::event::Event;
use crate::template::{Around, Escape, Template};
use ring::hmac;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ureq::Agent;
use ureq::http::{HeaderMap, Response};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// How much of an answer is read to say why it failed, in bytes. Of one that says yes nothing is.
const READ: u64 = 500;
/// The longest head of an answer, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// Where distributions keep the certificates that they trust: Debian's, Red Hat's, SUSE's.
const ROOTS: [&str; 3] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// An address.
#[derive(Debug)]
pub struct Post {
    /// Where to.
    pub url: String,
    /// What.
    pub body: Template,
    /// What around its words must be escaped for.
    pub around: Around,
    /// What else must be.
    pub escape: Escape,
    /// What it is called.
    pub content_type: String,
    /// More headers, name and value.
    pub headers: Vec<(String, String)>,
    /// The key of the signature.
    pub secret: Option<String>,
    /// What sends it.
    pub agent: Agent,
}

/// The certificates of authorities that are trusted.
#[derive(Debug, Clone)]
pub struct Roots(Arc<Vec<Certificate<'static>>>);

impl Roots {
    /// Reads those of a file, or else those of this host.
    ///
    /// # Errors
    /// There are none.
    pub fn read(file: Option<&Path>) -> Result<Self, String> {
        let usual = ROOTS.iter().map(Path::new).find(|path| path.exists());
        let Some(file) = file.or(usual) else {
            return Err("no certificates of authorities are found; install ca-certificates, or name a file: [tls] ca = \"...\"".to_owned());
        };
        let pem = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let certificates: Vec<_> = parse_pem(&pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                Ok(_) | Err(_) => None,
            })
            .collect();
        if certificates.is_empty() { Err(format!("{}: no certificate is in it", file.display())) } else { Ok(Self(Arc::new(certificates))) }
    }
}

/// What sends, within this time in all. It follows no redirect and no proxy of the environment.
pub fn agent(timeout: Duration, roots: Option<&Roots>) -> Agent {
    let trusted = roots.map_or_else(Arc::default, |roots| roots.0.clone());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder().root_certs(RootCerts::Specific(trusted)).unversioned_rustls_crypto_provider(provider).build();
    let config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .max_response_header_size(LONGEST_HEAD)
        .user_agent(concat!("jit-notify/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls);
    config.build().new_agent()
}

/// The signature: HMAC-SHA256 over the seconds since 1970, a full stop, and the body.
fn signature(secret: &str, timestamp: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{timestamp}.{body}").as_bytes());
    format!("sha256={}", jit_core::record::hex(tag.as_ref()))
}

impl Post {
    /// Posts an event.
    ///
    /// # Errors
    /// There was no answer in time, or none of the two hundreds.
    pub fn send(&self, event: &Event, host: &str) -> Result<(), Failed> {
        let body = self.body.fill(event, host, self.around, self.escape);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut request = self.agent.post(&self.url).header("Content-Type", &self.content_type);
        request = request.header("X-Jit-Delivery", event.delivery()).header("X-Jit-Timestamp", now.to_string());
        if let Some(secret) = &self.secret {
            request = request.header("X-Jit-Signature", signature(secret, now, &body));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        match request.send(&body) {
            Ok(response) => judge(response),
            Err(error) => Err(Failed::not_now(error.to_string())),
        }
    }
}

fn judge(mut response: Response<ureq::Body>) -> Result<(), Failed> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let mut words = Vec::new();
    // What can be had of it; the status is what counts.
    let _ = response.body_mut().as_reader().take(READ).read_to_end(&mut words);
    let words = String::from_utf8_lossy(&words);
    let words = if words.trim().is_empty() { String::new() } else { format!(": {}", words.trim()) };
    match status.as_u16() {
        300..=399 => Err(Failed::not_now(format!("it answers {} and sends one elsewhere; name the last address", status.as_u16()))),
        code @ (400 | 406 | 411 | 413 | 414 | 415 | 422) => Err(Failed::Refused(format!("it answers {code}{words}"))),
        code => Err(Failed::NotNow(format!("it answers {code}{words}"), asked_pause(response.headers()))),
    }
}

/// `Retry-After`, in seconds; its other form, a date, is not read.
fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    headers.get("retry-after")?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::way::fake;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use std::io::Write;
    use std::net::TcpStream;
    use std::time::Instant;

    /// `printf '1764072000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef`
    #[test]
    fn the_signature_is_what_openssl_computes() {
        assert_eq!(
            signature("0123456789abcdef", 1_764_072_000, "{\"a\":1}"),
            "sha256=968fd7a0b6bdb8687b051e71e1867af7cd41e74ed4d9ddbf5badd5e5c0fa28e8"
        );
    }

    fn post(url: String, roots: Option<&Roots>) -> Post {
        Post {
            url,
            body: Template::parse("{\"text\": \"{reason}\"}").unwrap(),
            around: Around::Json,
            escape: Escape::Plain,
            content_type: "application/json".to_owned(),
            headers: vec![("Authorization".to_owned(), "Bearer abc".to_owned())],
            secret: Some("0123456789abcdef".to_owned()),
            agent: agent(Duration::from_secs(2), roots),
        }
    }

    fn send(server: impl FnMut(TcpStream) + Send + 'static) -> Result<(), Failed> {
        post(format!("http://{}/in", fake::server(server)), None).send(&fake::event("x\"y"), "web1")
    }

    fn answering(answer: String) -> Result<(), Failed> {
        send(move |mut stream| {
            fake::request(&mut stream);
            // Whoever asked may have seen enough.
            let _ = stream.write_all(answer.as_bytes());
        })
    }

    #[test]
    fn what_is_posted_is_signed_over_its_time_and_its_body() {
        let (told, heard) = std::sync::mpsc::channel();
        let sent = send(move |mut stream| {
            told.send(fake::request(&mut stream)).unwrap();
            stream.write_all(b"HTTP/1.1 204 Good\r\n\r\n").unwrap();
        });
        assert_eq!(sent, Ok(()));
        let (head, body) = heard.recv().unwrap();
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        assert!(head.starts_with("POST /in HTTP/1.1\r\n"), "{head}");
        assert_eq!(body, "{\"text\": \"x\\\"y\"}");
        assert_eq!((header("x-jit-delivery: ").as_str(), header("authorization: ").as_str()), ("7-1111111111111111", "Bearer abc"));
        let timestamp = header("x-jit-timestamp: ").parse().unwrap();
        assert_eq!(header("x-jit-signature: "), signature("0123456789abcdef", timestamp, &body));
    }

    #[test]
    fn an_answer_is_taken_for_what_its_first_line_says() {
        let status = |status: &str| answering(format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nno\u{1b}!"));
        assert_eq!(status("200 OK"), Ok(()), "whatever garbage follows");
        assert!(matches!(status("500 Oh"), Err(Failed::NotNow(why, None)) if why.starts_with("it answers 500: no")));
        assert!(matches!(status("404 Gone"), Err(Failed::NotNow(..))), "an address can be mended");
        assert!(matches!(status("400 Bad"), Err(Failed::Refused(why)) if why.starts_with("it answers 400")));
        assert!(
            matches!(status("302 There\r\nLocation: http://127.0.0.1:1/"), Err(Failed::NotNow(why, _)) if why.contains("last address"))
        );
        let later = status("429 Slow\r\nRetry-After: 77");
        assert!(matches!(later, Err(Failed::NotNow(_, Some(pause))) if pause.as_secs() == 77), "{later:?}");
    }

    #[test]
    fn one_that_is_slow_absent_or_lies_costs_neither_time_nor_memory() {
        let began = Instant::now();
        assert!(matches!(send(fake::closes_in_the_middle), Err(Failed::NotNow(..))));
        assert!(matches!(send(fake::says_nothing), Err(Failed::NotNow(..))));
        assert!(matches!(send(fake::never_ends), Err(Failed::NotNow(..))));
        assert!(matches!(send(fake::drips), Err(Failed::NotNow(..))));
        assert!(matches!(answering("garbage\r\n\r\n".to_owned()), Err(Failed::NotNow(..))));
        let huge = |status: &'static str| {
            send(move |mut stream| {
                fake::request(&mut stream);
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: 1000000000000\r\n\r\n");
                let mut going_on = stream.write_all(head.as_bytes());
                while going_on.is_ok() {
                    going_on = stream.write_all(&[b'x'; 65_536]);
                }
            })
        };
        assert_eq!(huge("200 OK"), Ok(()));
        assert!(matches!(huge("500 Oh"), Err(Failed::NotNow(why, _)) if why.len() < 600));
        let nobody = post(format!("http://{}/", fake::nobody()), None).send(&fake::event("x"), "web1");
        assert!(matches!(nobody, Err(Failed::NotNow(..))));
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }

    /// A certificate for 127.0.0.1 that signs itself, and what serves with it.
    fn certificate(directory: &Path) -> (std::path::PathBuf, Arc<rustls::ServerConfig>) {
        let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        let made = std::process::Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=test",
            ])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output();
        assert!(made.unwrap().status.success());
        let chain = CertificateDer::from_pem_file(&certificate).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![chain], PrivateKeyDer::from_pem_file(&key).unwrap()).unwrap();
        (certificate, Arc::new(config))
    }

    #[test]
    fn https_is_spoken_only_with_whom_the_certificates_of_authorities_vouch_for() {
        let directory = tempfile::tempdir().unwrap();
        let (file, config) = certificate(directory.path());
        let server = fake::server(move |stream| {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let (head, _) = fake::request(&mut stream);
            if head.starts_with("POST") {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        });
        let send =
            |host: &str, roots: Option<&Roots>| post(format!("https://{host}:{}/", server.port()), roots).send(&fake::event("x"), "web1");
        let ours = Roots::read(Some(&file)).unwrap();
        assert_eq!(send("127.0.0.1", Some(&ours)), Ok(()));
        assert!(matches!(send("localhost", Some(&ours)), Err(Failed::NotNow(..))), "it is not localhost's");
        assert!(matches!(send("127.0.0.1", None), Err(Failed::NotNow(..))), "nobody vouches for it");
        assert!(Roots::read(Some(Path::new("/dev/null"))).is_err());
    }
}
