//! Commands for the region that pages show.

use super::answer::Answer;
use super::command::{Arg, Arguments, Command};
use super::state::Console;
use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::{MAX_POSITION, Region, Sequences, split_flank};
use crate::source::formats::bed_regions;
use futures_util::FutureExt;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// How long a slideshow shows each region by default.
const SLIDE: Duration = Duration::from_secs(3);

pub(super) const COMMANDS: &[Command] = &[
    Command {
        usage: "go REGION|GENE",
        about: "show a region, gene, sequence or bookmark",
        examples: &[
            "go chr11:101m-104m",
            "go 11 101000000 102000000",
            "go TP53",
            "go TP53 +-5kb",
            "go chr1:5000",
        ],
        arguments: &[Arg::Place],
        run: |console, arguments| console.go(arguments).boxed(),
    },
    Command {
        usage: "zoom in|out [FACTOR]",
        about: "zoom around the middle (default factor: 2)",
        examples: &["zoom in", "zoom out 10"],
        arguments: &[Arg::Words(&["in", "out"]), Arg::Free],
        run: |console, arguments| console.zoom(arguments).boxed(),
    },
    Command {
        usage: "pan left|right [FRACTION]",
        about: "move by a fraction of the view (default: 0.5)",
        examples: &["pan left", "pan right 0.25"],
        arguments: &[Arg::Words(&["left", "right"]), Arg::Free],
        run: |console, arguments| console.pan(arguments).boxed(),
    },
    Command {
        usage: "where",
        about: "print the region that each page shows",
        examples: &["where"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.locations(arguments).boxed(),
    },
    Command {
        usage: "back",
        about: "return to the region before the last 'go', 'zoom' or 'pan'",
        examples: &["back"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.back(arguments).boxed(),
    },
    Command {
        usage: "slideshow FILE.bed [N] [every SECONDS]",
        about: "show the first N regions of a file, or all, one after another",
        examples: &["slideshow peaks.bed", "slideshow peaks.bed 10 every 5"],
        arguments: &[Arg::File, Arg::Words(&["every"]), Arg::Free],
        run: |console, arguments| console.slideshow(arguments).boxed(),
    },
    Command {
        usage: "bookmark [NAME]",
        about: "name the current region for 'go'; without NAME, list the bookmarks",
        examples: &["bookmark promoter", "bookmark"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.bookmark(arguments).boxed(),
    },
];

/// Returns the direction, and the number after it or `default`.
fn amount(arguments: &Arguments, default: f64) -> Result<(&str, f64)> {
    match arguments.words()[..] {
        [direction] => Ok((direction, default)),
        [direction, number] => Ok((direction, positive(number).ok_or_else(|| arguments.misuse())?)),
        _ => Err(arguments.misuse()),
    }
}

fn positive(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| *number > 0.0 && number.is_finite())
}

impl Console {
    async fn go(&self, arguments: Arguments) -> Result<Answer> {
        let (region, name) = self.find(arguments.needed_text()?).await?;
        self.show(&region, name.as_deref()).await
    }

    async fn show(&self, region: &Region, name: Option<&str>) -> Result<Answer> {
        self.session.go(region, self.page).await?;
        let name = name.map_or(String::new(), |name| format!("{name}, "));
        let later = if self.session.ready_pages().is_empty() {
            format!(" ({})", self.session.no_page())
        } else {
            String::new()
        };
        Ok(Answer::say(format!("showing {name}{}{later}", region.grouped()))
            .with(json!({"region": region.to_string()})))
    }

    /// Returns the region to show for a text, and the name if the text is a gene or a bookmark.
    async fn find(&self, text: &str) -> Result<(Region, Option<String>)> {
        let state = self.session.state();
        let added: Sequences =
            state.sequences.iter().map(|(name, length)| (name.as_str(), *length)).collect();
        let (what, flank) = split_flank(text)?;
        let bookmark = state.bookmarks.get(what).and_then(|place| place.region());
        if let Some(region) = bookmark {
            let wide = region.widened(flank.unwrap_or(0), self.length_of(&region));
            return Ok((wide, Some(what.to_owned())));
        }
        let here = state.place.as_ref().map(|place| place.sequence.as_str());
        let found = self.session.provider.catalog.find(text, &added, here).await?;
        Ok((found.view, found.name))
    }

    /// Returns the length of the region's sequence, or [`MAX_POSITION`] if it is not known.
    fn length_of(&self, region: &Region) -> u32 {
        let listing = self.session.provider.catalog.listing();
        let served = listing.sequences().get(&region.sequence).map(|sequence| sequence.length);
        let added = || self.session.state().sequences.get(&*region.sequence).copied();
        served.or_else(added).unwrap_or(MAX_POSITION)
    }

    async fn zoom(&self, arguments: Arguments) -> Result<Answer> {
        let (direction, factor) = amount(&arguments, 2.0)?;
        match direction {
            "in" => self.step(1.0 / factor, 0.0).await,
            "out" => self.step(factor, 0.0).await,
            _ => Err(arguments.misuse()),
        }
    }

    async fn pan(&self, arguments: Arguments) -> Result<Answer> {
        let (direction, fraction) = amount(&arguments, 0.5)?;
        match direction {
            "left" => self.step(1.0, -fraction).await,
            "right" => self.step(1.0, fraction).await,
            _ => Err(arguments.misuse()),
        }
    }

    /// Scales the view by `factor` and moves it by `shift` of its width, within its sequence.
    async fn step(&self, factor: f64, shift: f64) -> Result<Answer> {
        let place = self.session.place(self.page).await?;
        let region = moved(&place, factor, shift, self.length_of(&place));
        self.show(&region, None).await
    }

    async fn locations(&self, arguments: Arguments) -> Result<Answer> {
        arguments.none()?;
        if self.session.ready_pages().is_empty() {
            let place = self.session.state().place.and_then(|place| place.region());
            return match place {
                Some(place) => Ok(Answer::say(format!(
                    "{}; the last one showed {}",
                    self.session.no_page(),
                    place.grouped()
                ))
                .with(json!({"region": place.to_string()}))),
                None => self.session.place(None).await.map(|_| Answer::default()),
            };
        }
        let places = self.session.locations(self.page).await?;
        let rows = places.into_iter().map(|(page, place)| {
            let bases = place.as_ref().map(Region::len);
            let place = place.map_or("none yet".into(), |place| place.to_string());
            vec![json!(page), json!(place), json!(bases)]
        });
        Ok(Answer::table(&["page", "region", "bases"], rows.collect(), ""))
    }

    async fn back(&self, arguments: Arguments) -> Result<Answer> {
        arguments.none()?;
        let place = self.session.back().await?.region();
        let shown = place.as_ref().map_or(String::new(), Region::grouped);
        let region = place.map(|place| place.to_string());
        Ok(Answer::say(format!("back at {shown}")).with(json!({"region": region})))
    }

    async fn bookmark(&self, arguments: Arguments) -> Result<Answer> {
        if arguments.words().is_empty() {
            let bookmarks = self.session.state().bookmarks;
            let rows = bookmarks.iter().map(|(name, place)| {
                let region = place.region().map(|region| region.to_string());
                vec![json!(name), json!(region)]
            });
            let empty = "there are no bookmarks; 'bookmark NAME' adds one";
            return Ok(Answer::table(&["name", "region"], rows.collect(), empty));
        }
        let name = arguments.one()?;
        let place = self.session.bookmark(name, self.page).await?;
        Ok(Answer::say(format!("'go {name}' now shows {}", place.grouped())))
    }

    async fn slideshow(&self, arguments: Arguments) -> Result<Answer> {
        let words = arguments.words();
        let (front, every) = match words[..] {
            [ref front @ .., "every", seconds] => {
                let seconds = positive(seconds).ok_or_else(|| arguments.misuse())?;
                (front, Duration::try_from_secs_f64(seconds).map_err(|_| arguments.misuse())?)
            }
            ref front => (front, SLIDE),
        };
        let (file, count) = match *front {
            [file] => (Path::new(file), usize::MAX),
            [file, count] => (Path::new(file), arguments.number(count)?),
            _ => return Err(arguments.misuse()),
        };
        let input = Input::File(self.files.readable(file)?);
        let read = tokio::task::spawn_blocking(move || bed_regions(&input, count));
        let slides = read.await.map_err(|stopped| Error::Bug(stopped.to_string()))??;
        let many = slides.len();
        for (at, (region, name)) in slides.into_iter().enumerate() {
            let region =
                self.session.provider.catalog.listing().locate(&region).ok_or_else(|| {
                    let message = format!("the sequence of {region} is not served");
                    Error::data(file, "", message)
                })?;
            self.session.go(&region, self.page).await?;
            (self.say)(Answer::say(
                format!("{} of {many}: {} {name}", at + 1, region.grouped()).trim_end(),
            ));
            if at + 1 < many {
                tokio::time::sleep(every).await;
            }
        }
        Ok(Answer::say(format!("showed {many} regions of {}", file.display())))
    }
}

fn moved(place: &Region, factor: f64, shift: f64, length: u32) -> Region {
    let length = f64::from(length);
    let width = (f64::from(place.len()) * factor).round().clamp(1.0, length.max(1.0));
    let middle = f64::from(place.start) + f64::from(place.len()) * (0.5 + shift);
    let start = (middle - width / 2.0).round().clamp(0.0, (length - width).max(0.0));
    Region::new(place.sequence.clone(), start as u32, (start + width) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_stays_on_the_sequence() {
        let at = |start, end| Region::new("1", start, end);
        assert_eq!(moved(&at(100, 200), 0.5, 0.0, 1000), at(125, 175));
        assert_eq!(moved(&at(100, 200), 2.0, 0.0, 1000), at(50, 250));
        assert_eq!(moved(&at(100, 200), 100.0, 0.0, 1000), at(0, 1000));
        assert_eq!(moved(&at(100, 200), 1.0, -0.5, 1000), at(50, 150));
        assert_eq!(moved(&at(100, 200), 1.0, -5.0, 1000), at(0, 100));
        assert_eq!(moved(&at(850, 950), 1.0, 1.0, 1000), at(900, 1000));
        assert_eq!(moved(&at(100, 200), 0.0001, 0.0, 1000).len(), 1);
    }
}
