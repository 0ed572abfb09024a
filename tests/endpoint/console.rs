//! The console: every command with a page, scripts, and attached consoles.

mod charts;

use crate::fake_page::{FakePage, Manner, obedient, when};
use epivizrs::catalog::Catalog;
use epivizrs::console::{Answer, Console, Ending};
use epivizrs::provider::Provider;
use epivizrs::server::{self, Access};
use epivizrs::session::{Session, SessionConfig};
use epivizrs::store::Store;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::{CancellationToken, DropGuard};

const GENES: &str = "\
chr1\tx\tgene\t50001\t60000\t.\t+\t.\tgene_id \"g1\"; gene_name \"TP53\";
chr1\tx\texon\t50001\t51000\t.\t+\t.\tgene_id \"g1\"; gene_name \"TP53\";
";

struct Endpoint {
    session: Arc<Session>,
    address: SocketAddr,
    folder: tempfile::TempDir,
    _stop: DropGuard,
}

/// An endpoint that serves the mock data, a gene on a chromosome of a million bases, and two peaks.
async fn endpoint() -> Endpoint {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("genes.gtf"), GENES).unwrap();
    std::fs::write(path("peaks.bed"), "chr1\t100\t200\ta\t5\nchr1\t300\t400\tb\t7\n").unwrap();
    let assembly = [("chr1", 1_000_000), ("pyChr", 1_000_000)].into_iter().collect();
    let catalog = Catalog::new(Some(("test".into(), assembly)));
    let specs =
        ["genes.gtf", "peaks.bed"].map(|name| path(name).display().to_string().parse().unwrap());
    let (_, errors) = catalog.load(specs.into()).await;
    assert!(errors.is_empty(), "{errors:?}");
    catalog.add_mock(1);
    let store = Store::open(&path("state")).unwrap();
    let config = SessionConfig::new(Some(store), String::new(), Duration::from_millis(300));
    let config = config.with_page_address("http://lab.example/".into());
    let session = Session::restored(Provider { catalog, page_rows: 1000 }, config).unwrap();
    let listener = server::bind("127.0.0.1", 0).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let access = Access::new(address, "http://localhost", &[]);
    tokio::spawn(server::run(listener, session.clone(), access, None, stop.clone()));
    Endpoint { session, address, folder, _stop: stop.drop_guard() }
}

/// A console, and the messages that it printed before the last answer.
struct Typist {
    console: Console,
    said: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    fn console(&self) -> Typist {
        let said = Arc::new(Mutex::new(Vec::new()));
        let say = {
            let said = said.clone();
            Box::new(move |answer: Answer| said.lock().unwrap().push(answer.show(200, false)))
        };
        Typist { console: Console::new(self.session.clone(), self.session.clone(), say), said }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    async fn remote(&self, path: &str) -> Remote {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let url = format!("ws://{}{path}", self.address);
        Remote(tokio_tungstenite::client_async(url, stream).await.unwrap().0)
    }
}

impl Typist {
    async fn does(&mut self, line: &str) -> String {
        match self.console.line(line).await {
            Ok(Ending::Done(answer)) => answer.show(200, false),
            Ok(Ending::Quit) => "quit".into(),
            Err(error) => panic!("{line}: {error}"),
        }
    }

    async fn fails(&mut self, line: &str) -> String {
        self.console.line(line).await.expect_err(line).to_string()
    }
}

struct Remote(WebSocketStream<TcpStream>);

impl Remote {
    async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(Duration::from_secs(20), self.0.next()).await;
        serde_json::from_str(next.unwrap().unwrap().unwrap().to_text().unwrap()).unwrap()
    }

    async fn ask(&mut self, line: &str) -> Value {
        self.send(json!({"id": line, "command": line})).await;
        loop {
            let message = self.next().await;
            if message["id"] == line && message["more"] != true {
                return message;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_are_plotted_changed_and_removed() {
    let endpoint = endpoint().await;
    let page = FakePage::open(endpoint.address, "/ws", obedient()).await;
    let mut console = endpoint.console();
    console.does("wait page").await;
    let said = console.does("plot py_column with step=5 color=#ff0000,#00ff00; plot genes").await;
    assert_eq!(said, "chart 2: genes as genes");
    assert_eq!(*console.said.lock().unwrap(), ["", "chart 1: py_column as line"][1..]);
    let chart = |at: usize| page.now().charts[at].clone();
    assert_eq!((chart(0).kind.as_str(), chart(1).kind.as_str()), ("LineTrack", "GenesTrack"));
    assert_eq!(chart(0).settings["step"], 5);
    assert_eq!(chart(0).colors[1], "#00ff00");
    console.does("set 1 step=2").await;
    assert_eq!(chart(0).settings["step"], 2);
    assert!(console.fails("set 1 stpe=2").await.contains("has no setting 'stpe'; it has step"));
    console.does("colors 2 #010203").await;
    assert_eq!(chart(1).colors[0], "#010203");
    console.does("revisualize 1 as stacked-line").await;
    assert_eq!((page.now().charts.len(), chart(1).kind.as_str()), (2, "StackedLineTrack"));
    assert!(console.does("charts").await.contains("1  stacked-line  py_column"));
    console.does("print 2 fig.png").await;
    assert_eq!(page.now().asked.last().unwrap(), "printWorkspace");
    assert!(console.fails("print 9 fig.png").await.contains("no chart 9"));
    assert!(console.fails("plot nothing").await.contains("no measurement is called 'nothing'"));
    assert_eq!(console.does("remove 2").await, "removed chart 2: genes as genes");
    console.does("remove all").await;
    assert!(page.now().charts.is_empty());
    assert!(console.fails("remove 1").await.contains("there is no chart 1"));
    assert!(console.does("chart-types line").await.contains("step       a number"));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_checked_with_and_without_a_page() {
    let endpoint = endpoint().await;
    let mut console = endpoint.console();
    console.does("plot py_column with title=2024 yMin=0").await;
    let refused = [
        ("set 1 yMax=abc", "yMax=abc: yMax takes a number"),
        ("set 1 yMin=5 yMax=1", "yMin=5 must be less than yMax=1"),
        ("set 1 stpe=2", "did you mean 'step'?"),
        ("set 9 step=2", "there is no chart 9"),
        ("colors 1 #12345", "'#12345' is not a colour"),
        ("colors 1 redd", "'redd' is not a colour"),
        ("plot py_column with yMax=abc", "yMax takes a number"),
        ("plot py_column with color=#xyz", "'#xyz' is not a colour"),
    ];
    for (line, why) in refused {
        let error = console.fails(line).await;
        assert!(error.contains(why), "{line}: {error}");
    }
    let page = FakePage::open(endpoint.address, "/ws", obedient()).await;
    console.does("wait page").await;
    // This page has one setting only.
    assert_eq!(console.fails("set 1 step=abc").await, "step=abc: step takes a number");
    assert!(console.fails("colors 1 redd").await.contains("is not a colour"));
    console.does("set 1 step=7; colors 1 steelblue").await;
    assert_eq!(page.now().charts[0].settings["step"], 7);
    let shown = console.does("set 1").await;
    assert!(shown.contains("step") && shown.contains("7") && shown.contains("2024"), "{shown}");
    assert_eq!(console.does("colors 1").await, "measurement  colour\npy_column    steelblue",);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_files_are_loaded_and_all_unloaded() {
    let endpoint = endpoint().await;
    let mut console = endpoint.console();
    for (name, value) in [("one.bedgraph", 1), ("two.bedgraph", 2)] {
        std::fs::write(endpoint.file(name), format!("chr1\t0\t1000\t{value}\n")).unwrap();
    }
    std::fs::write(endpoint.file("three.bed"), "chr1\t5\t9\tx\n").unwrap();
    let pattern = endpoint.file("*.bedgraph,group=pair");
    let line = format!("load {pattern} {},name=mine", endpoint.file("three.bed"));
    assert_eq!(console.does(&line).await, "serving one, two, mine");
    // A chart of all measurements of a datasource.
    assert_eq!(
        console.does("plot pair").await,
        "chart 1: one, two as line (drawn when a page connects)"
    );
    let error = console.fails(&format!("load {}", endpoint.file("no*.bed"))).await;
    assert!(error.starts_with("no file matches '"), "{error}");
    let both = format!("load {} {}", endpoint.file("three.bed"), endpoint.file("none.bed"));
    let error = console.fails(&both).await;
    assert!(error.contains("none.bed") && error.ends_with("serving three"), "{error}");
    assert_eq!(console.does("unload all").await, "unloaded all datasources; removed 1 chart");
    assert!(console.does("measurements").await.contains("no data are served"));
    assert!(endpoint.session.charts().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_sequences_to_keep_stay_in_the_menus() {
    let endpoint = endpoint().await;
    let page = FakePage::open(endpoint.address, "/ws", obedient()).await;
    let mut console = endpoint.console();
    console.does("wait page; add-sequence extra 5000; add-sequence other 600").await;
    assert!(console.fails("keep-sequences chr7").await.contains("no sequence is called 'chr7'"));
    assert_eq!(
        console.does("keep-sequences 1 extra").await,
        "removed 2 sequences from the menus",
        "pyChr and other"
    );
    let left = console.does("sequences").await;
    assert!(left.contains("chr1 ") && left.contains("extra") && !left.contains("pyChr"), "{left}");
    assert_eq!(page.now().asked.last().unwrap(), "removeSeqNames");
}

/// The page would accept each of these, fail while it draws, and then no longer navigate.
#[tokio::test(flavor = "multi_thread")]
async fn charts_that_a_page_cannot_draw_are_refused() {
    let endpoint = endpoint().await;
    let page = FakePage::open(endpoint.address, "/ws", obedient()).await;
    let mut console = endpoint.console();
    console.does("wait page").await;
    for (line, why) in [
        ("plot genes as line", "a line chart shows values, but 'genes' has rows"),
        ("plot genes as heatmap", "a heatmap chart shows values, but 'genes' has rows"),
        ("plot peaks.score as blocks", "a blocks chart shows rows, but 'peaks.score' has values"),
        ("plot peaks as genes", "a genes chart shows exons, but 'peaks' has none"),
        (
            "plot peaks.score peaks.score as scatter",
            "a scatter chart needs at least 2 different measurements",
        ),
        (
            "plot py_column as line-plot",
            "a line-plot chart needs at least 2 different measurements",
        ),
    ] {
        assert_eq!(console.fails(line).await, why);
    }
    assert!(page.now().charts.is_empty());
    console.does("plot py_column peaks.score as line; plot peaks genes as blocks").await;
    console.does("plot peaks").await;
    assert!(console.fails("revisualize 3 as line").await.contains("'peaks' has rows"));
    assert_eq!(page.now().charts[2].kind, "BlocksTrack");
}

#[tokio::test(flavor = "multi_thread")]
async fn regions_are_accepted_in_common_notations() {
    let endpoint = endpoint().await;
    let page = FakePage::open(endpoint.address, "/ws", obedient()).await;
    let mut console = endpoint.console();
    console.does("wait page").await;
    let at = || {
        let place = page.now().location;
        (place["start"].as_u64().unwrap(), place["end"].as_u64().unwrap())
    };
    // The gene is 50,001 to 60,000.
    for (line, place) in [
        ("go TP53 ±5kb", (45_001, 65_000)),
        ("go TP53 +-1k", (49_001, 61_000)),
        ("go TP53", (45_001, 65_000)),
        ("go tp53", (45_001, 65_000)),
        ("go 1:200k-0.3m", (200_000, 300_000)),
        ("go chr1:900,001-1,000,000 +/- 1m", (1, 1_000_000)),
        ("go chr1", (1, 1_000_000)),
        ("go 1 100001 200000", (100_001, 200_000)),
        ("go 5,000-6,000", (5_000, 6_000)),
        ("go chr1:5000", (4_950, 5_050)),
        ("go chr1:5000 ±10", (4_990, 5_010)),
        ("go chr1:100,001-200,000", (100_001, 200_000)),
        ("zoom in", (125_001, 175_000)),
        ("zoom out 10", (1, 500_000)),
        ("pan right", (250_001, 750_000)),
        ("pan right 5", (500_001, 1_000_000)),
        ("back", (250_001, 750_000)),
        ("back", (1, 500_000)),
        ("bookmark here; go chr1:5-9; go here", (1, 500_000)),
    ] {
        console.does(line).await;
        assert_eq!(at(), place, "{line}");
    }
    assert!(console.does("where").await.contains("chr1:1-500,000  500,000"));
    assert!(console.fails("go TP54").await.contains("no sequence, gene or feature"));
    assert!(console.fails("go chr1:9-5").await.contains("is not a region"));
    assert!(console.fails("go TP53 ±x").await.contains("+-5kb"));
    console.does("add-sequence extra 5000; go extra:10-20").await;
    assert_eq!(page.now().location["seqName"], "extra");
    console.does("remove-sequence extra").await;
    assert_eq!(page.now().asked.last().unwrap(), "removeSeqNames");
    let slides = endpoint.file("peaks.bed");
    console.said.lock().unwrap().clear();
    console.does(&format!("slideshow {slides} 2 every 0.01")).await;
    assert_eq!(*console.said.lock().unwrap(), ["1 of 2: chr1:101-200 a", "2 of 2: chr1:301-400 b"]);
    assert_eq!(at(), (301, 400));
}

#[tokio::test(flavor = "multi_thread")]
async fn data_are_loaded_reloaded_and_unloaded() {
    let endpoint = endpoint().await;
    let mut page = FakePage::open(endpoint.address, "/ws", obedient()).await;
    let mut console = endpoint.console();
    console.does("wait page").await;
    let file = endpoint.file("more.bed");
    std::fs::write(&file, "chr1\t5\t9\tx\n").unwrap();
    assert_eq!(console.does(&format!("load {file},name=mine")).await, "serving mine");
    assert!(page.now().asked.contains(&"addMeasurements".to_owned()));
    console.does("plot mine").await;
    assert!(
        console.does("measurements MINE").await.contains("mine  mine  mine        blocks     1")
    );
    // The page has rows of it in its cache, which must be dropped.
    page.request(&json!({"action": "getRows", "datasource": "mine", "seqName": "chr1", "start": 1, "end": 1000, "metadata": []}));
    page.until(|shown| shown.answers.iter().any(|a| a["data"]["values"]["start"] == json!([6])))
        .await;
    std::fs::write(&file, "chr1\t5\t9\tx\nchr1\t50\t90\ty\n").unwrap();
    assert_eq!(console.does("reload mine").await, "reloaded mine");
    assert!(console.does("measurements mine").await.contains("blocks     2"));
    let cleared = ["clearDatasourceGroupCache", "redraw"];
    page.until(|shown| shown.asked.windows(2).any(|asked| asked == cleared)).await;
    // If a file has become unreadable, its datasource stays as it was.
    std::fs::write(&file, "chr1\tfive\t9\n").unwrap();
    assert!(console.fails("reload mine").await.contains("line 1"));
    assert!(console.does("measurements mine").await.contains("blocks     2"));
    assert!(console.does("sources").await.contains(&file));
    assert_eq!(console.does("search p5").await, "name  region\nTP53  chr1:50,001-60,000");
    console.does("unload mine").await;
    assert!(page.now().charts.is_empty() && endpoint.session.charts().is_empty());
    assert!(console.fails("unload mine").await.contains("no datasource is called"));
    assert!(console.fails("reload py_datasource").await.contains("no file"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_pages_is_selected() {
    let endpoint = endpoint().await;
    let one = FakePage::open(endpoint.address, "/ws", obedient()).await;
    let mut console = endpoint.console();
    console.does("wait page").await;
    let first = endpoint.session.ready_pages()[0].id();
    let two = FakePage::of_version(endpoint.address, "/ws", "2", obedient()).await;
    while endpoint.session.ready_pages().len() < 2 {
        tokio::task::yield_now().await;
    }
    console.does(&format!("use {first}; go chr1:5-50")).await;
    assert_eq!(
        (&one.now().location["start"], &two.now().location["start"]),
        (&json!(5), &json!(1))
    );
    console.does("use all; flush; clear peaks; redraw").await;
    for page in [&one, &two] {
        let asked = page.now().asked;
        assert_eq!(
            asked[asked.len() - 5..],
            ["flushCache", "redraw", "clearDatasourceGroupCache", "redraw", "redraw"]
        );
    }
    assert_eq!(console.does("say hello").await, "shown on 1 page");
    assert!(!one.now().asked.contains(&"writeMsg".to_owned()));
    let pages = console.does("pages").await;
    assert!(pages.contains("EpiViz") && pages.lines().count() == 3, "{pages}");
    assert!(console.fails("use 99999").await.contains("is not connected"));
}

#[tokio::test(flavor = "multi_thread")]
async fn workspaces_are_stored_and_files_are_not_overwritten() {
    let endpoint = endpoint().await;
    let page = FakePage::open(endpoint.address, "/ws", obedient()).await;
    let mut console = endpoint.console();
    console
        .does("wait page; plot genes with title=\"my genes\"; go chr1:5-500; save my view")
        .await;
    let file = endpoint.file("view.json");
    console.does(&format!("export {file}")).await;
    let error = console.fails(&format!("export {file}")).await;
    assert!(error.ends_with(&format!("exists; 'export --force {file}' overwrites it")), "{error}");
    console.does(&format!("export --force {file}")).await;
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written["range"], json!({"seqName": "chr1", "start": 5, "width": 496}));
    assert_eq!(written["charts"]["track"][0]["type"], "epiviz.plugins.charts.GenesTrack");
    for line in ["open my view", &format!("import {file}")] {
        console.does("remove all; go chr1:9-10").await;
        console.does(line).await;
        let shown = page.now();
        assert_eq!((shown.charts.len(), &shown.location["end"]), (1, &json!(500)), "{line}");
        assert_eq!(shown.charts[0].settings["title"], "my genes");
    }
    assert!(console.does("workspaces").await.contains("my view"));
    console.does("delete my view").await;
    assert!(console.fails("open my view").await.contains("no workspace is called"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_ends_at_its_first_failure_and_names_the_line() {
    let endpoint = endpoint().await;
    let mut console = endpoint.console();
    let run = async |console: &mut Typist, text: &str| {
        console.said.lock().unwrap().clear();
        let ended = console.console.script(text, Path::new("a.txt")).await;
        let mut said = console.said.lock().unwrap().clone();
        said.retain(|text| !text.is_empty());
        (ended.map_err(|error| error.to_string()), said.join("|"))
    };
    let (ended, said) = run(&mut console, "# first\necho a; echo b\n\ngo nowhere\necho c").await;
    assert_eq!(
        ended.unwrap_err(),
        "a.txt, line 4: no sequence, gene or feature is called 'nowhere'"
    );
    assert_eq!(said, "a|b");
    let (ended, said) = run(&mut console, "set +e\ngo nowhere\necho c\nset -e\nfly\necho d").await;
    assert!(ended.unwrap_err().starts_with("a.txt, line 5: no command"));
    assert_eq!(said, "c");
    let (ended, said) = run(&mut console, "echo a\nquit\necho b").await;
    assert_eq!((ended, said.as_str()), (Ok(Ending::Quit), "a"));
    // Scripts may run scripts, up to a depth.
    let file = endpoint.file("loop.txt");
    std::fs::write(&file, format!("echo in\nsource {file}\n")).unwrap();
    let (ended, said) = run(&mut console, &format!("source {file}")).await;
    assert!(ended.unwrap_err().contains("does one run itself?"));
    assert_eq!(said.split('|').count(), 16);
    assert!(console.fails("wait page 0.05").await.contains("within 0.05 s"));
    assert!(console.fails("redraw").await.ends_with("; open http://lab.example/"));
    assert!(
        console
            .does("go chr1:5-9")
            .await
            .ends_with("(no page is connected; open http://lab.example/)")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_refuses_or_does_not_answer_is_named() {
    let endpoint = endpoint().await;
    let _page = FakePage::open(endpoint.address, "/ws", when("redraw", Manner::IsSilent)).await;
    let mut console = endpoint.console();
    console.does("wait page").await;
    let id = endpoint.session.ready_pages()[0].id();
    let error = console.fails("redraw").await;
    assert_eq!(error, format!("page {id} did not answer within 0.3 s"));
    let _two = FakePage::open(endpoint.address, "/ws", when("flushCache", Manner::Refuses)).await;
    while endpoint.session.ready_pages().len() < 2 {
        tokio::task::yield_now().await;
    }
    let id = endpoint.session.ready_pages()[1].id();
    let error = console.fails("flush").await;
    assert_eq!(error, format!("page {id} refused: no, thank you"));
}

#[tokio::test(flavor = "multi_thread")]
async fn attached_consoles_see_each_others_effects() {
    let endpoint = endpoint().await;
    let mut page = FakePage::open(endpoint.address, "/ws", obedient()).await;
    let (mut one, mut two) = (endpoint.remote("/console").await, endpoint.remote("/console").await);
    assert_eq!(two.ask("subscribe charts location pages").await["ok"], true);
    assert_eq!(one.ask("wait page; plot genes").await["text"], "chart 1: genes as genes");
    let event = two.next().await;
    assert_eq!((&event["event"], &event["what"]), (&json!("charts"), &json!("added")));
    assert_eq!(event["measurements"], json!(["genes"]));
    let table = two.ask("charts").await;
    assert_eq!(table["columns"][0], "chart");
    assert_eq!(table["rows"][0][2], "genes");
    // A page's location is announced when it moves, whoever moved it.
    one.ask("go TP53; where").await;
    page.until(|shown| shown.location["end"] == 65_000).await;
    loop {
        let event = two.next().await;
        if event["event"] == "location" && event["region"] == "chr1:45001-65000" {
            break;
        }
    }
    let failed = one.ask("go nowhere; echo not reached").await;
    assert_eq!(failed["ok"], false);
    assert!(failed["error"].as_str().unwrap().contains("nowhere"));
    // Completion, an invalid message, and the end.
    one.send(json!({"id": 7, "complete": "plot gen"})).await;
    assert_eq!(one.next().await, json!({"id": 7, "ok": true, "start": 5, "candidates": ["genes"]}));
    one.0.send(Message::text("plot genes")).await.unwrap();
    assert!(one.next().await["error"].as_str().unwrap().contains("one JSON object"));
    one.send(json!({"id": 8, "command": "quit"})).await;
    let end = one.0.next().await;
    assert!(matches!(end, Some(Ok(Message::Close(_))) | None), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_command_can_be_cancelled() {
    let endpoint = endpoint().await;
    let mut remote = endpoint.remote("/console").await;
    remote.send(json!({"id": 1, "command": "wait 3600; echo never"})).await;
    remote.send(json!({"cancel": true})).await;
    assert_eq!(remote.next().await, json!({"id": 1, "ok": false, "error": "cancelled"}));
    assert_eq!(remote.ask("echo still here").await["text"], "still here");
    // A cancelled script leaves nothing running either.
    let script = endpoint.file("waits.txt");
    std::fs::write(&script, "set +e\nwait 3600\n").unwrap();
    for id in 0..20 {
        remote.send(json!({"id": id, "command": format!("source {script}")})).await;
        remote.send(json!({"cancel": true})).await;
        // The answer of 'set +e' comes first unless it was cancelled too.
        while remote.next().await["error"] != "cancelled" {}
    }
    std::fs::write(&script, "fly\necho b\n").unwrap();
    let ended = remote.ask(&format!("source {script}")).await;
    assert!(ended["error"].as_str().unwrap().contains("line 1: no command"), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn consoles_of_named_sessions_control_their_own_pages() {
    let endpoint = endpoint().await;
    let lab = FakePage::open(endpoint.address, "/ws/lab", obedient()).await;
    let mut remote = endpoint.remote("/console/lab").await;
    remote.ask("wait page; plot genes").await;
    assert_eq!(lab.now().charts.len(), 1);
    assert!(endpoint.session.charts().is_empty());
    // All sessions share the data: unloading removes their charts in every session.
    let mut console = endpoint.console();
    assert!(console.does("unload genes").await.contains("removed 1 chart"));
    assert!(lab.now().charts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_other_machines_cannot_open_a_console() {
    use tokio_tungstenite::tungstenite::Error;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    let endpoint = endpoint().await;
    let origin = format!("http://{}", endpoint.address);
    for (name, value, status) in [
        ("origin", origin.as_str(), 403),
        ("x-forwarded-for", "192.0.2.1", 401),
        ("x-forwarded-proto", "https", 401),
        ("x-real-ip", "192.0.2.1", 401),
        ("forwarded", "for=192.0.2.1", 401),
        ("via", "1.1 proxy", 401),
    ] {
        let url = format!("ws://{}/console", endpoint.address);
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        let stream = TcpStream::connect(endpoint.address).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), status, "{name}"),
            other => panic!("{other:?}"),
        }
    }
}
