//! What would these calls have cost with another policy? A log is made, then replayed, and cost is plotted against quality.
//!
//! ```sh
//! cargo run --example what_if -- target/what_if.svg
//! ```
//!
//! The models are scripted in this process: the weak one cannot multiply. Prices, lengths and grades are made up.

#![expect(clippy::print_stdout, reason = "an example shows its output")]
#![expect(clippy::float_arithmetic, reason = "the coordinates of a plot")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;

use polyroute::routing::difficulty::{Lesson, Trainer};
use polyroute::routing::policy::{Cascade, Cheapest, Ordered};
use polyroute::routing::replay::{Basis, Logged, Observed, Replay, replay};
use polyroute::routing::{QualityFloor, RoutingPolicy, Threshold};
use polyroute::testing::ScriptedProvider;
use polyroute::types::Reply;
use polyroute::{ChatRequest, Client, Price, Route, Usage};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let path = std::env::args().nth(1).map_or_else(|| PathBuf::from("target/what_if.svg"), PathBuf::from);
    println!("Models scripted in this process; prices and grades are made up.\n");
    // Difficulty is learned from one part of the questions, and the log made of the other.
    let lessons: Vec<Lesson> =
        questions(1).map(|one| Lesson::new(&one.prompt, one.strong, one.weak)).collect();
    let difficulty = Trainer::new().train(&lessons);
    let client = client(Cascade::new(QualityFloor::new(0.95)?).audit_share(0.0).difficulty(difficulty))?;
    let log = log(&client).await?;
    let candidates = client.candidates("app")?;

    println!(
        "{:<34} {:>6} {:>10} {:>8} {:>9} {:>9}",
        "policy", "calls", "cost", "quality", "saved", "estimated"
    );
    let mut named = Vec::new();
    let dear_first = Ordered::new();
    let policies: [(&str, &dyn RoutingPolicy, &str); 2] =
        [("always strong", &dear_first, "strong"), ("cheapest", &Cheapest::new(), "app")];
    for (name, policy, route) in policies {
        let replayed = replay(&log, &*client.candidates(route)?, policy, None);
        print(name, &replayed);
        named.push((name, point(&replayed)));
    }
    let mut curve = Vec::new();
    let mut gains: Vec<f64> = log.iter().filter_map(|logged| logged.facts.gain).collect();
    gains.sort_by(f64::total_cmp);
    let thresholds = gains.iter().copied().step_by(6).chain([f64::INFINITY]);
    for (step, threshold) in thresholds.map(Threshold::new).enumerate() {
        let policy = Cascade::new(QualityFloor::new(0.95)?).fixed(threshold);
        let replayed = replay(&log, &candidates, &policy, None);
        if step % 5 == 0 {
            print(&format!("cascade, strong from a gain of {:.2}", threshold.gain()), &replayed);
        }
        curve.push(point(&replayed));
    }
    std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
    std::fs::write(&path, plot(&named, &curve)?)?;
    println!("\nCost against quality: {}", path.display());
    Ok(())
}

struct Question {
    prompt: String,
    strong: f64,
    weak: f64,
}

/// Three kinds of question, of which the weak model fails at one nearly always and at one sometimes.
fn questions(part: u32) -> impl Iterator<Item = Question> {
    (0..120_u32).map(move |number| {
        let n = number * 2 + part;
        let (prompt, weak) = match number % 3 {
            0 => (
                format!("What is {} times {}, digit by digit?", n * 37 + 11, n * 53 + 7),
                u32::from(n.is_multiple_of(11)),
            ),
            1 => (
                format!("Sort these names and count them: Ann{n}, Bob{n}, Cy{n}."),
                u32::from(!n.is_multiple_of(4)),
            ),
            _ => (format!("Write a friendly greeting for visitor {n}."), 1),
        };
        Question { prompt, strong: f64::from(u32::from(!n.is_multiple_of(29))), weak: f64::from(weak) }
    })
}

fn client(policy: Cascade) -> polyroute::Result<Client> {
    let model =
        |name| ScriptedProvider::new(name).always(|| Reply::text("Done.").with_usage(Usage::of(40, 120)));
    Client::builder()
        .provider(model("weak"))
        .provider(model("strong"))
        .price("weak/m", Price::per_million("0.1", "0.4")?)
        .price("strong/m", Price::per_million("2.5", "10")?)
        .route("app", Route::with_policy(policy, ["weak/m", "strong/m"]))
        .route("strong", Route::ordered(["strong/m", "weak/m"]))
        .seed(7)
        .build()
}

/// As it was: every call went to the strong model. For the sake of the comparison each was sent to the weak one as well,
/// as shadow traffic is, and both answers were graded.
async fn log(client: &Client) -> Result<Vec<Logged>> {
    let mut log = Vec::new();
    for question in questions(0) {
        let request = ChatRequest::from(("app", question.prompt.as_str()));
        let facts = client.facts(request)?;
        let answer = client.chat(("strong/m", question.prompt.as_str())).await?;
        let shadow = client.chat(("weak/m", question.prompt.as_str())).await?;
        let latency = Some(shadow.summary.elapsed);
        let weak =
            Observed::new(shadow.target().clone(), shadow.summary.total_cost(), latency, Some(question.weak));
        let logged = Logged::new(facts, &answer.summary).rated(question.strong).also(weak);
        log.push(logged);
    }
    Ok(log)
}

fn print(name: &str, replay: &Replay) {
    let sums = &replay.replayed;
    println!(
        "{name:<34} {:>6} {:>10} {:>7.1}% {:>9} {:>9}",
        replay.calls.len(),
        sums.cost.to_string(),
        sums.quality * 100.0,
        replay.saved().to_string(),
        replay.count(Basis::Estimated),
    );
}

/// Dollars and quality.
fn point(replay: &Replay) -> (f64, f64) {
    (replay.replayed.cost.pico() as f64 / 1e12, replay.replayed.quality)
}

fn plot(named: &[(&str, (f64, f64))], curve: &[(f64, f64)]) -> Result<String> {
    let all = || named.iter().map(|(_, point)| *point).chain(curve.iter().copied());
    let dearest = all().map(|(cost, _)| cost).fold(0.0, f64::max) * 1.05;
    let (low, high) = (all().map(|(_, quality)| quality).fold(1.0, f64::min) - 0.05, 1.0);
    let x = |cost: f64| 80.0 + cost / dearest * 600.0;
    let y = |quality: f64| 380.0 - (quality - low) / (high - low) * 330.0;
    let mut svg = String::new();
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="720" height="450" font-family="sans-serif" font-size="13">"##
    )?;
    writeln!(svg, r##"<rect width="720" height="450" fill="#fff"/>"##)?;
    writeln!(
        svg,
        r##"<text x="80" y="28" font-size="16">What {} calls would have cost, against their quality</text>"##,
        120
    )?;
    for tick in 0..=5 {
        let share = f64::from(tick) / 5.0;
        let (cost, quality) = (dearest * share, low + (high - low) * share);
        writeln!(svg, r##"<line x1="{0:.1}" x2="{0:.1}" y1="50" y2="380" stroke="#e5e5e5"/>"##, x(cost))?;
        writeln!(svg, r##"<line x1="80" x2="680" y1="{0:.1}" y2="{0:.1}" stroke="#e5e5e5"/>"##, y(quality))?;
        writeln!(svg, r##"<text x="{:.1}" y="400" text-anchor="middle">${cost:.3}</text>"##, x(cost))?;
        writeln!(
            svg,
            r##"<text x="72" y="{:.1}" text-anchor="end">{:.0} %</text>"##,
            y(quality) + 4.0,
            quality * 100.0
        )?;
    }
    writeln!(svg, r##"<text x="380" y="430" text-anchor="middle">cost of all calls</text>"##)?;
    writeln!(
        svg,
        r##"<text transform="translate(22 215) rotate(-90)" text-anchor="middle">mean quality</text>"##
    )?;
    let points: Vec<String> =
        curve.iter().map(|(cost, quality)| format!("{:.1},{:.1}", x(*cost), y(*quality))).collect();
    writeln!(
        svg,
        r##"<polyline points="{}" fill="none" stroke="#2563eb" stroke-width="2"/>"##,
        points.join(" ")
    )?;
    for (cost, quality) in curve {
        writeln!(svg, r##"<circle cx="{:.1}" cy="{:.1}" r="3.5" fill="#2563eb"/>"##, x(*cost), y(*quality))?;
    }
    if let Some((cost, quality)) = curve.get(curve.len() / 2) {
        writeln!(
            svg,
            r##"<text x="{:.1}" y="{:.1}" fill="#2563eb">cascade, by threshold</text>"##,
            x(*cost) + 10.0,
            y(*quality) + 18.0
        )?;
    }
    for (name, (cost, quality)) in named {
        let (x, y) = (x(*cost), y(*quality));
        // A name that would leave the picture stands before its point.
        let (at, anchor) = if x > 520.0 { (x - 12.0, "end") } else { (x + 12.0, "start") };
        writeln!(
            svg,
            r##"<rect x="{:.1}" y="{:.1}" width="9" height="9" fill="#b91c1c"/>"##,
            x - 4.5,
            y - 4.5
        )?;
        writeln!(
            svg,
            r##"<text x="{at:.1}" y="{:.1}" text-anchor="{anchor}" fill="#b91c1c">{name}</text>"##,
            y - 8.0
        )?;
    }
    writeln!(svg, "</svg>")?;
    Ok(svg)
}
