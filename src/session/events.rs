//! Events, for programs that subscribe to them.

use serde_json::{Map, Value};

/// A topic that programs can subscribe to, by its name in the console's `subscribe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A page has moved.
    Location,
    /// Charts were added, changed or removed.
    Charts,
    /// Pages connected or left.
    Pages,
    /// Datasources were loaded, unloaded or reloaded.
    Data,
    /// Lines of the log.
    Log,
}

impl Topic {
    /// Every topic: its name and its events.
    pub const ALL: &[(Topic, &str, &str)] = &[
        (Topic::Location, "location", "a page has moved"),
        (Topic::Charts, "charts", "charts were added, changed or removed"),
        (Topic::Pages, "pages", "a page connected or left"),
        (Topic::Data, "data", "datasources were loaded, unloaded or reloaded"),
        (Topic::Log, "log", "a line of the log"),
    ];

    /// Returns its name.
    pub fn word(self) -> &'static str {
        // A test checks that ALL contains each topic.
        Self::ALL.iter().find(|entry| entry.0 == self).map_or("", |entry| entry.1)
    }

    /// Returns the topic with this name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|entry| entry.1 == word).map(|entry| entry.0)
    }
}

/// An event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its topic.
    pub topic: Topic,
    /// The session in which it happened; `None` if it concerns all.
    pub session: Option<String>,
    /// Its number among the records of its topic.
    pub recno: u64,
    /// When it happened, in milliseconds since 1970.
    pub ts: u64,
    /// Further members.
    pub data: Map<String, Value>,
}

impl Event {
    /// Returns the event as programs receive it: a JSON object, with the topic in `event`.
    pub fn to_json(&self) -> Value {
        let mut object = Map::from_iter([("event".to_owned(), self.topic.word().into())]);
        object.extend(self.session.iter().map(|name| ("session".to_owned(), name.as_str().into())));
        object.insert("recno".to_owned(), self.recno.into());
        object.insert("ts".to_owned(), self.ts.into());
        object.extend(self.data.clone());
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_found_by_its_name() {
        for (topic, word, _) in Topic::ALL {
            assert_eq!(topic.word(), *word);
            assert_eq!(Topic::from_word(word), Some(*topic));
        }
    }
}
