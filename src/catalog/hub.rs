//! A UCSC track hub, on this machine or another: `hub.txt`, `genomes.txt`, `trackDb.txt` (UCSC,
//! "Track Database Definition Document"). Each track with a `bigDataUrl` is a source. It inherits
//! the settings of its composites and super tracks as in the UCSC browser, and gets their names as
//! annotations.

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::source::{Options, Spec};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// How many bytes are read to recognise a hub.
const HEAD: u64 = 4096;
/// Largest file of a hub, in bytes.
const LARGEST: u64 = 64 << 20;

/// A track hub.
#[derive(Debug)]
pub struct Hub {
    /// Its genome, such as `hg38`.
    pub assembly: String,
    /// The tracks that have a file.
    pub tracks: Vec<Spec>,
    /// The errors of tracks that cannot be served.
    pub errors: Vec<Error>,
}

/// Returns whether a file is a `hub.txt`: text whose first setting is `hub NAME`.
pub fn is_hub(input: &Input) -> bool {
    if input.path().extension().is_none_or(|ending| ending != "txt") {
        return false;
    }
    let Ok(file) = input.open() else { return false };
    let lines = BufReader::new(file.take(HEAD)).lines();
    let first = lines.map_while(Result::ok).find(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    first.is_some_and(|line| line.starts_with("hub ") && !line.contains('='))
}

/// A block of lines: settings by name, and the number of its first line.
struct Stanza {
    line: usize,
    settings: HashMap<String, String>,
}

impl Stanza {
    fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }
}

impl Hub {
    /// Reads a hub; if it has several genomes, the first.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Data`] for its files; errors in single tracks go to
    /// [`Hub::errors`].
    pub fn read(input: &Input) -> Result<Self> {
        read(input, &load(input)?)
    }
}

fn read(input: &Input, text: &str) -> Result<Hub> {
    let path = input.path();
    let hub = stanzas(path, text)?;
    let needs = |key: &str| Error::data(path, "", format!("the hub has no {key}"));
    let first = hub.first().ok_or_else(|| needs("hub"))?;
    if first.get("useOneFile") == Some("on") {
        let genome = hub.iter().find_map(|stanza| stanza.get("genome"));
        return tracks(input, &hub, genome.ok_or_else(|| needs("genome"))?);
    }
    let genomes = file(input, first, "genomesFile")?;
    let listed = stanzas(genomes.path(), &load(&genomes)?)?;
    let chosen = listed.iter().find_map(|stanza| Some((stanza.get("genome")?, stanza)));
    let (genome, stanza) =
        chosen.ok_or_else(|| Error::data(genomes.path(), "", "lists no genome"))?;
    if listed.len() > 1 {
        tracing::warn!("{}: only {genome}, the first genome, is served", genomes.path().display());
    }
    let database = file(&genomes, stanza, "trackDb")?;
    tracks(&database, &stanzas(database.path(), &load(&database)?)?, genome)
}

fn load(input: &Input) -> Result<String> {
    let (path, mut text) = (input.path(), String::new());
    let read = input.open()?.take(LARGEST).read_to_string(&mut text);
    read.map_err(|error| Error::io(path, error))?;
    Ok(text)
}

/// Returns the file that a setting names.
fn file(hub: &Input, stanza: &Stanza, key: &str) -> Result<Input> {
    let wrong = |what: String| Error::data(hub.path(), format!("line {}", stanza.line), what);
    let name = stanza.get(key).ok_or_else(|| wrong(format!("has no {key}")))?;
    hub.join(name).map_err(|error| wrong(error.to_string()))
}

/// Parses the stanzas of a file: lines with a key and its value; empty lines separate stanzas.
fn stanzas(path: &Path, text: &str) -> Result<Vec<Stanza>> {
    let mut stanzas: Vec<Stanza> = Vec::new();
    let mut open = false;
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim();
        if content.is_empty() {
            open = false;
        } else if !content.starts_with('#') {
            let (key, value) = content.split_once(char::is_whitespace).unwrap_or((content, ""));
            if key == "include" {
                let message = "'include' is not supported; insert the lines of that file here";
                return Err(Error::data(path, format!("line {line}"), message));
            }
            if !open {
                stanzas.push(Stanza { line, settings: HashMap::new() });
                open = true;
            }
            if let Some(stanza) = stanzas.last_mut() {
                stanza.settings.insert(key.to_owned(), value.trim().to_owned());
            }
        }
    }
    Ok(stanzas)
}

/// Reads the tracks of a `trackDb.txt`.
fn tracks(input: &Input, stanzas: &[Stanza], genome: &str) -> Result<Hub> {
    let named = stanzas.iter().filter_map(|stanza| Some((stanza.get("track")?, stanza)));
    let by_name: HashMap<&str, &Stanza> = named.collect();
    let mut hub = Hub { assembly: genome.to_owned(), tracks: Vec::new(), errors: Vec::new() };
    for stanza in stanzas {
        match track(input, stanza, &by_name) {
            Ok(Some(spec)) => hub.tracks.push(spec),
            Ok(None) => {}
            Err(error) => hub.errors.push(error),
        }
    }
    if hub.tracks.is_empty() && hub.errors.is_empty() {
        return Err(Error::data(input.path(), "", "has no track with a bigDataUrl"));
    }
    Ok(hub)
}

/// Returns the source of a track; `None` for a container of tracks and for other settings.
fn track(hub: &Input, stanza: &Stanza, by_name: &HashMap<&str, &Stanza>) -> Result<Option<Spec>> {
    let Some(name) = stanza.get("track") else { return Ok(None) };
    let error = |message: &str| {
        let place = format!("line {}", stanza.line);
        Error::data(hub.path(), place, format!("track '{name}': {message}"))
    };
    let is_container =
        ["compositeTrack", "container", "view"].iter().any(|key| stanza.get(key).is_some())
            || stanza.get("superTrack").is_some_and(|text| text.starts_with("on"));
    let is_parent = by_name.values().any(|other| parent(other) == Some(name));
    let Some(url) = stanza.get("bigDataUrl") else {
        if is_container || is_parent {
            return Ok(None);
        }
        return Err(error("it has no bigDataUrl"));
    };
    let input = hub.join(url).map_err(|wrong| error(&wrong.to_string()))?;
    // UCSC's `bigDataIndex`: the index of a file, if it is not beside the file.
    let index = stanza.get("bigDataIndex").filter(|_| input.is_remote());
    let index = index.map(|index| hub.join(index)).transpose();
    let index = index.map_err(|wrong| error(&wrong.to_string()))?;
    let mut above = Vec::new();
    let mut at = stanza;
    // `parent composite off` and `superTrack parent`: a name, then whether the track is shown.
    while let Some(parent) = parent(at).and_then(|name| by_name.get(name)) {
        if above.len() == by_name.len() {
            return Err(error("the track is its own ancestor"));
        }
        above.push(*parent);
        at = parent;
    }
    let inherited =
        |key: &str| std::iter::once(&stanza).chain(&above).find_map(|stanza| stanza.get(key));
    let mut spec = Spec { input: input.with_index(index), options: Options::default() };
    let options = &mut spec.options;
    options.name = stanza.get("shortLabel").or(stanza.get("track")).map(str::to_owned);
    options.color = inherited("color").and_then(color);
    options.range = inherited("viewLimits").and_then(limits);
    let label = |stanza: &Stanza| {
        stanza.get("shortLabel").or(stanza.get("track")).unwrap_or_default().to_owned()
    };
    for parent in &above {
        let kind = if parent.get("superTrack").is_some() { "superTrack" } else { "composite" };
        options.annotation.insert(kind.to_owned(), label(parent));
    }
    let groups = ["subGroups", "metadata"].into_iter().filter_map(|key| stanza.get(key));
    let pairs = groups.flat_map(str::split_whitespace).filter_map(|pair| pair.split_once('='));
    let pairs = pairs.map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned()));
    options.annotation.extend(pairs);
    if let Some(text) = stanza.get("longLabel") {
        options.annotation.insert("description".to_owned(), text.to_owned());
    }
    Ok(Some(spec))
}

fn parent(stanza: &Stanza) -> Option<&str> {
    let named =
        stanza.get("parent").or(stanza.get("superTrack").filter(|text| !text.starts_with("on")));
    named?.split_whitespace().next()
}

/// Converts `31,119,180` to `#1f77b4`.
fn color(text: &str) -> Option<String> {
    let parts: Vec<u8> = text.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    match parts[..] {
        [red, green, blue] => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
        _ => None,
    }
}

/// Parses `0:50`.
fn limits(text: &str) -> Option<(f64, f64)> {
    let (low, high) = text.split_once(':')?;
    let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (low < high).then_some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::remote::Reach;

    const TRACKS: &str = "track all\nsuperTrack on show\nshortLabel Everything\n\n\
        track marks\nparent all\ncompositeTrack on\nshortLabel Marks\ncolor 31,119,180\nviewLimits 0:50\n\n\
        # one of them\ntrack k4\nparent marks off\nbigDataUrl k4.bw\nshortLabel H3K4me3\ntype bigWig\n\
        subGroups tissue=colon rep=1\nlongLabel The mark of promoters\n\n\
        track peaks\nbigDataUrl /peaks.bb\ncolor 1,2,3\ntype bigBed 6\n";

    #[test]
    fn a_hub_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            Input::File(path)
        };
        let text = "hub myHub\nshortLabel x\ngenomesFile genomes.txt\nemail a@b.c\n";
        let hub = write("hub.txt", text);
        write("genomes.txt", "genome hg38\ntrackDb hg38/trackDb.txt\n");
        write("hg38/trackDb.txt", TRACKS);
        assert!(is_hub(&hub) && !is_hub(&hub.join("genomes.txt").unwrap()));
        let hub = Hub::read(&hub).unwrap();
        assert_eq!((hub.assembly.as_str(), hub.errors.len()), ("hg38", 0));
        let [k4, peaks] = &hub.tracks[..] else { panic!("{:?}", hub.tracks) };
        assert_eq!(k4.input, Input::File(folder.path().join("hg38/k4.bw")));
        assert_eq!(k4.options.name.as_deref(), Some("H3K4me3"));
        assert_eq!(k4.options.color.as_deref(), Some("#1f77b4"), "inherited");
        assert_eq!(k4.options.range, Some((0.0, 50.0)), "inherited");
        let annotation = k4.options.annotation.iter().map(|(key, value)| format!("{key}={value}"));
        let expected = [
            "composite=Marks",
            "description=The mark of promoters",
            "rep=1",
            "superTrack=Everything",
            "tissue=colon",
        ];
        assert_eq!(annotation.collect::<Vec<_>>(), expected);
        assert_eq!(peaks.options.color.as_deref(), Some("#010203"));
    }

    #[test]
    fn a_hub_of_a_server_leads_to_its_own_files_and_to_public_machines() {
        let hub = Input::named("https://lab.example/hubs/trackDb.txt?token=T").unwrap();
        let text = "track near\nbigDataUrl k4.bw\n\n\
            track far\nbigDataUrl http://127.0.0.1:8888/x.bam\nbigDataIndex x.bai\n\n\
            track secret\nbigDataUrl file:///etc/passwd\n";
        let stanzas = stanzas(hub.path(), text).unwrap();
        let hub = tracks(&hub, &stanzas, "hg38").unwrap();
        let [near, far] = &hub.tracks[..] else { panic!("{:?}", hub.tracks) };
        assert_eq!(near.input.path(), Path::new("https://lab.example/hubs/k4.bw"));
        assert_eq!(far.input.index(), Some("https://lab.example/hubs/x.bai".into()));
        let Input::Remote(far) = &far.input else { panic!() };
        assert_eq!(far.address().reach(), Reach::Public, "the user did not name it");
        assert_eq!(hub.errors.len(), 1, "no file of this machine: {:?}", hub.errors);
    }

    #[test]
    fn errors_name_the_track_and_the_others_are_served() {
        let (path, input) = (Path::new("trackDb.txt"), Input::File("trackDb.txt".into()));
        let text = "track good\nbigDataUrl good.bw\n\n\
            track far\nbigDataUrl gopher://x/y.bw\n\n\
            track empty\ntype bigWig\n\n\
            track a\nparent b\nbigDataUrl x\n\ntrack b\nparent a\n";
        let hub = tracks(&input, &stanzas(path, text).unwrap(), "hg38").unwrap();
        assert_eq!(hub.tracks.len(), 1);
        let errors: Vec<_> = hub.errors.iter().map(ToString::to_string).collect();
        let expected = [
            "trackDb.txt, line 4: track 'far': 'gopher://' addresses cannot be read; the known \
             kinds are http://, https://, s3://, gs:// and az://",
            "trackDb.txt, line 7: track 'empty': it has no bigDataUrl",
            "trackDb.txt, line 10: track 'a': the track is its own ancestor",
        ];
        assert_eq!(errors, expected);
        let error = |text: &str| {
            let read = stanzas(path, text).and_then(|stanzas| tracks(&input, &stanzas, "hg38"));
            read.unwrap_err().to_string()
        };
        assert!(error("track a\n\ninclude x.txt\n").contains("line 3: 'include' is not supported"));
        assert!(error("group x\n").contains("no track with a bigDataUrl"));
    }
}
