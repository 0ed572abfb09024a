//! Serves a custom source, a computed wave, as part of an axum application.
//!
//! `cargo run --example own_source`, then open <http://localhost:8888/tracks/>, or EpiViz with
//! `websocket-host[]=ws://localhost:8888/tracks/ws`.

use epivizrs::{
    Access, Catalog, Column, ColumnInfo, ColumnKind, Data, Level, Provider, Region, Sequences,
    Session, Shape, Source, Table, bind, router, serve,
};
use tokio_util::sync::CancellationToken;

struct Wave {
    sequences: Sequences,
    columns: [ColumnInfo; 1],
}

impl Source for Wave {
    fn shape(&self) -> Shape {
        Shape::Dense
    }
    fn sequences(&self) -> &Sequences {
        &self.sequences
    }
    fn knows_lengths(&self) -> bool {
        true
    }
    fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }
    fn rows(&self, region: &Region, level: Level) -> u64 {
        region.len().div_ceil(level.width()).into()
    }
    fn first_view(&self) -> Option<Region> {
        Some(Region::new("chr1", 0, 100_000))
    }
    fn read(&self, region: &Region, level: Level, _: &[&str]) -> epivizrs::Result<Table> {
        // A dense signal returns every bin of the grid; a bin's rank is its number.
        let width = level.width();
        let bins = region.start / width..region.end.div_ceil(width);
        let value = |bin: u32| (f64::from(bin * width) / 5000.0).sin() as f32;
        Ok(Table {
            first_rank: bins.start.into(),
            start: bins.clone().map(|bin| bin * width).collect(),
            end: bins.clone().map(|bin| (bin + 1) * width).collect(),
            columns: vec![Column::new("value", Data::Singles(bins.map(value).collect()))],
            ..Table::default()
        })
    }
}

#[tokio::main]
async fn main() -> epivizrs::Result<()> {
    let kind = ColumnKind::Number(Some((-1.0, 1.0)));
    let sequences = [("chr1", 1_000_000)].into_iter().collect();
    let catalog = Catalog::new(None);
    catalog.add("wave", Wave { sequences, columns: [ColumnInfo { name: "value".into(), kind }] });
    let session = Session::new(Provider { catalog, page_rows: 1000 });
    let listener = bind("127.0.0.1", 8888).await?;
    let access = Access::new(([127, 0, 0, 1], 8888).into(), "http://localhost", &[]);
    // Without a surrounding application: run(listener, session, access, None, stop).await
    let stop = CancellationToken::new();
    let app = axum::Router::new()
        .route("/", axum::routing::get(async || "the tracks are at /tracks/\n"))
        .nest_service("/tracks", router(session, access, None, stop.clone()));
    println!("listening on ws://127.0.0.1:8888/tracks/ws");
    serve(listener, app, stop).await;
    Ok(())
}
