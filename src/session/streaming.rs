//! Subscriptions of pages and programs, and the description of what an endpoint can do.

use super::{Kind, Role, Session, Topic, Visitor, needed};
use crate::genome::Region;
use crate::protocol::REQUESTS;
use crate::source::suggestion;
use crate::stream::{Content, Fault, KEYS, Subscription, WantedRecords};
use serde_json::{Map, Value, json};

impl Session {
    /// Subscribes to the stream that a request's members name; the members in `known` are not about
    /// it.
    ///
    /// # Errors
    /// A `Fault` for an invalid request (400), without permission (403), and for an unknown topic or
    /// datasource (404).
    pub fn subscribe(
        &self,
        visitor: &Visitor,
        members: &Map<String, Value>,
        known: &[&str],
    ) -> Result<Subscription, Fault> {
        let listing = self.provider.catalog.listing();
        let mut wanted = WantedRecords::parse(members, known, listing.sequences())?;
        let missing = |text: String| Fault { status: 404, text };
        let stream = match (&wanted.topic, &wanted.source) {
            (Some(topic), _) => {
                let stream = self.config.streams.topic(topic);
                stream.ok_or_else(|| {
                    let known: Vec<_> = Topic::ALL.iter().map(|(_, word, _)| *word).collect();
                    missing(format!("there is no topic '{topic}'; they are {}", known.join(", ")))
                })?
            }
            (None, Some(id)) => {
                let is_served = listing.datasources().iter().any(|d| d.id == *id)
                    || listing.measurements().any(|m| m.id == *id);
                if !is_served {
                    let ids = listing.datasources().iter().map(|d| d.id.as_str());
                    let meant = suggestion(id, ids);
                    return Err(missing(format!("no datasource is called '{id}'{meant}")));
                }
                self.config.streams.source(id)
            }
            (None, None) => return Err(Fault::invalid("name either a source or a topic")),
        };
        wanted.session = match wanted.session.take() {
            Some(all) if all == "*" => None,
            Some(name) => Some(name),
            None => Some(self.name.clone()),
        };
        if let Some(topic) = wanted.topic.as_deref().and_then(Topic::from_word) {
            let permitted = visitor.may_follow(topic).and_then(|()| match wanted.session {
                Some(_) => Ok(()),
                None => visitor.may_follow_all(),
            });
            permitted.map_err(|error| Fault { status: 403, text: error.for_page() })?;
        }
        Ok(Subscription::new(stream, wanted))
    }

    /// Publishes an event of a topic if somebody listens.
    pub(super) fn publish(
        &self,
        topic: Topic,
        session: Option<String>,
        make: impl FnOnce() -> Value,
    ) {
        let stream = self.config.streams.topic(topic.word());
        let listens = stream.as_ref().is_some_and(|stream| stream.is_wanted());
        if !listens && self.config.events.receiver_count() == 0 {
            return;
        }
        let Value::Object(data) = make() else { return };
        let (mut recno, mut ts) = (0, 0);
        if let Some(stream) = stream {
            let place = place(&data);
            (recno, ts) = stream.publish(session.clone(), place, Content::Event(data.clone()));
        }
        // There may be no subscriber.
        let _ = self.config.events.send(super::Event { topic, session, recno, ts, data });
    }

    /// Describes what pages and programs can ask for: requests, topics and streams.
    pub fn describe(&self) -> Value {
        let requests = REQUESTS.iter().filter(|(_, is_served, _)| *is_served);
        let requests = requests.map(|(name, _, about)| {
            let role = needed(Kind::Request, name).to_string();
            json!({"name": name, "about": about, "role": role})
        });
        let topics = Topic::ALL.iter().map(|(topic, name, about)| {
            let role = match topic {
                Topic::Log => "the owner".to_owned(),
                Topic::Pages => needed(Kind::Command, "pages").to_string(),
                _ => Role::View.to_string(),
            };
            json!({"name": name, "about": about, "role": role})
        });
        let streams = self.config.streams.all();
        let streams = streams.iter().map(|stream| stream.to_json());
        let keys = KEYS.iter().map(|(key, takes)| json!({"name": key, "takes": takes}));
        json!({
            "requests": requests.collect::<Vec<_>>(),
            "topics": topics.collect::<Vec<_>>(),
            "streams": streams.collect::<Vec<_>>(),
            "subscribe": keys.collect::<Vec<_>>(),
        })
    }
}

/// Returns the region that an event is about.
fn place(data: &Map<String, Value>) -> Option<Region> {
    let number = |key: &str| data.get(key)?.as_u64()?.try_into().ok();
    let start: u32 = number("start")?;
    Some(Region::new(data.get("seqName")?.as_str()?, start.saturating_sub(1), number("end")?))
}
