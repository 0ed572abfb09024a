//! Tests of single situations. `tests/page` simulates whole sessions.

use super::group::CLEAR_TIMEOUT;
use super::*;

/// A dense signal.
struct Dense;

impl RowCounts for Dense {
    fn shape(&self, _: &str) -> Option<Shape> {
        Some(Shape::Dense)
    }

    fn rows(&self, _: &str, region: &Region, level: Level) -> u64 {
        u64::from(region.len().div_ceil(level.width()))
    }
}

fn place(start: u32, end: u32) -> Region {
    Region::new("chr1", start, end)
}

/// The page requests a piece and gets an answer; then it reports its view.
fn asks(view: &mut View, piece: &Region, view_at: &Region, now: &mut Duration) -> Vec<Order> {
    let ticket = view.request("signals", "rows", piece, &Dense, *now);
    view.answered(&ticket, *now);
    while !view.orders(&Dense, *now).contains(&Order::Locate) {
        *now = view.next();
    }
    view.located(Some(view_at.clone()), &Dense, *now);
    view.orders(&Dense, *now)
}

/// `tests/page` does not cover this: there, the redraw at rest makes the page request its rows again.
/// A page that only repaints on a redraw depends on this.
#[test]
fn a_view_that_was_replaced_by_a_distant_piece_is_cleared() {
    let (mut view, mut now) = (View::new(1000), Duration::ZERO);
    let view_at = place(10_000, 11_000);
    let orders = asks(&mut view, &view_at, &view_at, &mut now);
    assert!(!orders.iter().any(|order| matches!(order, Order::Clear(_))), "{orders:?}");
    let orders = asks(&mut view, &place(50_000, 51_000), &view_at, &mut now);
    assert!(
        matches!(&orders[..], [Order::Clear(clear), Order::Redraw] if clear.group == "signals"),
        "{orders:?}"
    );
}

#[test]
fn values_beyond_their_rows_are_cleared() {
    let (mut view, mut now) = (View::new(1000), Duration::ZERO);
    let view_at = place(10_000, 11_000);
    asks(&mut view, &view_at, &view_at, &mut now);
    let values = view.request("signals", "signal", &place(10_000, 12_000), &Dense, now);
    view.answered(&values, now);
    let orders = asks(&mut view, &place(10_999, 11_500), &view_at, &mut now);
    assert!(matches!(&orders[..], [Order::Clear(_), Order::Redraw]), "{orders:?}");
}

#[test]
fn requests_from_before_a_clear_do_not_count_as_cached() {
    let clear_of = |orders: Vec<Order>| match &orders[..] {
        [Order::Clear(clear), Order::Redraw, ..] => Some(clear.clone()),
        _ => None,
    };
    let (close, wide) = (place(10_000, 11_000), place(0, 1_000_000));
    // The page requested `close` before it cleared. If that counted as cached, the wide view
    // after it would be a change of level, which takes one more clear.
    let clears_again = |confirms: bool, timeout: Duration| {
        let (mut view, mut now) = (View::new(1000), Duration::ZERO);
        asks(&mut view, &close, &close, &mut now);
        view.invalidate("signals", now);
        let clear = clear_of(view.orders(&Dense, now)).expect("a clear");
        now += timeout;
        let ticket = view.request("signals", "rows", &close, &Dense, now);
        view.answered(&ticket, now);
        if confirms {
            view.cleared(&clear);
        }
        view.request("signals", "rows", &wide, &Dense, now);
        // A change of level that would flood the page waits until its view is known.
        clear_of(view.orders(&Dense, now + MAX_DEFERRAL)).is_some()
    };
    assert!(!clears_again(true, Duration::ZERO));
    assert!(!clears_again(false, CLEAR_TIMEOUT / 2), "it may still clear its rows");
    assert!(clears_again(false, CLEAR_TIMEOUT), "the clear counts as done after the timeout");
}

#[test]
fn a_piece_that_touches_the_cached_interval_is_joined() {
    let (mut view, mut now) = (View::new(1000), Duration::ZERO);
    let view_at = place(10_000, 11_000);
    asks(&mut view, &view_at, &view_at, &mut now);
    // The page's pieces share a base with its interval.
    let orders = asks(&mut view, &place(10_999, 12_000), &place(10_500, 11_500), &mut now);
    assert_eq!(orders, [Order::Redraw]);
}

/// A page in a close view zooms out to a whole chromosome: a million rows at the group's level.
#[test]
fn requests_that_would_flood_the_page_are_deferred_until_its_view_is_known() {
    for reports in [true, false] {
        let (mut view, mut now) = (View::new(1000), Duration::ZERO);
        let close = place(10_000, 11_000);
        asks(&mut view, &close, &close, &mut now);
        let wide = place(0, 100_000_000);
        let left = view.request("signals", "rows", &place(0, 10_001), &Dense, now);
        assert!(left.is_deferred());
        let right = view.request("signals", "signal", &place(10_999, 100_000_000), &Dense, now);
        assert!(right.is_deferred(), "no request of the group may overtake it");
        assert_eq!(view.orders(&Dense, now), [Order::Locate], "at once");
        assert_eq!(view.next(), now + MAX_DEFERRAL);
        if reports {
            view.located(Some(wide.clone()), &Dense, now);
        } else {
            now = view.next();
        }
        let orders = view.orders(&Dense, now);
        let group = "signals".to_owned();
        let expected = [Order::Redraw, Order::Dismiss(group)];
        assert!(
            matches!(&orders[..], [Order::Clear(_), rest @ ..] if rest[..2] == expected),
            "{orders:?}"
        );
        let ticket = view.request("signals", "rows", &wide, &Dense, now);
        assert!(!ticket.is_deferred() && ticket.level.width() > 1, "{ticket:?}");
    }
}

#[test]
fn an_empty_view_gets_a_placeholder_until_the_page_leaves_it() {
    let (mut view, mut now) = (View::new(1000), Duration::ZERO);
    let empty_view = place(10_000, 11_000);
    asks(&mut view, &empty_view, &empty_view, &mut now);
    view.set_placeholder("signals", None, now);
    assert!(!view.orders(&Dense, now).iter().any(|order| matches!(order, Order::Clear(_))));
    view.set_placeholder("signals", Some(&empty_view), now);
    let orders = view.orders(&Dense, now);
    assert!(matches!(&orders[..], [Order::Clear(_), Order::Redraw, ..]), "{orders:?}");
    let ticket = view.request("signals", "rows", &empty_view, &Dense, now);
    assert_eq!(ticket.placeholder, Some(place(10_500, 10_501)));
    // A part of the view still shows the row.
    view.set_placeholder("signals", Some(&place(10_400, 10_700)), now);
    assert!(!view.orders(&Dense, now).iter().any(|order| matches!(order, Order::Clear(_))));
    view.set_placeholder("signals", None, now);
    assert!(matches!(&view.orders(&Dense, now)[..], [Order::Clear(_), Order::Redraw, ..]));
    assert_eq!(view.request("signals", "rows", &empty_view, &Dense, now).placeholder, None);
}

/// Three rows in total: the page has all of them, and requests nothing when its user moves to a place
/// without rows.
struct Few;

impl RowCounts for Few {
    fn shape(&self, _: &str) -> Option<Shape> {
        Some(Shape::Sparse)
    }

    fn rows(&self, _: &str, _: &Region, _: Level) -> u64 {
        3
    }
}

#[test]
fn pages_with_lines_that_may_end_are_polled() {
    let asked_again = |key: &str| {
        let (mut view, mut now) = (View::new(1000), Duration::ZERO);
        let place = place(10_000, 11_000);
        let ticket = view.request("sites", key, &place, &Few, now);
        view.answered(&ticket, now);
        let mut polls = 0;
        for _ in 0..8 {
            if view.orders(&Few, now).contains(&Order::Locate) {
                polls += 1;
                view.located(Some(place.clone()), &Few, now);
            }
            now = view.next();
        }
        polls > 2
    };
    assert!(asked_again("score"), "its line may be stale");
    assert!(!asked_again(ROWS), "blocks disappear by themselves");
}

#[test]
fn rows_that_change_out_of_view_are_dropped_without_a_redraw() {
    let (mut view, mut now) = (View::new(1000), Duration::ZERO);
    let view_at = place(10_000, 11_000);
    asks(&mut view, &view_at, &view_at, &mut now);
    view.invalidate_within("signals", &[place(20_000, 20_100)], now);
    let orders = view.orders(&Dense, now);
    assert!(matches!(&orders[..], [Order::Clear(_), ..]), "{orders:?}");
    assert!(!orders.contains(&Order::Redraw), "{orders:?}");
    view.invalidate_within("signals", &[place(20_000, 20_100), place(10_999, 10_999)], now);
    assert!(view.orders(&Dense, now).contains(&Order::Redraw));
}
