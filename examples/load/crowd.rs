//! Many pages that are idle, or that come and go.

use super::{AnyError, Options, resources};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// How long the endpoint has to give its memory back.
const LEFT: Duration = Duration::from_secs(10);
/// How many pages connect at once.
const AT_ONCE: usize = 50;

/// Connects a page and sends the requests with which pages start.
async fn connect(address: &str) -> Result<Socket, AnyError> {
    let (mut socket, _) = connect_async(address).await?;
    let charts = json!({"0": {"chartName": "epiviz.plugins.charts.LineTrack"}});
    let first = [
        json!({"action": "getMeasurements", "version": "4"}),
        json!({"action": "getSeqInfos", "version": "4"}),
        json!({"action": "registerChartTypes", "data": charts}),
    ];
    for (id, data) in (1..).zip(first) {
        let message = json!({"requestId": id, "type": "request", "data": data});
        socket.send(Message::text(message.to_string())).await?;
    }
    let mut answered = 0;
    while answered < 3 {
        let message = socket.next().await.ok_or("the connection ended")??;
        let Ok(text) = message.to_text() else { continue };
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        answered += u32::from(message["type"] == "response");
    }
    Ok(socket)
}

/// Keeps pages connected that request nothing but answer the endpoint, and prints what the endpoint
/// needs before, meanwhile, and after they have left.
pub(crate) async fn idle(options: &Options, count: usize) -> Result<(), AnyError> {
    let before = resources::of(options.pid);
    let mut pages = Vec::new();
    while pages.len() < count {
        let some = (0..AT_ONCE.min(count - pages.len())).map(|_| connect(&options.address));
        for socket in futures_util::future::join_all(some).await {
            let mut socket = socket?;
            pages.push(tokio::spawn(async move {
                while let Some(Ok(message)) = socket.next().await {
                    let Ok(text) = message.to_text() else { continue };
                    let message: Value = serde_json::from_str(text).unwrap_or_default();
                    if message["type"] == "request" {
                        let place = json!({"seqName": "chr1", "start": 1, "end": 100_000});
                        let answer = json!({"requestId": message["requestId"], "type": "response",
                            "data": {"success": true, "value": place}});
                        let _ = socket.send(Message::text(answer.to_string())).await;
                    }
                }
            }));
        }
    }
    tokio::time::sleep(Duration::from_secs_f64(options.seconds)).await;
    let meanwhile = resources::of(options.pid);
    let lost = pages.iter().filter(|page| page.is_finished()).count();
    pages.iter().for_each(tokio::task::JoinHandle::abort);
    tokio::time::sleep(LEFT).await;
    let after = resources::of(options.pid);
    println!(
        "{:#}",
        json!({"idle": count, "lost": lost, "before": before, "meanwhile": meanwhile,
            "after": after})
    );
    if lost == 0 { Ok(()) } else { Err("some pages were disconnected".into()) }
}

/// Connects and disconnects pages, half of them without a word, and prints what the endpoint needs
/// after each tenth.
pub(crate) async fn churn(options: &Options, count: usize) -> Result<(), AnyError> {
    let mut seen = vec![resources::of(options.pid)];
    let mut done = 0;
    while done < count {
        let some = (0..AT_ONCE.min(count - done)).map(async |number| {
            let mut socket = connect(&options.address).await?;
            if number % 2 == 0 {
                socket.close(None).await?;
            }
            Ok::<_, AnyError>(())
        });
        for ended in futures_util::future::join_all(some).await {
            ended?;
            done += 1;
        }
        if done % (count / 10).max(1) < AT_ONCE {
            seen.push(resources::of(options.pid));
        }
    }
    tokio::time::sleep(LEFT).await;
    seen.push(resources::of(options.pid));
    println!("{:#}", json!({"connected": done, "resources": seen}));
    Ok(())
}
