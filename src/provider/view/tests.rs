//! Orders of single situations. Whole walks are in `tests/page`.

use super::group::CONFIRMED;
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

/// The page asks for a piece and is answered; then it tells where it looks.
fn asks(view: &mut View, piece: &Region, looks_at: &Region, now: &mut Duration) -> Vec<Order> {
    let ticket = view.request("signals", "rows", piece, &Dense, *now);
    view.answered(&ticket, *now);
    while !view.orders(&Dense, *now).contains(&Order::Locate) {
        *now = view.next();
    }
    view.located(Some(looks_at.clone()), &Dense, *now);
    view.orders(&Dense, *now)
}

/// `tests/page` does not need this: there the redraw at rest has the page ask again. A page
/// that takes a redraw for a mere painting has only this.
#[test]
fn a_view_that_an_island_took_the_place_of_is_cleared() {
    let (mut view, mut now) = (View::new(1000), Duration::ZERO);
    let looks_at = place(10_000, 11_000);
    let orders = asks(&mut view, &looks_at, &looks_at, &mut now);
    assert!(!orders.iter().any(|order| matches!(order, Order::Clear(_))), "{orders:?}");
    let orders = asks(&mut view, &place(50_000, 51_000), &looks_at, &mut now);
    assert!(
        matches!(&orders[..], [Order::Clear(clear), Order::Redraw] if clear.group == "signals"),
        "{orders:?}"
    );
}

#[test]
fn values_beyond_their_rows_are_cleared() {
    let (mut view, mut now) = (View::new(1000), Duration::ZERO);
    let looks_at = place(10_000, 11_000);
    asks(&mut view, &looks_at, &looks_at, &mut now);
    let values = view.request("signals", "signal", &place(10_000, 12_000), &Dense, now);
    view.answered(&values, now);
    let orders = asks(&mut view, &place(10_999, 11_500), &looks_at, &mut now);
    assert!(matches!(&orders[..], [Order::Clear(_), Order::Redraw]), "{orders:?}");
}

#[test]
fn what_is_asked_before_a_clear_is_done_is_not_held() {
    let clear_of = |orders: Vec<Order>| match &orders[..] {
        [Order::Clear(clear), Order::Redraw, ..] => Some(clear.clone()),
        _ => None,
    };
    let (close, wide) = (place(10_000, 11_000), place(0, 1_000_000));
    // The page asked for `close` before it cleared. If that counted as held, the wide view
    // behind it would be a change of level, which takes one more clear.
    let clears_again = |confirms: bool, timeout: Duration| {
        let (mut view, mut now) = (View::new(1000), Duration::ZERO);
        asks(&mut view, &close, &close, &mut now);
        view.renew("signals", now);
        let clear = clear_of(view.orders(&Dense, now)).expect("a clear");
        now += timeout;
        let ticket = view.request("signals", "rows", &close, &Dense, now);
        view.answered(&ticket, now);
        if confirms {
            view.cleared(&clear);
        }
        view.request("signals", "rows", &wide, &Dense, now);
        // A change of level that would flood the page waits to learn where it looks.
        clear_of(view.orders(&Dense, now + HOLD)).is_some()
    };
    assert!(!clears_again(true, Duration::ZERO));
    assert!(!clears_again(false, CONFIRMED / 2), "it may still clear");
    assert!(clears_again(false, CONFIRMED), "a page that does not say so is trusted in time");
}

#[test]
fn a_piece_that_touches_what_is_held_tears_nothing() {
    let (mut view, mut now) = (View::new(1000), Duration::ZERO);
    let looks_at = place(10_000, 11_000);
    asks(&mut view, &looks_at, &looks_at, &mut now);
    // The page's pieces share a base with what it holds.
    let orders = asks(&mut view, &place(10_999, 12_000), &place(10_500, 11_500), &mut now);
    assert_eq!(orders, [Order::Redraw]);
}

/// A page that looked closely zooms out to a whole chromosome: a million rows at the level that
/// the group is on.
#[test]
fn what_would_flood_the_page_is_held_until_it_tells_where_it_looks() {
    for tells in [true, false] {
        let (mut view, mut now) = (View::new(1000), Duration::ZERO);
        let close = place(10_000, 11_000);
        asks(&mut view, &close, &close, &mut now);
        let wide = place(0, 100_000_000);
        let left = view.request("signals", "rows", &place(0, 10_001), &Dense, now);
        assert!(left.is_held());
        let right = view.request("signals", "signal", &place(10_999, 100_000_000), &Dense, now);
        assert!(right.is_held(), "nothing of the group may overtake it");
        assert_eq!(view.orders(&Dense, now), [Order::Locate], "at once");
        assert_eq!(view.next(), now + HOLD);
        if tells {
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
        assert!(!ticket.is_held() && ticket.level.width() > 1, "{ticket:?}");
    }
}

#[test]
fn a_desert_gets_a_row_that_is_none_until_the_page_leaves_it() {
    let (mut view, mut now) = (View::new(1000), Duration::ZERO);
    let desert = place(10_000, 11_000);
    asks(&mut view, &desert, &desert, &mut now);
    view.set_placeholder("signals", None, now);
    assert!(!view.orders(&Dense, now).iter().any(|order| matches!(order, Order::Clear(_))));
    view.set_placeholder("signals", Some(&desert), now);
    let orders = view.orders(&Dense, now);
    assert!(matches!(&orders[..], [Order::Clear(_), Order::Redraw, ..]), "{orders:?}");
    let ticket = view.request("signals", "rows", &desert, &Dense, now);
    assert_eq!(ticket.placeholder, Some(place(10_500, 10_501)));
    // A part of it still shows the row; elsewhere it is in the way.
    view.set_placeholder("signals", Some(&place(10_400, 10_700)), now);
    assert!(!view.orders(&Dense, now).iter().any(|order| matches!(order, Order::Clear(_))));
    view.set_placeholder("signals", None, now);
    assert!(matches!(&view.orders(&Dense, now)[..], [Order::Clear(_), Order::Redraw, ..]));
    assert_eq!(view.request("signals", "rows", &desert, &Dense, now).placeholder, None);
}

/// Three rows in all: the page holds them, and asks for nothing when its user pans to where there
/// are none.
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
fn a_line_that_may_end_has_the_page_asked_where_it_looks() {
    let asked_again = |key: &str| {
        let (mut view, mut now) = (View::new(1000), Duration::ZERO);
        let place = place(10_000, 11_000);
        let ticket = view.request("sites", key, &place, &Few, now);
        view.answered(&ticket, now);
        let mut questions = 0;
        for _ in 0..8 {
            if view.orders(&Few, now).contains(&Order::Locate) {
                questions += 1;
                view.located(Some(place.clone()), &Few, now);
            }
            now = view.next();
        }
        questions > 2
    };
    assert!(asked_again("score"), "its line may be stale");
    assert!(!asked_again(ROWS), "blocks go by themselves");
}
