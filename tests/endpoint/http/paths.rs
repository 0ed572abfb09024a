//! Paths below which the endpoint and a copy of EpiViz are served, and metrics.

use super::*;

/// An endpoint below a path of a server: with `--base-path`, and as a part of another application.
#[tokio::test]
async fn everything_works_below_a_path() {
    let application = axum::Router::new().route("/", axum::routing::get(async || "my own"));
    for own in [None, Some(application)] {
        let files = crate::support::Files::new();
        let session = Session::new(crate::support::provider(&files).await);
        let listener = bind("127.0.0.1", 0).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let access = Access::new(address, "https://epiviz.example/", &[]);
        let router = epivizrs::router(session, access, None, stop.clone());
        let base: epivizrs::BasePath = "/lab/tracks".parse().unwrap();
        let is_own = own.is_some();
        let app = match own {
            None => base.mount(router),
            Some(application) => application.nest_service("/lab/tracks", router),
        };
        tokio::spawn(epivizrs::serve(listener, app, stop.clone()));
        let _end = stop.drop_guard();

        let bare = get(address, "/lab/tracks").await;
        assert_eq!((bare.status, bare.headers["location"].as_str()), (307, "tracks/"));
        let page = get(address, "/lab/tracks/").await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("js/main.js"), "{}", page.text());
        assert_eq!(get(address, "/lab/tracks/ui/js/main.js").await.status, 200);
        let info = get(address, "/lab/tracks/info").await.json();
        let link =
            format!("https://epiviz.example/?websocket-host[]=ws://{address}/lab/tracks/ws&");
        assert!(info["epiviz"].as_str().unwrap().starts_with(&link), "{info}");
        let wrong = get(address, "/lab/tracks/api/v1/rows?datasource=peaks&regoin=chr1").await;
        assert!(wrong.text().starts_with("/api/v1/rows takes no 'regoin='"), "{}", wrong.text());
        let rows = get(address, "/lab/tracks/api/v1/rows?datasource=peaks&region=chr2").await;
        assert_eq!(rows.json()[0]["name"], "p3");
        let stranger = "origin: https://evil.example\r\n";
        let refused = get_with(address, "/lab/tracks/api?action=getSeqInfos", stranger).await;
        assert_eq!(refused.status, 403);
        let mut page = Client::connect(&format!("ws://{address}/lab/tracks/ws")).await;
        assert_eq!(page.ask(1, json!({"action": "getSeqInfos"})).await[0][0], "chr1");
        let mut page = Client::connect(&format!("ws://{address}/lab/tracks/ws/mine")).await;
        assert_eq!(page.ask(1, json!({"action": "getSeqInfos"})).await[0][0], "chr1");

        assert_eq!(get(address, "/lab/tracks/healthz").await.text(), "ok\n");
        if is_own {
            assert_eq!(get(address, "/").await.text(), "my own");
        } else {
            assert_eq!(get(address, "/healthz").await.text(), "ok\n");
            let nothing = get(address, "/").await;
            assert_eq!(nothing.status, 404);
            assert!(nothing.text().contains("epivizrs is at /lab/tracks/"), "{}", nothing.text());
        }
    }
}

/// Writes those files of a copy of EpiViz that are needed to serve it.
fn epiviz(folder: &std::path::Path) -> Epiviz {
    let files = [
        ("index-standalone.html", "<title>EpiViz</title>"),
        ("src/epiviz/standalone-settings.js", "epiviz.Config.SETTINGS = {};\n"),
        ("src/epiviz/epiviz.js", "epiviz.EpiViz.VERSION = '4';\n"),
        ("css/a b.css", "p {}\n"),
        (".git/config", "secret\n"),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Epiviz::open(folder).unwrap()
}

#[tokio::test]
async fn a_copy_of_epiviz_is_configured_while_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let epiviz = epiviz(&copy);
    std::fs::write(folder.path().join("secret"), "secret").unwrap();
    let catalog = Catalog::new(Some(("test".into(), [("pyChr", 1_000_000)].into_iter().collect())));
    catalog.add_mock(1);
    let (address, _end) = serve(catalog, Some(epiviz)).await;

    let bare = get(address, "/epiviz").await;
    assert_eq!((bare.status, bare.headers["location"].as_str()), (307, "epiviz/"));
    let page = get(address, "/epiviz/").await;
    assert_eq!((page.status, page.text()), (200, "<title>EpiViz</title>"));
    assert_eq!(page.headers["content-type"], "text/html");
    assert!(page.headers["content-security-policy"].starts_with("default-src 'self'"));
    let style = get(address, "/epiviz/css/a%20b.css").await;
    assert_eq!((style.status, style.headers["content-type"].as_str()), (200, "text/css"));

    let settings = get(address, "/epiviz/src/epiviz/standalone-settings.js").await;
    let text = settings.text();
    let first = r#"const epivizrs = {"view":{"end":"100000","seqName":"pyChr","start":"1"}};"#;
    assert!(text.starts_with(&format!("epiviz.Config.SETTINGS = {{}};\n\n;{first}\n")), "{text}");
    for line in [
        "settings.useCache = false;",
        "settings.dataProviders = [];",
        "'websocket-host': [socket],",
        "epivizrs.resume",
        "data.saveWorkspace",
        "event.notify",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    for path in [
        "/epiviz/.git/config",
        "/epiviz/../secret",
        "/epiviz/..%2fsecret",
        "/epiviz/css/..%2f..%2f..%2fsecret",
        "/epiviz/%2e%2e/secret",
        "/epiviz//etc/passwd",
        "/epiviz/%2fetc%2fpasswd",
        "/epiviz/css%00",
        "/epiviz/css",
        "/epiviz/none.js",
    ] {
        let answer = get(address, path).await;
        assert!(answer.status == 404 && !answer.text().contains("secret"), "{path}");
    }
    let (without, _end) = mock(&[("pyChr", 1000)]).await;
    let answer = get(without, "/epiviz/").await;
    assert_eq!((answer.status, answer.text().contains("epivizrs ui install")), (404, true));
}

#[tokio::test]
async fn metrics_count_requests() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    page.ask(1, json!({"action": "getSeqInfos"})).await;
    get(endpoint.address, "/api?action=getSeqInfos").await;
    get(endpoint.address, "/api?action=getHierarchy").await;
    get(endpoint.address, "/api?action=fly").await;
    get(endpoint.address, "/api/v1/sequences").await;
    get(endpoint.address, "/api/v1/rows").await;
    get(
        endpoint.address,
        "/api?action=getValues&datasource=peaks&measurement=peaks&seqName=1&start=1&end=9",
    )
    .await;
    let answer = send(endpoint.address, "GET /metrics HTTP/1.0\r\nhost: any.example\r\n", "").await;
    let text = answer.text();
    for line in [
        "epivizrs_pages 1",
        "epivizrs_failed_reads_total 1",
        "epivizrs_requests_total{action=\"getSeqInfos\"} 2",
        "epivizrs_requests_total{action=\"getHierarchy\"} 1",
        "epivizrs_request_errors_total{action=\"getHierarchy\"} 1",
        "epivizrs_request_errors_total{action=\"getSeqInfos\"} 0",
        "epivizrs_requests_total{action=\"unusable\"} 1",
        "epivizrs_requests_total{action=\"rest\"} 2",
        "epivizrs_request_errors_total{action=\"rest\"} 1",
        "epivizrs_request_duration_seconds_bucket{action=\"getSeqInfos\",le=\"+Inf\"} 2",
        "epivizrs_request_duration_seconds_count{action=\"getSeqInfos\"} 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}
