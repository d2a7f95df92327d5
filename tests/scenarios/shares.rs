//! How traffic is shared between targets that are equal.

use std::time::Duration;

use polyroute::Route;
use polyroute::routing::policy::Fastest;

use crate::town::{Call, MS, SECOND, Town, by, percent, well};

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

#[test]
fn s10_a_provider_ten_times_slower_keeps_less_than_a_tenth_and_gets_its_share_back() {
    let town = fastest();
    // Slow from the second minute to the sixth; its time is forgotten by two thirds in one minute.
    let (slow, well_again) = (60 * SECOND, 360 * SECOND);
    let clock = town.clock.clone();
    town.a.always(move || match (slow..well_again).contains(&clock.elapsed()) {
        true => well(SECOND),
        false => well(100 * MS),
    });
    let decays = 3 * 60 * SECOND;

    let calls = town.load_streamed("fast", 14_400, 50 * MS);

    let share = |from: Duration, to: Duration| {
        let within: Vec<&Call> = calls.iter().filter(|call| call.asked >= from && call.asked < to).collect();
        let own = within.iter().filter(|call| call.by.as_deref() == Some("a")).count();
        percent(own, within.len())
    };
    assert!((45..=55).contains(&share(Duration::ZERO, slow)), "{} % at first", share(Duration::ZERO, slow));
    // In every minute after three decay times, and indeed long before.
    let slowed = share(slow + decays, well_again);
    assert!(slowed < 10, "{slowed} % while slow");
    assert!(
        share(slow + 10 * SECOND, slow + decays) < 10,
        "{} % soon",
        share(slow + 10 * SECOND, slow + decays)
    );
    let back = share(well_again + decays, 720 * SECOND);
    assert!((40..=60).contains(&back), "{back} % after it was well again");
    assert!(calls.iter().all(|call| call.by.is_some()));
}
