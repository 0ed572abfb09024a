//! Finds the region for a text: the grammar of regions for the console, `query` and HTTP. The
//! built-in page's finder follows it (`ui/js/region.js`).

use super::Catalog;
use crate::error::{Error, Result};
use crate::genome::{MAX_POSITION, Region, Sequences, split_flank};

/// Minimum number of bases shown on either side of a gene or feature.
const MIN_FLANK: u32 = 500;
/// Bases shown on either side of a single base.
const BASE_FLANK: u32 = 50;

/// The region for a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The region.
    pub region: Region,
    /// The gene or feature there, if the text was its name.
    pub name: Option<String>,
    /// The region to show: `region`, widened for genes, features and single bases.
    pub view: Region,
}

impl Catalog {
    /// Finds the region for texts such as `chr11:101m-104m`, `11 101000000 102000000`, `chr1`,
    /// `TP53` and `TP53 ±5kb`. The sequences are those served and `more`; a text without a
    /// sequence, such as `101m-104m`, refers to `here`.
    ///
    /// # Errors
    /// [`Error::Input`] if the text looks like a region but is not one, [`Error::NotFound`] if
    /// nothing has that name.
    pub async fn find(&self, text: &str, more: &Sequences, here: Option<&str>) -> Result<Found> {
        let (what, flank) = split_flank(text)?;
        let listing = self.listing();
        let served = Region::parse_on(what, listing.sequences(), here);
        let parsed = match served {
            Ok(region) => Ok(region),
            Err(error) => Region::parse_on(what, more, here).map_err(|_| error),
        };
        let (region, name) = match parsed {
            Ok(region) => (region, None),
            Err(error) => match self.search(what, 1).await?.into_iter().next() {
                Some(hit) => (hit.region, Some(hit.name.to_string())),
                None if matches!(error, Error::Input(_)) || what.contains(':') => {
                    return Err(error);
                }
                None => {
                    let message = format!("no sequence, gene or feature is called '{what}'");
                    return Err(Error::NotFound(message));
                }
            },
        };
        let sequence = listing.sequences().get(&region.sequence).or(more.get(&region.sequence));
        let length = sequence.map_or(MAX_POSITION, |sequence| sequence.length);
        let region = region.widened(flank.unwrap_or(0), length);
        let room = match (flank, &name) {
            (Some(_), _) => 0,
            (None, Some(_)) => (region.len() / 2).max(MIN_FLANK),
            (None, None) if region.len() == 1 => BASE_FLANK,
            (None, None) => 0,
        };
        Ok(Found { view: region.widened(room, length), region, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn genes_and_regions_are_found_and_widened() {
        let folder = tempfile::tempdir().unwrap();
        let genes = folder.path().join("genes.bed");
        std::fs::write(&genes, "chr1\t50000\t60000\tTP53\nchr1\t999990\t999999\tEND1\n").unwrap();
        let assembly = [("chr1", 1_000_000)].into_iter().collect();
        let catalog = Catalog::new(Some(("test".into(), assembly)));
        let (_, errors) = catalog.load(vec![crate::source::Spec::file(genes)]).await;
        assert!(errors.is_empty(), "{errors:?}");
        let more: Sequences = [("extra", 5000)].into_iter().collect();
        let at = |start, end| Region::new("chr1", start, end);
        for (text, region, view) in [
            ("TP53", at(50_000, 60_000), at(45_000, 65_000)),
            ("tp53 ±5kb", at(45_000, 65_000), at(45_000, 65_000)),
            ("TP53 +- 0", at(50_000, 60_000), at(50_000, 60_000)),
            ("END1", at(999_990, 999_999), at(999_490, 1_000_000)),
            ("chr1:5000", at(4_999, 5_000), at(4_949, 5_050)),
            ("1:5,000 ±100", at(4_899, 5_100), at(4_899, 5_100)),
            ("1 2000 3000", at(1_999, 3_000), at(1_999, 3_000)),
            ("2k-3k", at(1_999, 3_000), at(1_999, 3_000)),
        ] {
            let found = catalog.find(text, &more, Some("chr1")).await.unwrap();
            assert_eq!((found.region, found.view), (region, view), "{text}");
        }
        let found = catalog.find("extra:10-20", &more, None).await.unwrap();
        assert_eq!(found.region, Region::new("extra", 9, 20));
        for (text, expected) in [
            ("TP54", "no sequence, gene or feature is called 'TP54'"),
            ("chr1:9-5", "is not a region"),
            ("chr1:2m", "beyond the end of chr1, which has 1,000,000 bases"),
            ("chr9:5-9", "no sequence is called 'chr9'"),
            ("2k-3k", "no sequence, gene or feature"),
        ] {
            let error = catalog.find(text, &more, None).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
