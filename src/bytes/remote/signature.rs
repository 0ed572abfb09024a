//! Amazon's signature of a request (version 4).
//!
//! It is the only part of S3 that reading needs: a page of code over hashes that TLS links
//! already. A library would bring its own client, or forty crates.

use super::settings::decoded;
use ring::{digest, hmac};

/// The hash that stands for the body of a request to S3 without a body.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A text that is never shown.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Secret(pub(super) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("...")
    }
}

/// The keys that sign requests to S3.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SigningKeys {
    pub(super) id: String,
    pub(super) secret: Secret,
    pub(super) token: Option<Secret>,
}

/// The parts of a request to S3 that are signed (AWS, "Signature Version 4 signing process").
pub(super) struct Signed<'a> {
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) region: &'a str,
    pub(super) time: &'a str,
}

impl Signed<'_> {
    pub(super) fn headers(
        &self,
        keys: &SigningKeys,
        others: &[(String, String)],
    ) -> Vec<(String, String)> {
        let mut added = vec![
            ("x-amz-content-sha256".to_owned(), EMPTY.to_owned()),
            ("x-amz-date".to_owned(), self.time.to_owned()),
        ];
        added.extend(
            keys.token.iter().map(|token| ("x-amz-security-token".to_owned(), token.0.clone())),
        );
        let host = ("host".to_owned(), self.host.to_owned());
        let mut signed: Vec<_> = others
            .iter()
            .chain(&added)
            .chain([&host])
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        signed.sort();
        let names = signed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let lines: String =
            signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let request = format!("GET\n{}\n{}\n{lines}\n{names}\n{EMPTY}", self.path, self.query);
        let day = &self.time[..8];
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let hash = hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref());
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", self.time);
        let first = format!("AWS4{}", keys.secret.0).into_bytes();
        let steps = [day, self.region, "s3", "aws4_request", &text];
        let signature = steps.iter().fold(first, |key, step| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
            hmac::sign(&key, step.as_bytes()).as_ref().to_vec()
        });
        let signature = hex(&signature);
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            keys.id
        );
        added.push(("Authorization".to_owned(), value));
        added
    }
}

/// Returns the parts of a query in the order and encoding that a signature requires.
pub(super) fn sorted(query: &str) -> String {
    let pairs = query.split('&').filter(|part| !part.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            format!("{}={}", strict(&decoded(name)), strict(&decoded(value)))
        })
        .collect();
    pairs.sort();
    pairs.join("&")
}

pub(super) fn strict(text: &str) -> String {
    let code = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(code).collect()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Formats seconds since 1970 as `20130524T000000Z`.
pub(super) fn timestamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // The inverse of Howard Hinnant's "days from civil"; years begin in March.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> SigningKeys {
        SigningKeys {
            id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into()),
            token: None,
        }
    }

    /// The example in Amazon's documentation ("Signature Calculations for the Authorization
    /// Header", GET Object).
    #[test]
    fn signatures_are_those_of_the_documentation() {
        let request = Signed {
            host: "examplebucket.s3.amazonaws.com",
            path: "/test.txt",
            query: "",
            region: "us-east-1",
            time: "20130524T000000Z",
        };
        let headers = request.headers(&keys(), &[("Range".into(), "bytes=0-9".into())]);
        let (_, authorization) = headers.last().unwrap();
        let expected = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        assert!(authorization.ends_with(expected), "{authorization}");
        assert_eq!(timestamp(1_369_353_600), "20130524T000000Z");
        assert_eq!(timestamp(951_827_696), "20000229T123456Z");
    }
}
