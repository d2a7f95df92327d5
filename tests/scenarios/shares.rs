//! How traffic is shared between targets that are equal.

use polyroute::Route;
use polyroute::routing::policy::Fastest;

use crate::town::{MS, Town, by, percent};

fn fastest() -> Town {
    Town::with(|builder| builder.route("fast", Route::with_policy(Fastest::new(), ["a/m", "b/m"])))
}

#[test]
fn s11_two_equal_targets_share_ten_thousand_calls_equally() {
    let town = fastest();

    let calls = town.load_streamed("fast", 10_000, 5 * MS);

    let share = percent(by(&calls, "a"), calls.len());
    assert!((45..=55).contains(&share), "{share} %");
}
