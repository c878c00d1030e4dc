//! Which key opened a log-in: its fingerprint, as sshd's own log and `ssh-keygen -l` have it. What sshd says of it stands in the
//! environment of PAM, where a user may have put something else (`pam_env`), so that nothing is taken for a key but what is one.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use jit_core::line::quoted;
use sha2::{Digest, Sha256};

/// How many letters of the name that a certificate has are said.
const LONGEST_ID: usize = 64;

/// `SHA256:...` for a key of that type, in base64; for a certificate that of the key in it, and which certificate it is. None if it is
/// not a whole one.
pub fn fingerprint(kind: &str, base64: &str) -> Option<String> {
    let blob = BASE64_STANDARD.decode(base64).ok()?;
    let mut fields = Fields(&blob);
    (fields.text()? == kind.as_bytes()).then_some(())?;
    let Some(plain) = within(kind) else {
        let _first = fields.text()?;
        while !fields.0.is_empty() {
            fields.text()?;
        }
        return Some(hash(&blob));
    };
    let Certificate { key, serial, id, by } = Certificate::read(fields, plain)?;
    Some(format!("{key} serial {serial} by {by} id {id}"))
}

/// The type of the key in a certificate of that type.
fn within(kind: &str) -> Option<Plain> {
    let (name, fields) = match kind {
        "ssh-ed25519-cert-v01@openssh.com" => ("ssh-ed25519", 1),
        "ssh-rsa-cert-v01@openssh.com" => ("ssh-rsa", 2),
        "ssh-dss-cert-v01@openssh.com" => ("ssh-dss", 4),
        "ecdsa-sha2-nistp256-cert-v01@openssh.com" => ("ecdsa-sha2-nistp256", 2),
        "ecdsa-sha2-nistp384-cert-v01@openssh.com" => ("ecdsa-sha2-nistp384", 2),
        "ecdsa-sha2-nistp521-cert-v01@openssh.com" => ("ecdsa-sha2-nistp521", 2),
        "sk-ssh-ed25519-cert-v01@openssh.com" => ("sk-ssh-ed25519@openssh.com", 2),
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com" => ("sk-ecdsa-sha2-nistp256@openssh.com", 3),
        _ => return None,
    };
    Some(Plain { name, fields })
}

/// A type of keys, and of how many fields one is made.
struct Plain {
    name: &'static str,
    fields: usize,
}

/// What is said of a certificate: the fingerprint of its key, and who signed it as what.
struct Certificate {
    key: String,
    serial: u64,
    id: String,
    by: String,
}

impl Certificate {
    /// Reads what follows the type (OpenSSH, PROTOCOL.certkeys).
    fn read(mut fields: Fields<'_>, plain: Plain) -> Option<Self> {
        let _nonce = fields.text()?;
        let begins = fields.0;
        (0..plain.fields).try_for_each(|_| fields.text().map(drop))?;
        let key = begins.get(..begins.len().checked_sub(fields.0.len())?)?;
        let length = u32::try_from(plain.name.len()).ok()?.to_be_bytes();
        let key = hash(&[&length, plain.name.as_bytes(), key].concat());
        let serial = u64::from_be_bytes(fields.bytes()?);
        let _user_or_host: [u8; 4] = fields.bytes()?;
        let id: String = String::from_utf8_lossy(fields.text()?).chars().take(LONGEST_ID).collect();
        let _principals = fields.text()?;
        let _valid: [u8; 16] = fields.bytes()?;
        let (_critical, _extensions, _reserved) = (fields.text()?, fields.text()?, fields.text()?);
        let by = hash(fields.text()?);
        let _signature = fields.text()?;
        fields.0.is_empty().then(|| Self { key, serial, id: quoted(&id), by })
    }
}

/// What is left of a key: fields, each behind its length.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(u32::from_be_bytes(self.bytes()?)).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }
}

fn hash(blob: &[u8]) -> String {
    format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIPGuLLcpQGWEkNJSdkA9R7PQX7xBhk7p74K87eGYdZKz";
    const ED25519_CERT: &str = concat!(
        "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIBizMzh9b3ERL5yqgOHEl633uZHiyW+l8mu6jq8JZQdzAAAAIPGuLLcpQGWEkNJSdkA9",
        "R7PQX7xBhk7p74K87eGYdZKzAAAAAAAAAAcAAAABAAAADGFsaWNlIG9mIG9wcwAAAAkAAAAFYWxpY2UAAAAAAAAAAP//////////AAAAAAAAAIIAAAAVcGVy",
        "bWl0LVgxMS1mb3J3YXJkaW5nAAAAAAAAABdwZXJtaXQtYWdlbnQtZm9yd2FyZGluZwAAAAAAAAAWcGVybWl0LXBvcnQtZm9yd2FyZGluZwAAAAAAAAAKcGVy",
        "bWl0LXB0eQAAAAAAAAAOcGVybWl0LXVzZXItcmMAAAAAAAAAAAAAADMAAAALc3NoLWVkMjU1MTkAAAAg+8mVaOlTPT+bRzrxf+FrrsqM3bXJkkTz4nDFcXS5",
        "Cz4AAABTAAAAC3NzaC1lZDI1NTE5AAAAQDtRe3CmfTpM/RhtSdX0Bino+Nn26AB1ib5hBr0ErG2Xt55SXEaCnnU1ELrSxsVtiNX9peV2u0c6Hnam73u/Sw4="
    );
    const ECDSA: &str = concat!(
        "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBKQQxPzhyfz7KU5rfU9VmidAd1hdUZNerGQKgLnAH915XZeel1hGUjUiuzl2Xt/P5HbO",
        "//uW/KeuiC0yi0Go4jk="
    );
    const ECDSA_CERT: &str = concat!(
        "AAAAKGVjZHNhLXNoYTItbmlzdHAyNTYtY2VydC12MDFAb3BlbnNzaC5jb20AAAAgk2UiVpnDY25TgamSn2MBjLADkmQ+WvrUNd7+Xif2dKkAAAAIbmlzdHAy",
        "NTYAAABBBKQQxPzhyfz7KU5rfU9VmidAd1hdUZNerGQKgLnAH915XZeel1hGUjUiuzl2Xt/P5HbO//uW/KeuiC0yi0Go4jn//////////wAAAAEAAAAFYWxp",
        "Y2UAAAAQAAAABWFsaWNlAAAAA2JvYgAAAAAAAAAA//////////8AAAAAAAAAggAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1pdC1hZ2Vu",
        "dC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5wZXJtaXQtdXNlci1yYwAAAAAAAAAA",
        "AAAAMwAAAAtzc2gtZWQyNTUxOQAAACD7yZVo6VM9P5tHOvF/4WuuyozdtcmSRPPicMVxdLkLPgAAAFMAAAALc3NoLWVkMjU1MTkAAABALY+lKOcG1ZJHNg0x",
        "vGkLdLPU5JI8PeMJHTPqM8nDaoiAhdrmQ0pxT9EjGfOgn4g5mQ+dlL8q7kG1Xa1+D2UVCA=="
    );
    const OF_ED25519: &str = "SHA256:RaKngkK/4+VjeejAhfm90ZMRSoQASe3u3O6yKTa0cnM";
    const OF_ECDSA: &str = "SHA256:ZVVeI+Vk6pxktK0ECnjSj1ogqsbz5C87Enk1ljsgHu0";
    const OF_CA: &str = "SHA256:MzNiw2n7D9idHe3v+ZJr29EJdmWgq6O0iq35sd5yfd4";

    #[test]
    fn a_key_has_the_fingerprint_that_ssh_keygen_says() {
        assert_eq!(fingerprint("ssh-ed25519", ED25519).as_deref(), Some(OF_ED25519));
        assert_eq!(fingerprint("ecdsa-sha2-nistp256", ECDSA).as_deref(), Some(OF_ECDSA));
    }

    #[test]
    fn a_certificate_has_that_of_its_key_and_says_which_one_it_is() {
        let said = fingerprint("ssh-ed25519-cert-v01@openssh.com", ED25519_CERT).unwrap();
        assert_eq!(said, format!("{OF_ED25519} serial 7 by {OF_CA} id \"alice of ops\""));
        let said = fingerprint("ecdsa-sha2-nistp256-cert-v01@openssh.com", ECDSA_CERT).unwrap();
        assert_eq!(said, format!("{OF_ECDSA} serial {} by {OF_CA} id alice", u64::MAX));
    }

    /// An older module cut off what was longer than 1024 letters.
    #[test]
    fn nothing_but_a_whole_key_of_the_type_that_is_said_has_one() {
        for (kind, whole) in [("ssh-ed25519", ED25519), ("ecdsa-sha2-nistp256-cert-v01@openssh.com", ECDSA_CERT)] {
            for cut in 0..whole.len() {
                assert_eq!(fingerprint(kind, &whole[..cut]), None, "{kind} {cut}");
            }
            let more = BASE64_STANDARD.encode([BASE64_STANDARD.decode(whole).unwrap(), vec![0]].concat());
            assert_eq!(fingerprint(kind, &more), None, "{kind}");
        }
        let (cert, length) = ("ssh-ed25519-cert-v01@openssh.com", BASE64_STANDARD.encode([255; 8]));
        for (kind, odd) in
            [("ssh-rsa", ED25519), ("ssh-ed25519", ED25519_CERT), (cert, ED25519), ("ssh-rsa", "FORGED"), ("ssh-rsa", &length)]
        {
            assert_eq!(fingerprint(kind, odd), None, "{kind}");
        }
    }
}
