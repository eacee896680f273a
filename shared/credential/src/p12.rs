//! PKCS#12 containers, RFC 7292, as far as key and certificates are concerned.

mod cipher;
mod kdf;

use der::asn1::ObjectIdentifier;
use zeroize::Zeroizing;

use crate::ber::{self, CONTEXT_0, CONTEXT_0_OF, Malformed, OCTET_STRING, Reader, SEQUENCE};
use cipher::{Cipher, Mac};
use kdf::Secret;

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const SAFE_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.6");
const X509: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");

/// Bags in bags in bags; nobody nests them at all.
const MAX_NESTING: u32 = 4;

/// Hashes for keys that one file may cost, all its parts together: a seal, certificates and a key of
/// [`MAX_ITERATIONS`] each, in the cipher that takes most. About a second of one core, two for hashes
/// that processors do not know.
const MAX_ROUNDS: u64 = 8_000_000;

/// Rounds of one part. macOS and OpenSSL write 2,048, Java 10,000, and who fears for the password more.
pub(crate) const MAX_ITERATIONS: u32 = 1_000_000;

/// What is in a file.
#[derive(Debug)]
pub(crate) struct Contents {
    /// PKCS#8; decrypted only when there is one and no second.
    pub(crate) key: Keys,
    /// DER, in the order of the file.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// The weak cipher that it is encrypted with, by name.
    pub(crate) old_cipher: Option<&'static str>,
}

#[derive(Debug)]
pub(crate) enum Keys {
    None,
    One(Zeroizing<Vec<u8>>),
    Many(usize),
}

/// Why a file cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// It is something else.
    NotP12,
    /// It was one.
    Damaged,
    WrongPassword,
    /// Named.
    UnsupportedCipher(String),
    TooManyIterations,
}

impl From<Malformed> for Unopened {
    fn from(_: Malformed) -> Self {
        Self::Damaged
    }
}

/// Opens a file with a password, which may be empty.
pub(crate) fn open(file: &[u8], password: &str) -> Result<Contents, Unopened> {
    if file.first() != Some(&SEQUENCE) {
        return Err(Unopened::NotP12);
    }
    let whole = ber::definite(file)?;
    let (safe, mac) = outer(&whole).map_err(|_| Unopened::NotP12)?;
    let mac = mac.map(Mac::parse).transpose()?;
    let parts = Part::list(&ber::definite(safe)?)?;

    let mut rounds = Rounds(MAX_ROUNDS);
    let mut found = Err(Unopened::WrongPassword);
    for secret in Secret::all(password) {
        if let Some(mac) = &mac
            && !mac.verifies(&secret, safe, &mut rounds)?
        {
            continue;
        }
        found = read(&parts, &secret, &mut rounds);
        // Without a MAC, only what comes out tells whether the password was right.
        if found != Err(Unopened::WrongPassword) {
            break;
        }
    }
    found
}

impl PartialEq for Contents {
    /// Only asked of failures.
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

/// The authenticated safe, and the MAC over it if there is one.
fn outer(whole: &[u8]) -> Result<(&[u8], Option<Reader<'_>>), Malformed> {
    let mut pfx = Reader::new(whole).inside(SEQUENCE)?;
    if pfx.number()? != 3 {
        return Err(Malformed);
    }
    let mut info = pfx.inside(SEQUENCE)?;
    if info.oid()? != DATA {
        return Err(Malformed);
    }
    let safe = info.inside(CONTEXT_0_OF)?.take(OCTET_STRING)?;
    let mac = (!pfx.is_empty()).then(|| pfx.inside(SEQUENCE));
    Ok((safe, mac.transpose()?))
}

/// Counts down the work that a file may cost.
#[derive(Debug)]
pub(crate) struct Rounds(u64);

impl Rounds {
    fn spend(&mut self, iterations: u32) -> Result<(), Unopened> {
        let left = self.0.checked_sub(u64::from(iterations));
        self.0 = left.ok_or(Unopened::TooManyIterations)?;
        Ok(())
    }
}

/// A part of the authenticated safe.
enum Part {
    Plain(Vec<u8>),
    Encrypted { cipher: Cipher, data: Vec<u8> },
}

impl Part {
    fn list(safe: &[u8]) -> Result<Vec<Self>, Unopened> {
        let mut infos = Reader::new(safe).inside(SEQUENCE)?;
        let mut parts = Vec::new();
        while !infos.is_empty() {
            parts.push(Self::read(infos.inside(SEQUENCE)?)?);
        }
        Ok(parts)
    }

    fn read(mut info: Reader<'_>) -> Result<Self, Unopened> {
        let kind = info.oid()?;
        let mut content = info.inside(CONTEXT_0_OF)?;
        if kind == DATA {
            return Ok(Self::Plain(content.take(OCTET_STRING)?.to_vec()));
        }
        if kind != ENCRYPTED_DATA {
            let name = format!("{kind} (encrypted for a certificate instead of a password)");
            return Err(Unopened::UnsupportedCipher(name));
        }
        let mut encrypted = content.inside(SEQUENCE)?;
        encrypted.number()?;
        let mut info = encrypted.inside(SEQUENCE)?;
        info.oid()?;
        let cipher = Cipher::parse(info.element()?.whole)?;
        let data = info.element()?;
        let data = match data.tag {
            CONTEXT_0 => data.value.to_vec(),
            // In pieces, as BER allows.
            CONTEXT_0_OF => ber::join(data.value)?.to_vec(),
            _ => return Err(Unopened::Damaged),
        };
        Ok(Self::Encrypted { cipher, data })
    }
}

/// What the bags of a file hold.
#[derive(Default)]
struct Bags {
    plain: Vec<Zeroizing<Vec<u8>>>,
    shrouded: Vec<(Cipher, Vec<u8>)>,
    certificates: Vec<Vec<u8>>,
}

fn read(parts: &[Part], secret: &Secret<'_>, rounds: &mut Rounds) -> Result<Contents, Unopened> {
    let mut bags = Bags::default();
    let mut old_cipher = None;
    for part in parts {
        match part {
            Part::Plain(bytes) => bags.read(&ber::definite(bytes)?, MAX_NESTING)?,
            Part::Encrypted { cipher, data } => {
                old_cipher = old_cipher.or_else(|| cipher.old());
                let plain = cipher.decrypt(secret, data, rounds)?;
                bags.read(&plain, MAX_NESTING)?;
            }
        }
    }
    let shrouded = bags.shrouded.iter();
    old_cipher = old_cipher.or_else(|| shrouded.filter_map(|(cipher, _)| cipher.old()).next());
    let key = match (bags.plain.pop(), bags.shrouded.pop()) {
        (None, None) => Keys::None,
        (Some(key), None) if bags.plain.is_empty() => Keys::One(key),
        (None, Some((cipher, data))) if bags.shrouded.is_empty() => {
            Keys::One(cipher.decrypt(secret, &data, rounds)?)
        }
        (plain, shrouded) => {
            let taken = usize::from(plain.is_some()) + usize::from(shrouded.is_some());
            Keys::Many(taken + bags.plain.len() + bags.shrouded.len())
        }
    };
    Ok(Contents {
        key,
        certificates: bags.certificates,
        old_cipher,
    })
}

impl Bags {
    fn read(&mut self, contents: &[u8], nesting: u32) -> Result<(), Unopened> {
        let nesting = nesting.checked_sub(1).ok_or(Unopened::Damaged)?;
        let mut bags = Reader::new(contents).inside(SEQUENCE)?;
        while !bags.is_empty() {
            let mut bag = bags.inside(SEQUENCE)?;
            let kind = bag.oid()?;
            let mut value = bag.inside(CONTEXT_0_OF)?;
            match kind {
                KEY_BAG => {
                    let key = value.element()?.whole.to_vec();
                    self.plain.push(Zeroizing::new(key));
                }
                SHROUDED_KEY_BAG => {
                    let mut info = value.inside(SEQUENCE)?;
                    let cipher = Cipher::parse(info.element()?.whole)?;
                    let data = info.take(OCTET_STRING)?.to_vec();
                    self.shrouded.push((cipher, data));
                }
                CERTIFICATE_BAG => {
                    let mut certificate = value.inside(SEQUENCE)?;
                    if certificate.oid()? == X509 {
                        let der = certificate.inside(CONTEXT_0_OF)?.take(OCTET_STRING)?;
                        self.certificates.push(der.to_vec());
                    }
                }
                SAFE_BAG => self.read(value.element()?.whole, nesting)?,
                // Revocation lists and secrets are of no use to a push.
                _ => {}
            }
        }
        Ok(())
    }
}
