//! Keys from passwords, RFC 7292 appendix B.

use aws_lc_rs::digest::{Algorithm, Context};
use zeroize::Zeroizing;

/// A password in the forms that derivations take.
#[derive(Debug)]
pub(crate) struct Secret<'a> {
    /// For PBES2: UTF-8.
    pub(crate) text: &'a str,
    /// For the derivation of PKCS#12: UTF-16, big end first, with a terminator.
    pub(crate) wide: Zeroizing<Vec<u8>>,
}

impl<'a> Secret<'a> {
    /// The forms to try. An empty password is written in two ways: OpenSSL terminates it, Apple's
    /// tools write no bytes at all.
    pub(crate) fn all(password: &'a str) -> Vec<Self> {
        let mut wide = Zeroizing::new(Vec::with_capacity(2 * password.len() + 2));
        for unit in password.encode_utf16().chain([0]) {
            wide.extend_from_slice(&unit.to_be_bytes());
        }
        let terminated = Self {
            text: password,
            wide,
        };
        let nothing = password.is_empty().then(|| Self {
            text: password,
            wide: Zeroizing::new(Vec::new()),
        });
        std::iter::once(terminated).chain(nothing).collect()
    }
}

/// What a derived key is for; the byte is part of the derivation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// `length` bytes for `purpose`.
pub(crate) fn derive(
    hash: &'static Algorithm,
    secret: &Secret<'_>,
    salt: &[u8],
    purpose: Purpose,
    iterations: u32,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let block = hash.block_len();
    let diversifier = vec![purpose as u8; block];
    // Each is repeated to whole blocks; nothing stays nothing.
    let mut mixed = Zeroizing::new(filled(salt, block));
    mixed.extend_from_slice(&Zeroizing::new(filled(&secret.wide, block)));
    let mut derived = Zeroizing::new(Vec::with_capacity(length + hash.output_len()));
    while derived.len() < length {
        let mut context = Context::new(hash);
        context.update(&diversifier);
        context.update(&mixed);
        let mut digest = context.finish();
        for _ in 1..iterations {
            let mut context = Context::new(hash);
            context.update(digest.as_ref());
            digest = context.finish();
        }
        derived.extend_from_slice(digest.as_ref());
        let addend: Vec<u8> = digest
            .as_ref()
            .iter()
            .copied()
            .cycle()
            .take(block)
            .collect();
        for part in mixed.chunks_mut(block) {
            add_and_one(part, &addend);
        }
    }
    derived.truncate(length);
    derived
}

/// `bytes` repeated until they fill whole blocks.
fn filled(bytes: &[u8], block: usize) -> Vec<u8> {
    let length = bytes.len().div_ceil(block) * block;
    bytes.iter().copied().cycle().take(length).collect()
}

/// `part += addend + 1`, as numbers with the big end first; what does not fit is dropped.
fn add_and_one(part: &mut [u8], addend: &[u8]) {
    let mut carry = 1_u16;
    for (byte, more) in part.iter_mut().zip(addend).rev() {
        let [high, low] = (u16::from(*byte) + u16::from(*more) + carry).to_be_bytes();
        *byte = low;
        carry = u16::from(high);
    }
}
