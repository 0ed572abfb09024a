//! What happens, for programs that follow it.

use serde_json::{Map, Value};

/// What programs can follow; the console's `subscribe` takes these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A page looks somewhere else.
    Location,
    /// Charts were added, changed or removed.
    Charts,
    /// Pages came and left.
    Pages,
    /// Datasources were loaded, unloaded, opened again.
    Data,
    /// Lines of the log.
    Log,
}

impl Topic {
    /// Every topic: its word, and what is told.
    pub const ALL: &[(Topic, &str, &str)] = &[
        (Topic::Location, "location", "a page looks somewhere else"),
        (Topic::Charts, "charts", "charts were added, changed or removed"),
        (Topic::Pages, "pages", "a page came or left"),
        (Topic::Data, "data", "datasources were loaded, unloaded or opened again"),
        (Topic::Log, "log", "a line of the log"),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        // ALL has each topic, as its test shows.
        Self::ALL.iter().find(|entry| entry.0 == self).map_or("", |entry| entry.1)
    }

    /// The topic of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|entry| entry.1 == word).map(|entry| entry.0)
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// What it is about.
    pub topic: Topic,
    /// The session in which it happened; none for what concerns all.
    pub session: Option<String>,
    /// The rest.
    pub data: Map<String, Value>,
}

impl Event {
    /// As programs get it: one JSON object, the topic under `event`.
    pub fn to_json(&self) -> Value {
        let mut object = Map::from_iter([("event".to_owned(), self.topic.word().into())]);
        object.extend(self.session.iter().map(|name| ("session".to_owned(), name.as_str().into())));
        object.extend(self.data.clone());
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_found_by_its_word() {
        for (topic, word, _) in Topic::ALL {
            assert_eq!(topic.word(), *word);
            assert_eq!(Topic::from_word(word), Some(*topic));
        }
    }
}
