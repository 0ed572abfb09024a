//! Data that programs send, and rows that they append.

use crate::fake_page::{FakePage, obedient};
use crate::http::{Answer, get, send};
use crate::support::{Client, Endpoint};
use serde_json::{Value, json};

async fn request(endpoint: &Endpoint, line: &str, kind: &str, body: &str) -> Answer {
    let head = format!("{line} HTTP/1.0\r\nhost: {}\r\ncontent-type: {kind}\r\n", endpoint.address);
    send(endpoint.address, &head, body).await
}

async fn put(endpoint: &Endpoint, name: &str, kind: &str, body: &str) -> Answer {
    request(endpoint, &format!("PUT /api/v1/sources/{name}"), kind, body).await
}

async fn append(endpoint: &Endpoint, name: &str, body: &str) -> Answer {
    request(endpoint, &format!("POST /api/v1/sources/{name}/rows"), "text/plain", body).await
}

async fn rows(endpoint: &Endpoint, name: &str) -> Vec<Value> {
    let path = format!("/api/v1/rows?datasource={name}&region=chr1&level=records");
    get(endpoint.address, &path).await.json().as_array().unwrap().clone()
}

#[tokio::test]
async fn rows_are_served_appended_searched_and_dropped() {
    let endpoint = Endpoint::start().await;
    let answer =
        put(&endpoint, "calls", "text/x-bed", "chr1\t100\t200\talpha\t5\nchr1\t300\t400\tbeta\t7")
            .await;
    assert_eq!(
        (answer.status, answer.json()),
        (201, json!({"source": "calls", "measurements": ["calls", "calls.score"]}))
    );
    assert_eq!(rows(&endpoint, "calls").await.len(), 2);
    // A subscriber gets what is appended, as columns.
    let mut console = Client::connect(&format!("ws://{}/console", endpoint.address)).await;
    let subscribe = json!({"id": 1, "action": "subscribe", "source": "calls", "numrec": 0, "region": "chr1:1-1,000"});
    console.send_text(subscribe.to_string()).await;
    assert_eq!(console.next_json().await["next"], 1);
    let answer =
        append(&endpoint, "calls", "chr1\t250\t260\tgamma\t9\nchr2\t5\t6\tdelta\t1\n").await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"source": "calls", "rows": 2, "recno": 1}))
    );
    let event = console.next_json().await;
    assert_eq!(
        (&event["event"], &event["source"], &event["recno"]),
        (&json!("data"), &json!("calls"), &json!(1))
    );
    assert_eq!(
        event["rows"],
        json!({"sequence": ["chr1"], "start": [250], "end": [260], "name": ["gamma"], "score": [9.0]})
    );
    let names: Vec<_> =
        rows(&endpoint, "calls").await.iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, ["alpha", "gamma", "beta"], "sorted by start");
    let hits = get(endpoint.address, "/api/v1/search?q=gamma").await.json();
    assert_eq!(hits[0]["start"], 250);
    // Damaged rows change nothing, and are no record.
    let answer = append(&endpoint, "calls", "chr1\t700\t600\tx\t1\n").await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("the rows, line 1"), "{}", answer.text());
    assert_eq!(rows(&endpoint, "calls").await.len(), 3);
    // All of it is replaced.
    let answer = put(&endpoint, "calls", "text/x-bed", "chr1\t1\t2\tonly\t5\n").await;
    assert_eq!((answer.status, rows(&endpoint, "calls").await.len()), (200, 1));
    let answer = put(&endpoint, "calls", "text/x-bed", "chr1\tx\t2\tonly\t5\n").await;
    assert_eq!(
        (answer.status, rows(&endpoint, "calls").await.len()),
        (400, 1),
        "{}",
        answer.text()
    );
    let answer = request(&endpoint, "DELETE /api/v1/sources/calls", "text/plain", "").await;
    assert_eq!((answer.status, answer.json()["dropped"].as_str()), (200, Some("calls")));
    let event = console.next_json().await;
    assert_eq!(
        (&event["event"], &event["text"]),
        (&json!("shutdown"), &json!("'calls' is no longer served"))
    );
    assert_eq!(append(&endpoint, "calls", "chr1\t1\t2\n").await.status, 404);
    assert_eq!(
        get(endpoint.address, "/api/v1/rows?datasource=calls&region=chr1").await.status,
        404
    );
}

#[tokio::test]
async fn signals_and_tables_are_data_too() {
    let endpoint = Endpoint::start().await;
    let answer =
        put(&endpoint, "depth", "text/x-bedgraph", "chr1\t0\t100\t4\nchr1\t100\t200\t8\n").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let mean = async || {
        let path = "/api/v1/values?measurement=depth&region=chr1:1-400&level=512";
        get(endpoint.address, path).await.json()[0]["depth"].as_f64().unwrap()
    };
    assert!((mean().await - 6.0).abs() < 1e-5);
    let answer = append(&endpoint, "depth", "chr1\t200\t300\t18\n").await;
    assert_eq!(
        (answer.status, answer.json()["recno"].as_u64()),
        (200, Some(1)),
        "{}",
        answer.text()
    );
    assert!((mean().await - 10.0).abs() < 1e-5);
    // A table with a header; later rows have none.
    let table = "chrom\tstart\tend\tgene\tvalue\nchr1\t10\t20\tA\t1.5\n";
    let answer = put(&endpoint, "table", "text/tab-separated-values", table).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let before = rows(&endpoint, "table").await;
    assert_eq!((before.len(), &before[0]["value"]), (1, &json!(1.5)));
    let answer = append(&endpoint, "table", "chr1\t30\t40\tB\t2.5\n").await;
    assert_eq!(
        (answer.status, answer.json()["rows"].as_u64()),
        (200, Some(1)),
        "{}",
        answer.text()
    );
    assert_eq!(rows(&endpoint, "table").await[1]["value"], 2.5);
}

#[tokio::test]
async fn what_cannot_be_served_is_refused() {
    let endpoint = Endpoint::start().await;
    for (name, body, status, words) in [
        ("peaks", "chr1\t1\t2\n", 400, "'peaks' is served already"),
        ("a%2Fb", "chr1\t1\t2\n", 400, "is not a name for a measurement"),
        (".hidden", "chr1\t1\t2\n", 400, "is not a name for a measurement"),
        ("x?format=nonsense", "chr1\t1\t2\n", 400, "unknown format 'nonsense'"),
        ("x?fromat=bed", "chr1\t1\t2\n", 400, "did you mean 'format'?"),
        ("x?keep=yes", "chr1\t1\t2\n", 400, "there is no state folder"),
        ("x", "", 400, "is empty"),
    ] {
        let answer = put(&endpoint, name, "text/plain", body).await;
        let text = answer.text();
        assert!(
            answer.status == status && text.contains(words),
            "{name}: {} {text}",
            answer.status
        );
        assert!(!text.contains("/tmp"), "no folders of this machine: {text}");
    }
    for n in 0..100 {
        assert_eq!(
            put(&endpoint, &format!("x{n}"), "text/x-bed", "chr1\t1\t2\n").await.status,
            201
        );
    }
    let answer = put(&endpoint, "more", "text/x-bed", "chr1\t1\t2\n").await;
    assert!(answer.status == 400 && answer.text().contains("at most 100 sources"));
}

#[tokio::test(flavor = "multi_thread")]
async fn appended_rows_appear_on_two_pages() {
    let endpoint = Endpoint::start().await;
    put(&endpoint, "calls", "text/x-bed", "chr1\t100\t200\ta\t5\nchr1\t300\t400\tb\t7\n").await;
    let mut pages = [
        FakePage::open(endpoint.address, "/ws", obedient()).await,
        FakePage::open(endpoint.address, "/ws", obedient()).await,
    ];
    for page in &mut pages {
        page.until(|shown| shown.answers.len() > 2).await;
    }
    // Within the range of scores that the pages know: their menus stay, the rows are renewed.
    append(&endpoint, "calls", "chr1\t500\t600\tc\t6\n").await;
    for page in &mut pages {
        let shown = page
            .until(|shown| {
                let clear = shown.asked.iter().rposition(|a| a == "clearDatasourceGroupCache");
                clear.is_some_and(|at| shown.asked[at..].contains(&"redraw".to_owned()))
            })
            .await;
        assert!(!shown.asked.contains(&"removeMeasurements".to_owned()), "{:?}", shown.asked);
    }
    // Scores that are higher than any before: the axis changes, so the menus are renewed too.
    append(&endpoint, "calls", "chr1\t700\t800\td\t600\n").await;
    for page in &mut pages {
        page.until(|shown| shown.asked.contains(&"removeMeasurements".to_owned())).await;
    }
}
