//! Memory and handles of the endpoint, as Linux reports them.

use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::Duration;

/// What was seen each second.
static SEEN: Mutex<Vec<Value>> = Mutex::new(Vec::new());

/// Returns the memory of a process in MB, the number of its open handles, and of its threads; null if
/// it cannot be read.
pub(crate) fn of(pid: Option<u32>) -> Value {
    let Some(pid) = pid else { return Value::Null };
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let number = |name: &str| -> Option<f64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    let handles = std::fs::read_dir(format!("/proc/{pid}/fd")).map(Iterator::count).ok();
    let memory = number("VmRSS:").map(|kib| (kib / 102.4).round() / 10.0);
    json!({"MiB": memory, "handles": handles, "threads": number("Threads:")})
}

/// Looks at a process each second until it is cancelled.
pub(crate) async fn watch(pid: Option<u32>) -> Value {
    loop {
        SEEN.lock().unwrap().push(of(pid));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Returns the memory at ten times of the run, and the most.
pub(crate) fn taken() -> Value {
    let seen = SEEN.lock().unwrap();
    let memory: Vec<f64> = seen.iter().filter_map(|seen| seen["MiB"].as_f64()).collect();
    let most = memory.iter().copied().fold(0.0, f64::max);
    let every = memory.iter().copied().step_by((memory.len() / 10).max(1)).collect::<Vec<_>>();
    json!({"mostMiB": most, "MiB": every, "first": seen.first(), "last": seen.last()})
}
