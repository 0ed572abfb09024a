//! Clients that misbehave: they flood the endpoint, never read, or send garbage. Each connects again
//! when the endpoint disconnects it.

use super::{Options, Random, Target};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

/// Starts the clients that the options ask for.
pub(crate) fn start(options: &Options, target: &Target) -> Vec<JoinHandle<()>> {
    let address = || options.address.clone();
    let flood = (0..options.flood).map(|_| tokio::spawn(flood(address(), widest(target))));
    let deaf = (0..options.deaf).map(|_| tokio::spawn(deaf(address(), widest(target))));
    let seeds = 1..=options.garbage as u64;
    let garbage = seeds.map(|seed| tokio::spawn(garbage(address(), Random(seed * 0x9e37_79b9))));
    flood.chain(deaf).chain(garbage).collect()
}

/// Returns a request for the whole of the longest sequence.
fn widest(target: &Target) -> String {
    let (sequence, length) = target.sequences.first().cloned().unwrap_or_default();
    let data = json!({"action": "getCombined", "seqName": sequence, "start": 1, "end": length,
        "measurements": {&target.datasource: target.measurements}});
    json!({"requestId": 1, "type": "request", "data": data}).to_string()
}

/// Sends requests without waiting for answers, but reads them.
async fn flood(address: String, request: String) {
    loop {
        let Ok((socket, _)) = connect_async(&address).await else { continue };
        let (mut sink, mut stream) = socket.split();
        let sending = async { while sink.send(Message::text(request.clone())).await.is_ok() {} };
        let reading = async { while let Some(Ok(_)) = stream.next().await {} };
        tokio::join!(sending, reading);
    }
}

/// Sends requests and never reads.
async fn deaf(address: String, request: String) {
    loop {
        let Ok((mut socket, _)) = connect_async(&address).await else { continue };
        while socket.send(Message::text(request.clone())).await.is_ok() {}
    }
}

/// Sends messages of random bytes, some of which begin like a request.
async fn garbage(address: String, mut random: Random) {
    loop {
        let Ok((mut socket, _)) = connect_async(&address).await else { continue };
        loop {
            let length = random.below(3000);
            let bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let message = match random.below(20) {
                0 => Message::binary(bytes),
                1..=5 => {
                    Message::text(r#"{"requestId":1,"type":"request","data":"#.to_owned() + &text)
                }
                6 => Message::text("[".repeat(length as usize)),
                _ => Message::text(text),
            };
            let sent = socket.send(message).await;
            let read = async { while let Some(Ok(_)) = socket.next().await {} };
            let _ = tokio::time::timeout(std::time::Duration::from_millis(2), read).await;
            if sent.is_err() {
                break;
            }
        }
    }
}
