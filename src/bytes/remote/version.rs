//! The version of a file that an answer holds, and other properties in its headers.

use super::address::Address;
use super::client::HttpAnswer;
use super::failure::Failure;
use super::signature::hex;
use flate2::read::MultiGzDecoder;
use ring::digest;
use std::io::Read;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use ureq::http::{HeaderMap, header};

/// Largest file that is read as a whole if the server sends no parts, in bytes.
pub(super) const WHOLE: u64 = 64 << 20;

/// The properties that distinguish the versions of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RemoteVersion {
    /// In bytes.
    pub(crate) size: u64,
    tag: Option<String>,
    changed: Option<String>,
}

/// The name of one version of a file, under which its blocks are stored.
pub(super) struct Name([u8; 16]);

impl Name {
    pub(super) fn text(&self) -> String {
        hex(&self.0)
    }

    pub(super) fn number(&self) -> u64 {
        self.0.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

impl RemoteVersion {
    /// Returns the version that an answer's headers show; none if its size is unknown.
    pub(super) fn of(headers: &HeaderMap, size: Option<u64>) -> Option<Self> {
        let says = |name: header::HeaderName| {
            headers.get(name).and_then(|text| text.to_str().ok()).map(str::to_owned)
        };
        let length = || says(header::CONTENT_LENGTH)?.parse().ok();
        let size = size.or_else(length)?;
        Some(RemoteVersion { size, tag: says(header::ETAG), changed: says(header::LAST_MODIFIED) })
    }

    /// Returns the same version with another size.
    pub(super) fn with_size(self, size: u64) -> Self {
        RemoteVersion { size, ..self }
    }

    /// Returns whether another answer may be of this version.
    pub(super) fn may_be(&self, other: &RemoteVersion) -> bool {
        let same = |a: &Option<String>, b: &Option<String>| match (a, b) {
            (Some(a), Some(b)) => Some(a == b),
            _ => None,
        };
        // Machines that serve the same file may date it differently, so the tag decides.
        let same = same(&self.tag, &other.tag).or_else(|| same(&self.changed, &other.changed));
        self.size == other.size && same.unwrap_or(true)
    }

    /// Returns the tag if it is a strong one: equal strong tags mean equal bytes.
    pub(super) fn strong_tag(&self) -> Option<&str> {
        self.tag.as_deref().filter(|tag| tag.starts_with('"'))
    }

    /// Returns whether a changed file would have another version.
    pub(super) fn is_certain(&self) -> bool {
        self.tag.is_some() || self.changed.is_some()
    }

    /// Returns a text that stays the same as long as the file's content does.
    pub(crate) fn text(&self) -> String {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        // The date of a file that has a tag may differ from machine to machine.
        let changed = if self.tag.is_some() { String::new() } else { part(&self.changed) };
        format!("{}|{}|{changed}", self.size, part(&self.tag))
    }

    /// Returns the name of this version of the file at an address, without secrets.
    pub(super) fn name(&self, address: &Address) -> Name {
        static OTHERS: AtomicU64 = AtomicU64::new(0);
        let mut text = format!("{}|{}", address.shown().display(), self.text());
        if !self.is_certain() {
            // When the file is opened again, it may have other bytes.
            text += &format!("|{}", OTHERS.fetch_add(1, Ordering::Relaxed));
        }
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        let mut name = [0; 16];
        name.copy_from_slice(&hash.as_ref()[..16]);
        Name(name)
    }
}

/// Returns the range of bytes in an answer, and the size of the file if it is given:
/// `Content-Range: bytes 0-99/1000`.
pub(super) fn content_range(headers: &HeaderMap) -> Option<(Range<u64>, Option<u64>)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, size) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    let size = size.trim().parse().ok();
    if range.trim() == "*" {
        return Some((0..0, size));
    }
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last && last < u64::MAX).then(|| (first..last + 1, size))
}

/// Returns whether the file's name shows that it is packed.
fn is_packed(address: &Address) -> bool {
    let ending = address.path().rsplit_once('.').map_or("", |(_, ending)| ending);
    ["gz", "bgz", "bam", "bcf", "tbi", "csi", "crai"]
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

/// Returns how the server packed the answer, unless the file itself is packed that way.
fn packing<'a>(address: &Address, answer: &'a HttpAnswer) -> Option<&'a str> {
    let packing = answer.headers.get(header::CONTENT_ENCODING)?.to_str().ok()?.trim();
    // Servers report the packing of such a file as if they had packed it themselves.
    let of_file = packing.ends_with("gzip") && is_packed(address);
    (!of_file && !packing.is_empty() && packing != "identity" && packing != "aws-chunked")
        .then_some(packing)
}

/// Refuses answers that are not the file: a login page, or data packed in transit.
pub(super) fn check_kind(
    address: &Address,
    answer: &HttpAnswer,
    is_whole: bool,
) -> Result<(), Failure> {
    let start: String = answer.body.iter().take(200).map(|byte| char::from(*byte)).collect();
    let start = start.trim_start().to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return Err(Failure::WebPage);
    }
    match packing(address, answer) {
        Some("gzip" | "x-gzip") if is_whole => Ok(()),
        Some(packing) => {
            let what = format!(
                "the server compresses the file in transit (Content-Encoding: {packing}), so no \
                 part of it can be read; ask whoever runs it to send the file as it is"
            );
            Err(Failure::Strange(what))
        }
        None => Ok(()),
    }
}

/// Returns the bytes of a file that was sent as a whole, as they are on the server.
pub(super) fn unpacked(address: &Address, answer: &HttpAnswer) -> Result<Vec<u8>, Failure> {
    if answer.status == 416 {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::new();
    if packing(address, answer).is_some() {
        let read = MultiGzDecoder::new(&answer.body[..]).take(WHOLE + 1).read_to_end(&mut bytes);
        read.map_err(|_| Failure::Cut)?;
    } else {
        bytes.clone_from(&answer.body);
    }
    if bytes.len() as u64 > WHOLE {
        return Err(Failure::NoParts(None));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn ranges_are_read_as_servers_write_them() {
        let range = |text: &'static str| content_range(&headers(&[("content-range", text)]));
        assert_eq!(range("bytes 0-99/1000"), Some((0..100, Some(1000))));
        assert_eq!(range("bytes 5-5/*"), Some((5..6, None)));
        assert_eq!(range("bytes */0"), Some((0..0, Some(0))));
        for wrong in ["0-99/1000", "bytes 9-5/10", "bytes x-5/10", "bytes 0-18446744073709551615/9"]
        {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn versions_are_told_apart_by_tag_else_by_size_and_date() {
        let version = |pairs: &[(&'static str, &'static str)]| {
            RemoteVersion::of(&headers(pairs), Some(10)).unwrap()
        };
        let tagged = version(&[("etag", "\"a\""), ("last-modified", "Mon")]);
        assert!(tagged.may_be(&version(&[("etag", "\"a\""), ("last-modified", "Tue")])));
        assert!(!tagged.may_be(&version(&[("etag", "\"b\""), ("last-modified", "Mon")])));
        let dated = version(&[("last-modified", "Mon")]);
        assert!(!dated.may_be(&version(&[("last-modified", "Tue")])));
        assert!(!dated.may_be(&RemoteVersion { size: 11, ..dated.clone() }));
        assert_eq!(tagged.strong_tag(), Some("\"a\""));
        assert_eq!(version(&[("etag", "W/\"a\"")]).strong_tag(), None);
        let address = |text: &str| Address::parse(text).unwrap().unwrap();
        let name = |version: &RemoteVersion, text: &str| version.name(&address(text)).text();
        assert_eq!(name(&dated, "http://h/x?SECRET"), name(&dated, "http://h/x?OTHER"));
        assert_ne!(name(&dated, "http://h/x"), name(&tagged, "http://h/x"));
        assert_ne!(name(&dated, "http://h/x"), name(&dated, "http://h/y"));
        let unknown = version(&[]);
        assert_ne!(name(&unknown, "http://h/x"), name(&unknown, "http://h/x"));
    }
}
