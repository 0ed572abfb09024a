//! What a page draws equals the file, whatever its user does and however late answers arrive.
//!
//! A model of the page (`ui.rs`) talks to the endpoint's own code on a simulated clock
//! (`world.rs`); whenever they are idle, what the charts show is compared with the data, calculated
//! independently (`data.rs`).

mod data;
mod ui;
mod world;

use data::SEQUENCES;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::time::Duration;
use ui::{Range, Ui};
use world::{House, Traffic, Weather, World};

/// The tracks; the last two are loaded and unloaded.
const CHARTS: [&[&str]; 12] = [
    &["cover"],
    &["many"],
    &["points"],
    &["cover", "other"],
    &["few"],
    &["many.score"],
    &["apart"],
    &["cover", "apart"],
    &["other"],
    &["close"],
    &["spare"],
    &["extra"],
];
const MOST_CHARTS: usize = 6;

#[derive(Clone, Debug)]
enum Act {
    /// Moves by this percentage of the view.
    Pan(i8),
    /// Changes the width to this percentage.
    Zoom(u16),
    /// Goes to a location, in 2^16ths of the sequence, with a width in halvings of it.
    Jump(u16, u8),
    Sequence(u8),
    AddChart(u8),
    RemoveChart(u8),
    Toggle(bool),
}

#[derive(Clone, Debug)]
enum Then {
    /// The user continues after this many milliseconds.
    Hurry(u16),
    /// The user waits until the page is idle.
    Look,
    /// The user waits so long that the page trims its cache.
    Dream,
}

#[derive(Clone, Debug)]
struct Step {
    page: u8,
    act: Act,
    then: Then,
}

fn step() -> impl Strategy<Value = Step> {
    let act = prop_oneof![
        6 => (-100i8..=100).prop_map(Act::Pan),
        3 => prop::sample::select(vec![-100i8, -50, 50, 100]).prop_map(Act::Pan),
        8 => prop::sample::select(vec![10u16, 25, 50, 80, 120, 125, 200, 300, 1000]).prop_map(Act::Zoom),
        3 => (any::<u16>(), 0u8..12).prop_map(|(at, width)| Act::Jump(at, width)),
        1 => (0u8..3).prop_map(Act::Sequence),
        2 => (0..CHARTS.len() as u8).prop_map(Act::AddChart),
        1 => any::<u8>().prop_map(Act::RemoveChart),
        1 => any::<bool>().prop_map(Act::Toggle),
    ];
    let then = prop_oneof![
        6 => (0u16..900).prop_map(Then::Hurry),
        4 => Just(Then::Look),
        1 => Just(Then::Dream),
    ];
    (0u8..2, act, then).prop_map(|(page, act, then)| Step { page, act, then })
}

fn weather() -> impl Strategy<Value = Weather> {
    let latency = prop::sample::select(vec![0u64, 1, 20, 150]);
    let slowness = prop::sample::select(vec![0u64, 10, 100, 700]);
    (any::<u64>(), latency, slowness).prop_map(|(seed, latency, slowness)| Weather {
        seed,
        latency,
        slowness,
    })
}

fn length_of(sequence: &str) -> i64 {
    SEQUENCES.iter().find(|(name, _)| *name == sequence).map_or(0, |(_, length)| (*length).into())
}

/// Clamps a view as the page does: within the sequence, and at least a few bases wide.
fn clamped(sequence: &str, centre: i64, width: i64) -> Range {
    let length = length_of(sequence);
    let width = width.clamp(10, length - 1);
    let start = (centre - width / 2).clamp(1, length - width);
    Range { sequence: sequence.to_owned(), start, end: start + width }
}

fn act(world: &mut World<'_>, house: &House, page: usize, act: &Act) {
    let here = world.ui(page).location.clone();
    let (centre, width) = ((here.start + here.end) / 2, here.end - here.start);
    let mut go = |to: Range| world.act(page, |ui, now| ui.navigate(to, now));
    match act {
        Act::Pan(percent) => {
            go(clamped(&here.sequence, centre + width * i64::from(*percent) / 100, width));
        }
        Act::Zoom(percent) => {
            go(clamped(&here.sequence, centre, width * i64::from(*percent) / 100));
        }
        Act::Jump(at, halvings) => {
            let length = length_of(&here.sequence);
            let centre = length * i64::from(*at) / i64::from(u16::MAX);
            go(clamped(&here.sequence, centre, length >> halvings));
        }
        Act::Sequence(index) => go(clamped(SEQUENCES[usize::from(*index)].0, centre, width)),
        Act::AddChart(kind) => {
            let measurements = CHARTS[usize::from(*kind)].iter().map(|id| house.measurement(id));
            let measurements = measurements.collect();
            world.act(page, |ui, now| {
                if ui.charts.len() < MOST_CHARTS {
                    ui.add_chart(measurements, now);
                }
            });
        }
        Act::RemoveChart(index) => world.act(page, |ui: &mut Ui, _| {
            let charts: Vec<usize> = ui.charts.keys().copied().collect();
            if charts.len() > 1 {
                ui.remove_chart(charts[usize::from(*index) % charts.len()]);
            }
        }),
        Act::Toggle(extra) => world.toggle(if *extra { "extra" } else { "spare" }),
    }
}

fn run(
    house: &House,
    weather: &Weather,
    cached: &[bool],
    steps: &[Step],
) -> Result<Traffic, String> {
    house.restore();
    let mut world = World::new(house, weather.clone(), cached);
    world.verbose = std::env::var_os("PAGE_VERBOSE").is_some();
    // Each page starts with a signal, features, and one more track.
    for page in 0..cached.len() {
        let third = (weather.seed % CHARTS.len() as u64) as u8;
        for chart in [0, 1, third] {
            act(&mut world, house, page, &Act::AddChart(chart));
        }
    }
    for (index, step) in steps.iter().enumerate() {
        act(&mut world, house, usize::from(step.page) % cached.len(), &step.act);
        match step.then {
            Then::Hurry(pause) => world.wait(Duration::from_millis(pause.into())),
            Then::Look => {}
            Then::Dream => world.wait(Duration::from_secs(32)),
        }
        if index + 1 == steps.len() || !matches!(step.then, Then::Hurry(_)) {
            world
                .settle()
                .and_then(|()| world.check())
                .map_err(|why| format!("after step {index} ({step:?}): {why}"))?;
        }
    }
    Ok(world.traffic)
}

/// Runs `count` random walks of up to 40 steps; the same `seed` gives the same walks.
fn walks(aim: u64, cached: &'static [bool], count: u32, seed: u64) {
    let house = House::new(aim);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: count,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let total = std::cell::RefCell::new((0u64, Traffic::default()));
    let result = runner.run(&(weather(), vec(step(), 1..79)), |(weather, steps)| {
        let traffic = run(&house, &weather, cached, &steps).map_err(TestCaseError::fail)?;
        let (done, sum) = &mut *total.borrow_mut();
        *done += steps.len() as u64;
        sum.requests += traffic.requests;
        sum.questions += traffic.questions;
        sum.clears += traffic.clears;
        sum.redraws += traffic.redraws;
        Ok(())
    });
    let (done, sum) = total.into_inner();
    println!("seed {seed}, {done} steps of users: {sum:?}");
    match result {
        Ok(()) => {}
        Err(TestError::Abort(why)) => panic!("seed {seed}: {why}"),
        Err(TestError::Fail(why, (weather, steps))) => {
            let steps: Vec<_> = steps.iter().map(|step| format!("\n  {step:?}")).collect();
            panic!("seed {seed}, in {weather:?}: {why}{}", steps.concat());
        }
    }
}

#[test]
fn a_page_with_a_cache_draws_the_data_of_the_files() {
    walks(100, &[true], 90, 1);
}

#[test]
fn two_pages_at_different_locations_draw_the_data_of_the_files() {
    walks(100, &[true, true], 90, 2);
}

#[test]
fn pages_with_and_without_a_cache_draw_the_data_of_the_files() {
    walks(100, &[true, false], 70, 3);
}

#[test]
fn pages_draw_the_data_at_the_default_number_of_rows() {
    walks(1000, &[true, false], 15, 4);
}

/// Runs a walk that once failed.
fn walk(cached: &'static [bool], seed: u64, steps: &[(u8, Act, Then)]) {
    let steps = steps.iter().map(|(page, act, then)| Step {
        page: *page,
        act: act.clone(),
        then: then.clone(),
    });
    let weather = Weather { seed, latency: 0, slowness: 0 };
    let steps: Vec<_> = steps.collect();
    run(&House::new(100), &weather, cached, &steps).unwrap_or_else(|why| panic!("{why}"));
}

/// The whole small sequence would fit at the finest level; still the page must be asked for its
/// location, since the group arrived there at another level.
#[test]
fn a_small_sequence_entered_at_a_wide_level_is_refined() {
    let steps = [
        (0, Act::Zoom(25), Then::Hurry(0)),
        (0, Act::RemoveChart(15), Then::Hurry(30)),
        (0, Act::Sequence(2), Then::Hurry(30)),
        (0, Act::Zoom(10), Then::Look),
    ];
    walk(&[true], 1_043_369_926_361_689_444, &steps);
}

/// A page without a cache cannot be corrected later: its first answer must be right, although the
/// points of that sequence have not been counted yet.
#[test]
fn the_first_view_of_dense_points_has_not_too_many_rows() {
    let steps = [
        (0, Act::AddChart(2), Then::Look),
        (0, Act::Zoom(10), Then::Look),
        (0, Act::Sequence(1), Then::Look),
    ];
    walk(&[false], 1, &steps);
}

/// A chart without values makes the page request rows that others do not need yet; after a jump
/// those others have values beyond the rows, and trimming would shift values that are joined later.
#[test]
fn values_that_outlive_their_rows_are_not_shifted() {
    let steps = [
        (0, Act::Toggle(true), Then::Hurry(0)),
        (0, Act::AddChart(11), Then::Hurry(0)),
        (0, Act::Jump(8322, 7), Then::Hurry(0)),
        (0, Act::Sequence(1), Then::Dream),
        (0, Act::Zoom(120), Then::Hurry(0)),
        (0, Act::Jump(47341, 3), Then::Dream),
        (0, Act::Pan(50), Then::Look),
    ];
    walk(&[true], 0, &steps);
}

/// `PAGE_SEED` and `PAGE_STEPS` choose another walk; a failure prints its seed.
#[test]
#[ignore = "takes minutes; run it in release mode"]
fn a_million_steps() {
    let number = |name: &str, usual: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
    };
    let seed = number("PAGE_SEED", 20_261_121);
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    // A walk has 39.5 steps on average.
    let cases = (number("PAGE_STEPS", 1_000_000) * 2 / 79 / threads + 1) as u32;
    const PAGES: [&[bool]; 2] = [&[true, true], &[true, false]];
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || walks(100, PAGES[thread as usize % 2], cases, seed + thread));
        }
    });
}
