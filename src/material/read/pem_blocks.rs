//! PEM as people have it: several blocks, text between them, `Proc-Type` headers and lines of any length.
//!
//! The reader in `pem-rfc7468` refuses headers, and that in `pem` leaves copies of private octets behind.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::ReadError;

/// One block.
pub(super) struct Block<'a> {
    /// What stands between `-----BEGIN ` and `-----`.
    pub(super) label: &'a str,
    /// The value of the header `DEK-Info` (RFC 1421 section 4.6.1.3), with which openssl's older files are encrypted.
    pub(super) dek_info: Option<&'a str>,
    /// The `friendlyName` that `openssl pkcs12` prints before a block.
    pub(super) friendly_name: Option<String>,
    /// What the base64 says.
    pub(super) octets: Zeroizing<Vec<u8>>,
}

/// All blocks of a text, in their order.
pub(super) fn blocks(text: &str) -> Result<Vec<Block<'_>>, ReadError> {
    const DAMAGED: ReadError = ReadError::Damaged { what: "a PEM block" };
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) = after.split_once("-----").ok_or(DAMAGED)?;
        let (body, after) = after.split_once("-----END ").ok_or(DAMAGED)?;
        rest = after.strip_prefix(label).and_then(|after| after.strip_prefix("-----")).ok_or(DAMAGED)?;
        let (headers, body) = split_headers(body);
        let dek_info = headers.lines().find_map(|line| line.trim().strip_prefix("DEK-Info:")).map(str::trim);
        let octets = decode(body).ok_or(DAMAGED)?;
        blocks.push(Block { label, dek_info, friendly_name: friendly_name(before), octets });
    }
    Ok(blocks)
}

/// Headers, if the block has any, end at the first empty line.
fn split_headers(body: &str) -> (&str, &str) {
    if !body.contains(':') {
        return ("", body);
    }
    let body = body.trim_start();
    let end = body.find("\n\n").map(|at| (at, 2)).or_else(|| body.find("\n\r\n").map(|at| (at, 3)));
    match end.and_then(|(at, length)| Some((body.get(..at)?, body.get(at + length..)?))) {
        Some(parts) => parts,
        None => ("", body),
    }
}

fn decode(body: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut base64 = Zeroizing::new(Vec::with_capacity(body.len()));
    base64.extend(body.bytes().filter(|octet| !octet.is_ascii_whitespace()));
    let mut octets = Zeroizing::new(vec![0; base64.len() / 4 * 3]);
    let length = Base64::decode(base64.as_slice(), &mut octets).ok()?.len();
    octets.truncate(length);
    Some(octets)
}

fn friendly_name(before: &str) -> Option<String> {
    let name = before.lines().rev().find_map(|line| line.trim().strip_prefix("friendlyName:"))?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_among_text_headers_and_other_line_ends() {
        let text = "Bag Attributes\n    friendlyName: one\n-----BEGIN A-----\nAQ\nAB\n-----END A-----\nKey\n\
                    -----BEGIN B-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAQ==\n-----END B-----\n\
                    -----BEGIN C----- AQAB -----END C-----";
        for text in [text.to_owned(), text.replace('\n', "\r\n"), text.replace('\n', "\n  ").replace("\n  \n", "\n\n")]
        {
            let blocks = blocks(&text).unwrap();
            let seen: Vec<_> = blocks.iter().map(|b| (b.label, b.dek_info, b.friendly_name.as_deref())).collect();
            assert_eq!(seen, [("A", None, Some("one")), ("B", Some("AES-128-CBC,00"), None), ("C", None, None)]);
            let octets: Vec<_> = blocks.iter().map(|block| block.octets.as_slice()).collect();
            assert_eq!(octets, [&[1, 0, 1][..], &[1], &[1, 0, 1]]);
        }
    }

    #[test]
    fn what_is_cut_off_or_mixed_up_is_refused() {
        for text in [
            "-----BEGIN A",
            "-----BEGIN A-----\nAQAB\n",
            "-----BEGIN A-----\nAQAB\n-----END B-----\n",
            "-----BEGIN A-----\nAQAB\n-----BEGIN A-----\nAQAB\n-----END A-----\n",
            "-----BEGIN A-----\nAQ!B\n-----END A-----\n",
            "-----BEGIN A-----\nAQA\n-----END A-----\n",
        ] {
            assert!(matches!(blocks(text), Err(ReadError::Damaged { .. })), "{text}");
        }
    }
}
