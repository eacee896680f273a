//! What a file is encrypted and sealed with.

use aws_lc_rs::{digest, hmac};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt as _, KeyInit, KeyIvInit as _};
use der::Decode as _;
use der::asn1::ObjectIdentifier;
use des::{TdesEde2, TdesEde3};
use pkcs5::EncryptionScheme;
use pkcs5::pbes2::Kdf;
use rc2::Rc2;
use zeroize::Zeroizing;

use super::kdf::{Purpose, Secret, derive};
use super::{MAX_ITERATIONS, Rounds, Unopened};
use crate::ber::{self, OCTET_STRING, Reader, SEQUENCE};

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");

/// The ciphers that PKCS#12 itself defines, by the last number of their identifier.
const OWN: &str = "1.2.840.113549.1.12.1";

/// Others that are met in the wild, for their names.
const NAMES: &[(&str, &str)] = &[
    ("1.2.840.113549.1.12.1.1", "RC4-128"),
    ("1.2.840.113549.1.12.1.2", "RC4-40"),
    ("1.2.840.113549.1.5.1", "MD2 with DES"),
    ("1.2.840.113549.1.5.3", "MD5 with DES"),
    ("1.2.840.113549.1.5.10", "SHA-1 with DES"),
    ("1.2.840.113549.1.5.11", "SHA-1 with RC2-64"),
    ("1.2.840.113549.1.5.14", "PBMAC1"),
];

/// How a part is encrypted.
pub(super) enum Cipher {
    /// By a key that the password makes, RFC 7292 appendix C.
    Own {
        block: Block,
        salt: Vec<u8>,
        iterations: u32,
    },
    /// RFC 8018 §6.2.
    Pbes2 {
        scheme: Box<EncryptionScheme>,
        iterations: u32,
    },
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Block {
    TripleDes,
    TwoKeyTripleDes,
    Rc2128,
    Rc240,
}

impl Cipher {
    /// Reads an `AlgorithmIdentifier`.
    pub(super) fn parse(whole: &[u8]) -> Result<Self, Unopened> {
        let mut read = Reader::new(whole).inside(SEQUENCE)?;
        let oid = read.oid()?;
        if oid == PBES2 {
            return Self::pbes2(whole);
        }
        let last = oid.to_string();
        let block = match last.strip_prefix(OWN) {
            Some(".3") => Block::TripleDes,
            Some(".4") => Block::TwoKeyTripleDes,
            Some(".5") => Block::Rc2128,
            Some(".6") => Block::Rc240,
            _ => return Err(unsupported(oid)),
        };
        let mut parameters = read.inside(SEQUENCE)?;
        let salt = parameters.take(OCTET_STRING)?.to_vec();
        let iterations = bounded(parameters.number()?)?;
        Ok(Self::Own {
            block,
            salt,
            iterations,
        })
    }

    fn pbes2(whole: &[u8]) -> Result<Self, Unopened> {
        let unknown =
            || Unopened::UnsupportedCipher("a cipher of PBES2 other than AES or DES".to_owned());
        let scheme = EncryptionScheme::from_der(whole).map_err(|_| unknown())?;
        let kdf = scheme.pbes2().map(|parameters| &parameters.kdf);
        let Some(Kdf::Pbkdf2(parameters)) = kdf else {
            return Err(Unopened::UnsupportedCipher(
                "a key made by scrypt".to_owned(),
            ));
        };
        let iterations = bounded(parameters.iteration_count)?;
        Ok(Self::Pbes2 {
            scheme: Box::new(scheme),
            iterations,
        })
    }

    /// Its name, if it is too weak for a file that leaves the house.
    pub(super) fn old(&self) -> Option<&'static str> {
        match self {
            Self::Own { block, .. } => Some(match block {
                Block::TripleDes => "3DES",
                Block::TwoKeyTripleDes => "3DES with two keys",
                Block::Rc2128 => "RC2-128",
                Block::Rc240 => "RC2-40",
            }),
            Self::Pbes2 { .. } => None,
        }
    }

    /// One element in plain, its lengths definite. `WrongPassword` when nothing sensible comes out.
    pub(super) fn decrypt(
        &self,
        secret: &Secret<'_>,
        data: &[u8],
        rounds: &mut Rounds,
    ) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let plain = match self {
            Self::Pbes2 { scheme, iterations } => {
                // An HMAC is two hashes.
                rounds.spend(iterations.saturating_mul(2))?;
                scheme.decrypt(secret.text, data).ok()
            }
            Self::Own {
                block,
                salt,
                iterations,
            } => {
                // The longest key is two hashes of SHA-1, the IV another.
                rounds.spend(iterations.saturating_mul(3))?;
                let bytes = |purpose, length| {
                    let hash = &digest::SHA1_FOR_LEGACY_USE_ONLY;
                    derive(hash, secret, salt, purpose, *iterations, length)
                };
                let iv = bytes(Purpose::Iv, 8);
                match block {
                    Block::TripleDes => cbc::<TdesEde3>(&bytes(Purpose::Key, 24), &iv, data),
                    Block::TwoKeyTripleDes => cbc::<TdesEde2>(&bytes(Purpose::Key, 16), &iv, data),
                    Block::Rc2128 => cbc::<Rc2>(&bytes(Purpose::Key, 16), &iv, data),
                    Block::Rc240 => cbc::<Rc2>(&bytes(Purpose::Key, 5), &iv, data),
                }
            }
        };
        let plain = plain.map(Zeroizing::new).ok_or(Unopened::WrongPassword)?;
        ber::definite(&plain).map_err(|_| Unopened::WrongPassword)
    }
}

fn cbc<C: BlockCipherDecrypt + KeyInit>(key: &[u8], iv: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let cipher = Decryptor::<C>::new_from_slices(key, iv).ok()?;
    cipher.decrypt_padded_vec::<Pkcs7>(data).ok()
}

fn unsupported(oid: ObjectIdentifier) -> Unopened {
    let text = oid.to_string();
    let known = NAMES.iter().find(|(known, _)| *known == text);
    Unopened::UnsupportedCipher(known.map_or(text, |(_, name)| (*name).to_owned()))
}

fn bounded(iterations: u32) -> Result<u32, Unopened> {
    if iterations > MAX_ITERATIONS {
        Err(Unopened::TooManyIterations)
    } else {
        Ok(iterations.max(1))
    }
}

/// What proves that a file is whole and the password right, RFC 7292 §4.
pub(super) struct Mac {
    algorithm: hmac::Algorithm,
    salt: Vec<u8>,
    iterations: u32,
    tag: Vec<u8>,
}

impl Mac {
    pub(super) fn parse(mut read: Reader<'_>) -> Result<Self, Unopened> {
        let mut info = read.inside(SEQUENCE)?;
        let oid = info.inside(SEQUENCE)?.oid()?;
        let algorithm = match oid.to_string().as_str() {
            "1.3.14.3.2.26" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            "2.16.840.1.101.3.4.2.4" => hmac::HMAC_SHA224,
            "2.16.840.1.101.3.4.2.1" => hmac::HMAC_SHA256,
            "2.16.840.1.101.3.4.2.2" => hmac::HMAC_SHA384,
            "2.16.840.1.101.3.4.2.3" => hmac::HMAC_SHA512,
            _ => return Err(unsupported(oid)),
        };
        let tag = info.take(OCTET_STRING)?.to_vec();
        let salt = read.take(OCTET_STRING)?.to_vec();
        let iterations = if read.is_empty() { 1 } else { read.number()? };
        Ok(Self {
            algorithm,
            salt,
            iterations: bounded(iterations)?,
            tag,
        })
    }

    pub(super) fn verifies(
        &self,
        secret: &Secret<'_>,
        safe: &[u8],
        rounds: &mut Rounds,
    ) -> Result<bool, Unopened> {
        rounds.spend(self.iterations)?;
        let hash = self.algorithm.digest_algorithm();
        let length = hash.output_len();
        let key = derive(
            hash,
            secret,
            &self.salt,
            Purpose::Mac,
            self.iterations,
            length,
        );
        let key = hmac::Key::new(self.algorithm, &key);
        Ok(hmac::verify(&key, safe, &self.tag).is_ok())
    }
}
