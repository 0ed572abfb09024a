use super::*;
use serde_json::Map;

fn stream() -> Arc<Stream> {
    Stream::new(StreamKind::Topic, "charts")
}

fn publish(stream: &Stream, count: u64) {
    for _ in 0..count {
        let what = Map::from_iter([("n".to_owned(), json!(stream.next()))]);
        stream.publish(Some("a".into()), None, Content::Event(what));
    }
}

fn subscribe(stream: &Arc<Stream>, startrec: i64, numrec: u64) -> Subscription {
    Subscription::new(
        stream.clone(),
        WantedRecords { startrec, numrec, ..WantedRecords::default() },
    )
}

/// All events that are there: `17` for record 17, or their names.
fn events(subscription: &mut Subscription) -> Vec<String> {
    let shown = |event: Value| match event["event"].as_str().unwrap() {
        "data" => {
            assert_eq!(event["data"]["n"], event["recno"]);
            event["recno"].to_string()
        }
        "status" => format!("missed {}-{}", event["missed"]["from"], event["missed"]["to"]),
        other => other.to_owned(),
    };
    std::iter::from_fn(|| subscription.next_event()).map(shown).collect()
}

#[test]
fn a_subscription_begins_at_the_record_that_was_asked_for() {
    for (startrec, numrec, before, after) in [
        // The next one, which is the default.
        (0, 1, &[][..], &["21", "eos"][..]),
        (0, 2, &[], &["21", "22", "eos"]),
        (0, 0, &[], &["21", "22", "23"]),
        // From a record on.
        (19, 1, &["19", "eos"], &[]),
        (19, 0, &["19", "20"], &["21", "22", "23"]),
        (22, 0, &[], &["22", "23"]),
        // From the end.
        (-1, 1, &["20", "eos"], &[]),
        (-2, 0, &["19", "20"], &["21", "22", "23"]),
        (-2, 3, &["19", "20"], &["21", "eos"]),
        (-20, 1, &["1", "eos"], &[]),
        (-900, 2, &["1", "2", "eos"], &[]),
        (i64::MIN, 1, &["1", "eos"], &[]),
        (i64::MAX, 0, &[], &[]),
    ] {
        let stream = stream();
        publish(&stream, 20);
        let mut subscription = subscribe(&stream, startrec, numrec);
        assert_eq!(events(&mut subscription), before, "{startrec} {numrec}");
        publish(&stream, 3);
        assert_eq!(events(&mut subscription), after, "{startrec} {numrec}");
        assert_eq!(subscription.is_done(), [before, after].concat().contains(&"eos"));
    }
}

#[test]
fn a_slow_subscriber_is_told_what_it_missed() {
    let stream = stream();
    let mut slow = subscribe(&stream, 0, 0);
    publish(&stream, MAX_RECORDS as u64 + 5);
    let mut found = events(&mut slow);
    assert_eq!(found.remove(0), "missed 1-5");
    assert_eq!((found.len(), found[0].as_str()), (MAX_RECORDS, "6"));
    // The same for one that asks for what is no longer kept.
    let mut late = subscribe(&stream, 2, 1);
    assert_eq!(events(&mut late), ["missed 2-5", "6", "eos"]);
}

#[test]
fn records_are_kept_within_a_limit_of_memory() {
    let stream = Stream::new(StreamKind::Source, "reads");
    let large = Rows { start: vec![0; 200_000], ..Rows::default() };
    for _ in 0..5 {
        stream.publish(None, None, Content::Rows(large.clone()));
    }
    let state = stream.state();
    assert!(state.records.len() == 1 && state.memory < MAX_MEMORY, "{}", state.records.len());
}

#[test]
fn duplicates_are_independent_and_all_are_told_of_the_end() {
    let stream = stream();
    let (mut one, mut two) = (subscribe(&stream, 0, 2), subscribe(&stream, 0, 0));
    publish(&stream, 1);
    assert_eq!(events(&mut two), ["1"]);
    publish(&stream, 1);
    assert_eq!(events(&mut one), ["1", "2", "eos"]);
    stream.close("'charts' is no longer served");
    assert_eq!(events(&mut two), ["2", "shutdown"]);
    assert!(two.is_done() && events(&mut two).is_empty() && events(&mut one).is_empty());
}

#[test]
fn resuming_gives_each_record_once() {
    let stream = stream();
    let mut first = subscribe(&stream, 0, 0);
    publish(&stream, 7);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(first.next_event().unwrap()["recno"].as_u64().unwrap());
    }
    drop(first);
    publish(&stream, 2);
    let last = *seen.last().unwrap();
    let mut second = subscribe(&stream, last as i64 + 1, 0);
    seen.extend(events(&mut second).iter().map(|recno| recno.parse::<u64>().unwrap()));
    assert_eq!(seen, (1..=9).collect::<Vec<_>>());
}

#[test]
fn events_are_filtered_by_session_and_region() {
    let stream = stream();
    let wanted = |session: &str, region: Option<Region>| WantedRecords {
        session: Some(session.to_owned()),
        region,
        ..WantedRecords::default()
    };
    let mut of_a = Subscription::new(stream.clone(), wanted("a", None));
    let near = Some(Region::new("chr1", 50, 60));
    let mut of_region = Subscription::new(stream.clone(), wanted("b", near));
    for (session, start) in [(Some("a"), 0), (Some("b"), 40), (None, 60), (Some("b"), 55)] {
        let place = Region::new("chr1", start, start + 20);
        let what = Map::from_iter([("n".to_owned(), json!(stream.next()))]);
        stream.publish(session.map(str::to_owned), Some(place), Content::Event(what));
    }
    assert_eq!(events(&mut of_a), ["1", "3"]);
    assert_eq!(events(&mut of_region), ["2", "4"]);
}

#[test]
fn rows_are_filtered_by_region_and_columns() {
    use crate::table::{Column, Data};
    let stream = Stream::new(StreamKind::Source, "calls");
    let rows = Rows {
        sequence: ["chr1", "chr1", "chr2"].into_iter().collect(),
        start: vec![10, 100, 10],
        end: vec![20, 200, 20],
        columns: vec![
            Column::new("score", Data::Doubles(vec![1.5, 2.0, f64::NAN])),
            Column::new("name", Data::Text(["a", "b", "c"].into_iter().collect())),
        ],
    };
    assert_eq!(rows.regions(), [Region::new("chr1", 10, 200), Region::new("chr2", 10, 20)]);
    let wanted = WantedRecords {
        region: Some(Region::new("chr1", 150, 160)),
        columns: Some(vec!["score".into()]),
        ..WantedRecords::default()
    };
    let mut some = Subscription::new(stream.clone(), wanted);
    let mut all = Subscription::new(stream.clone(), WantedRecords::default());
    stream.publish(None, None, Content::Rows(rows.clone()));
    let only = json!({"sequence": ["chr1"], "start": [100], "end": [200], "score": [2.0]});
    assert_eq!(some.next_event().unwrap()["rows"], only);
    let event = all.next_event().unwrap();
    assert_eq!(event["rows"]["score"], json!([1.5, 2.0, null]));
    assert_eq!(
        (&event["source"], &event["recno"], &event["status"]),
        (&json!("calls"), &json!(1), &json!(200))
    );
    // A record without rows in the region is no record for this subscriber.
    let elsewhere = Rows {
        start: vec![10],
        end: vec![20],
        sequence: ["chr2"].into_iter().collect(),
        columns: vec![],
    };
    stream.publish(None, None, Content::Rows(elsewhere));
    assert!(some.next_event().is_none() && all.next_event().is_some());
}

#[test]
fn topics_are_made_only_while_somebody_listens_or_was_cut_off() {
    let stream = stream();
    assert!(!stream.is_wanted());
    let one = subscribe(&stream, 0, 0);
    assert!(stream.is_wanted());
    drop(one);
    assert!(stream.is_wanted(), "it may come back");
    stream.state().left = Instant::now().checked_sub(GRACE);
    assert!(!stream.is_wanted());
}

#[test]
fn requests_are_checked_member_by_member() {
    let sequences = [("chr1", 1000)].into_iter().collect();
    let parse =
        |value: Value| WantedRecords::parse(value.as_object().unwrap(), &["action"], &sequences);
    let wanted = parse(json!({"action": "subscribe", "source": "x", "startrec": -5, "numrec": 0,
        "region": "chr1:11-20", "columns": ["score"], "session": null}));
    let wanted = wanted.unwrap();
    assert_eq!((wanted.startrec, wanted.numrec), (-5, 0));
    assert_eq!(wanted.region, Some(Region::new("chr1", 10, 20)));
    let by_address = parse(json!({"topic": "charts", "startrec": "-5", "numrec": "3"})).unwrap();
    assert_eq!((by_address.startrec, by_address.numrec), (-5, 3));
    assert_eq!(parse(json!({"topic": "charts"})).unwrap().numrec, 1, "the default");
    for (value, expected) in [
        (json!({}), "name either a source or a topic"),
        (json!({"source": "a", "topic": "b"}), "name either a source or a topic"),
        (json!({"source": 5}), "source is not valid: 5; it takes a datasource"),
        (json!({"topic": "charts", "numrec": -1}), "numrec is not valid: -1"),
        (json!({"topic": "charts", "startrec": 1.5}), "startrec is not valid: 1.5"),
        (json!({"topic": "charts", "region": "chr9"}), "chr9"),
        (json!({"topic": "charts", "columns": ["a"]}), "only the rows of a source"),
        (json!({"source": "a", "columns": [1]}), "columns is not valid"),
        (json!({"source": "a", "startrek": 1}), "unknown key 'startrek'; known are source, topic"),
    ] {
        let fault = parse(value.clone()).unwrap_err();
        assert!(fault.status == 400 && fault.text.contains(expected), "{value}: {}", fault.text);
    }
}

#[tokio::test]
async fn a_busy_subscription_does_not_keep_others_waiting() {
    let (busy, calm) = (stream(), stream());
    let mut all = Subscriptions::default();
    assert_eq!(all.add(subscribe(&busy, 0, 0)), Ok(1));
    assert_eq!(all.add(subscribe(&calm, 0, 1)), Ok(2));
    publish(&busy, 10);
    publish(&calm, 1);
    let mut order = Vec::new();
    for _ in 0..12 {
        let event = all.next().await;
        order.push(event["subscription"].as_u64().unwrap());
    }
    assert!(order[..2].contains(&2) && order.iter().filter(|n| **n == 2).count() == 2, "{order:?}");
    // It wakes up for what comes later.
    let (waiting, ()) = tokio::join!(all.next(), async { publish(&busy, 1) });
    assert_eq!(waiting["recno"], 11);
    assert_eq!(all.remove(2).unwrap_err().status, 404, "it has ended");
    assert_eq!(all.remove(1), Ok(()));
    for _ in 0..100 {
        all.add(subscribe(&busy, 0, 0)).unwrap();
    }
    assert_eq!(all.add(subscribe(&busy, 0, 0)).unwrap_err().status, 429);
}
