//! Requests a range from a running endpoint and prints it.
//!
//! `cargo run --example client -- signal chr11:101,500,000-101,510,000 [ws://localhost:8888/ws]`

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::io::Write;
use tokio_tungstenite::tungstenite::Message;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (measurement, region, url) = match &arguments[..] {
        [measurement, region] => (measurement, region, "ws://localhost:8888/ws"),
        [measurement, region, url] => (measurement, region, url.as_str()),
        _ => bail!("usage: client MEASUREMENT REGION [URL]"),
    };
    let (sequence, interval) = region.split_once(':').context("a region is like chr1:1-1000")?;
    let (start, end) = interval.split_once('-').context("a region is like chr1:1-1000")?;
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.context("is it running?")?;

    let mut ask = async |data: Value| -> Result<Value> {
        let message = json!({"requestId": 1, "type": "request", "data": data});
        socket.send(Message::text(message.to_string())).await?;
        while let Some(message) = socket.next().await {
            let answer: Value = serde_json::from_str(message?.to_text()?)?;
            if answer["type"] == "response" {
                return Ok(answer["data"].clone());
            }
        }
        bail!("the endpoint closed the connection")
    };

    let known = ask(json!({"action": "getMeasurements"})).await?;
    let ids = known["id"].as_array().context("no measurements")?;
    let index = ids.iter().position(|id| id == measurement);
    let index = index.with_context(|| format!("no '{measurement}' among {ids:?}"))?;
    let datasource = known["datasourceId"][index].as_str().context("no datasource")?;
    // The request of a page without a cache: the level follows from the region's width.
    let combined = ask(json!({
        "action": "getCombined", "seqName": sequence, "start": start, "end": end,
        "measurements": {datasource: [measurement]},
    }))
    .await?;
    let part = &combined[datasource];
    let mut out = std::io::stdout().lock();
    for (row, start) in part["rows"]["start"].as_array().into_iter().flatten().enumerate() {
        let end = &part["rows"]["end"][row];
        let value = &part["cols"][measurement][row];
        // The reader may close the pipe early, as `head` does.
        if writeln!(out, "{sequence}\t{start}\t{end}\t{value}").is_err() {
            break;
        }
    }
    Ok(())
}
