//! The host's `/dev/log`: a socket that this process reads.

use crate::wait::wait_until;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Everything that came to `/dev/log`.
pub struct Syslog {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Syslog {
    /// Listens at this path.
    pub fn listen(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o666)).unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::downgrade(&lines);
        socket.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 128 * 1024];
            // The thread ends with the host.
            while let Some(lines) = into.upgrade() {
                if let Ok(length) = socket.recv(&mut buffer) {
                    lines.lock().unwrap().push(String::from_utf8_lossy(&buffer[..length]).into_owned());
                }
            }
        });
        Self { lines }
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub fn wait_for(&self, text: &str) -> String {
        wait_until(&format!("\"{text}\" in syslog; there is {:#?}", self.lines()), || {
            self.lines().into_iter().find(|line| line.contains(text))
        })
    }
}
