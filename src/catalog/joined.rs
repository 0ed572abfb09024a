//! Datasources whose values come from several others, on one grid of bins: what plots of measurements
//! with different rows request.
//!
//! Such a datasource is not listed. It exists whenever it is requested by its id, which names its
//! measurements, so that a page can go on requesting it after the endpoint was restarted.

use super::{Datasource, Kind, Listing, Measurement, ValueRange};
use crate::source::signals::joined::{Joined, JoinedPart};
use crate::source::{Shape, Source};
use std::sync::{Arc, Mutex, PoisonError};

/// What the ids of such datasources begin with; the ids of the measurements follow, with `&` between.
const PREFIX: &str = "joined:";
/// Maximum number of measurements of one.
const MAX_PARTS: usize = 64;
/// How many are kept, since counting their rows takes time.
const KEPT: usize = 16;

/// The joined datasources that were used last.
#[derive(Debug, Default)]
pub(super) struct JoinedCache(Mutex<Vec<JoinedEntry>>);

#[derive(Debug)]
struct JoinedEntry {
    /// Changes with the sequences of the listing and their names.
    naming: Arc<()>,
    of: Vec<Arc<Measurement>>,
    joined: Arc<Datasource>,
}

impl JoinedEntry {
    fn is_current(&self, naming: &Arc<()>, of: &[Arc<Measurement>]) -> bool {
        Arc::ptr_eq(&self.naming, naming)
            && self.of.len() == of.len()
            && self.of.iter().zip(of).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

/// Returns the id of the datasource, and of its group, that joins measurements with these ids.
pub fn joined_id<'a>(ids: impl IntoIterator<Item = &'a String>) -> String {
    let escaped = ids.into_iter().map(|id| id.replace('%', "%25").replace('&', "%26"));
    format!("{PREFIX}{}", escaped.collect::<Vec<_>>().join("&"))
}

/// Returns the ids of the measurements that a joined datasource names.
fn joined_ids(id: &str) -> Option<Vec<String>> {
    let ids = id.strip_prefix(PREFIX)?.split('&');
    let ids: Vec<_> = ids.map(|id| id.replace("%26", "&").replace("%25", "%")).collect();
    (ids.len() <= MAX_PARTS).then_some(ids)
}

impl Listing {
    /// Returns the joined datasource with this id; `None` if it is no such id, or if its measurements
    /// are not served or cannot be joined.
    pub(super) fn joined(&self, id: &str) -> Option<Arc<Datasource>> {
        let find = |id: &String| self.measurements().find(|m| m.id == *id).cloned();
        let of = joined_ids(id)?.iter().map(find).collect::<Option<Vec<_>>>()?;
        if of.iter().any(|m| can_join(m).is_err()) {
            return None;
        }
        let mut kept = self.joined.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(|entry| entry.is_current(&self.naming, &of));
        let entry = match known {
            Some(at) => kept.remove(at),
            None => {
                let joined = Arc::new(self.join(id, &of));
                JoinedEntry { naming: self.naming.clone(), of, joined }
            }
        };
        let joined = entry.joined.clone();
        kept.retain(|other| other.joined.id != joined.id);
        let surplus = (kept.len() + 1).saturating_sub(KEPT);
        kept.drain(..surplus);
        kept.push(entry);
        Some(joined)
    }

    /// Returns the measurements in a form in which plots can compare them: unchanged if they have the
    /// same rows, otherwise with the rows of the datasource that joins them.
    ///
    /// # Errors
    /// Why they cannot be joined.
    pub fn comparable(
        &self,
        measurements: &[Arc<Measurement>],
    ) -> Result<Vec<Arc<Measurement>>, String> {
        if have_same_rows(measurements.iter().map(|m| &**m)) {
            return Ok(measurements.to_vec());
        }
        can_compare(measurements.iter().map(|m| &**m))?;
        let joined = self.joined(&joined_id(measurements.iter().map(|m| &m.id)));
        let joined =
            joined.ok_or_else(|| "the measurements are currently not served".to_owned())?;
        Ok(joined.measurements.clone())
    }

    fn join(&self, id: &str, of: &[Arc<Measurement>]) -> Datasource {
        let is_dense = of.iter().all(|m| m.source.shape() == Shape::Dense);
        let joined: Option<Arc<dyn Source>> = (!is_dense).then(|| {
            let parts = of.iter().map(|m| self.part(m)).collect();
            Arc::new(Joined::new(parts, self.sequences().clone())) as Arc<dyn Source>
        });
        let measurement = |m: &Arc<Measurement>| {
            let (source, column) = match &joined {
                Some(joined) => (joined.clone(), Some(m.id.as_str().into())),
                None => (m.source.clone(), m.column.clone()),
            };
            Arc::new(Measurement {
                id: m.id.clone(),
                name: m.name.clone(),
                datasource: id.to_owned(),
                group: id.to_owned(),
                kind: Kind::Feature,
                metadata: Vec::new(),
                range: m.range.get().map_or_else(ValueRange::default, ValueRange::stated),
                chart: m.chart,
                color: m.color.clone(),
                annotation: m.annotation.clone(),
                source,
                spec: m.spec.clone(),
                column,
                companion: m.companion,
            })
        };
        Datasource {
            id: id.to_owned(),
            group: id.to_owned(),
            shape: if is_dense { Shape::Dense } else { Shape::Sparse },
            measurements: of.iter().map(measurement).collect(),
        }
    }

    fn part(&self, measurement: &Measurement) -> JoinedPart {
        let source = measurement.source.clone();
        let whole = |name: &str| crate::genome::Region::new(name, 0, 1);
        let own = self.sequences().iter().filter_map(|sequence| {
            let region = self.own_region(&*source, &whole(sequence.name))?;
            Some((sequence.name.into(), region.sequence))
        });
        JoinedPart {
            name: measurement.id.as_str().into(),
            column: measurement.column.clone().unwrap_or_default(),
            summary: measurement.spec.as_ref().map(|spec| spec.options.summary).unwrap_or_default(),
            sequences: own.collect(),
            source,
        }
    }
}

/// Returns whether measurements have the same rows.
pub(super) fn have_same_rows<'m>(measurements: impl IntoIterator<Item = &'m Measurement>) -> bool {
    let mut groups = measurements.into_iter().map(|m| &m.group);
    let first = groups.next();
    groups.all(|group| Some(group) == first)
}

/// Checks that measurements with different rows can be joined.
///
/// # Errors
/// The reason why not.
pub(super) fn can_compare<'m>(
    measurements: impl IntoIterator<Item = &'m Measurement>,
) -> Result<(), String> {
    let mut number = 0;
    for measurement in measurements {
        number += 1;
        can_join(measurement)?;
    }
    if number > MAX_PARTS {
        return Err(format!(
            "{number} measurements with different rows cannot be compared; at most {MAX_PARTS} can"
        ));
    }
    Ok(())
}

fn can_join(measurement: &Measurement) -> Result<(), String> {
    match (measurement.kind, measurement.source.shape()) {
        (Kind::Range, _) => Err(format!("'{}' has rows but no values", measurement.id)),
        (_, Shape::Reads | Shape::Bases) => Err(format!(
            "'{}' has values of single reads, which cannot be compared with those of other files",
            measurement.id
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_with_any_characters_can_be_joined() {
        let ids = ["a&b", "100%", "%26", "plain.score"].map(str::to_owned);
        assert_eq!(joined_ids(&joined_id(&ids)).unwrap(), ids);
        assert_eq!(joined_id(&ids), "joined:a%26b&100%25&%2526&plain.score");
        assert_eq!(joined_ids("signals"), None);
        assert_eq!(joined_ids(&format!("joined:{}", "&".repeat(MAX_PARTS))), None, "too many");
    }
}
