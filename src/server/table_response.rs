//! Tables for scripts, as JSON or tab-separated text, and the headers of a response.

use super::cells::Cells;
use super::npz;
use crate::error::Result;
use crate::session::{Answer, Charge};
use crate::table::{Data, Texts, tsv::cell};
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

/// The format of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyFormat {
    /// A list with an object for each row.
    Json,
    /// A line of names, then a line for each row; [`crate::table::tsv`] defines the cells.
    Tsv,
    /// NumPy arrays: an archive with one for each column.
    Npz,
}

impl BodyFormat {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            BodyFormat::Json => "application/json",
            BodyFormat::Tsv => "text/tab-separated-values; charset=utf-8",
            BodyFormat::Npz => "application/x-npz",
        }
    }
}

/// A table: named columns of equal length.
#[derive(Debug, Default)]
pub(super) struct TableResponse {
    columns: Vec<(String, Cells)>,
    rows: usize,
}

impl TableResponse {
    /// Creates a table without columns.
    pub(super) fn new(rows: usize) -> Self {
        TableResponse { columns: Vec::new(), rows }
    }

    /// Adds a column on the right.
    pub(super) fn with(mut self, name: impl Into<String>, cells: Cells) -> Self {
        self.columns.push((name.into(), cells));
        self
    }

    /// Adds a column of strings on the right.
    pub(super) fn with_texts<T: AsRef<str>>(
        self,
        name: &str,
        texts: impl Iterator<Item = T>,
    ) -> Self {
        self.with(name, Cells::Data(Data::Text(texts.collect::<Texts>())))
    }

    /// Formats the table.
    ///
    /// # Errors
    /// [`crate::error::Error::Input`] if the format is not for such a table.
    pub(super) fn write(&self, format: BodyFormat) -> Result<Vec<u8>> {
        match format {
            // This cannot fail: all keys are strings.
            BodyFormat::Json => Ok(serde_json::to_vec(self).unwrap_or_default()),
            BodyFormat::Tsv => Ok(self.tsv().into_bytes()),
            BodyFormat::Npz => npz::archive(&self.columns),
        }
    }

    fn tsv(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| cell(name)).collect();
        let mut text = names.join("\t") + "\n";
        for row in 0..self.rows {
            for (at, (_, cells)) in self.columns.iter().enumerate() {
                if at > 0 {
                    text.push('\t');
                }
                cells.write(row, &mut text);
            }
            text.push('\n');
        }
        text
    }
}

impl Serialize for TableResponse {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut rows = to.serialize_seq(Some(self.rows))?;
        for row in 0..self.rows {
            rows.serialize_element(&TableRow { columns: &self.columns, row })?;
        }
        rows.end()
    }
}

struct TableRow<'a> {
    columns: &'a [(String, Cells)],
    row: usize,
}

impl Serialize for TableRow<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_map(Some(self.columns.len()))?;
        for (name, cells) in self.columns {
            match cells {
                Cells::Whole(numbers) => object.serialize_entry(name, &numbers[self.row])?,
                Cells::Same(text) => object.serialize_entry(name, text)?,
                Cells::Data(Data::Text(texts)) => {
                    object.serialize_entry(name, texts.get(self.row))?;
                }
                // serde_json writes what is not finite as null.
                Cells::Data(Data::Singles(values)) => {
                    object.serialize_entry(name, &values[self.row])?;
                }
                Cells::Data(Data::Doubles(values)) => {
                    object.serialize_entry(name, &values[self.row])?;
                }
            }
        }
        object.end()
    }
}

/// A body, which takes its part of the memory of answers until it is sent.
pub(super) struct ChargedBody {
    pub(super) bytes: Vec<u8>,
    pub(super) _charge: Option<Charge>,
}

impl AsRef<[u8]> for ChargedBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Answer> for ChargedBody {
    fn from(Answer { json, charge }: Answer) -> Self {
        ChargedBody { bytes: json.into_bytes(), _charge: charge }
    }
}

/// Returns a response with this body and its entity tag. If the client already has the body,
/// returns 304 without it.
pub(super) fn respond(
    asked: &HeaderMap,
    format: BodyFormat,
    body: impl Into<ChargedBody>,
) -> Response {
    let body = body.into();
    let mut hasher = DefaultHasher::new();
    body.bytes.hash(&mut hasher);
    // Weak, since the body may yet be compressed.
    let tag = format!("W/\"{:x}-{:016x}\"", body.bytes.len(), hasher.finish());
    let held = asked.get(header::IF_NONE_MATCH).and_then(|held| held.to_str().ok());
    let has = held.is_some_and(|held| held.split(',').any(|held| held.trim() == tag));
    let headers = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::CONTENT_TYPE, format.content_type().to_owned()),
    ];
    if has {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let ranges = [(header::ACCEPT_RANGES, "bytes")];
    let length = body.bytes.len();
    match part(asked, length) {
        None => (headers, ranges, Bytes::from_owner(body)).into_response(),
        Some(part) if part.is_empty() => {
            let whole = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
            (StatusCode::RANGE_NOT_SATISFIABLE, whole).into_response()
        }
        Some(part) => {
            let place = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            let bytes = Bytes::from_owner(body).slice(part);
            let place = [(header::CONTENT_RANGE, place)];
            (StatusCode::PARTIAL_CONTENT, headers, ranges, place, bytes).into_response()
        }
    }
}

/// Returns the requested byte range, as polars sends it; empty if it starts after the end. Other
/// range requests are ignored, as RFC 9110, section 14.2 allows: several ranges at once, and
/// conditional ranges, which a weak entity tag never satisfies.
fn part(asked: &HeaderMap, length: usize) -> Option<Range<usize>> {
    let range = asked.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?;
    if asked.contains_key(header::IF_RANGE) {
        return None;
    }
    let (first, last) = range.split_once('-')?;
    if first.is_empty() {
        let count: usize = last.parse().ok()?;
        return Some(length.saturating_sub(count)..length);
    }
    let first: usize = first.parse().ok()?;
    let last = match last {
        "" => usize::MAX,
        last => last.parse().ok().filter(|last| *last >= first)?,
    };
    let end = last.saturating_add(1).min(length);
    Some(first.min(end)..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TableResponse {
        TableResponse::new(2)
            .with("sequence", Cells::Same("chr1".into()))
            .with("start", Cells::Whole(vec![0, 10]))
            .with("value", Cells::Data(Data::Singles(vec![0.1, f32::NAN])))
            .with_texts("name", ["a\tb", "\"c\""].into_iter())
    }

    fn text(format: BodyFormat) -> String {
        String::from_utf8(table().write(format).unwrap()).unwrap()
    }

    #[test]
    fn missing_values_are_empty_and_null() {
        assert_eq!(
            text(BodyFormat::Tsv),
            "sequence\tstart\tvalue\tname\nchr1\t0\t0.1\ta\\tb\nchr1\t10\t\t\"c\"\n"
        );
        assert_eq!(
            text(BodyFormat::Json),
            r#"[{"sequence":"chr1","start":0,"value":0.1,"name":"a\tb"},{"sequence":"chr1","start":10,"value":null,"name":"\"c\""}]"#
        );
    }

    #[test]
    fn a_client_that_has_the_body_gets_304() {
        let first = respond(&HeaderMap::new(), BodyFormat::Json, Answer::from("[]".to_owned()));
        let tag = first.headers()[header::ETAG].clone();
        let asked = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag)]);
        assert_eq!(
            respond(&asked, BodyFormat::Json, Answer::from("[]".to_owned())).status(),
            StatusCode::NOT_MODIFIED
        );
        assert_eq!(
            respond(&asked, BodyFormat::Json, Answer::from("[1]".to_owned())).status(),
            StatusCode::OK
        );
    }

    #[test]
    fn byte_ranges_of_the_body_can_be_requested() {
        let asked = |range: &str| {
            let headers = HeaderMap::from_iter([(header::RANGE, range.parse().unwrap())]);
            let answer = respond(&headers, BodyFormat::Tsv, Answer::from("0123456789".to_owned()));
            let place = answer.headers().get(header::CONTENT_RANGE);
            (answer.status().as_u16(), place.map(|place| place.to_str().unwrap().to_owned()))
        };
        let partial = |place: &str| (206, Some(place.to_owned()));
        assert_eq!(asked("bytes=0-3"), partial("bytes 0-3/10"));
        assert_eq!(asked("bytes=4-"), partial("bytes 4-9/10"));
        assert_eq!(asked("bytes=8-99"), partial("bytes 8-9/10"));
        assert_eq!(asked("bytes=-4"), partial("bytes 6-9/10"));
        assert_eq!(asked("bytes=10-"), (416, Some("bytes */10".into())));
        assert_eq!(asked("bytes=-0"), (416, Some("bytes */10".into())));
        for ignored in ["bytes=5-4", "bytes=0-1,3-4", "bytes=a-b", "rows=0-3", "bytes=7"] {
            assert_eq!(asked(ignored), (200, None), "{ignored}");
        }
    }
}
