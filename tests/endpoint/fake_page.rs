//! A page that follows the protocol like real ones, and fails in the ways that they can.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message;

/// What the page does when an action is requested.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Manner {
    Obeys,
    Refuses,
    IsSilent,
    /// Performs the action, and answers upon the next request.
    IsLate,
    AnswersTwice,
    /// Performs the action and disconnects without an answer.
    HangsUp,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) measurements: Vec<String>,
    /// Their datasources, as `addChart` names them.
    pub(crate) datasources: Vec<String>,
    pub(crate) settings: Value,
    pub(crate) colors: Value,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) charts: Vec<Drawn>,
    pub(crate) location: Value,
    /// All actions in the order in which they arrived, except requests for the location.
    pub(crate) asked: Vec<String>,
    pub(crate) answers: Vec<Value>,
}

pub(crate) struct FakePage {
    shown: watch::Receiver<Shown>,
    send: mpsc::UnboundedSender<Value>,
    pub(crate) task: tokio::task::JoinHandle<()>,
}

/// Chooses the manner for an action; the count is the number of earlier requests for it.
pub(crate) type Manners = Arc<dyn Fn(&str, usize) -> Manner + Send + Sync>;

pub(crate) fn obedient() -> Manners {
    Arc::new(|_, _| Manner::Obeys)
}

pub(crate) fn when(action: &'static str, manner: Manner) -> Manners {
    Arc::new(move |asked, _| if asked == action { manner } else { Manner::Obeys })
}

impl FakePage {
    pub(crate) async fn open(address: SocketAddr, path: &str, manners: Manners) -> Self {
        Self::of_version(address, path, "4", manners).await
    }

    pub(crate) async fn of_version(
        address: SocketAddr,
        path: &str,
        version: &'static str,
        manners: Manners,
    ) -> Self {
        Self::start(address, path, version, manners, None).await
    }

    /// Starts a page that was connected before, shows these charts, and sends this request first.
    pub(crate) async fn resuming(address: SocketAddr, charts: Vec<Drawn>, first: Value) -> Self {
        Self::start(address, "/ws", "4", obedient(), Some((charts, first))).await
    }

    async fn start(
        address: SocketAddr,
        path: &str,
        version: &'static str,
        manners: Manners,
        before: Option<(Vec<Drawn>, Value)>,
    ) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let url = format!("ws://{address}{path}");
        let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        let (shown_to, shown) = watch::channel(Shown {
            location: json!({"seqName": "chr1", "start": 1, "end": 1000}),
            charts: before.iter().flat_map(|(charts, _)| charts.clone()).collect(),
            ..Shown::default()
        });
        let (send, mut to_send) = mpsc::unbounded_channel::<Value>();
        let task = tokio::spawn(async move {
            let hello = |id: u64, data: Value| {
                Message::text(json!({"requestId": id, "type": "request", "data": data}).to_string())
            };
            if let Some((_, first)) = before {
                socket.send(hello(0, first)).await.unwrap();
            }
            for (id, action) in [(1, "getMeasurements"), (3, "getSeqInfos")] {
                let data = json!({"action": action, "version": version});
                socket.send(hello(id, data)).await.unwrap();
            }
            if version != "2" {
                let types = json!({"0": {"chartName": "epiviz.plugins.charts.LineTrack",
                    "customSettings": {"0": {"id": "step", "type": "number", "defaultValue": 1,
                    "label": "Step", "possibleValues": null}}, "colorMap": {"0": "#1f77b4"}}});
                let data = json!({"action": "registerChartTypes", "data": types});
                socket.send(hello(5, data)).await.unwrap();
            }
            let mut page = Inside { shown: shown_to, manners, version, ids: 0, owed: None };
            loop {
                let said = tokio::select! {
                    message = socket.next() => match message {
                        Some(Ok(Message::Text(text))) => page.hear(text.as_str()),
                        Some(Ok(_)) => Some(vec![]),
                        _ => return,
                    },
                    request = to_send.recv() => request.map(|request| {
                        page.by_hand(&request["data"]["change"]);
                        vec![request]
                    }),
                };
                let Some(said) = said else { return };
                for message in said {
                    if socket.send(Message::text(message.to_string())).await.is_err() {
                        return;
                    }
                }
            }
        });
        FakePage { shown, send, task }
    }

    /// Waits until the page satisfies the condition.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Shown) -> bool) -> Shown {
        let mut shown = self.shown.clone();
        let waited = shown.wait_for(|shown| wanted(shown));
        match tokio::time::timeout(std::time::Duration::from_secs(20), waited).await {
            Ok(shown) => shown.expect("the page disconnected").clone(),
            Err(_) => panic!("this never happened; the page shows {:#?}", *self.shown.borrow()),
        }
    }

    pub(crate) fn now(&self) -> Shown {
        self.shown.borrow().clone()
    }

    /// Sends a request to the endpoint, as when the user changes a chart.
    pub(crate) fn request(&self, data: &Value) {
        self.send.send(json!({"requestId": 77, "type": "request", "data": data})).unwrap();
    }
}

struct Inside {
    shown: watch::Sender<Shown>,
    manners: Manners,
    version: &'static str,
    ids: usize,
    owed: Option<Value>,
}

impl Inside {
    /// Applies a change by the user, who adds or closes a chart; the page reports it afterwards.
    fn by_hand(&self, change: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if let Some(added) = change.get("addChart").filter(|added| added["chartId"].is_string()) {
            let ids = added["measurements"].as_array().unwrap().iter();
            let drawn = Drawn {
                id: text(&added["chartId"]),
                kind: text(&added["type"]).rsplit('.').next().unwrap().to_owned(),
                measurements: ids.map(text).collect(),
                ..Drawn::default()
            };
            self.shown.send_modify(|shown| shown.charts.push(drawn));
        }
        if let Some(removed) = change.get("removeChart") {
            let id = text(&removed["chartId"]);
            self.shown.send_modify(|shown| shown.charts.retain(|chart| chart.id != id));
        }
    }

    fn draws(&self, id: &Value) -> bool {
        self.shown.borrow().charts.iter().any(|chart| *id == chart.id)
    }

    /// Returns the answer to a message; `None` disconnects.
    fn hear(&mut self, text: &str) -> Option<Vec<Value>> {
        let message: Value = serde_json::from_str(text).unwrap();
        let data = &message["data"];
        if message["type"] != "request" {
            self.shown.send_modify(|shown| shown.answers.push(message.clone()));
            return Some(vec![]);
        }
        let action = data["action"].as_str().unwrap().to_owned();
        let quiet = action == "getCurrentLocation";
        let before = self.shown.borrow().asked.iter().filter(|known| **known == action).count();
        let manner = match action.as_str() {
            // Pages of version 2 do not answer actions that they do not know, such as this one.
            "setChartSettings" if self.version == "2" => Manner::IsSilent,
            // The page's user has closed the chart.
            "setChartSettings" if !self.draws(&data["chartId"]) => Manner::Refuses,
            _ => (self.manners)(&action, before),
        };
        let mut said: Vec<Value> = self.owed.take().into_iter().collect();
        let answer = |success: bool, value: Value| {
            json!({"requestId": message["requestId"], "type": "response",
                "data": {"success": success, "errorMessage": if success { Value::Null } else { "no, thank you".into() }, "value": value}})
        };
        let mut value = Value::Null;
        if manner != Manner::Refuses && manner != Manner::IsSilent {
            value = self.act(&action, data);
            if action == "setChartSettings" && self.version != "2" {
                let echo = json!({"action": "setChartSettings", "colorMap": data["colorMap"], "chartId": data["chartId"]});
                said.push(json!({"requestId": 500, "type": "request", "data": echo}));
            }
        }
        if !quiet {
            self.shown.send_modify(|shown| shown.asked.push(action.clone()));
        }
        match manner {
            Manner::Obeys => said.push(answer(true, value)),
            Manner::AnswersTwice => said.extend([answer(true, value.clone()), answer(true, value)]),
            Manner::Refuses => said.push(answer(false, Value::Null)),
            Manner::IsSilent => {}
            Manner::IsLate => self.owed = Some(answer(true, value)),
            Manner::HangsUp => return None,
        }
        Some(said)
    }

    fn act(&mut self, action: &str, data: &Value) -> Value {
        let inner = |key: &str| -> Value {
            serde_json::from_str(data[key].as_str().expect("JSON inside a text")).unwrap()
        };
        let id = data["chartId"].as_str().unwrap_or_default();
        let mut value = Value::Null;
        self.shown.send_modify(|shown| match action {
            "addChart" => {
                self.ids += 1;
                let id = format!("chart-{}", self.ids);
                value = json!({ "id": id });
                let ids = inner("measurements");
                let text = |m: &Value, key: &str| m[key].as_str().unwrap().to_owned();
                let all = ids.as_array().unwrap().iter();
                shown.charts.push(Drawn {
                    id,
                    kind: data["type"].as_str().unwrap().rsplit('.').next().unwrap().to_owned(),
                    measurements: all.clone().map(|m| text(m, "id")).collect(),
                    datasources: all.map(|m| text(m, "datasourceId")).collect(),
                    ..Drawn::default()
                });
            }
            "removeChart" => shown.charts.retain(|chart| chart.id != id),
            "setChartSettings" => {
                let colors = data["colorMap"].as_array().expect("the colours are required");
                assert!(!colors.is_empty());
                let chart = shown.charts.iter_mut().find(|chart| chart.id == id).unwrap();
                chart.settings = data["settings"].clone();
                chart.colors = data["colorMap"].clone();
            }
            "navigate" => shown.location = inner("range"),
            "getCurrentLocation" => value = shown.location.clone(),
            _ => {}
        });
        value
    }
}
